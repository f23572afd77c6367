//! How a grant ends: by its client, by an operator, and with whatever it rests on.

use serde_json::{Value, json};

use gloveport::model::McpClientId;
use gloveport::store::{McpClientRow, StoreError};
use gloveport_tests::issuer::{Issuer, SigningKey};

use super::super::mcp::{Open, listen};
use super::super::visitor::Visitor;
use super::stage::{REDIRECT, Stage, application, parameter};

/// Why grants ended, oldest first.
async fn reasons(stage: &Stage) -> Vec<String> {
    let told = stage.told("mcp_grant.ended").await;
    told.iter().map(|row| row["detail"]["reason"].as_str().unwrap().to_owned()).collect()
}

fn both(tokens: &Value) -> (&str, &str) {
    (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap())
}

/// Neither token opens anything, nor gets another.
async fn is_over(stage: &Stage, tokens: &Value) -> bool {
    let (access, refresh) = both(tokens);
    stage.status(access).await == 401 && stage.renew(refresh).await.expect(400)["error"] == "invalid_grant"
}

/// RFC 7009: by any of its tokens, also an old one, by the client that has it.
#[tokio::test]
async fn a_client_gives_back_what_it_got() {
    let stage = Stage::start().await;
    let revoke = async |token: &str, client: &str| {
        stage
            .form("/oauth/revoke", &[("token", token), ("token_type_hint", "access_token"), ("client_id", client)])
            .await
    };
    for which in ["access_token", "refresh_token"] {
        let tokens = stage.tokens().await;
        let token = tokens[which].as_str().unwrap();
        for stranger in ["mcp_client_01ARZ3NDEKTSV4RRFFQ69G5FAV", "https://evil.example/c"] {
            assert_eq!(revoke(token, stranger).await.expect(401)["error"], "invalid_client");
        }
        assert_eq!(stage.status(both(&tokens).0).await, 200);
        for _ in 0..2 {
            let answer = revoke(token, &stage.client_id).await;
            assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")), "{which}");
        }
        assert!(is_over(&stage, &tokens).await, "{which}");
    }
    let first = stage.tokens().await;
    let second = stage.renew(both(&first).1).await.expect(200);
    assert_eq!(revoke(both(&first).1, &stage.client_id).await.status, 200, "one that was replaced");
    assert!(is_over(&stage, &second).await);
    assert_eq!(reasons(&stage).await, ["revoked"; 3]);
    for unknown in ["x", "gpa_", "gpr_", gloveport_tests::host::ADMIN_KEY] {
        assert_eq!(revoke(unknown, &stage.client_id).await.status, 200, "{unknown}");
    }
    stage.bed.client().get("/v1/keys").await.expect(200);
    for fields in [vec![("token", "x")], vec![("client_id", "x")], vec![]] {
        assert_eq!(stage.form("/oauth/revoke", &fields).await.expect(400)["error"], "invalid_request", "{fields:?}");
    }
}

/// Operators see who may do what for whom, and end it.
#[tokio::test]
async fn operators_see_grants_and_end_them() {
    let stage = Stage::start().await;
    let client = stage.bed.client();
    let tokens = stage.tokens().await;
    let grants = stage.grants().await;
    let [grant] = grants.as_slice() else { panic!("{grants:?}") };
    for (name, value) in [
        ("config", json!("desk")),
        ("identifier", json!("ada")),
        ("organization", Value::Null),
        ("client_id", json!(stage.client_id)),
        ("client_name", json!("Claude Test")),
    ] {
        assert_eq!(grant[name], value, "{name}");
    }
    let (access, refresh) = both(&tokens);
    assert!(!grant.to_string().contains(access) && !grant.to_string().contains(refresh));
    for (query, count) in [
        ("config=desk&identifier=ada", 1),
        (&*format!("client_id={}", stage.client_id), 1),
        ("config=other", 0),
        ("identifier=eve", 0),
        ("client_id=x", 0),
    ] {
        let found = client.get(&format!("/v1/mcp/grants?{query}")).await.expect(200);
        assert_eq!(found["total_size"], count, "{query}");
    }
    let agent = stage.bed.agent(None).await;
    assert_eq!(agent.get("/v1/mcp/grants").await.problem(403), "forbidden");
    let path = format!("/v1/mcp/grants/{}", grant["id"].as_str().unwrap());
    assert_eq!(agent.delete(&path).await.problem(403), "forbidden");
    for wrong in ["x", "mcp_grant_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        assert_eq!(client.delete(&format!("/v1/mcp/grants/{wrong}")).await.problem(404), "not_found");
    }
    assert_eq!(client.delete(&path).await.status, 204);
    assert_eq!(client.delete(&path).await.problem(404), "not_found");
    assert!(is_over(&stage, &tokens).await);
    assert_eq!(reasons(&stage).await, ["removed"]);
    let made = stage.told("mcp_grant.created").await;
    assert_eq!((&made[0]["subject"], &made[0]["detail"]["identifier"]), (&grant["id"], &json!("ada")));
}

