//! HC-08 across processes: several hosts share one account, and one of them ends at the worst moment.

use futures_util::future::join_all;
use gloveport::model::Clock;
use gloveport_tests::host::{Setup, TestHost};
use gloveport_tests::postgres;
use serde_json::{Value, json};

use super::super::postgres::beside;
use super::{START, Scene, call_at};

/// Fifty calls on an expired token, half of them on another host: one refresh, fifty successes.
#[tokio::test]
async fn two_hosts_refresh_once() {
    let Some(database) = postgres::new_database() else { return };
    let setup = || Setup { clock: Clock::manual(START), ..beside(&database) };
    let first = setup();
    let clock = first.clock.clone();
    let scene = Scene::on(first, |_| {}).await;
    let second = TestHost::with(Setup { clock, ..setup() }).await;
    scene.authorize("ada").await;
    for round in 1..=3 {
        scene.pass(3_600);
        let hosts = [&scene.bed.host, &second];
        let answers = join_all((0..50).map(|n| call_at(hosts[n % 2], "ada"))).await;
        for answer in answers {
            let answer = answer.expect(200);
            assert_eq!(answer["data"]["status"], 200, "{answer}");
        }
        let counts = scene.server.counts();
        assert_eq!((counts.refreshes, counts.token_requests, counts.reuses), (round, round + 1, 0));
    }
    // The same where the provider ends them before their time.
    scene.pass(60);
    scene.server.forget_access_tokens();
    let hosts = [&scene.bed.host, &second];
    for answer in join_all((0..50).map(|n| call_at(hosts[n % 2], "ada"))).await {
        assert_eq!(answer.expect(200)["data"]["status"], 200);
    }
    assert_eq!((scene.server.counts().refreshes, scene.server.counts().reuses), (4, 0));
    scene
        .server
        .secrets()
        .into_iter()
        .for_each(|secret| second.search_for(gloveport_tests::canary::Canary::of(secret)));
}

/// The host ends between the answer of the token endpoint and its storage. With a provider that lets a refresh token be
/// used again the next call asks once more, and nobody notices. With one that takes that for a theft the authorization
/// is over: the account says so, and why, and the user authorizes anew under the same account (decision 0022).
#[tokio::test]
async fn a_host_that_ends_before_it_stores_a_token() {
    for rotates in [false, true] {
        let mut scene = Scene::on(Setup { clock: Clock::manual(hours_ago(2)), ..Setup::usual() }, |_| {}).await;
        scene.server.set(|quirks| quirks.rotates = rotates);
        let id = scene.authorize("ada").await.id;
        let host = &mut scene.bed.host;
        host.stop().await;
        // The child's clock is the system's: the token ran out an hour ago by it.
        host.restart_child_until(&[], Some("TokenAnswered:1")).await;
        let body = json!({ "identifier": "ada", "connection": "crm", "input": { "target": "/who" } }).to_string();
        let headers = [("content-type", "application/json")];
        let path = "/v1/tools/probe_fetch_read/execute";
        assert!(host.client().try_send("POST", path, &headers, body).await.is_err());
        assert_eq!(host.exit_code().await, None);
        assert_eq!(scene.server.counts().refreshes, 1);
        scene.bed.host.restart_child().await;
        let answer = scene.call("ada").await;
        let counts = scene.server.counts();
        let shown = scene.bed.host.client().get("/v1/connections/crm/accounts/ada").await.expect(200);
        assert_eq!(shown["id"], id.as_str());
        if rotates {
            assert_eq!(answer.problem(409), "account_not_active");
            assert_eq!((counts.refreshes, counts.reuses), (1, 1));
            assert_eq!(shown["status"], "expired");
            let error = shown["error"].as_str().unwrap();
            assert!(error.contains("invalid_grant") && error.contains("A host ended"), "{error}");
        } else {
            assert_eq!(answer.expect(200)["data"]["status"], 200);
            assert_eq!((counts.refreshes, counts.reuses), (2, 0));
            assert_eq!((&shown["status"], &shown["error"]), (&json!("active"), &Value::Null));
        }
    }
}

fn hours_ago(hours: u64) -> gloveport::model::Timestamp {
    Clock::system().now().minus(std::time::Duration::from_secs(hours * 3_600))
}
