//! The pages in a real browser: by keyboard, without scripts, by day, by night and on a phone. Pictures are kept.

use gloveport::config::WrittenConnect;
use gloveport_tests::browser::{Browser, Screen};
use gloveport_tests::upstream::{Reply, Upstream};
use serde_json::json;

use super::super::bed::{Bed, JUNK};
use super::stage::{Stage, with_parameters};
use super::visitor::{Visitor, account, link};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const SPACE: &str = "\u{e00d}";

/// What `h1` says is what has come: a page is waited for by it.
async fn title(browser: &Browser, expected: &str) {
    let css = format!("main[aria-label=\"{expected}\"]");
    browser.read(&css).await;
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

/// AK-302: a form, filled in by keyboard alone.
#[tokio::test]
async fn a_form_works_by_keyboard() {
    let Some(browser) = Browser::start().await else { return };
    let bed = Bed::start().await;
    browser.look(Screen::LIGHT).await;
    browser.open(&link(&bed, "probe", "ada").await).await;
    title(&browser, "Connect Probe").await;
    pictures(&browser, "form").await;
    browser.type_keys(TAB).await;
    assert_eq!(browser.focused().await, "field-0", "the first thing to do");
    assert_eq!(browser.spoken("#field-0").await, "Token");
    assert_eq!(browser.property("#field-0", "type").await, "password");
    // Empty: the browser itself does not send it.
    browser.type_keys(ENTER).await;
    assert_eq!(browser.property("#field-0:invalid", "value").await, "");
    assert!(bed.upstream.requests().is_empty());
    browser.type_keys(&format!("{JUNK}{TAB}acme")).await;
    assert_eq!(browser.focused().await, "field-1");
    browser.type_keys(ENTER).await;
    assert!(browser.read("[role=alert]").await.contains("does not accept"));
    assert_eq!(browser.property("#field-0", "value").await, "", "a secret does not come back");
    assert_eq!(browser.property("#field-1", "value").await, "acme");
    assert_eq!(browser.focused().await, "field-0");
    pictures(&browser, "form-refused").await;
    let canary = bed.host.plant();
    browser.type_keys(&format!("{}{TAB}{TAB}{SPACE}", canary.token())).await;
    title(&browser, "Your account is connected").await;
    assert_eq!(account(&bed, "probe", "ada").await["status"], "active");
    pictures(&browser, "connected").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

/// AK-302: consent at the provider and back, with a provider that asks by a page of its own.
#[tokio::test]
async fn consent_goes_to_the_provider_and_back() {
    let Some(browser) = Browser::start().await else { return };
    let connect = WrittenConnect {
        name: Some("Acme Assistant".into()),
        colour: Some("#ffcc00".into()),
        ..WrittenConnect::default()
    };
    let stage = Stage::with(connect, |_| {}).await;
    stage.server.set(|quirks| quirks.asks = true);
    browser.look(Screen::LIGHT).await;
    browser.open(&link(&stage.bed, "crm", "ada").await).await;
    title(&browser, "Connect Probe").await;
    pictures(&browser, "consent").await;
    browser.click("button[type=submit]").await;
    browser.click("button[value=deny]").await;
    title(&browser, "Your account is not connected").await;
    pictures(&browser, "denied").await;
    browser.open(&link(&stage.bed, "crm", "ada").await).await;
    browser.click("button[type=submit]").await;
    browser.click("button[value=allow]").await;
    title(&browser, "Your account is connected").await;
    assert!(!browser.url().await.contains("code="), "the code is not in sight");
    assert_eq!(stage.ada().await["status"], "active");
    assert_eq!(browser.complaints().await, [""; 0]);
}

/// Section 4.7 of RFC 9700 with real cookies: an answer that is opened in another browser.
#[tokio::test]
async fn another_browser_does_not_go_on() {
    let (Some(ada), Some(eve)) = (Browser::start().await, Browser::start().await) else { return };
    let stage = Stage::start().await;
    stage.server.set(|quirks| quirks.asks = true);
    ada.open(&link(&stage.bed, "crm", "ada").await).await;
    ada.click("button[type=submit]").await;
    ada.read("button[value=allow]").await;
    eve.look(Screen::LIGHT).await;
    eve.open(&ada.url().await).await;
    eve.click("button[value=allow]").await;
    title(&eve, "This is another browser").await;
    pictures(&eve, "other-browser").await;
    ada.click("button[value=allow]").await;
    title(&ada, "This answer is not expected").await;
    assert_eq!(stage.ada().await["status"], "pending");
}

/// A question, answered by keyboard, and the pages of links that are over.
#[tokio::test]
async fn a_choice_is_made_by_keyboard() {
    let Some(browser) = Browser::start().await else { return };
    let api = Upstream::start(|_| {
        Reply::json(
            200,
            &json!([{ "id": "1", "name": "acme.example.com" }, { "id": "2", "name": "A second site with quite \
            a long name that has to be broken somewhere, or it stands out at the side of a small screen" }]),
        )
    })
    .await;
    let (address, url) = (api.address().to_string(), api.url("/sites"));
    let stage = Stage::changed_with_hosts(&[&address], |pattern| {
        pattern["lookups"] = json!([{ "url": url, "fields": { "site": "/id" },
            "choice": { "items": "", "label": "/name", "title": "Which site is it about?" } }]);
    })
    .await;
    let first = link(&stage.bed, "crm", "ada").await;
    browser.look(Screen::LIGHT).await;
    browser.open(&first).await;
    browser.click("button[type=submit]").await;
    browser.read("fieldset").await;
    pictures(&browser, "choice").await;
    browser.type_keys(TAB).await;
    assert_eq!(browser.focused().await, "choice-0");
    browser.type_keys("\u{e015}").await;
    assert_eq!(browser.property("#choice-1", "checked").await, true, "the down key");
    browser.type_keys(ENTER).await;
    title(&browser, "Your account is connected").await;
    assert_eq!(stage.ada().await["fields"]["site"], "2");
    browser.open(&first).await;
    title(&browser, "This link was used already").await;
    pictures(&browser, "used").await;
    let late = link(&stage.bed, "crm", "ada").await;
    stage.wait(std::time::Duration::from_secs(15 * 60));
    browser.open(&late).await;
    title(&browser, "This link is no longer valid").await;
    pictures(&browser, "late").await;
}

/// What a provider says is text, however it looks.
#[tokio::test]
async fn words_of_a_provider_are_text() {
    let Some(browser) = Browser::start().await else { return };
    let stage = Stage::start().await;
    let visitor = Visitor::new(&stage.bed);
    let said = "<script>document.title='x'</script><style>*{display:none}</style> AADSTS65001: an administrator has to \
                consent to the use of this application";
    stage.server.set(|quirks| quirks.asks = true);
    browser.look(Screen::LIGHT).await;
    browser.open(&link(&stage.bed, "crm", "ada").await).await;
    browser.click("button[type=submit]").await;
    browser.read("button[value=allow]").await;
    let back = stage.consent(&browser.url().await);
    let refused = [("code", None), ("error", Some("consent_required")), ("error_description", Some(said))];
    browser.open(&with_parameters(&back, &refused)).await;
    title(&browser, "Your account is not connected").await;
    assert!(browser.read("blockquote").await.contains("<script>document.title='x'</script>"));
    pictures(&browser, "refused").await;
    assert_eq!(visitor.open(&back).await.status, 400);
}