/// A grant is worth what it rests on: the user's instance, the config, and the word of the application's key.
#[tokio::test]
async fn a_grant_ends_with_what_it_rests_on() {
    let stage = Stage::start().await;
    let client = stage.bed.client();
    let tokens = stage.tokens().await;
    let instance = stage.grants().await[0]["instance_id"].as_str().unwrap().to_owned();
    // Another URL of the instance is nothing to the client.
    client.post(&format!("/v1/mcp/instances/{instance}/rotate"), &json!({})).await.expect(200);
    assert_eq!(stage.status(both(&tokens).0).await, 200);
    assert_eq!(client.delete(&format!("/v1/mcp/instances/{instance}")).await.status, 204);
    assert!(is_over(&stage, &tokens).await);

    let (key, clear) = application(&stage, None).await;
    let application = client.with_key(&clear);
    let ada = Visitor::new(&stage.bed);
    let mut codes = Vec::new();
    for _ in 0..2 {
        let id = stage.begin(&ada, &[]).await;
        let page = stage.vouch(&application, &id, "ada").await.expect(200);
        let back = stage.answer(&ada, page["redirect_url"].as_str().unwrap(), "allow").await;
        codes.push(parameter(&back, "code").unwrap());
    }
    let tokens = stage.token(&stage.redemption(&codes[0], &[])).await.expect(200);
    assert_eq!(client.delete(&format!("/v1/keys/{key}")).await.status, 204);
    assert!(is_over(&stage, &tokens).await);
    let late = stage.token(&stage.redemption(&codes[1], &[])).await;
    assert_eq!(late.expect(400)["error"], "invalid_grant", "a code that nobody vouches for any more");

    let (tokens, code) = (stage.tokens().await, stage.code().await);
    assert_eq!(client.delete("/v1/mcp/configs/desk").await.status, 204);
    assert_eq!(stage.status(both(&tokens).0).await, 404);
    assert_eq!(stage.renew(both(&tokens).1).await.status, 400);
    assert_eq!(stage.token(&stage.redemption(&code, &[])).await.status, 400);
    assert_eq!(reasons(&stage).await, ["instance", "key", "config"]);
}

