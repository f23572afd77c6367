//! AK-901: a client that has only the URL finds its way to a user's tools, and the user stays the one who decides.

use gloveport::config::{McpClient, WrittenMcp};
use gloveport_tests::host::Setup;
use serde_json::{Value, json};

use super::super::visitor::{Visitor, text};
use super::stage::{APPLICATION, REDIRECT, STATE, Stage, TOOLS, connect, parameter};

/// From a refusal to a tool's answer: RFC 9728, RFC 8414, RFC 7591, RFC 6749 with RFC 7636, RFC 8707 and RFC 9207.
#[tokio::test]
async fn a_client_with_a_url_gets_a_users_tools() {
    let stage = Stage::start().await;
    let (base, open) = (stage.bed.client().base().to_owned(), stage.open());
    stage.bed.connect("ada").await;
    let refused = stage.endpoint("").modern("tools/list", json!({})).await;
    let path = stage.resource.strip_prefix(&base).unwrap();
    let place = format!("{base}/.well-known/oauth-protected-resource{path}");
    let expected = format!("Bearer resource_metadata=\"{place}\", scope=\"tools:read tools:execute\"");
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some(expected.as_str())));
    let described = open.get(place.strip_prefix(&base).unwrap()).await.expect(200);
    assert_eq!((&described["resource"], &described["authorization_servers"]), (&json!(stage.resource), &json!([base])));
    let server = open.get("/.well-known/oauth-authorization-server").await.expect(200);
    for (name, value) in [
        ("issuer", json!(base)),
        ("authorization_endpoint", json!(format!("{base}/oauth/authorize"))),
        ("registration_endpoint", json!(format!("{base}/oauth/register"))),
        ("revocation_endpoint", json!(format!("{base}/oauth/revoke"))),
        ("code_challenge_methods_supported", json!(["S256"])),
        ("response_types_supported", json!(["code"])),
        ("authorization_response_iss_parameter_supported", json!(true)),
        ("client_id_metadata_document_supported", json!(true)),
    ] {
        assert_eq!(server[name], value, "{name}");
    }
    let ada = Visitor::new(&stage.bed);
    let back = stage.allowed(&ada, &[]).await;
    assert!(back.starts_with(&format!("{REDIRECT}&code=")), "{back}");
    assert_eq!(parameter(&back, "state").as_deref(), Some(STATE), "handed back as it is");
    assert_eq!(parameter(&back, "iss").as_deref(), Some(base.as_str()));
    let code = parameter(&back, "code").unwrap();
    let answer = stage.token(&stage.redemption(&code, &[])).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let given = answer.expect(200);
    assert_eq!((&given["token_type"], &given["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(given["scope"], "tools:read tools:execute");
    let (access, refresh) = (given["access_token"].as_str().unwrap(), given["refresh_token"].as_str().unwrap());
    let mcp = stage.endpoint(access);
    let mut listed = mcp.listed().await;
    listed.sort();
    let mut tools = TOOLS.to_vec();
    tools.sort_unstable();
    assert_eq!(listed, tools, "exactly those of the config");
    let called = mcp.call("probe_whoami", &json!({})).await;
    assert_eq!(called["isError"], false, "{called}");
    let records = stage.bed.client().get("/v1/executions?tool=probe_whoami").await.expect(200);
    let record = records["items"].as_array().unwrap().iter().find(|record| record["surface"] == "mcp").unwrap();
    assert_eq!(record["identifier"], "ada");
    stage.search(&[access, refresh, &refresh[4..47], &refresh[47..], &code]);
}

/// The page says who asks, where its answer goes, what it reaches and for whom; no page of others can show or send it.
#[tokio::test]
async fn a_user_is_told_what_for() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    let page = stage.page(&ada, &[]).await;
    for _ in 0..2 {
        let shown = ada.open(&page).await;
        let words = text(&shown);
        for part in [
            "Claude Test",
            "this computer",
            "<strong>ada</strong>",
            "probe_whoami, probe_echo",
            "Acme Assistant",
            "not connected an account",
        ] {
            assert!(words.contains(part), "{part}: {words}");
        }
        assert!(!words.contains("<script"));
        let policy = shown.header("content-security-policy").unwrap();
        for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert_eq!(
            (shown.header("x-frame-options"), shown.header("referrer-policy")),
            (Some("DENY"), Some("no-referrer"))
        );
        assert_eq!(shown.header("cache-control"), Some("no-store"));
    }
}

/// Who says no says it to the client, once, and nothing comes of it.
#[tokio::test]
async fn a_user_may_say_no() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    let page = stage.page(&ada, &[]).await;
    let back = stage.answer(&ada, &page, "deny").await;
    assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!((parameter(&back, "code"), parameter(&back, "state").as_deref()), (None, Some(STATE)));
    assert_eq!(parameter(&back, "iss").as_deref(), Some(stage.bed.client().base()));
    let again = ada.open(&page).await;
    assert_eq!(again.status, 410, "{}", text(&again));
    assert!(stage.grants().await.is_empty());
    let steps: Vec<Value> =
        stage.told("mcp_request.moved").await.iter().map(|row| row["detail"]["to"].clone()).collect();
    assert_eq!(steps, [json!("vouched"), json!("denied")]);
}

