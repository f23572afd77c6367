//! What comes out of a guest: unchanged, gigantic, malformed, or not at all.

use serde_json::{Value, json};

use super::Case;

/// HC-04: nothing between the caller and the connector reads a number as a double.
pub(super) async fn echo(case: &Case) {
    let input = r#"{"n":123456789012345678901234567890,"u":18446744073709551615,"f":1.10,"é":"\u0000\ud83d\ude00"}"#;
    let body = format!(r#"{{"identifier":"ada","input":{input}}}"#);
    let json = [("content-type", "application/json")];
    let answer = case.host.client().send("POST", "/v1/tools/probe_echo/execute", &json, body).await;
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(text.contains(&format!(r#""data":{input}"#)), "{text}");
    let first = case.call(&json!({ "a": [1, 2, { "b": null }] })).await;
    let second = case.call(&json!({ "a": [1, 2, { "b": null }] })).await;
    assert_eq!(first.requests(0).data(), second.data(), "the same input gives the same output");
    assert_eq!(first.record["input_digest"], second.record["input_digest"]);
    assert_eq!((first.scrubbed(), case.arrived().len()), (0, 0));
}

pub(super) async fn say_nothing(case: &Case) {
    assert_eq!(case.call(&json!({})).await.requests(0).data(), Value::Null);
}

pub(super) async fn list(case: &Case) {
    let data = case.call(&json!({})).await.requests(0).data();
    assert_eq!(data, json!({ "items": [1, u64::MAX] }));
}

/// Lesson 11: stopped at the limit that it meets first, each named.
pub(super) async fn gigantic_output(case: &Case) {
    assert_eq!(case.call(&json!({ "bytes": 1 << 20 })).await.data().as_str().unwrap().len(), 1 << 20);
    for (bytes, limit) in [(8 << 20, "output_bytes"), (100 << 20, "guest_memory_bytes")] {
        let outcome = case.call(&json!({ "bytes": bytes })).await;
        let detail = outcome.requests(0).failed(502, "guest_limit", "limit");
        assert!(detail.contains(limit), "{detail}");
        assert!(outcome.answer.body.len() < 4096, "nothing of the output is in the answer");
    }
}

pub(super) async fn invalid_utf8_output(case: &Case) {
    let detail = case.call(&json!({})).await.requests(0).failed(502, "guest_error", "guest");
    assert!(detail.to_lowercase().contains("utf-8"), "{detail}");
}

pub(super) async fn bad_json_output(case: &Case) {
    let outcome = case.call(&json!({})).await;
    let detail = outcome.requests(0).failed(502, "guest_error", "guest");
    assert!(detail.contains("not JSON"), "{detail}");
    assert!(!detail.contains("half"), "the output itself is not told: {detail}");
}

/// The output's schema is a promise to models: what is against it is the connector's mistake, told by its places, and
/// on record. That the call has run is said as well.
pub(super) async fn output_against_schema(case: &Case) {
    let outcome = case.call(&json!({})).await;
    let detail = outcome.requests(0).failed(502, "guest_error", "guest");
    assert!(detail.contains("output schema") && detail.contains("has run"), "{detail}");
    let errors = outcome.answer.json()["errors"].clone();
    let paths: Vec<_> = errors.as_array().unwrap().iter().map(|error| error["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/id"], "{errors}");
    assert!(!outcome.record["detail"].as_str().unwrap().contains("seven"), "records hold no outputs");
}

/// Each failure of the contract is told apart, and a failure that is none is the caller's mistake.
pub(super) async fn fail(case: &Case) {
    for (kind, status, code, culprit) in [
        ("invalid-input", 422, "invalid_input", "caller"),
        ("not-found", 404, "not_found", "upstream"),
        ("denied", 403, "forbidden", "upstream"),
        ("auth-required", 409, "account_not_active", "upstream"),
        ("rate-limited", 429, "rate_limited", "upstream"),
        ("upstream", 502, "upstream_error", "upstream"),
        ("unsupported", 422, "invalid_input", "caller"),
        ("internal", 502, "guest_error", "guest"),
        ("no failure at all", 422, "invalid_input", "caller"),
    ] {
        let input = json!({ "kind": kind, "message": "the reason\r\nx: y", "status": 503, "retry_after_ms": 1500 });
        let outcome = case.call(&input).await;
        let detail = outcome.requests(0).failed(status, code, culprit);
        assert!(!detail.contains(['\r', '\n']), "{kind}: {detail:?}");
        let problem = outcome.answer.json();
        match kind {
            "invalid-input" => assert_eq!(problem["errors"][0]["path"], "/kind"),
            "rate-limited" => {
                assert_eq!(problem["retry_after_ms"], 1500);
                assert_eq!(outcome.answer.header("retry-after"), Some("2"));
            }
            "upstream" => assert!(detail.contains("503") && detail.contains("probe_code"), "{detail}"),
            _ => {}
        }
    }
    let long = case.call(&json!({ "kind": "internal", "message": "x".repeat(1 << 20) })).await;
    assert!(long.failed(502, "guest_error", "guest").len() < 4096);
}

pub(super) async fn trap(case: &Case) {
    let detail = case.call(&json!({})).await.requests(0).failed(502, "guest_error", "guest");
    assert!(detail.contains("unreachable"), "{detail}");
}

/// A panic's text can hold anything that the guest has seen: only its place gets out, and that only into the log.
pub(super) async fn panic(case: &Case) {
    let outcome = case.call(&json!({})).await;
    let detail = outcome.requests(0).failed(502, "guest_error", "guest");
    let log = String::from_utf8_lossy(&gloveport_tests::host::log::lines()).into_owned();
    assert!(log.contains("panicked at"), "the author is told where");
    for text in [detail, String::from_utf8_lossy(&outcome.answer.body).into_owned(), log] {
        assert!(!text.contains("panics on purpose"), "{text}");
    }
}
