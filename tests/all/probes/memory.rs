//! HC-17: the credential is nowhere in a guest's memory, and nothing of one call is left for the next.

use gloveport_tests::upstream::Reply;
use serde_json::{Value, json};

use super::Case;

/// A number that no byte of a token is, so that the masked needle resembles nothing.
const MASK: u8 = 0xa5;

fn masked(needle: &str) -> Vec<u8> {
    needle.bytes().map(|byte| byte ^ MASK).collect()
}

/// What a call finds of `needle` after it has sent a request whose answer is full of the credential.
async fn scan(case: &Case, needle: &str) -> Value {
    let request = json!({
        "method": "POST", "target": "/echo", "headers": [["x-note", "one"]],
        "body": { "kind": "json", "text": "{\"a\":1}" },
    });
    let input = json!({ "masked": masked(needle), "mask": MASK, "request": request });
    let outcome = case.call(&input).await;
    assert!(outcome.scrubbed() > 0, "the answer held it: {outcome:?}");
    outcome.requests(1).data()
}

pub(super) async fn scan_memory(case: &Case) {
    case.answer(|request| {
        let secret = request.header("authorization").unwrap_or_default().to_owned();
        let hex = hex::encode(&secret);
        Reply::text(200, &format!("LANDMARK {secret} {hex} {}", secret.repeat(3))).header("x-echo", secret)
    });
    let token = case.canary.token();
    let hex = hex::encode(token);
    for needle in [token, &token[..12], &token[8..], &hex, &hex[..24]] {
        let found = scan(case, needle).await;
        assert_eq!(found["count"], 0, "{needle}: {found}");
        assert!(found["scanned"].as_u64().unwrap() > 1 << 20, "{found}");
    }
    // What shows that the search finds what is there: the rest of that answer.
    assert!(scan(case, "LANDMARK Bearer [redacted]").await["count"].as_u64().unwrap() > 0);
    let arrived = case.arrived();
    assert_eq!(arrived.len(), 6);
    assert!(arrived.iter().all(|request| request.header("authorization") == Some(&format!("Bearer {token}"))));
}

/// A fresh instance per call: what a static holds is gone.
pub(super) async fn remember(case: &Case) {
    for _ in 0..5 {
        assert_eq!(case.call(&json!({})).await.requests(0).data(), 0);
    }
}
