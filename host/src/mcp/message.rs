//! JSON-RPC 2.0 as MCP uses it: one message, and what is answered to it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::names::code;

/// Bytes of the name of a request: clients use numbers and UUIDs.
const MAX_ID: usize = 256;

/// A message of a client.
#[derive(Debug)]
pub(super) enum Message {
    /// It wants an answer.
    Request(Request),
    /// It wants none.
    Notification(Request),
    /// It answers something, and this server asks nothing.
    Response,
}

/// A method and what it is given.
#[derive(Debug)]
pub(super) struct Request {
    /// A text or a number; null of a notification.
    pub(super) id: Value,
    pub(super) method: String,
    params: Option<Box<RawValue>>,
}

/// Why a message is not carried out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RpcError {
    pub(super) code: i64,
    pub(super) message: String,
    pub(super) data: Option<Value>,
}

#[derive(Deserialize)]
struct Envelope {
    jsonrpc: Option<String>,
    #[serde(default, deserialize_with = "given")]
    id: Option<Value>,
    method: Option<String>,
    params: Option<Box<RawValue>>,
    result: Option<Box<RawValue>>,
    error: Option<Box<RawValue>>,
}

/// A null that is there is no request's name, and is told from none.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Message {
    /// Reads one message. Several in one request were allowed in one revision, and are not here.
    pub(super) fn read(body: &[u8]) -> Result<Self, RpcError> {
        let parsed: Result<Value, _> = serde_json::from_slice(body);
        if let Err(error) = &parsed {
            return Err(RpcError::new(code::PARSE, format!("the body is not JSON: {error}")));
        }
        let invalid = |message: &str| RpcError::new(code::INVALID_REQUEST, message);
        let envelope: Envelope =
            serde_json::from_slice(body).map_err(|_| invalid("the body has to be one JSON-RPC message, an object"))?;
        if envelope.jsonrpc.as_deref() != Some("2.0") {
            return Err(invalid("`jsonrpc` has to be \"2.0\""));
        }
        let Some(method) = envelope.method else {
            let answers = envelope.result.is_some() || envelope.error.is_some();
            return if answers { Ok(Self::Response) } else { Err(invalid("the message has no `method`")) };
        };
        match envelope.id {
            None => Ok(Self::Notification(Request { id: Value::Null, method, params: envelope.params })),
            Some(id) if is_id(&id) => Ok(Self::Request(Request { id, method, params: envelope.params })),
            Some(_) => Err(invalid("`id` has to be a short text or a whole number")),
        }
    }
}

fn is_id(id: &Value) -> bool {
    match id {
        Value::String(text) => text.len() <= MAX_ID,
        Value::Number(number) => number.is_i64() || number.is_u64(),
        _ => false,
    }
}

impl Request {
    /// What it is given, read as a method wants it.
    pub(super) fn params<T: DeserializeOwned>(&self) -> Result<T, RpcError> {
        let text = self.params.as_ref().map_or("{}", |params| params.get());
        serde_json::from_str(text).map_err(|error| RpcError::params(format!("`params`: {error}")))
    }
}

impl RpcError {
    pub(super) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// What is given does not fit the method.
    pub(super) fn params(message: impl Into<String>) -> Self {
        Self::new(code::INVALID_PARAMS, message)
    }

    /// The host cannot, and its log says why.
    pub(super) fn internal() -> Self {
        Self::new(code::INTERNAL, "the host cannot do this now; its log says why")
    }

    /// As it is written, for the request of this name.
    pub(super) fn written(&self, id: &Value) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = &self.data {
            error["data"] = data.clone();
        }
        json!({ "jsonrpc": "2.0", "id": id, "error": error })
    }
}

/// A result as it is written, for the request of this name.
pub(super) fn result(id: &Value, result: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

/// A notification as it is written.
pub(super) fn notification(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_refused() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for (body, expected) in [
            ("", code::PARSE),
            ("{", code::PARSE),
            (r#"{"jsonrpc":"2.0"} x"#, code::PARSE),
            (deep.as_str(), code::PARSE),
            ("null", code::INVALID_REQUEST),
            ("[]", code::INVALID_REQUEST),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, code::INVALID_REQUEST),
            ("{}", code::INVALID_REQUEST),
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, code::INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":1}"#, code::INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, code::INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, code::INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, code::INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, code::INVALID_REQUEST),
        ] {
            assert_eq!(Message::read(body.as_bytes()).unwrap_err().code, expected, "{body:.80}");
        }
        let long = format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#, "x".repeat(MAX_ID + 1));
        assert_eq!(Message::read(long.as_bytes()).unwrap_err().code, code::INVALID_REQUEST);
    }

    #[test]
    fn the_three_kinds_are_told_apart() {
        let read = |body: &str| Message::read(body.as_bytes()).unwrap();
        for id in ["1", "\"a\"", "-7"] {
            let Message::Request(request) = read(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"m"}}"#)) else {
                panic!("{id}")
            };
            assert_eq!((request.id.to_string().as_str(), request.method.as_str()), (id, "m"));
        }
        assert!(matches!(read(r#"{"jsonrpc":"2.0","method":"m","params":{}}"#), Message::Notification(_)));
        assert!(matches!(read(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Message::Response));
        assert!(matches!(read(r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#), Message::Response));
    }

    #[test]
    fn an_error_names_its_request() {
        let error = RpcError { data: Some(json!([1])), ..RpcError::params("no") };
        let expected = json!({ "jsonrpc": "2.0", "id": "a",
            "error": { "code": -32602, "message": "no", "data": [1] } });
        assert_eq!(error.written(&json!("a")), expected);
    }
}
