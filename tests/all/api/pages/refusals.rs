//! AK-308, AK-315: what providers and users refuse, each on a page that says what to do, and told of the account.

use std::time::Duration;

use gloveport_tests::upstream::Reply;
use serde_json::{Value, json};

use super::stage::{Stage, with_parameters};
use super::visitor::{Visitor, text};

/// RFC 6749 section 4.1.2.1, and what vendors add to it.
#[tokio::test]
async fn each_error_of_a_provider_has_a_page() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    for (error, description, expected) in [
        ("access_denied", None, "said no"),
        ("invalid_request", Some("redirect_uri_mismatch"), "setup is not right"),
        ("unauthorized_client", None, "setup is not right"),
        ("unsupported_response_type", None, "setup is not right"),
        ("invalid_scope", Some("no scope `read`"), "does not give the permissions"),
        ("server_error", None, "could not answer just now"),
        ("temporarily_unavailable", None, "could not answer just now"),
        ("consent_required", Some("AADSTS65001: an administrator has to consent"), "an administrator"),
        ("org_internal", Some("<script>alert(1)</script>"), "an administrator"),
        ("", None, "an administrator"),
    ] {
        let back = stage.consent(&stage.begin(&ada).await);
        let back =
            with_parameters(&back, &[("code", None), ("error", Some(error)), ("error_description", description)]);
        let page = stage.end(&ada, &back).await;
        assert!(page.contains("not connected") && page.contains(expected), "{error}: {page}");
        assert!(page.contains("ask for a new one") || page.contains("sent you the link"), "{error}: {page}");
        assert!(!page.contains("<script"), "{page}");
        if let Some(description) = description {
            let shown = description.replace('<', "&#60;").replace('>', "&#62;");
            assert!(page.contains("In the provider's words") && page.contains(&shown), "{error}: {page}");
        }
    }
    assert_eq!(stage.ada().await["status"], "pending");
    assert_eq!(stage.server.counts().token_requests, 0);
    let path = format!("/v1/accounts/{}/events?limit=3", stage.ada().await["id"].as_str().unwrap());
    let events = stage.bed.client().get(&path).await.expect(200);
    let last: Vec<_> =
        events["items"].as_array().unwrap().iter().map(|event| (&event["kind"], &event["detail"])).collect();
    let failed = json!("provider_refused");
    let told = [
        (&json!("authorization_failed"), &failed),
        (&json!("link_used"), &Value::Null),
        (&json!("link_made"), &Value::Null),
    ];
    assert_eq!(last, told);
}

/// A token endpoint that gives nothing, or what no request can carry.
#[tokio::test]
async fn each_refused_exchange_has_a_page() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    let refusal = |status, error: &str| Reply::json(status, &json!({ "error": error, "error_description": "<i>why" }));
    for (reply, expected) in [
        (refusal(400, "invalid_grant"), "took its answer back"),
        (refusal(401, "invalid_client"), "setup is not right"),
        (refusal(200, "invalid_grant"), "took its answer back"),
        (refusal(503, "invalid_grant"), "could not answer just now"),
        (Reply::text(200, "access_token=abc"), "could not answer just now"),
        (Reply::bytes(200, "application/json", "x".repeat(200_000)), "could not answer just now"),
        (Reply::redirect(307, "https://example.com/"), "could not answer just now"),
        (Reply::redirect(308, "https://example.com/"), "setup is not right"),
    ] {
        stage.server.set(|quirks| quirks.answers = [reply].into());
        let page = stage.through(&ada).await;
        assert!(page.contains("not connected") && page.contains(expected), "{expected}: {page}");
        assert!(!page.contains("<i>"), "{page}");
        assert_eq!(stage.ada().await["status"], "pending");
    }
    assert!(stage.through(&ada).await.contains("is connected"), "a new link mends it");
}

/// An account that worked goes on working when somebody fails to authorize it anew.
#[tokio::test]
async fn a_failed_attempt_changes_no_account() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    stage.through(&ada).await;
    let before = stage.ada().await;
    let back = stage.consent(&stage.begin(&ada).await);
    stage.end(&ada, &with_parameters(&back, &[("code", None), ("error", Some("access_denied"))])).await;
    assert_eq!(stage.ada().await, before);
}

/// A browser that stays away too long comes back to a page that says so: at the second.
#[tokio::test]
async fn an_answer_that_comes_late_is_not_taken() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    let minutes = Duration::from_secs(15 * 60);
    let back = stage.consent(&stage.begin(&ada).await);
    stage.wait(minutes);
    let page = ada.open(&back).await;
    assert_eq!(page.status, 410, "{}", text(&page));
    assert_eq!((stage.ada().await["status"].as_str(), stage.server.counts().token_requests), (Some("pending"), 0));
    let back = stage.consent(&stage.begin(&ada).await);
    stage.wait(minutes - Duration::from_secs(1));
    assert!(stage.end(&ada, &back).await.contains("is connected"));
}
