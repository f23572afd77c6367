//! X6: a token that is told in clear is one that holds, and the same that calls use.

use gloveport_tests::host::Client;
use serde_json::{Value, json};

use super::Scene;

#[tokio::test]
async fn a_token_that_is_told_is_fresh() {
    let scene = Scene::start().await;
    let account = scene.authorize("ada").await;
    let client = scene.bed.client();
    client.patch("/v1/connections/crm", &json!({ "reveals_tokens": true })).await.expect(200);
    let made = client.post("/v1/keys", &json!({ "role": "agent", "scopes": ["accounts:tokens"] })).await.expect(201);
    // Its answers are not searched: they have to hold tokens.
    let reader = Client::new(client.base(), made["key"].as_str().unwrap());
    let read = async || {
        let told = reader.post(&format!("/v1/accounts/{}/token", account.id), &json!({})).await.expect(200);
        assert_eq!(told.as_object().unwrap().len(), 4, "the refresh token is not told");
        told
    };
    let first = read().await;
    assert_eq!(read().await["access_token"], first["access_token"]);
    assert_eq!(scene.server.counts().refreshes, 0);
    scene.pass(3_600);
    let second = read().await;
    assert_ne!(second["access_token"], first["access_token"]);
    assert!(second["expires_at"].as_str() > first["expires_at"].as_str());
    scene.works().await;
    assert_eq!(
        (read().await["access_token"].clone(), scene.server.counts().refreshes),
        (second["access_token"].clone(), 1)
    );
    // One that cannot be had is not told, and not counted as told.
    scene.server.set(|quirks| {
        quirks.answers.push_back(gloveport_tests::upstream::Reply::json(400, &json!({ "error": "invalid_grant" })))
    });
    scene.pass(3_600);
    let refused = reader.post(&format!("/v1/accounts/{}/token", account.id), &json!({})).await;
    assert_eq!(refused.problem(409), "account_not_active");
    let audit = client.get("/v1/audit?limit=200").await.expect(200);
    let told = |row: &&Value| row["action"] == "account.token_read";
    assert_eq!(audit["items"].as_array().unwrap().iter().filter(told).count(), 4);
}
