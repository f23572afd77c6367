//! The way of a user in a real browser: from a client to the application, to the page by keyboard, and back to the client.

use gloveport::config::WrittenConnect;
use gloveport_tests::browser::{Browser, Screen};
use gloveport_tests::upstream::{Reply, Upstream};
use serde_json::json;

use super::stage::{STATE, Stage, TOOLS, connect, parameter};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// A page of somebody's, of which only the URL matters.
async fn page(words: &'static str) -> Upstream {
    Upstream::start(move |_| Reply::text(200, words)).await
}

/// A host whose users sign in at this application, and a client whose answers go to that address: what it asks for.
async fn scene(application: &Upstream, client: &Upstream) -> (Stage, String) {
    let origins = vec![application.url(""), super::stage::APPLICATION.to_owned()];
    let stage = Stage::with(WrittenConnect { verify_origins: Some(origins), ..connect() }).await;
    let body = json!({ "connections": [{ "connection": "probe", "tools": TOOLS }],
        "user_verify_url": application.url("/signed-in") });
    stage.bed.client().put("/v1/mcp/configs/desk", &body).await.expect(200);
    let body = json!({ "redirect_uris": ["http://127.0.0.1/back"], "client_name": "Claude Test" });
    let made = stage.open().post("/oauth/register", &body).await.expect(201);
    let back = client.url("/back");
    let path = stage.request(&[("client_id", made["client_id"].as_str()), ("redirect_uri", Some(&back))]);
    let url = format!("{}{path}", stage.bed.client().base());
    (stage, url)
}

/// From the client's request to the page's URL.
async fn vouched(stage: &Stage, browser: &Browser, url: &str) -> String {
    browser.open(url).await;
    assert!(browser.read("body").await.contains("the application"));
    let id = parameter(&browser.url().await, "auth_request_id").unwrap();
    let page = stage.vouch(stage.bed.client(), &id, "ada@example.com").await.expect(200);
    page["redirect_url"].as_str().unwrap().to_owned()
}

/// A picture by day, by night and on a phone, where nothing may stand out at the side.
async fn pictures(browser: &Browser, name: &str) {
    for (suffix, screen) in [("light", Screen::LIGHT), ("dark", Screen::DARK), ("phone", Screen::PHONE)] {
        browser.look(screen).await;
        assert!(!browser.scrolls_sideways().await, "{name} on {suffix}");
        browser.picture(&format!("{name}-{suffix}")).await;
    }
    browser.look(Screen::LIGHT).await;
}

/// By keyboard alone; the answer leaves by itself, with a code for the client and nothing for others.
#[tokio::test]
async fn a_user_answers_by_keyboard() {
    let Some(browser) = Browser::start().await else { return };
    let (application, client) = (page("the application").await, page("the client").await);
    let (stage, url) = scene(&application, &client).await;
    for (keys, answer) in [(format!("{TAB}{ENTER}"), "code"), (format!("{TAB}{TAB}{ENTER}"), "error")] {
        let consent = vouched(&stage, &browser, &url).await;
        browser.look(Screen::LIGHT).await;
        browser.open(&consent).await;
        browser.read("main[aria-label=\"Let Claude Test use your tools?\"]").await;
        pictures(&browser, "client-consent").await;
        assert_eq!(browser.spoken("#allow").await, "Allow");
        assert_eq!(browser.spoken("#deny").await, "Do not allow");
        browser.type_keys(&keys).await;
        browser.read("pre").await;
        let back = browser.url().await;
        assert!(back.starts_with(&client.url("/back?")) && parameter(&back, answer).is_some(), "{back}");
        assert_eq!(parameter(&back, "state").as_deref(), Some(STATE));
    }
    let sent = client.requests().into_iter().filter(|request| request.path() == "/back").collect::<Vec<_>>();
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|request| request.header("referer").is_none()), "nobody is told where a code came from");
    assert_eq!(browser.complaints().await, [""; 0]);
}

/// Session fixation with real cookies: a page that is opened in another browser than the one that the client sent here.
#[tokio::test]
async fn another_browser_is_not_asked() {
    let (Some(eve), Some(ada)) = (Browser::start().await, Browser::start().await) else { return };
    let (application, client) = (page("the application").await, page("the client").await);
    let (stage, url) = scene(&application, &client).await;
    let consent = vouched(&stage, &eve, &url).await;
    ada.open(&consent).await;
    ada.read("main[aria-label=\"This is another browser\"]").await;
    eve.open(&consent).await;
    eve.read("#allow").await;
    assert!(client.requests().is_empty());
}
