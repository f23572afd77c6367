//! Lesson 3: addresses that are not public are refused where a connection would be made, metadata always.

use gloveport_probe::Probe;
use gloveport_tests::host::{Setup, TestHost};
use gloveport_tests::upstream::{Reply, Upstream};
use serde_json::json;

use crate::probes::Case;

/// Without `--allow-private-network` the loopback is out of reach, by address and by name.
#[tokio::test]
async fn the_loopback_is_refused_unless_the_operator_allows_it() {
    let upstream = Upstream::start(|_| Reply::json(200, &json!({}))).await;
    let host = TestHost::with(Setup { private_networks: Vec::new(), ..Setup::usual() }).await;
    host.install("probe").await;
    let port = upstream.address().port();
    for (n, base_url) in [
        format!("http://127.0.0.1:{port}"),
        format!("http://localhost:{port}"),
        format!("https://127.0.0.1:{port}"),
        format!("https://localhost:{port}"),
        format!("http://[::1]:{port}"),
        format!("http://0.0.0.0:{port}"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("c{n}");
        let connection = json!({ "name": name, "connector": "probe", "auth_pattern": "bearer", "base_url": base_url });
        let made = host.client().post("/v1/connections", &connection).await;
        assert_eq!(made.status, 201, "{base_url}: {made:?}");
        let canary = host.plant();
        let answer = host.account(&name, "ada", &json!({ "token": canary.token() })).await;
        let told = answer.json();
        assert_eq!(
            (answer.status, &told["code"], &told["culprit"]),
            (403, &json!("address_not_allowed"), &json!("policy")),
            "{base_url}: {told}"
        );
        let id = told["execution_id"].as_str().unwrap();
        let record = host.client().get(&format!("/v1/executions/{id}")).await.expect(200);
        assert_eq!((&record["code"], &record["requests"]), (&json!("address_not_allowed"), &json!(0)), "{base_url}");
    }
    assert_eq!(upstream.connections(), 0);
}

/// The loopback's whole network being allowed allows neither other private networks nor metadata.
#[tokio::test]
async fn only_the_allowed_network_is_reached() {
    let case = Case::of(Probe::Fetch).await;
    for base_url in [
        "http://10.0.0.1",
        "https://192.168.0.1",
        "http://[::1]:8080",
        "https://100.64.0.1",
        "http://169.254.169.254",
        "https://169.254.169.254",
        "http://[fd00:ec2::254]",
        "http://100.100.100.200",
        "http://93.184.215.14",
    ] {
        let (told, record) = case.try_base_url(base_url).await;
        assert_eq!(
            (told.status, told.json()["code"].as_str()),
            (403, Some("address_not_allowed")),
            "{base_url}: {told:?}"
        );
        assert_eq!((&record["culprit"], &record["requests"]), (&json!("policy"), &json!(0)), "{base_url}");
    }
}

/// Metadata stays refused when the operator allows everything.
#[tokio::test]
async fn metadata_is_refused_whatever_is_allowed() {
    let setup = Setup { private_networks: vec!["0.0.0.0/0".into(), "::/0".into()], ..Setup::usual() };
    let case = Case::with(Probe::Fetch, setup).await;
    for base_url in [
        "http://169.254.169.254",
        "http://169.254.170.2",
        "http://[fd00:ec2::254]",
        "http://[64:ff9b::a9fe:a9fe]",
        "http://100.100.100.200",
        "http://192.0.0.192",
        "http://168.63.129.16",
        "http://metadata.google.internal",
    ] {
        let (told, record) = case.try_base_url(base_url).await;
        assert_eq!(
            (told.status, told.json()["code"].as_str()),
            (403, Some("address_not_allowed")),
            "{base_url}: {told:?}"
        );
        assert_eq!(record["requests"], 0, "{base_url}");
        assert!(record["detail"].as_str().unwrap().contains("never allowed"), "{record}");
    }
}

/// Lesson 5: a credential stays bound to the host that it was connected for, when the connection moves.
#[tokio::test]
async fn a_moved_connection_does_not_take_the_credential_along() {
    let case = Case::of(Probe::FetchOrFail).await;
    let other = Upstream::start(|_| Reply::text(200, "reached")).await;
    let json = [("content-type", "application/json")];
    let change = json!({ "base_url": other.url("") }).to_string();
    case.host.client().send("PATCH", "/v1/connections/probe", &json, change).await.expect(200);
    case.call(&json!({ "target": "/x" })).await.requests(0).failed(403, "host_not_allowed", "guest");
    assert_eq!((case.arrived().len(), other.connections()), (0, 0));
}
