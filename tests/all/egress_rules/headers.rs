//! Headers of a guest: neither those of the connection, nor the host's own, nor a second request within a value.

use gloveport_probe::Probe;
use gloveport_tests::canary::Canary;
use gloveport_tests::upstream::Reply;
use serde_json::json;

use crate::probes::Case;

/// Refused: name and value.
const REFUSED: &[(&str, &str)] = &[
    ("x-a", "1\r\nx-evil: 1"),
    ("x-a", "1\nx-evil: 1"),
    ("x-a", "1\rx-evil: 1"),
    ("x-a", "1\0"),
    ("x-a", "\u{7f}"),
    ("x-a\r\nx-evil", "1"),
    ("x a", "1"),
    ("x-a:", "1"),
    ("", "1"),
    ("é", "1"),
    (":authority", "evil.test"),
    ("host", "evil.test"),
    ("Host", "evil.test"),
    ("authorization", "Bearer mine"),
    ("AUTHORIZATION", "Basic eDp5"),
    ("cookie", "session=1"),
    ("proxy-authorization", "Basic eDp5"),
    ("connection", "close"),
    ("connection", "authorization"),
    ("keep-alive", "timeout=1"),
    ("te", "trailers"),
    ("trailer", "x-a"),
    ("transfer-encoding", "chunked"),
    ("Transfer-Encoding", "identity"),
    ("content-length", "0"),
    ("upgrade", "websocket"),
    ("expect", "100-continue"),
    ("accept-encoding", "identity"),
    ("idempotency-key", "mine"),
    ("forwarded", "for=1.1.1.1"),
    ("x-forwarded-for", "1.1.1.1"),
    ("x-forwarded-host", "evil.test"),
    ("x-real-ip", "1.1.1.1"),
    ("x-http-method-override", "DELETE"),
    ("x-original-url", "/admin"),
];

#[tokio::test]
async fn a_guest_cannot_set_what_is_the_hosts() {
    let case = Case::of(Probe::FetchOrFail).await;
    for (name, value) in REFUSED {
        let outcome = case.call(&json!({ "target": "/x", "headers": [["x-ok", "1"], [name, value]] })).await;
        let detail = outcome.requests(0).failed(502, "guest_error", "guest");
        assert!(!detail.contains("evil") && !detail.contains("mine"), "{name:?}: {detail}");
    }
    let many: Vec<_> = (0..65).map(|n| [format!("x-{n}"), "1".to_owned()]).collect();
    let outcome = case.call(&json!({ "target": "/x", "headers": many })).await;
    outcome.requests(0).failed(502, "guest_limit", "limit");
    let outcome = case.call(&json!({ "target": "/x", "headers": [["x-long", "1".repeat(17 << 10)]] })).await;
    outcome.requests(0).failed(502, "guest_limit", "limit");
    assert_eq!((case.arrived().len(), case.upstream.connections()), (0, 1));
}

/// Wherever the credential goes, a guest can put nothing there.
#[tokio::test]
async fn a_guest_cannot_set_what_carries_the_credential() {
    for (pattern, input) in [
        ("header", json!({ "target": "/x", "headers": [["x-api-key", "mine"]] })),
        ("header", json!({ "target": "/x", "headers": [["X-API-KEY", "mine"]] })),
        ("query", json!({ "target": "/x", "query": [["api_key", "mine"]] })),
        ("query", json!({ "target": "/x?api_key=mine" })),
        ("query", json!({ "target": "/x?api%5Fkey=mine" })),
        ("cookie", json!({ "target": "/x", "headers": [["cookie", "session=mine"]] })),
    ] {
        let case = Case::sealed(pattern, Canary::plain(), |key| json!({ "key": key })).await;
        let data = case.call(&input).await.requests(0).data();
        assert_eq!(data["error"]["kind"], "invalid", "{pattern}: {data}");
        assert!(case.arrived().is_empty(), "{pattern}");
    }
}

/// The other way: what an upstream sends beyond all measure is refused, and the call fails by a limit.
#[tokio::test]
async fn too_many_response_headers_are_not_taken() {
    let case = Case::of(Probe::FetchOrFail).await;
    case.answer(|_| Reply::text(200, "x").header("x-long", "1".repeat(65 << 10)));
    let outcome = case.call(&json!({ "target": "/x" })).await;
    outcome.requests(1).failed(502, "guest_limit", "limit");
    case.answer(|_| (0..120).fold(Reply::text(200, "x"), |reply, n| reply.header(&format!("x-{n}"), "1")));
    let outcome = case.call(&json!({ "target": "/x" })).await;
    outcome.requests(1).failed(502, "upstream_error", "upstream");
}
