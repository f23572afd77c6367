//! What callers write themselves, and what they are told.

use serde_json::json;

use super::*;
use crate::PROXY;

fn proxied(input: &Value, reply: Reply) -> (Result<Value, Failure>, Vec<Recorded>) {
    let path = input["path"].as_str().unwrap_or("/x");
    let host = FakeHost::new().on(input["method"].as_str().unwrap_or("GET"), path, reply);
    let output = host.run(|| call(Some(PROXY), &input.to_string()));
    (output.map(|text| serde_json::from_str(&text).unwrap()), host.requests())
}

/// AK-705: what came is passed on, whatever it is, and whatever the status.
#[test]
fn replies_are_passed_on() {
    let get = json!({ "method": "GET", "path": "/x" });
    for (reply, status, body) in [
        (Reply::json(200, json!({ "a": [1] })), 200, json!({ "a": [1] })),
        (Reply::json(200, json!([1])), 200, json!([1])),
        (Reply::json(404, json!({ "message": "no" })), 404, json!({ "message": "no" })),
        (Reply::text(500, "out of order"), 500, json!("out of order")),
        (Reply::bytes(200, "--- a").header("content-type", "application/vnd.github.diff"), 200, json!("--- a")),
        (Reply::bytes(200, "{").header("content-type", "application/json"), 200, json!("{")),
        (Reply::bytes(204, ""), 204, json!(null)),
        (
            Reply::bytes(200, vec![0, 255]).header("content-type", "image/png"),
            200,
            json!({ "content_type": "image/png", "base64": "AP8=" }),
        ),
    ] {
        let (output, _) = proxied(&get, reply.clone());
        let output = output.unwrap();
        assert_eq!((&output["status"], &output["body"]), (&json!(status), &body), "{reply:?}");
    }
    let (output, _) = proxied(&get, Reply::text(200, "x").header("x-a", "1").header("x-a", "2"));
    assert_eq!(output.unwrap()["headers"]["x-a"], "1, 2");
}

/// What cannot be a request is refused before anything is sent.
#[test]
fn what_is_no_request_is_not_sent() {
    for (input, at) in [
        (json!({ "method": "GET", "path": "x" }), "/path"),
        (json!({ "method": "GET", "path": "https://evil.example/x" }), "/path"),
        (json!({ "method": "GET", "path": "/x?a=1" }), "/path"),
        (json!({ "method": "GET", "path": "/x#a" }), "/path"),
        (json!({ "method": "GET", "path": "/\\evil.example" }), "/path"),
        (json!({ "method": "GET", "path": "/x\r\nhost: evil" }), "/path"),
        (json!({ "method": "POST", "path": "/x", "body": 1, "raw_body": "1" }), ""),
        (json!({ "method": "POST", "path": "/x", "body": 1, "form": {} }), ""),
        (json!({ "method": "POST", "path": "/x", "url": "https://evil.example" }), ""),
        (
            json!({ "method": "POST", "path": "/x", "multipart": { "f": { "base64": "%", "file_name": "a" } } }),
            "/multipart/f",
        ),
        (json!({ "method": "POST", "path": "/x", "multipart": { "f": { "base64": "AA==" } } }), "/multipart/f"),
    ] {
        let (output, sent) = proxied(&input, Reply::text(200, "sent"));
        assert!(
            matches!(output, Err(Failure::InvalidInput(ref errors)) if errors[0].path == at),
            "{input}: {output:?}"
        );
        assert!(sent.is_empty(), "{input}");
    }
}
