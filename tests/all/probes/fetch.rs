//! Requests of a guest: what leaves, with which credential, and what is refused before a byte does.

use gloveport_tests::upstream::{Reply, Upstream};
use serde_json::{Value, json};

use super::Case;

/// SI-10: the credential is at the upstream, and nowhere else.
pub(super) async fn whoami(case: &Case) {
    let outcome = case.call(&json!({})).await;
    assert_eq!(outcome.requests(1).data(), json!({ "login": "ada" }));
    let request = case.only_arrival();
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/whoami"));
    assert_eq!(request.header("authorization"), Some(&*format!("Bearer {}", case.canary.token())));
    assert_eq!(outcome.scrubbed(), 0);
}

/// A request arrives as the guest described it, and the answer as the provider meant it, without what is not for guests.
pub(super) async fn fetch(case: &Case) {
    case.answer(|_| {
        let reply = Reply::json(201, &json!({ "id": 7 })).header("x-request-id", "r1").header("set-cookie", "sid=1");
        reply.header("connection", "x-hop").header("x-hop", "mine").header("keep-alive", "timeout=5")
    });
    let outcome = case
        .call(&json!({
            "method": "POST", "target": "/a%2Fb/ü", "query": [["q", "a b&c=d"], ["q", "+"]],
            "headers": [["X-One", "1"], ["accept", "application/json"]],
            "body": { "kind": "form", "fields": [["name", "é"], ["plus", "a+b &"]] },
        }))
        .await;
    let data = outcome.requests(1).data();
    assert_eq!(
        (&data["status"], &data["body"], &data["truncated"]),
        (&json!(201), &json!(r#"{"id":7}"#), &json!(false))
    );
    let names: Vec<_> = data["headers"].as_array().unwrap().iter().map(|pair| pair[0].as_str().unwrap()).collect();
    assert!(names.contains(&"x-request-id"), "{names:?}");
    for hidden in ["set-cookie", "connection", "x-hop", "keep-alive", "transfer-encoding"] {
        assert!(!names.contains(&hidden), "{names:?}");
    }
    let request = case.only_arrival();
    assert_eq!(request.target, "/a%2Fb/%C3%BC?q=a%20b%26c%3Dd&q=%2B");
    assert_eq!(request.text(), "name=%C3%A9&plus=a%2Bb+%26");
    assert_eq!((request.header("x-one"), request.header("accept")), (Some("1"), Some("application/json")));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    let id = outcome.record["id"].as_str().unwrap();
    assert_eq!(request.header("idempotency-key"), Some(&*format!("{id}-1")));
    assert_eq!(request.header("user-agent"), Some(&*format!("gloveport/{}", env!("CARGO_PKG_VERSION"))));
}

/// An error status is a response; a refusal is a failure with the host's own reason.
pub(super) async fn fetch_or_fail(case: &Case) {
    case.answer(|_| Reply::text(404, "nothing here"));
    assert_eq!(case.call(&json!({ "target": "/x" })).await.requests(1).data()["status"], 404);
    let outcome = case.call(&json!({ "target": "https://evil.test/x" })).await;
    let detail = outcome.requests(0).failed(403, "host_not_allowed", "guest");
    assert!(detail.contains("evil.test:443"), "{detail}");
    assert_eq!(case.arrived().len(), 1);
}

/// In the order of the requests; one that is refused leaves the others alone.
pub(super) async fn fetch_all(case: &Case) {
    case.answer(|request| Reply::text(200, request.path()));
    let target = |target: &str| json!({ "target": target });
    let requests = [target("/1"), target("/a/../b"), target("/2"), target("https://evil.test/"), target("/3")];
    let outcome = case.call(&json!({ "requests": requests })).await;
    let data = outcome.requests(3).data();
    let bodies: Vec<_> =
        data["items"].as_array().unwrap().iter().map(|answer| answer["body"].as_str().unwrap()).collect();
    assert_eq!(bodies, ["/1", "", "/2", "", "/3"]);
    assert_eq!(data["items"][1]["error"]["kind"], "invalid");
    assert_eq!(data["items"][3]["error"]["kind"], "refused");
    let mut arrived: Vec<_> = case.arrived().into_iter().map(|request| request.target).collect();
    arrived.sort();
    assert_eq!(arrived, ["/1", "/2", "/3"]);
}

/// A tool that reads may POST where its route says that this reads, and nowhere else.
pub(super) async fn fetch_read(case: &Case) {
    for (method, target, allowed) in [
        ("GET", "/items/1", true),
        ("HEAD", "/items/1", true),
        ("POST", "/search", true),
        ("POST", "/items/1", false),
        ("POST", "/search/", false),
        ("POST", "/Search", false),
        ("POST", "/", false),
        ("PUT", "/items/1", false),
        ("PATCH", "/items/1", false),
        ("DELETE", "/items/1", false),
        ("OPTIONS", "/items/1", false),
        ("HEAD", "/", false),
    ] {
        let before = case.arrived().len();
        let outcome = case.call(&json!({ "method": method, "target": target })).await;
        let data = outcome.requests(u64::from(allowed)).data();
        assert_eq!(data["error"].is_null(), allowed, "{method} {target}: {data}");
        assert_eq!(case.arrived().len() - before, usize::from(allowed), "{method} {target}");
    }
}

/// The route is the promise: a read tool cannot POST, whatever its code does.
pub(super) async fn fetch_read_only(case: &Case) {
    let detail = case.call(&json!({})).await.requests(0).failed(403, "route_not_allowed", "guest");
    assert!(detail.contains("POST"), "{detail}");
    assert!(case.arrived().is_empty());
}

/// Scopes are OAuth's: where nobody can say what a credential allows, the provider decides.
pub(super) async fn fetch_guarded(case: &Case) {
    case.answer(|_| Reply::text(200, "allowed"));
    assert_eq!(case.call(&json!({ "target": "/items/1" })).await.requests(1).data()["body"], "allowed");
}

/// Each write of a call has its own idempotency key, and a read has none.
pub(super) async fn read_then_write(case: &Case) {
    case.answer(|request| Reply::text(200, if request.method == "GET" { "copied" } else { "stored" }));
    let outcome = case.call(&json!({ "target": "/items/1" })).await;
    assert_eq!(outcome.requests(2).data()["body"], "stored");
    let [read, write] = <[_; 2]>::try_from(case.arrived()).unwrap();
    assert_eq!((read.method.as_str(), write.method.as_str(), write.text().as_str()), ("GET", "POST", "copied"));
    let key = format!("{}-1", outcome.record["id"].as_str().unwrap());
    assert_eq!((read.header("idempotency-key"), write.header("idempotency-key")), (None, Some(key.as_str())));
    assert_eq!((&outcome.record["sent_bytes"], &outcome.record["received_bytes"]), (&json!(6), &json!(12)));
}

/// Lesson 16: what is too long is cut and marked, not thrown away.
pub(super) async fn sized_response(case: &Case) {
    const LIMIT: u64 = 4 << 20;
    for (bytes, truncated) in [(0, false), (1, false), (LIMIT, false), (LIMIT + 1, true), (6 << 20, true)] {
        case.answer(move |_| Reply::bytes(200, "application/octet-stream", vec![b'x'; bytes as usize]));
        let data = case.call(&json!({ "target": "/big" })).await.requests(1).data();
        assert_eq!(data, json!({ "bytes": bytes.min(LIMIT), "truncated": truncated }), "{bytes}");
    }
    // Gigabytes cost nothing: reading ends at the limit.
    case.answer(|_| Reply::repeated("text/plain", vec![b'x'; 1 << 16], 1 << 20));
    let data = case.call(&json!({ "target": "/endless" })).await.data();
    assert_eq!(data, json!({ "bytes": LIMIT, "truncated": true }));
}

/// Lesson 11: 256 requests a call, and not one more.
pub(super) async fn send_ten_thousand(case: &Case) {
    ten_thousand(case).await;
}

pub(super) async fn send_all_ten_thousand(case: &Case) {
    ten_thousand(case).await;
}

async fn ten_thousand(case: &Case) {
    let outcome = case.call(&json!({ "target": "/again" })).await;
    let data = outcome.requests(256).data();
    assert_eq!((&data["answered"], &data["error"]["kind"]), (&json!(256), &json!("limit")));
    assert_eq!(case.arrived().len(), 256);
    // The host keeps its connections: some more than one call may use at the same time, far from one per request.
    let opened = case.upstream.connections();
    assert!(opened <= 32, "{opened}");
    // The next call has its own.
    assert_eq!(case.call(&json!({ "target": "/again" })).await.requests(256).data()["answered"], 256);
}

/// A name that no test resolves: nobody but the upstream of a case is ever reached.
#[tokio::test]
async fn another_upstream_hears_nothing() {
    let case = Case::of(gloveport_probe::Probe::FetchOrFail).await;
    let other = Upstream::start(|_| Reply::text(200, "reached")).await;
    let (own, foreign) = (case.upstream.address(), other.address());
    for target in [
        other.url("/x"),
        format!("http://localhost:{}/x", own.port()),
        format!("http://127.0.0.2:{}/x", own.port()),
        format!("http://[::1]:{}/x", own.port()),
        format!("https://127.0.0.1:{}/x", foreign.port()),
    ] {
        let outcome = case.call(&json!({ "target": target })).await;
        outcome.requests(0).failed(403, "host_not_allowed", "guest");
    }
    assert_eq!((case.arrived().len(), other.connections()), (0, 0));
    let reached: Value = case.call(&json!({ "target": case.upstream.url("/x") })).await.data();
    assert_eq!(reached["body"], "reached", "its own origin, in full, is allowed");
}