/// A stream of a client ends with what its user let it do, and a call of it that waits does not go on, though a person approves.
#[tokio::test]
async fn nothing_of_a_grant_goes_on_after_it() {
    let stage = Stage::start().await;
    let client = stage.bed.client();
    stage.bed.connect("ada").await;
    let ask = json!({ "name": "ask", "condition": "tool == 'probe_whoami'", "outcome": { "outcome": "ask", "at": "before" } });
    client.post("/v1/policies", &ask).await.expect(201);
    let tokens = stage.tokens().await;
    let mcp = stage.endpoint(both(&tokens).0);
    let stream = Open::of(listen(&mcp, &json!({ "toolsListChanged": true })).await);
    mcp.call("probe_whoami", &json!({})).await;
    mcp.call("probe_whoami", &json!({})).await;
    let waiting = client.get("/v1/approvals").await.expect(200);
    let ids: Vec<&str> = waiting["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    let sent = stage.bed.upstream.requests().len();
    let approved = async |id: &str| {
        let approval = client.post(&format!("/v1/approvals/{id}/approve"), &json!({})).await.expect(200);
        let path = format!("/v1/executions/{}", approval["execution_id"].as_str().unwrap());
        loop {
            let execution = client.get(&path).await.expect(200);
            if !execution["finished_at"].is_null() {
                return execution;
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(approved(ids[0]).await["status"], "succeeded");
    assert_eq!(stage.bed.upstream.requests().len(), sent + 1);
    let grant = stage.grants().await[0]["id"].as_str().unwrap().to_owned();
    client.delete(&format!("/v1/mcp/grants/{grant}")).await.expect(204);
    let ended = approved(ids[1]).await;
    assert_eq!((&ended["status"], &ended["code"]), (&json!("failed"), &json!("forbidden")), "{ended}");
    assert_eq!(stage.bed.upstream.requests().len(), sent + 1, "nothing was sent");
    assert!(stream.rest().await.contains("complete"));
}

/// What an issuer said of users holds for as long as it is trusted, and for no other issuer under its name.
#[tokio::test]
async fn a_grant_ends_with_the_trust_in_who_vouched() {
    let key = SigningKey::ec("k1");
    let (stage, issuer, other) = (Stage::start().await, Issuer::start(&[&key]).await, Issuer::start(&[&key]).await);
    let client = stage.bed.client();
    let trust = async |issuer: &Issuer| {
        let body = json!({ "issuer": issuer.url(), "audience": "https://gloveport.example", "algorithms": ["ES256"],
            "claims": { "identifier": null, "scopes": "scope" }, "scopes": ["tools:read", "tools:execute", "mcp:write"] });
        let put = client.put("/v1/issuers/login", &body).await;
        assert!(matches!(put.status, 200 | 201), "{put:?}");
    };
    let now = stage.bed.host.inside().clock.now().0 / 1000;
    let claims = json!({ "iss": issuer.url(), "aud": "https://gloveport.example", "sub": "portal", "iat": now,
        "exp": now + 600, "scope": "tools:read tools:execute mcp:write" });
    for changed in [false, true] {
        trust(&issuer).await;
        let portal = client.with_key(&key.token(&claims));
        let ada = Visitor::new(&stage.bed);
        let id = stage.begin(&ada, &[]).await;
        let page = stage.vouch(&portal, &id, "ada").await.expect(200);
        let back = stage.answer(&ada, page["redirect_url"].as_str().unwrap(), "allow").await;
        let tokens = stage.token(&stage.redemption(&parameter(&back, "code").unwrap(), &[])).await.expect(200);
        assert_eq!(stage.status(both(&tokens).0).await, 200);
        trust(&issuer).await;
        assert_eq!(stage.grants().await.len(), 1, "the same issuer said it");
        match changed {
            true => trust(&other).await,
            false => assert_eq!(client.delete("/v1/issuers/login").await.status, 204),
        }
        assert!(stage.grants().await.is_empty());
        assert!(is_over(&stage, &tokens).await);
    }
    assert_eq!(reasons(&stage).await, ["issuer", "issuer"]);
}

/// Whoever registers without end pushes out those that nobody ever used, and nobody else.
#[tokio::test]
async fn clients_that_are_used_stay() {
    let stage = Stage::start().await;
    stage.tokens().await;
    let inside = stage.bed.host.inside();
    let register = async || {
        let id = McpClientId::new(&inside.clock, &inside.random);
        let uris = vec![REDIRECT.to_owned()];
        let row =
            McpClientRow { id: id.clone(), name: "x".into(), redirect_uris: uris, created_at: inside.clock.now() };
        stage.wait(1);
        inside.store.insert_mcp_client(&row, 2).await.map(|()| id)
    };
    let known = async |id: &McpClientId| inside.store.mcp_client(id).await.unwrap().is_some();
    let first = register().await.unwrap();
    let second = register().await.unwrap();
    assert!(!known(&first).await && known(&second).await, "the one that nobody used made room");
    assert!(known(&McpClientId::parse(&stage.client_id).unwrap()).await, "the oldest, and in use");
    // A user is asked about it now.
    stage.begin(&Visitor::new(&stage.bed), &[("client_id", Some(second.as_str()))]).await;
    assert!(matches!(register().await, Err(StoreError::Conflict(_))));
    assert!(known(&second).await);
}

/// What nobody comes back for is forgotten; a client is not while somebody uses it.
#[tokio::test]
async fn time_alone_clears_up() {
    const DAY: u64 = 24 * 60 * 60;
    let stage = Stage::start().await;
    let tokens = stage.tokens().await;
    stage.wait(30 * DAY - 1);
    stage.bed.host.sweep().await;
    let tokens = stage.renew(both(&tokens).1).await.expect(200);
    stage.wait(29 * DAY);
    stage.bed.host.sweep().await;
    assert_eq!(stage.grants().await.len(), 1);
    stage.begin(&Visitor::new(&stage.bed), &[]).await;
    stage.wait(DAY);
    stage.bed.host.sweep().await;
    assert!(stage.grants().await.is_empty() && is_over(&stage, &tokens).await);
    assert_eq!(reasons(&stage).await, ["expired"]);
    stage.wait(2 * DAY);
    stage.bed.host.sweep().await;
    let answer = Visitor::new(&stage.bed).open(&stage.request(&[])).await;
    assert_eq!(answer.status, 400, "its client is not known any more");
}
