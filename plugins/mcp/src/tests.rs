//! Servers in, tools out, and what their calls send and make of answers: natively, on a host that a test plays.

mod calls;
mod discoveries;
mod imports;
mod offers;

use gloveport_sdk::fake_host::{Body, Recorded};
use serde_json::{Value, json};

/// A body that was sent, as JSON.
fn body(request: &Recorded) -> Value {
    match &request.body {
        Body::Json(text) => serde_json::from_str(text).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// A header that was sent.
fn header<'a>(request: &'a Recorded, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

/// An answer of the protocol.
fn result(id: u64, result: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

/// An error of the protocol.
fn error(id: Value, code: i64, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}