/// Refresh tokens are good once; the access token before them for its own time.
#[tokio::test]
async fn tokens_are_replaced() {
    let stage = Stage::start().await;
    let first = stage.tokens().await;
    stage.wait(60);
    let second = stage.renew(first["refresh_token"].as_str().unwrap()).await.expect(200);
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_ne!(first["access_token"], second["access_token"]);
    let (old, new) = (first["access_token"].as_str().unwrap(), second["access_token"].as_str().unwrap());
    assert_eq!((stage.status(old).await, stage.status(new).await), (200, 200));
    stage.wait(15 * 60 - 60);
    assert_eq!((stage.status(old).await, stage.status(new).await), (401, 200));
    stage.wait(60);
    assert_eq!(stage.status(new).await, 401);
    // A month later there is nothing left.
    let third = stage.renew(second["refresh_token"].as_str().unwrap()).await.expect(200);
    stage.wait(30 * 24 * 60 * 60 - 1);
    let fourth = stage.renew(third["refresh_token"].as_str().unwrap()).await.expect(200);
    stage.wait(30 * 24 * 60 * 60);
    let late = stage.renew(fourth["refresh_token"].as_str().unwrap()).await.expect(400);
    assert_eq!(late["error"], "invalid_grant");
}

/// Where nobody can say who the user is, the page says what its operator has to do.
#[tokio::test]
async fn a_config_without_an_application_lets_nobody_in() {
    let stage = Stage::start().await;
    let client = stage.bed.client();
    let body = json!({ "connections": [{ "connection": "probe" }] });
    let made = client.put("/v1/mcp/configs/bare", &body).await.expect(201);
    assert!(made["user_verify_url"].is_null());
    let url = made["url"].as_str().unwrap();
    let answer = Visitor::new(&stage.bed).open(&stage.request(&[("resource", Some(url))])).await;
    assert_eq!((answer.status, answer.header("location")), (400, None));
    assert!(text(&answer).contains("user_verify_url"), "{}", text(&answer));
    for url in ["https://evil.example/mcp", "http://app.example.com/", "nonsense", &format!("{APPLICATION}/?state=1")] {
        let body = json!({ "connections": [], "user_verify_url": url });
        for name in ["bare", "new"] {
            let refused = client.put(&format!("/v1/mcp/configs/{name}"), &body).await;
            assert_eq!(refused.problem(422), "invalid_input", "{url}");
        }
    }
}

/// AK-904: a client that the operator registered needs no registration, and is held to what was written of it.
#[tokio::test]
async fn a_client_may_be_known_beforehand() {
    let known =
        McpClient { id: "acme-desktop".into(), name: "Acme Desktop".into(), redirect_uris: vec![REDIRECT.into()] };
    let mcp = WrittenMcp { clients: Some(vec![known]), ..WrittenMcp::default() };
    let stage = Stage::on(Setup { mcp, connect: connect(), ..Setup::usual() }).await;
    let ada = Visitor::new(&stage.bed);
    let client = [("client_id", Some("acme-desktop"))];
    let page = stage.page(&ada, &client).await;
    assert!(text(&ada.open(&page).await).contains("Acme Desktop"));
    let code = parameter(&stage.answer(&ada, &page, "allow").await, "code").unwrap();
    let tokens = stage.token(&stage.redemption(&code, &[("client_id", "acme-desktop")])).await.expect(200);
    assert_eq!(stage.status(tokens["access_token"].as_str().unwrap()).await, 200);
    for (id, redirect, error) in [
        ("acme-desktop", "https://evil.example/cb", "did not register"),
        ("acme-laptop", REDIRECT, "not known here"),
        ("ACME-DESKTOP", REDIRECT, "not known here"),
    ] {
        let request = stage.request(&[("client_id", Some(id)), ("redirect_uri", Some(redirect))]);
        let refused = ada.open(&request).await;
        assert!(refused.status == 400 && text(&refused).contains(error), "{id} {redirect}: {}", text(&refused));
    }
}
