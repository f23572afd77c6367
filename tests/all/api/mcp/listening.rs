//! Clients that listen: they hear of a change, and are as many as there may be.

use serde_json::{Value, json};

use super::client::{LEGACY, Mcp, config};
use crate::api::bed::Bed;

/// An open stream, and what came on it that was not read yet.
pub(in crate::api) struct Open {
    response: reqwest::Response,
    buffer: String,
}

impl Open {
    pub(in crate::api) fn of(response: reqwest::Response) -> Self {
        assert_eq!(response.status(), 200);
        Self { response, buffer: String::new() }
    }

    /// Waits for the end of the stream: what came until then.
    pub(in crate::api) async fn rest(mut self) -> String {
        while let Some(chunk) = self.response.chunk().await.unwrap() {
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        self.buffer
    }

    pub(in crate::api) async fn next(&mut self) -> Value {
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

pub(in crate::api) async fn listen(mcp: &Mcp, wanted: &Value) -> reqwest::Response {
    let (headers, body) = mcp.written("subscriptions/listen", &json!({ "notifications": wanted }));
    let request = reqwest::Client::new().post(mcp.url()).body(body.to_string());
    let request =
        request.header("content-type", "application/json").header("accept", "text/event-stream, application/json");
    let request = match mcp.client.key() {
        "" => request,
        key => request.bearer_auth(key),
    };
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

/// AK-902, AK-907: what opened a stream is taken away, and the stream ends with it; others go on.
#[tokio::test]
async fn a_stream_ends_with_what_opened_it() {
    let bed = Bed::start().await;
    config(&bed, "desk", None, "listed").await;
    let wanted = json!({ "toolsListChanged": true });
    let instance = async |user: &str| {
        let found = bed.client().get(&format!("/v1/mcp/instances?identifier={user}")).await.expect(200);
        format!("/v1/mcp/instances/{}", found["items"][0]["id"].as_str().unwrap())
    };
    let stays = Mcp::of(bed.client(), "desk", "stays").await;
    let mut stays = Open::of(listen(&stays, &wanted).await);
    stays.next().await;
    let (gone, rotated) = (Mcp::of(bed.client(), "desk", "gone").await, Mcp::of(bed.client(), "desk", "rotated").await);
    let made = bed.client().post("/v1/keys", &json!({ "role": "agent" })).await.expect(201);
    let by_key = Mcp::at(bed.client().with_key(made["key"].as_str().unwrap()), "/mcp");
    let mut streams = Vec::new();
    for mcp in [&gone, &rotated, &by_key] {
        streams.push(Open::of(listen(mcp, &wanted).await));
    }
    let legacy = Open::of(get(&gone, Some(LEGACY), "text/event-stream").await);
    bed.client().delete(&instance("gone").await).await.expect(204);
    bed.client().post(&format!("{}/rotate", instance("rotated").await), &json!({})).await.expect(200);
    bed.client().delete(&format!("/v1/keys/{}", made["id"].as_str().unwrap())).await.expect(204);
    for stream in streams {
        let rest = stream.rest().await;
        assert!(rest.contains("\"resultType\":\"complete\""), "{rest}");
    }
    assert!(!legacy.rest().await.contains("data:"), "it says nothing more");
    config(&bed, "desk", Some(&["probe_echo"]), "listed").await;
    assert_eq!(stays.next().await["method"], "notifications/tools/list_changed");
}

/// A change that another host makes is heard here, and so is the end of what a stream rests on.
#[tokio::test]
async fn streams_hear_what_other_hosts_do() {
    let Some(database) = gloveport_tests::postgres::new_database() else { return };
    let bed = Bed::with(crate::api::postgres::beside(&database)).await;
    let other = gloveport_tests::host::TestHost::with(crate::api::postgres::beside(&database)).await;
    config(&bed, "desk", None, "listed").await;
    let mcp = Mcp::of(bed.client(), "desk", "ada").await;
    let mut open = Open::of(listen(&mcp, &json!({ "toolsListChanged": true })).await);
    open.next().await;
    let body = json!({ "connections": [{ "connection": "probe", "tools": ["probe_echo"] }] });
    other.client().put("/v1/mcp/configs/desk", &body).await.expect(200);
    assert_eq!(open.next().await["method"], "notifications/tools/list_changed");
    other.client().delete("/v1/mcp/configs/desk").await.expect(204);
    assert!(open.rest().await.contains("complete"));
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
