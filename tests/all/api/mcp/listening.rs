//! Clients that listen: they hear of a change, and are as many as there may be.

use serde_json::{Value, json};

use super::client::{LEGACY, Mcp, config};
use crate::api::bed::Bed;

/// An open stream, and what came on it that was not read yet.
struct Open {
    response: reqwest::Response,
    buffer: String,
}

impl Open {
    async fn next(&mut self) -> Value {
        loop {
            if let Some(end) = self.buffer.find("\n\n") {
                let event: String = self.buffer.drain(..end + 2).collect();
                match event.lines().find_map(|line| line.strip_prefix("data: ")) {
                    Some(data) => return serde_json::from_str(data).unwrap(),
                    None => continue,
                }
            }
            let chunk = self.response.chunk().await.unwrap().unwrap();
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

async fn listen(mcp: &Mcp, wanted: &Value) -> reqwest::Response {
    let (headers, body) = mcp.written("subscriptions/listen", &json!({ "notifications": wanted }));
    let request = reqwest::Client::new().post(mcp.url()).body(body.to_string());
    let request =
        request.header("content-type", "application/json").header("accept", "text/event-stream, application/json");
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send().await.unwrap()
}

async fn get(mcp: &Mcp, version: Option<&str>, accept: &str) -> reqwest::Response {
    let request = reqwest::Client::new().get(mcp.url()).header("accept", accept);
    let request = version.into_iter().fold(request, |request, version| request.header("mcp-protocol-version", version));
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_change_is_heard_in_both_eras() {
    let bed = Bed::start().await;
    config(&bed, "desk", Some(&["probe_echo"]), "listed").await;
    let mcp = Mcp::of(bed.client(), "desk", "ada").await;
    let mut modern = Open { response: listen(&mcp, &json!({ "toolsListChanged": true })).await, buffer: String::new() };
    let acknowledged = modern.next().await;
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(acknowledged["params"]["notifications"], json!({ "toolsListChanged": true }));
    let subscription = &acknowledged["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
    assert!(subscription.is_u64(), "{acknowledged}");
    let legacy = get(&mcp, Some(LEGACY), "text/event-stream").await;
    assert_eq!(
        (legacy.status().as_u16(), &legacy.headers()["content-type"]),
        (200, &"text/event-stream".parse().unwrap())
    );
    let mut legacy = Open { response: legacy, buffer: String::new() };
    config(&bed, "desk", Some(&["probe_echo", "probe_whoami"]), "listed").await;
    let (heard, old) = tokio::join!(modern.next(), legacy.next());
    assert_eq!(heard["method"], "notifications/tools/list_changed");
    assert_eq!(&heard["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], subscription);
    assert_eq!(old, json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {} }));
}

/// AK-907: who speaks the transport of 2024 is told at once that it is not spoken.
#[tokio::test]
async fn a_get_without_a_revision_is_refused() {
    let bed = Bed::start().await;
    config(&bed, "desk", None, "listed").await;
    let mcp = Mcp::of(bed.client(), "desk", "ada").await;
    for (version, accept) in [
        (None, "text/event-stream"),
        (Some("2026-07-28"), "text/event-stream"),
        (Some("nonsense"), "text/event-stream"),
        (Some(LEGACY), "application/json"),
    ] {
        let answer = get(&mcp, version, accept).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["allow"]),
            (405, &"POST".parse().unwrap()),
            "{version:?}"
        );
    }
    for method in ["DELETE", "PUT", "PATCH", "OPTIONS"] {
        assert_eq!(mcp.raw(method, &[], "").await.status, 405, "{method}");
    }
}

/// Idle streams are counted: one caller cannot take all, and gets room again when it closes some.
#[tokio::test]
async fn idle_streams_are_capped() {
    let bed = Bed::start().await;
    config(&bed, "desk", None, "listed").await;
    let (ada, eve) = (Mcp::of(bed.client(), "desk", "ada").await, Mcp::of(bed.client(), "desk", "eve").await);
    let wanted = json!({ "toolsListChanged": true });
    let mut open = Vec::new();
    loop {
        let response = listen(&ada, &wanted).await;
        if response.status() != 200 {
            assert_eq!(response.status(), 429);
            break;
        }
        open.push(response);
        assert!(open.len() < 1_000, "no end");
    }
    assert_eq!(open.len(), 32);
    assert_eq!(listen(&eve, &wanted).await.status(), 200, "others have room");
    ada.result("tools/list", json!({})).await;
    drop(open);
    while listen(&ada, &wanted).await.status() != 200 {
        tokio::task::yield_now().await;
    }
}
