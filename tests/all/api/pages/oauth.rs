//! AK-302, 306, 307, 401, 403, 209: users authorize accounts at their provider, and the host does the rest.

use serde_json::json;

use super::stage::{Stage, parameter};
use super::visitor::{Visitor, link, text};

/// AU-01, AU-02: from a link to an active account; what was asked for, and what was given.
#[tokio::test]
async fn a_user_authorizes_an_account_at_the_provider() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    let link = link(&stage.bed, "crm", "ada").await;
    let page = text(&ada.open(&link).await);
    for part in ["Read your contacts", "Know who you are", "for <strong>ada</strong>", "<strong>127.0.0.1</strong>"] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    assert!(page.contains("Names and &#60;b&#62;addresses&#60;/b&#62;.") && !page.contains("<b>"), "{page}");
    let url = stage.begin_at(&ada, &link, &[]).await;
    let asked = |name: &str| parameter(&url, name).unwrap();
    assert_eq!(asked("redirect_uri"), stage.redirect_uri().await, "byte by byte what was shown");
    assert_eq!((asked("scope").as_str(), asked("response_type").as_str()), ("base read", "code"));
    assert_eq!((asked("code_challenge_method").as_str(), asked("code_challenge").len()), ("S256", 43));
    assert_eq!((asked("client_id").as_str(), asked("state").len()), ("gloveport", 43));
    assert_eq!(stage.ada().await["status"], "pending");
    assert_eq!(ada.open(&link).await.status, 410, "the link is used up");
    let end = stage.end(&ada, &stage.consent(&url)).await;
    assert!(end.contains("Your account is connected"), "{end}");
    let account = stage.ada().await;
    assert_eq!((&account["status"], &account["scopes"]), (&json!("active"), &json!(["base", "read"])));
    assert_eq!((stage.server.counts().exchanges, stage.server.counts().refusals), (1, 0));
}

/// Each authorization has a state and a verifier of its own.
#[tokio::test]
async fn nothing_is_used_twice() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    let (one, other) = (stage.begin(&ada).await, stage.begin(&ada).await);
    for name in ["state", "code_challenge"] {
        assert_ne!(parameter(&one, name), parameter(&other, name), "{name}");
    }
    // Two attempts of one user at once: the second one ends as well, on the same account.
    assert!(stage.end(&ada, &stage.consent(&one)).await.contains("is connected"));
    let first = stage.ada().await;
    assert!(stage.end(&ada, &stage.consent(&other)).await.contains("is connected"));
    assert_eq!(stage.ada().await["id"], first["id"], "AK-209: the account stays the same");
}

/// AK-403: what was granted is kept, and not what was asked for; AK-101: a link may ask for more.
#[tokio::test]
async fn granted_scopes_are_kept() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    stage.server.set(|quirks| quirks.grants = Some(vec!["base".into()]));
    stage.through(&ada).await;
    assert_eq!(stage.ada().await["scopes"], json!(["base"]));
    stage.server.set(|quirks| (quirks.grants, quirks.says_scope) = (None, false));
    let path = "/v1/connections/crm/accounts/ada/authorize";
    let made = stage.bed.client().post(path, &json!({ "scopes": ["write", "read"] })).await.expect(201);
    let url = stage.begin_at(&ada, made["link"].as_str().unwrap(), &[]).await;
    assert_eq!(parameter(&url, "scope").as_deref(), Some("base read write"));
    stage.end(&ada, &stage.consent(&url)).await;
    assert_eq!(stage.ada().await["scopes"], json!(["base", "read", "write"]), "unsaid means all that were asked for");
}

/// AU-14: fields of the form decide where the browser goes, and stay on the account; secret ones are sealed meanwhile.
#[tokio::test]
async fn fields_are_filled_in_before_the_provider_is_asked() {
    let stage = Stage::changed(|pattern| {
        pattern["fields"] = json!([
            { "name": "tenant", "label": "Tenant", "type": "text", "pattern": "[a-z]+", "required": true },
            { "name": "extra", "label": "Developer token", "type": "password", "required": true },
        ]);
        pattern["headers"] = json!({ "X-Developer": "{{extra}}" });
        pattern["authorize_parameters"] = json!({ "prompt": "consent" });
    })
    .await;
    let ada = Visitor::new(&stage.bed);
    let link = link(&stage.bed, "crm", "ada").await;
    let canary = stage.bed.host.plant();
    let page = ada.fill(&link, &[("tenant", "ACME 1"), ("extra", canary.token())]).await;
    assert_eq!(page.status, 422);
    let shown = text(&page);
    assert!(shown.contains(r#"value="ACME 1""#) && shown.contains(r#"aria-invalid="true""#), "{shown}");
    assert!(shown.contains("Read your contacts"), "what is asked for stays in sight: {shown}");
    let url = stage.begin_at(&ada, &link, &[("tenant", "acme"), ("extra", canary.token())]).await;
    assert_eq!(parameter(&url, "prompt").as_deref(), Some("consent"));
    assert!(stage.end(&ada, &stage.consent(&url)).await.contains("is connected"));
    let account = stage.ada().await;
    assert_eq!((&account["status"], &account["fields"]["tenant"]), (&json!("active"), &json!("acme")));
    assert_eq!(account["fields"].get("extra"), None);
}

/// What only the callback or the answer with the tokens says becomes a public field (QuickBooks' realm, Salesforce's
/// instance).
#[tokio::test]
async fn callback_and_answer_fill_public_fields() {
    let stage = Stage::changed(|pattern| {
        pattern["callback_fields"] = json!({ "realm": "realmId" });
        pattern["response"] = json!({ "fields": { "kind": "/token_type" } });
    })
    .await;
    let ada = Visitor::new(&stage.bed);
    let back = stage.consent(&stage.begin(&ada).await);
    stage.end(&ada, &format!("{back}&realmId=9%0A7&other=x")).await;
    assert_eq!(stage.ada().await["fields"], json!({ "realm": "9 7", "kind": "Bearer" }));
}

/// AU-02: PKCE is off only where a pattern says so.
#[tokio::test]
async fn a_vendor_may_refuse_pkce() {
    let stage = Stage::changed(|pattern| pattern["pkce"] = false.into()).await;
    let url = stage.begin(&Visitor::new(&stage.bed)).await;
    assert_eq!(parameter(&url, "code_challenge"), None);
    assert_eq!(parameter(&url, "state").map(|state| state.len()), Some(43));
}

/// A link that cannot lead anywhere is not made.
#[tokio::test]
async fn a_connection_without_a_client_has_no_links() {
    let stage = Stage::start().await;
    let body = json!({ "name": "bare", "connector": "probe", "auth_pattern": "oauth" });
    stage.bed.client().post("/v1/connections", &body).await.expect(201);
    let answer = stage.bed.client().post("/v1/connections/bare/accounts/ada/authorize", &json!({})).await;
    assert_eq!(answer.problem(409), "conflict");
    assert_eq!(stage.bed.client().get("/v1/connections/bare/accounts/ada").await.status, 404);
}
