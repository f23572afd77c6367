//! An upstream that is slow, gone, broken, or answers too much: told apart, and never waited for too long.

use gloveport_probe::Probe;
use gloveport_tests::upstream::{Encoding, RawUpstream, Reply};
use serde_json::json;
use tokio::net::TcpListener;

use crate::probes::{Case, USER};

/// AK-507: the caller's time is over while the provider still thinks.
#[tokio::test]
async fn an_upstream_that_never_answers_is_a_timeout() {
    let case = Case::of(Probe::FetchOrFail).await;
    for reply in [Reply::never(), Reply::stalled("text/plain", "half")] {
        case.answer(move |_| reply.clone());
        for timeout_ms in [500, 1000] {
            let outcome = case.call_with(json!({ "input": { "target": "/x" }, "timeout_ms": timeout_ms })).await;
            let detail = outcome.requests(1).failed(504, "upstream_timeout", "upstream");
            assert!(detail.contains(&format!("{timeout_ms} ms")), "{detail}");
        }
    }
    for timeout_ms in [json!(0), json!(120_001), json!(-1), json!("soon"), json!(1.5)] {
        let body = json!({ "identifier": USER, "input": { "target": "/x" }, "timeout_ms": timeout_ms });
        let answer = case.host.client().post("/v1/tools/probe_fetch_or_fail/execute", &body).await;
        assert_eq!(answer.problem(400), "invalid_request", "{timeout_ms}");
    }
}

/// A body that ends in the middle is not an answer.
#[tokio::test]
async fn a_broken_body_is_the_upstreams_error() {
    let case = Case::of(Probe::FetchOrFail).await;
    case.answer(|_| Reply::broken("text/plain", "half"));
    let detail = case.call(&json!({ "target": "/x" })).await.requests(1).failed(502, "upstream_error", "upstream");
    assert!(detail.contains("broken"), "{detail}");
    case.answer(|_| Reply::text(200, "not gzip").header("content-encoding", "gzip"));
    case.call(&json!({ "target": "/x" })).await.requests(1).failed(502, "upstream_error", "upstream");
    case.answer(|_| Reply::text(200, "?").header("content-encoding", "zstd"));
    case.call(&json!({ "target": "/x" })).await.requests(1).failed(502, "upstream_error", "upstream");
}

/// What is not HTTP, or breaks off within its head: seen by the test call, and nothing is stored.
#[tokio::test]
async fn broken_http_is_the_upstreams_error() {
    let case = Case::of(Probe::Fetch).await;
    for answer in [
        "",
        "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhal",
        "HTTP/1.1 200 OK\r\nbad header",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 999999 ?\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let raw = RawUpstream::start(answer).await;
        let (told, record) = case.try_base_url(&raw.url("")).await;
        assert_eq!((told.status, told.json()["code"].as_str()), (502, Some("upstream_error")), "{answer:?}: {told:?}");
        assert_eq!((&record["culprit"], &record["requests"]), (&json!("upstream"), &json!(1)), "{answer:?}");
        assert_eq!(raw.heads().len(), 1, "not sent twice: it may have been carried out");
    }
}

/// Nobody listens: nothing left, and the record says so.
#[tokio::test]
async fn a_refused_connection_is_the_upstreams_error() {
    let case = Case::of(Probe::Fetch).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    let (told, record) = case.try_base_url(&format!("http://{gone}")).await;
    assert_eq!((told.status, told.json()["code"].as_str()), (502, Some("upstream_error")), "{told:?}");
    assert_eq!((&record["culprit"], &record["requests"]), (&json!("upstream"), &json!(0)));
    let detail = record["detail"].as_str().unwrap();
    assert!(detail.starts_with("unreachable: no connection"), "{detail}");
}

/// A body that is small on the wire and endless when decoded.
#[tokio::test]
async fn a_compression_bomb_is_a_limit() {
    let case = Case::of(Probe::FetchOrFail).await;
    for encoding in [Encoding::Gzip, Encoding::Deflate, Encoding::Brotli] {
        let bomb = Reply::encoded(encoding, "text/plain", &vec![b'x'; 32 << 20]);
        case.answer(move |_| bomb.clone());
        let outcome = case.call(&json!({ "target": "/x" })).await;
        let detail = outcome.requests(1).failed(502, "guest_limit", "limit");
        assert!(outcome.record["received_bytes"].as_u64().unwrap() < 1 << 20, "{encoding:?}: {detail}");
    }
}
