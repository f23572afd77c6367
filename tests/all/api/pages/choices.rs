//! Post-connect lookups: which site, which tenant, who it is; a page to choose where there are several.

use gloveport_tests::canary::Canary;
use gloveport_tests::upstream::{Recorded, Reply, Upstream};
use serde_json::{Value, json};

use super::stage::Stage;
use super::visitor::{Visitor, form_token, text};

/// What a vendor's API says of the one who asks, if they show a token.
fn vendor(sites: Value) -> impl Fn(&Recorded) -> Reply + Send + Sync {
    move |request| match (request.header("authorization"), request.path()) {
        (None, _) => Reply::status(401),
        (_, "/sites") => Reply::json(200, &json!({ "values": sites })),
        (_, path) if path.starts_with("/me/") => Reply::json(200, &json!({ "user": { "mail": "ada@example.com" } })),
        (_, "/elsewhere") => Reply::redirect(302, "/sites"),
        (_, "/text") => Reply::text(200, "sites"),
        _ => Reply::status(500),
    }
}

/// A stage whose connector asks the vendor, first for sites and then for the user.
async fn stage(api: &Upstream, url: &str) -> Stage {
    let (url, me) = (url.to_owned(), api.url("/me/{{site}}"));
    let address = api.address().to_string();
    Stage::changed_with_hosts(&[&address], |pattern| {
        pattern["lookups"] = json!([
            { "url": url, "fields": { "site": "/id" },
              "choice": { "items": "/values", "label": "/name", "title": "Which site?" } },
            { "url": me, "fields": { "mail": "/user/mail" } },
        ]);
    })
    .await
}

fn two() -> Value {
    json!([{ "id": 11, "name": "<b>First & only" }, { "id": "site-2", "name": "Second" }])
}

/// Goes to the page with the question: its URL.
async fn asked(stage: &Stage, visitor: &Visitor) -> String {
    let answer = visitor.open(&stage.consent(&stage.begin(visitor).await)).await;
    let url = answer.header("location").unwrap_or_else(|| panic!("{}", text(&answer))).to_owned();
    assert!(url.contains("/connect/choose/req_"), "{url}");
    url
}

/// AU-14: Jira's way: the user chooses a site, and calls go there.
#[tokio::test]
async fn a_user_chooses_where_there_are_several() {
    let api = Upstream::start(vendor(two())).await;
    let stage = stage(&api, &api.url("/sites")).await;
    let ada = Visitor::new(&stage.bed);
    let url = asked(&stage, &ada).await;
    assert_eq!(stage.ada().await["status"], "pending");
    let page = ada.open(&url).await;
    let shown = text(&page);
    for part in ["Which site?", "&#60;b&#62;First &#38; only", "Second", r#"type="radio""#, "<fieldset", "<legend>"] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
    assert!(!shown.contains("site-2"), "the answer is a number: {shown}");
    let token = form_token(&page);
    let none = ada.send(&url, &[("form", &token)]).await;
    assert_eq!(none.status, 422);
    assert!(text(&none).contains(r#"role="alert""#), "{}", text(&none));
    for number in ["2", "-1", "99999999999999999999", "site-2", ""] {
        let answer = ada.send(&url, &[("form", &token), ("choice", number)]).await;
        assert!(matches!(answer.status, 404 | 422), "{number}: {answer:?}");
    }
    let sent = ada.send(&url, &[("form", &token), ("choice", "1")]).await;
    assert_eq!(sent.status, 303, "{}", text(&sent));
    assert!(text(&ada.open(sent.header("location").unwrap()).await).contains("is connected"));
    assert_eq!(stage.ada().await["fields"], json!({ "site": "site-2", "mail": "ada@example.com" }));
    assert_eq!(ada.open(&url).await.status, 404, "it was answered");
    let last = api.requests().pop().unwrap();
    assert_eq!(last.target, "/me/site-2");
    let token = last.header("authorization").unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    assert!(stage.server.is_valid(&token));
    stage.bed.host.search_for(Canary::of(token));
}

/// A question is for the browser that came, and a form for this question.
#[tokio::test]
async fn nobody_else_chooses() {
    let api = Upstream::start(vendor(two())).await;
    let stage = stage(&api, &api.url("/sites")).await;
    let (ada, eve) = (Visitor::new(&stage.bed), Visitor::new(&stage.bed));
    let url = asked(&stage, &ada).await;
    let token = form_token(&ada.open(&url).await);
    eve.open(&super::visitor::link(&stage.bed, "crm", "eve").await).await;
    assert_eq!(eve.open(&url).await.status, 404);
    assert_eq!(eve.send(&url, &[("form", &token), ("choice", "0")]).await.status, 404);
    assert_eq!(ada.send(&url, &[("form", "x"), ("choice", "0")]).await.status, 403);
    assert_eq!(ada.send(&url, &[("choice", "0")]).await.status, 403);
    stage.wait(std::time::Duration::from_secs(15 * 60));
    assert_eq!(ada.send(&url, &[("form", &token), ("choice", "0")]).await.status, 404, "too late");
    assert_eq!(stage.ada().await["status"], "pending");
}

/// One is taken without asking.
#[tokio::test]
async fn nobody_is_asked_about_one() {
    let api = Upstream::start(vendor(json!([{ "id": "only", "name": "Only" }]))).await;
    let stage = stage(&api, &api.url("/sites")).await;
    assert!(stage.through(&Visitor::new(&stage.bed)).await.contains("is connected"));
    assert_eq!(stage.ada().await["fields"]["site"], "only");
}

/// A vendor that does not say what its connector needs: no half an account.
#[tokio::test]
async fn what_cannot_be_looked_up_ends_the_attempt() {
    for (sites, path) in [
        (json!([]), "/sites"),
        (json!([{ "name": "no id" }]), "/sites"),
        (json!({ "id": "x" }), "/sites"),
        (two(), "/elsewhere"),
        (two(), "/text"),
        (two(), "/gone"),
    ] {
        let api = Upstream::start(vendor(sites.clone())).await;
        let stage = stage(&api, &api.url(path)).await;
        let page = stage.through(&Visitor::new(&stage.bed)).await;
        assert!(
            page.contains("not connected") && page.contains("does not say what is needed"),
            "{sites} {path}: {page}"
        );
        assert_eq!(stage.ada().await["status"], "pending");
    }
}

/// Lesson 5: a token is sent where the connector's calls may go, and nowhere else, whatever its lookups say.
#[tokio::test]
async fn lookups_go_only_where_calls_may_go() {
    let (api, evil) = (Upstream::start(vendor(two())).await, Upstream::start(vendor(two())).await);
    let stage = stage(&api, &evil.url("/sites")).await;
    let page = stage.through(&Visitor::new(&stage.bed)).await;
    assert!(page.contains("not connected"), "{page}");
    assert!(evil.requests().is_empty() && api.requests().is_empty());
}
