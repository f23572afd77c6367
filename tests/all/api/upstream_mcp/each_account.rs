//! A server that shows each of its users other tools: the connector has what any of them has, and each calls what it was shown.

use std::sync::Mutex;
use std::time::Duration;

use gloveport::model::{Clock, Timestamp};
use gloveport_tests::host::{Setup, TestHost};
use gloveport_tests::postgres;
use serde_json::{Value, json};

use super::oauth::{Scene, target};
use super::server::{Era, Server};
use super::{connect, declare, discover, tools};
use crate::api::mcp::Mcp;
use crate::api::visitor::{Visitor, link, text};

const ADA: &str = "token-of-ada-at-the-desk";
const BOB: &str = "token-of-bob-at-the-desk";

fn named(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "name": name })).collect()
}

/// The server shows these to Ada, and those to Bob.
fn shows(server: &Server, ada: &'static [&'static str], bob: &'static [&'static str]) {
    server.shows(move |token| match token {
        ADA => Some(named(ada)),
        BOB => Some(named(bob)),
        _ => None,
    });
}

/// A host on which Ada and Bob are connected, and an operator asked as Ada.
async fn scene(clock: &Clock, database: Option<String>, more: Value) -> (TestHost, Server) {
    let host = TestHost::with(Setup { clock: clock.clone(), database, ..Setup::usual() }).await;
    let server = Server::start(Era::Modern, json!([])).await;
    server.wants_those(|token| token == ADA || token == BOB);
    shows(&server, &["pay", "look"], &["look", "close"]);
    declare(&host, &server, more).await.expect(201);
    connect(&host).await;
    host.account("desk", "ada", &json!({ "token": ADA })).await.expect(201);
    host.account("desk", "bob", &json!({ "token": BOB })).await.expect(201);
    discover(&host).await;
    (host, server)
}

/// The tools of the server that a user sees.
async fn seen(host: &TestHost, user: &str) -> Vec<String> {
    let list = host.client().get(&format!("/v1/tools?identifier={user}&limit=100")).await.expect(200);
    let names = list["items"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned());
    names.filter(|name| name != "desk_mcp_discover").collect()
}

