//! AK-403 to AK-406: what was granted is known, and what is missing is named before anything is sent.

use gloveport_tests::host::Answer;
use serde_json::json;

use super::Scene;

/// A call that needs the scopes `read`, `write` and `admin`.
async fn guarded(scene: &Scene) -> Answer {
    let body = json!({ "identifier": "ada", "connection": "crm", "input": { "target": "/who" } });
    scene.bed.client().post("/v1/tools/probe_fetch_guarded/execute", &body).await
}

/// AK-404, AK-405: an account that was authorized for less says what it lacks, until its user consents again.
#[tokio::test]
async fn missing_scopes_are_named_before_anything_is_sent() {
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    scene.works().await;
    let sent = scene.server.requests("/api/who").len();
    let answer = guarded(&scene).await;
    assert_eq!(answer.json()["missing_scopes"], json!(["write", "admin"]));
    assert_eq!(answer.problem(403), "missing_scopes");
    let oauth = json!({ "oauth": { "scopes": ["read", "write", "admin"] } }).to_string();
    let headers = [("content-type", "application/json")];
    scene.bed.client().send("PATCH", "/v1/connections/crm", &headers, oauth).await.expect(200);
    // Changing the connection changes no account.
    assert_eq!(guarded(&scene).await.problem(403), "missing_scopes");
    assert_eq!(scene.server.requests("/api/who").len(), sent);
    // The user may consent to a part.
    scene.server.set(|quirks| quirks.grants = Some(vec!["base".into(), "read".into(), "write".into()]));
    let id = scene.authorize("ada").await.id;
    assert_eq!(guarded(&scene).await.json()["missing_scopes"], json!(["admin"]));
    scene.server.set(|quirks| quirks.grants = None);
    assert_eq!(scene.authorize("ada").await.id, id);
    guarded(&scene).await.expect(200);
}

/// A refresh that gives less than before is seen (RFC 6749 section 6).
#[tokio::test]
async fn a_refresh_that_grants_less_is_recorded() {
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    scene.server.set(|quirks| quirks.grants = Some(vec!["base".into()]));
    assert_eq!(scene.refresh().await.expect(200)["scopes"], json!(["base"]));
    assert_eq!(guarded(&scene).await.json()["missing_scopes"], json!(["read", "write", "admin"]));
}

/// AK-406: an authorization with too few scopes that nobody declared is found at the provider, whose words name them.
#[tokio::test]
async fn what_the_provider_finds_missing_is_told_apart() {
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    scene.server.set(|quirks| quirks.needs = Some("write".into()));
    let body = json!({ "identifier": "ada", "connection": "crm", "input": {} });
    let answer = scene.bed.client().post("/v1/tools/probe_whoami/execute", &body).await;
    let problem = answer.json();
    assert_eq!((&problem["culprit"], &problem["missing_scopes"]), (&json!("upstream"), &json!(["write"])));
    assert_eq!(answer.problem(403), "missing_scopes");
    // The authorization is good, for less: nobody asks for another token, and the account stays what it is.
    assert_eq!((scene.server.counts().token_requests, scene.server.requests("/api/whoami").len()), (1, 1));
    assert_eq!(scene.shown().await["status"], "active");
}
