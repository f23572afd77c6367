//! One message of a program on standard input: what it is, and the headers that an endpoint wants with it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

/// Where a message says which revision it speaks, from 2026-07-28 on.
const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

pub(super) const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// A code of errors that the bridge itself answers.
const NOT_REACHED: i64 = -32000;
const PARSE: i64 = -32700;

/// A message that is to be sent on.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// As it came.
    pub(super) text: String,
    /// What its answer is called by; `None` where none is wanted.
    pub(super) id: Option<Value>,
    pub(super) method: String,
    params: Value,
}

/// What the answer to `initialize` said, which goes with each later message of the earlier revisions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Begun {
    pub(super) session: Option<HeaderValue>,
    pub(super) version: Option<HeaderValue>,
}

impl Message {
    /// Reads a line. One that is JSON is sent on whatever it means: the endpoint says what is wrong with it.
    ///
    /// # Errors
    ///
    /// With what the program is answered.
    pub(super) fn read(line: String) -> Result<Self, String> {
        let value: Value = serde_json::from_str(&line).map_err(|error| {
            json!({ "jsonrpc": "2.0", "id": null, "error": { "code": PARSE, "message": format!("no JSON: {error}") } })
                .to_string()
        })?;
        let method = value["method"].as_str().unwrap_or_default().to_owned();
        let id = value.get("id").filter(|_| !method.is_empty()).cloned();
        Ok(Self { id, method, params: value["params"].clone(), text: one_line(line) })
    }

    /// Whether each request of its revision stands by itself.
    pub(super) fn is_modern(&self) -> bool {
        self.version().is_some()
    }

    /// Whether its answer is a stream without an end.
    pub(super) fn listens(&self) -> bool {
        self.method == "subscriptions/listen"
    }

    /// The request that it says is no longer wanted.
    pub(super) fn cancels(&self) -> Option<String> {
        (self.method == "notifications/cancelled").then(|| self.params["requestId"].to_string())
    }

    /// The headers that say what the message says.
    pub(super) fn headers(&self, begun: &Begun) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let Some(version) = self.version() else {
            headers.extend(begun.version.clone().map(|version| (VERSION, version)));
            headers.extend(begun.session.clone().map(|session| (SESSION, session)));
            return headers;
        };
        let member = match self.method.as_str() {
            "tools/call" | "prompts/get" => "name",
            "resources/read" => "uri",
            "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
            _ => "",
        };
        let name = self.params[member].as_str();
        let texts = [(VERSION, Some(version)), (METHOD, Some(self.method.as_str())), (NAME, name)];
        for (header, text) in texts {
            headers.extend(text.map(|text| (header, coded(text))));
        }
        headers
    }

    /// An error for its sender, where one waits for an answer.
    pub(super) fn failed(&self, reason: &str) -> Option<String> {
        let error = json!({ "code": NOT_REACHED, "message": reason });
        Some(json!({ "jsonrpc": "2.0", "id": self.id.as_ref()?, "error": error }).to_string())
    }

    /// Whether an answer is the one to this.
    pub(super) fn is_answered_by(&self, answer: &Value) -> bool {
        answer.get("method").is_none() && answer.get("id") == self.id.as_ref()
    }

    fn version(&self) -> Option<&str> {
        self.params["_meta"][VERSION_KEY].as_str()
    }
}

/// JSON without line ends, which are spaces outside of its texts and cannot be inside.
pub(super) fn one_line(json: String) -> String {
    if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ") } else { json }
}

/// A header's value; one that is no header's text comes as base64 between two marks.
fn coded(text: &str) -> HeaderValue {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.trim() == text && !text.starts_with("=?");
    let plain = plain.then(|| HeaderValue::from_str(text).ok()).flatten();
    let coded = || HeaderValue::from_str(&format!("=?base64?{}?=", STANDARD.encode(text))).ok();
    plain.or_else(coded).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &Value) -> Message {
        Message::read(value.to_string()).unwrap()
    }

    #[test]
    fn the_current_revision_says_all_in_each_request() {
        let meta = json!({ VERSION_KEY: "2026-07-28" });
        let begun = Begun { session: Some(HeaderValue::from_static("s")), version: None };
        for (method, params, name) in [
            ("tools/call", json!({ "name": "t", "_meta": meta }), Some("t")),
            ("tools/call", json!({ "name": "wörld", "_meta": meta }), Some("=?base64?d8O2cmxk?=")),
            ("tools/call", json!({ "name": " t", "_meta": meta }), Some("=?base64?IHQ=?=")),
            (
                "tools/call",
                json!({ "name": "=?base64?eA==?=", "_meta": meta }),
                Some("=?base64?PT9iYXNlNjQ/ZUE9PT89?="),
            ),
            ("resources/read", json!({ "uri": "a://b", "_meta": meta }), Some("a://b")),
            ("tasks/get", json!({ "taskId": "exe_1", "_meta": meta }), Some("exe_1")),
            ("tools/list", json!({ "name": "t", "_meta": meta }), None),
        ] {
            let message = read(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }));
            let headers = message.headers(&begun);
            let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap());
            assert!(message.is_modern());
            assert_eq!((text(&VERSION), text(&METHOD)), (Some("2026-07-28"), Some(method)));
            assert_eq!((text(&NAME), text(&SESSION)), (name, None), "{params}");
        }
    }

    #[test]
    fn the_earlier_ones_repeat_what_they_were_told() {
        let begun = Begun {
            session: Some(HeaderValue::from_static("s")),
            version: Some(HeaderValue::from_static("2025-11-25")),
        };
        let message = read(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "t" } }));
        let headers = message.headers(&begun);
        let expected = [begun.version.as_ref(), begun.session.as_ref(), None];
        assert_eq!([VERSION, SESSION, METHOD].map(|name| headers.get(name)), expected);
        assert!(message.headers(&Begun::default()).is_empty() && !message.is_modern());
    }

    #[test]
    fn only_requests_are_answered() {
        let request = read(&json!({ "jsonrpc": "2.0", "id": "a", "method": "ping" }));
        assert!(request.failed("no").unwrap().contains(r#""id":"a""#));
        assert!(request.is_answered_by(&json!({ "id": "a", "result": {} })));
        for other in [json!({ "id": 1, "result": {} }), json!({ "id": "a", "method": "x" }), json!({}), json!(7)] {
            assert!(!request.is_answered_by(&other), "{other}");
        }
        for silent in [json!({ "method": "x" }), json!({ "id": 1, "result": {} }), json!([]), json!("x")] {
            assert_eq!(read(&silent).failed("no"), None, "{silent}");
        }
        let cancelled = json!({ "method": "notifications/cancelled", "params": { "requestId": "a" } });
        assert_eq!(read(&cancelled).cancels(), Some("\"a\"".into()));
        for no in ["", "{", "{} x", "\u{0}"] {
            assert!(Message::read(no.into()).unwrap_err().contains("-32700"), "{no:?}");
        }
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(one_line("{\n \"a\": \"b\\n\"\r\n}".into()), "{  \"a\": \"b\\n\"  }");
    }
}