/// Waits until the connector has these tools.
async fn until(host: &TestHost, names: &[&str]) {
    loop {
        let tools = tools(host).await;
        if tools.iter().map(|tool| tool["name"].as_str().unwrap()).eq(names.iter().copied()) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Waits until a user sees these.
async fn sees(host: &TestHost, user: &str, names: &[&str]) {
    while seen(host, user).await != names {
        tokio::task::yield_now().await;
    }
}

/// Waits until so many questions of the host came to their end.
async fn asked(host: &TestHost, times: usize) {
    loop {
        let calls = host.client().get("/v1/executions?trigger_type=tools_refresh&status=succeeded").await.expect(200);
        if calls["total_size"] == times {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Lists, clients and calls go by what the account was shown when it was connected; what only another account has waits until an
/// operator accepts it, and is then the other's alone.
#[tokio::test]
async fn each_account_has_what_it_was_shown() {
    let clock = Clock::manual(Timestamp(1_800_000_000_000));
    let (host, server) = scene(&clock, None, json!({ "tools": "account", "refresh_seconds": 0 })).await;
    until(&host, &["desk_look", "desk_pay"]).await;
    assert_eq!(seen(&host, "ada").await, ["desk_look", "desk_pay"]);
    assert_eq!(seen(&host, "bob").await, ["desk_look"]);
    let key = host.client().post("/v1/keys", &json!({ "role": "agent", "identifier": "bob" })).await.expect(201);
    let bob = Mcp::at(host.client().with_key(key["key"].as_str().unwrap()), "/mcp");
    assert!(!bob.listed().await.contains(&"desk_pay".to_owned()));
    let sent = server.requests().len();
    assert_eq!(host.execute("desk_pay", "bob", &json!({})).await.problem(404), "not_found");
    assert_eq!(server.requests().len(), sent);
    host.execute("desk_look", "bob", &json!({})).await.expect(200);
    host.execute("desk_pay", "ada", &json!({})).await.expect(200);
    let found = host.client().post("/v1/connectors/desk/discover-tools", &json!({ "identifier": "bob" })).await;
    let found = found.expect(200);
    assert_eq!(found["difference"]["removed"], json!([]), "{found}");
    assert_eq!(found["held"]["difference"]["added"], json!([{ "operation": "close", "tool": "desk_close" }]));
    assert_eq!(seen(&host, "bob").await, ["desk_look"]);
    let accept = json!({ "digest": found["held"]["digest"] });
    host.client().post("/v1/connectors/desk/accept-tools", &accept).await.expect(200);
    assert_eq!(seen(&host, "bob").await, ["desk_close", "desk_look"]);
    assert_eq!(seen(&host, "ada").await, ["desk_look", "desk_pay"]);
    assert_eq!(host.execute("desk_close", "ada", &json!({})).await.problem(404), "not_found");
    host.execute("desk_close", "bob", &json!({})).await.expect(200);
    // Who connects again has what is shown then.
    shows(&server, &["pay", "look"], &["pay"]);
    host.account("desk", "bob", &json!({ "token": BOB })).await.expect(200);
    assert_eq!(seen(&host, "bob").await, ["desk_pay"]);
    // Where the list is one for all, nobody's own counts.
    declare(&host, &server, json!({ "refresh_seconds": 0 })).await.expect(200);
    assert_eq!(seen(&host, "bob").await, ["desk_close", "desk_look", "desk_pay"]);
}

/// The host asks with each account, and a tool is gone once nobody has it any more.
#[tokio::test]
async fn each_list_stays_fresh() {
    each_list_is_asked_for(None).await;
    if let Some(database) = postgres::new_database() {
        each_list_is_asked_for(Some(database)).await;
    }
}

async fn each_list_is_asked_for(database: Option<String>) {
    let clock = Clock::manual(Timestamp(1_800_000_000_000));
    let (host, server) = scene(&clock, database, json!({ "tools": "account", "changes": "take" })).await;
    // Bob was connected before anybody asked: the host asks with his account at once.
    asked(&host, 1).await;
    until(&host, &["desk_close", "desk_look", "desk_pay"]).await;
    sees(&host, "bob", &["desk_close", "desk_look"]).await;
    shows(&server, &["pay", "look"], &["close"]);
    let later = async |times: usize| {
        clock.advance(Duration::from_secs(5 * 60));
        host.sweep().await;
        asked(&host, times).await;
    };
    later(3).await;
    sees(&host, "bob", &["desk_close"]).await;
    sees(&host, "ada", &["desk_look", "desk_pay"]).await;
    shows(&server, &["pay"], &["close"]);
    later(5).await;
    until(&host, &["desk_close", "desk_pay"]).await;
    sees(&host, "ada", &["desk_pay"]).await;
    // A hint in an answer to Ada is about her list.
    shows(&server, &["pay", "look"], &["close", "look"]);
    clock.advance(Duration::from_secs(60));
    host.execute("desk_pay", "ada", &json!({ "changed": true })).await.expect(200);
    asked(&host, 6).await;
    until(&host, &["desk_close", "desk_look", "desk_pay"]).await;
    sees(&host, "ada", &["desk_look", "desk_pay"]).await;
    sees(&host, "bob", &["desk_close"]).await;
}

/// An account whose token came from elsewhere was not tried: the host asks with it at once.
#[tokio::test]
async fn the_host_asks_with_who_signs_in_elsewhere() {
    let scene = Scene::start().await;
    let first = Mutex::new(None);
    scene.server.shows(move |token| {
        let is_first = first.lock().unwrap().get_or_insert_with(|| token.to_owned()) == token;
        Some(named(if is_first { &["pay"] } else { &["look"] }))
    });
    let pattern = json!({ "name": "oauth", "title": "Sign in", "type": "mcp_oauth" });
    let mcp = json!({ "url": scene.server.url("/mcp"), "auth": [pattern], "tools": "account" });
    scene.bed.client().put("/v1/connectors/desk", &json!({ "mcp": mcp })).await.expect(201);
    scene.connection().await;
    let host = &scene.bed.host;
    for user in ["ada", "bob"] {
        let browser = Visitor::new(&scene.bed);
        let page = browser.fill(&link(&scene.bed, "desk", user).await, &[]).await;
        let url = page.header("location").map_or_else(|| target(&page), str::to_owned);
        let answer = browser.open(&scene.authority.consent(&url).unwrap()).await;
        let end = browser.open(answer.header("location").unwrap()).await;
        assert!(text(&end).contains("is connected"), "{}", text(&end));
        if user == "ada" {
            discover(host).await;
        }
    }
    sees(host, "bob", &[]).await;
    sees(host, "ada", &["desk_pay"]).await;
    assert_eq!(host.execute("desk_pay", "bob", &json!({})).await.problem(404), "not_found");
    host.execute("desk_pay", "ada", &json!({})).await.expect(200);
}
