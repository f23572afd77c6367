//! HC-06: connections may name one client, whose secret is a named one: read anew for each request, and stored once.

use gloveport_tests::authorization::{AuthMethod, RegisteredClient};
use gloveport_tests::canary::Canary;
use gloveport_tests::host::Answer;
use serde_json::{Value, json};
use url::Url;

use super::Scene;

/// A scene whose connection `crm` and another one, `mail`, name the secret `google`.
async fn scene(oauth: &Value) -> Scene {
    let scene = Scene::start().await;
    let client = scene.server.client();
    let value = json!({ "client_id": client.id, "client_secret": client.secret });
    store(&scene, "google", &value.to_string()).await.expect(201);
    store(&scene, "bare", &client.secret.unwrap()).await.expect(201);
    scene.bed.client().patch("/v1/connections/crm", &json!({ "oauth": oauth })).await.expect(200);
    scene
}

/// Stores a secret of the project for the server.
async fn store(scene: &Scene, name: &str, value: &str) -> Answer {
    if !value.starts_with('{') {
        scene.bed.host.search_for(Canary::of(value));
    }
    let hosts = [Url::parse(&scene.server.url("")).unwrap()]
        .map(|url| format!("{}:{}", url.host_str().unwrap(), url.port().unwrap()));
    let body = json!({ "value": value, "hosts": hosts });
    scene.bed.client().put(&format!("/v1/secrets/{name}"), &body).await
}

#[tokio::test]
async fn a_client_may_be_a_named_secret() {
    for (oauth, shown) in [
        (
            json!({ "credential": "google", "scopes": ["read"] }),
            json!({ "client_id": "gloveport", "credential": "google", "scopes": ["read"] }),
        ),
        (
            json!({ "client_id": "gloveport", "client_secret": { "secret": "bare" } }),
            json!({ "client_id": "gloveport", "client_secret": { "secret": "bare" }, "scopes": ["read"] }),
        ),
    ] {
        let scene = scene(&oauth).await;
        assert_eq!(scene.bed.client().get("/v1/connections/crm").await.expect(200)["oauth"], shown);
        let list = scene.bed.client().get("/v1/connections").await.expect(200);
        assert!(list["items"].as_array().unwrap().iter().any(|connection| connection["oauth"] == shown), "{list}");
        scene.authorize("ada").await;
        scene.works().await;
        scene.refresh().await.expect(200);
        assert_eq!(scene.works().await["client"], "gloveport");
        let gone = scene.bed.client().delete("/v1/connections/crm/accounts/ada").await;
        assert_eq!(gone.json()["revocation"], "revoked", "the provider is told with the named secret, too");
    }
}

/// Who stores it anew changes all connections that name it, at their next request; another client in it is for new
/// authorizations only where its secret fits no old one.
#[tokio::test]
async fn what_is_stored_anew_is_used_next() {
    let scene = scene(&json!({ "credential": "google" })).await;
    let mut other = json!({ "name": "mail", "connector": "probe", "auth_pattern": "oauth" });
    other["oauth"] = json!({ "credential": "google" });
    let made = scene.bed.client().post("/v1/connections", &other).await.expect(201);
    assert_eq!(made["oauth"]["client_id"], "gloveport");
    scene.authorize("ada").await;
    scene.server.change_client(|client| client.secret = Some("cnry_another_secret_of_it".into()));
    assert_eq!(scene.refresh().await.problem(409), "account_not_active");
    let value = json!({ "client_id": "gloveport", "client_secret": "cnry_another_secret_of_it" });
    store(&scene, "google", &value.to_string()).await.expect(200);
    assert_eq!(scene.refresh().await.expect(200)["status"], "active");
    // Another client altogether.
    let second = RegisteredClient::confidential("second", AuthMethod::Basic);
    scene.server.register(second.clone());
    let value = json!({ "client_id": second.id, "client_secret": second.secret });
    store(&scene, "google", &value.to_string()).await.expect(200);
    for name in ["crm", "mail"] {
        let connection = scene.connection(name).await;
        assert_eq!(scene.bed.host.inside().oauth.client(&connection).await.unwrap().client_id, "second", "{name}");
    }
    scene.authorize("ada").await;
    scene.refresh().await.expect(200);
    assert_eq!(scene.works().await["client"], "second");
}

/// What is missing or elsewhere ends no account, and sends nothing.
#[tokio::test]
async fn a_secret_that_is_not_there_ends_no_account() {
    let scene = scene(&json!({ "credential": "google" })).await;
    scene.authorize("ada").await;
    let asked = scene.server.counts().token_requests;
    for value in ["cnry-no-json", r#"{"client_id":"gloveport"}"#, r#"{"client_secret":7,"client_id":"gloveport"}"#] {
        store(&scene, "google", value).await.expect(200);
        assert_eq!(scene.refresh().await.problem(502), "upstream_error", "{value}");
    }
    let client = scene.server.client();
    let value = json!({ "client_id": client.id, "client_secret": client.secret }).to_string();
    let elsewhere = json!({ "value": value, "hosts": ["api.example.com"] });
    scene.bed.client().put("/v1/secrets/google", &elsewhere).await.expect(200);
    let refused = scene.refresh().await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("may not be sent to"), "{}", refused.json());
    assert_eq!(refused.problem(502), "upstream_error");
    assert!(scene.bed.client().delete("/v1/secrets/google").await.status < 300);
    assert_eq!(scene.refresh().await.problem(502), "upstream_error");
    assert_eq!(scene.server.counts().token_requests, asked);
    assert_eq!(scene.shown().await["status"], "active");
    store(&scene, "google", &value).await.expect(201);
    scene.refresh().await.expect(200);
    // A user's own secret of the name is nobody else's client.
    let own = json!({ "value": "cnry-of-ada-herself", "hosts": ["127.0.0.1"], "identifier": "ada" });
    scene.bed.client().put("/v1/secrets/google", &own).await.expect(201);
    scene.refresh().await.expect(200);
}

/// What is no client is refused when it is written, and no other member of a secret is ever shown.
#[tokio::test]
async fn what_is_no_client_is_refused() {
    let scene = scene(&json!({ "credential": "google" })).await;
    store(&scene, "stripe", "cnry-a-key-of-stripe").await.expect(201);
    let client = scene.bed.client();
    for (oauth, status) in [
        (json!({ "credential": "stripe" }), 409),
        (json!({ "credential": "nothing" }), 409),
        (json!({ "credential": "a b" }), 400),
        (json!({ "credential": { "secret": "google" } }), 400),
        (json!({ "credential": "google", "client_id": "a" }), 400),
        (json!({ "client_secret": { "secret": "bare" } }), 400),
        (json!({ "client_id": { "secret": "stripe" }, "client_secret": { "secret": "bare" } }), 400),
        (json!({ "client_id": "a", "client_secret": { "secret": "bare", "more": 1 } }), 400),
        (json!({ "client_id": "a", "client_secret": { "secret": "" } }), 400),
    ] {
        let answer = client.patch("/v1/connections/crm", &json!({ "oauth": oauth })).await;
        assert_eq!(answer.status, status, "{oauth}: {}", answer.json());
    }
    assert_eq!(client.get("/v1/connections/crm").await.expect(200)["oauth"]["credential"], "google");
}
