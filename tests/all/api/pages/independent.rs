//! The way through a server that nobody of this project wrote: it is as strict as others find it.

use gloveport_tests::browser::{Browser, Screen};
use gloveport_tests::canary::Canary;
use gloveport_tests::independent::{CLIENT_SECRET, IndependentServer};
use serde_json::json;

use super::super::bed::Bed;
use super::super::wasm::with_manifest;
use super::visitor::{account, link};

/// Sign in there, consent, come back with `iss`, exchange with PKCE and `Basic`, and ask who it was.
#[tokio::test]
async fn an_independent_server_authorizes_an_account() {
    let Some(browser) = Browser::start().await else { return };
    let bed = Bed::start().await;
    let shown = bed.client().get("/v1/connectors/probe").await.expect(200);
    let Some(server) = IndependentServer::start(shown["redirect_uri"].as_str().unwrap()).await else { return };
    let url = |path: &str| format!("{}{path}", server.url);
    let pattern = json!({
        "name": "oidc", "title": "Sign in", "type": "oauth2", "client_auth": "basic",
        "authorize_url": url("/auth"), "token_url": url("/token"), "issuer": server.url, "iss_required": true,
        "scopes": [
            { "name": "openid", "title": "Know who you are", "required": true },
            { "name": "offline_access", "title": "Go on while you are away", "required": true },
        ],
        "authorize_parameters": { "prompt": "consent" },
        "lookups": [{ "url": url("/me"), "fields": { "subject": "/sub" } }],
    });
    let component = with_manifest(|manifest| {
        manifest["version"] = "7.0.0".into();
        manifest["auth"].as_array_mut().unwrap().push(pattern);
    });
    let headers = [("content-type", "application/wasm")];
    bed.client().send("POST", "/v1/connectors", &headers, component).await.expect(201);
    let client = json!({ "client_id": "gloveport", "client_secret": CLIENT_SECRET });
    let body = json!({ "name": "oidc", "connector": "probe", "auth_pattern": "oidc", "base_url": server.url, "oauth": client });
    bed.host.search_for(Canary::of(CLIENT_SECRET));
    bed.client().post("/v1/connections", &body).await.expect(201);

    browser.look(Screen::LIGHT).await;
    browser.open(&link(&bed, "oidc", "ada").await).await;
    browser.picture("independent-consent").await;
    browser.click("button[type=submit]").await;
    browser.click("input[name=login]").await;
    browser.type_keys("ada-at-the-provider").await;
    browser.click("input[name=password]").await;
    browser.type_keys("any\u{e007}").await;
    browser.property("input[name=prompt][value=consent]", "value").await;
    browser.picture("independent-provider").await;
    browser.click("button[type=submit]").await;
    browser.read("main[aria-label=\"Your account is connected\"]").await;
    browser.picture("independent-connected").await;
    let account = account(&bed, "oidc", "ada").await;
    assert_eq!((&account["status"], &account["fields"]["subject"]), (&json!("active"), &json!("ada-at-the-provider")));
    assert_eq!(account["scopes"], json!(["offline_access", "openid"]));
}
