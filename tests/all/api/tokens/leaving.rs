//! X17: tokens end at the provider when their account is removed, at once or later; the account is gone in any case.

use serde_json::json;

use super::Scene;

async fn removed(scene: &Scene) -> serde_json::Value {
    scene.bed.client().delete("/v1/connections/crm/accounts/ada").await.expect(200)
}

/// AK-109: an account that goes takes its tokens along, at the provider too.
#[tokio::test]
async fn tokens_end_with_their_account() {
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    let access = scene.server.secrets().into_iter().find(|secret| secret.starts_with("cnry_access")).unwrap();
    assert!(scene.server.is_valid(&access));
    assert_eq!(removed(&scene).await, json!({ "revocation": "revoked" }));
    assert!(!scene.server.is_valid(&access));
    assert_eq!(scene.bed.client().get("/v1/connections/crm/accounts/ada").await.problem(404), "not_found");
    // The one that others could be got with comes first, and each with the client's own authentication.
    let asked = scene.server.requests("/revoke");
    let hints = asked.iter().flat_map(|request| request.form()).filter(|(name, _)| name == "token_type_hint");
    let hints: Vec<_> = hints.map(|(_, value)| value).collect();
    assert_eq!(hints, ["refresh_token", "access_token"]);
    assert!(asked.iter().all(|request| request.header("authorization").unwrap().starts_with("Basic ")));
    let audit = scene.bed.client().get("/v1/audit?limit=200").await.expect(200).to_string();
    assert!(audit.contains("account.tokens_revoked") && audit.contains("account.deleted"), "{audit}");
    let gone = scene.bed.client().delete("/v1/connections/crm/accounts/ada").await;
    assert_eq!(gone.problem(404), "not_found");
}

/// A provider that is out of order is told again, later and later, whatever became of the connection meanwhile.
#[tokio::test]
async fn a_provider_that_is_out_of_order_is_told_again() {
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    let access = scene.server.secrets().into_iter().find(|secret| secret.starts_with("cnry_access")).unwrap();
    scene.server.set(|quirks| quirks.cannot_revoke = true);
    assert_eq!(removed(&scene).await, json!({ "revocation": "queued" }));
    assert_eq!(scene.bed.client().get("/v1/connections/crm/accounts/ada").await.problem(404), "not_found");
    scene.bed.client().delete("/v1/connections/crm").await.expect(204);
    let told = || scene.server.requests("/revoke").len();
    assert_eq!(told(), 1);
    scene.pass(59);
    scene.bed.host.sweep().await;
    assert_eq!(told(), 1);
    scene.pass(1);
    scene.bed.host.sweep().await;
    assert_eq!(told(), 2);
    scene.pass(599);
    scene.bed.host.sweep().await;
    assert_eq!(told(), 2);
    scene.server.set(|quirks| quirks.cannot_revoke = false);
    scene.pass(1);
    scene.bed.host.sweep().await;
    assert!(!scene.server.is_valid(&access));
    // Once it is done nobody is told any more.
    let done = told();
    scene.pass(1_000_000);
    scene.bed.host.sweep().await;
    assert_eq!(told(), done);
}

/// After four days it is given up, which the audit chain tells.
#[tokio::test]
async fn what_cannot_be_revoked_is_given_up() {
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    scene.server.set(|quirks| quirks.cannot_revoke = true);
    removed(&scene).await;
    for _ in 0..10 {
        scene.pass(4 * 24 * 3_600);
        scene.bed.host.sweep().await;
    }
    assert_eq!(scene.server.requests("/revoke").len(), 7);
    let audit = scene.bed.client().get("/v1/audit?limit=200").await.expect(200).to_string();
    assert!(audit.contains("given_up"), "{audit}");
}

/// Where the provider has no way to be told, or there is nothing to tell, the answer says nothing of it.
#[tokio::test]
async fn where_there_is_nothing_to_revoke_nothing_is_said() {
    let scene = Scene::changed(|pattern| {
        pattern.as_object_mut().unwrap().remove("revoke_url");
    })
    .await;
    scene.authorize("ada").await;
    scene.bed.client().delete("/v1/connections/crm/accounts/ada").await.expect(204);
    scene.bed.connect("ada").await;
    scene.bed.client().delete("/v1/connections/probe/accounts/ada").await.expect(204);
    assert_eq!(scene.server.requests("/revoke").len(), 0);
}

/// A provider that says that the client is not known is not told again: nothing would change.
#[tokio::test]
async fn a_refused_client_is_not_told_again() {
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    scene.server.change_client(|client| client.secret = Some("cnry_another-client-secret".into()));
    let answer = scene.bed.client().delete("/v1/connections/crm/accounts/ada").await;
    assert_eq!(answer.expect(200), json!({ "revocation": "failed" }));
    scene.pass(1_000_000);
    scene.bed.host.sweep().await;
    assert_eq!(scene.server.requests("/revoke").len(), 1);
}
