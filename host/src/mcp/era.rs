//! Which revision a request speaks, and what its client can.

use std::fmt;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::message::{Request, RpcError};
use super::names::{LEGACY, MODERN, TASKS, UNSAID, code, header, meta};

/// How a request is to be answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Era {
    /// Position in [`LEGACY`]; `None` for the current revision.
    legacy: Option<usize>,
    /// What the client can show its user.
    pub(super) elicits: Elicits,
    /// Whether the client follows tasks: calls that go on after their request.
    pub(super) tasks: bool,
    /// What the client calls this request where it wants to hear of its progress.
    pub(super) progress_token: Option<Value>,
}

/// What a client can show its user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Elicits {
    /// A form to fill in.
    pub(super) form: bool,
    /// A link to open.
    pub(super) url: bool,
}

#[derive(Default, Deserialize)]
struct Params {
    #[serde(default, rename = "_meta")]
    meta: serde_json::Map<String, Value>,
    name: Option<Value>,
    uri: Option<Value>,
    #[serde(rename = "taskId")]
    task: Option<Value>,
}

impl Era {
    /// Of a request, held to what its headers say.
    pub(super) fn of(request: &Request, headers: &HeaderMap) -> Result<Self, RpcError> {
        let params: Params = request.params()?;
        let progress_token = params.meta.get("progressToken").filter(|token| token.is_string() || token.is_number());
        let progress_token = progress_token.cloned();
        let said = text(headers, header::VERSION)?;
        let legacy = said.as_deref().is_none_or(|said| LEGACY.contains(&said));
        match params.meta.get(meta::VERSION) {
            Some(version) => {
                let capabilities = params.meta.get(meta::CAPABILITIES);
                let elicits = Elicits::of(capabilities);
                let tasks = capabilities.is_some_and(|said| said["extensions"][TASKS].is_object());
                check_modern(version, said.as_deref())?;
                check_method(request, headers)?;
                check_name(request, &params, headers)?;
                if !capabilities.is_some_and(Value::is_object) {
                    return Err(RpcError::params(format!("`_meta` has to have `{}`", meta::CAPABILITIES)));
                }
                Ok(Self { legacy: None, elicits, tasks, progress_token })
            }
            None if legacy || request.method == "initialize" => {
                let version = said.as_deref().filter(|_| legacy).unwrap_or(UNSAID);
                let legacy = LEGACY.iter().position(|known| *known == version);
                let elicits = Elicits::in_session(text(headers, header::SESSION)?.as_deref());
                Ok(Self { legacy, elicits, tasks: false, progress_token })
            }
            None if said.as_deref() == Some(MODERN) => {
                Err(RpcError::params(format!("`_meta` has to have `{}`", meta::VERSION)))
            }
            None => Err(unsupported(said.as_deref().unwrap_or_default())),
        }
    }

    /// The one that a client is told in answer to `initialize`: what it asked for, or the newest.
    pub(super) fn begun(asked: &str, capabilities: Option<&Value>) -> Self {
        let legacy = LEGACY.iter().position(|known| *known == asked).unwrap_or_default();
        Self { legacy: Some(legacy), elicits: Elicits::of(capabilities), tasks: false, progress_token: None }
    }

    /// Whether each request stands by itself.
    pub(super) fn is_modern(&self) -> bool {
        self.legacy.is_none()
    }

    /// Whether it is this revision or a later one.
    pub(super) fn since(&self, version: &str) -> bool {
        let known = LEGACY.iter().position(|known| *known == version);
        match (self.legacy, known) {
            (None, _) => true,
            (Some(own), Some(other)) => own <= other,
            (Some(_), None) => false,
        }
    }
}

impl fmt::Display for Era {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.legacy.and_then(|at| LEGACY.get(at)).copied().unwrap_or(MODERN))
    }
}

impl Elicits {
    /// As a client says it. One that says nothing more precise shows forms.
    fn of(capabilities: Option<&Value>) -> Self {
        let Some(said) = capabilities.and_then(|said| said.get("elicitation")).and_then(Value::as_object) else {
            return Self::default();
        };
        Self { form: said.is_empty() || said.contains_key("form"), url: said.contains_key("url") }
    }

    /// The end of a session's name.
    pub(super) fn as_suffix(self) -> &'static str {
        match (self.form, self.url) {
            (false, false) => "-n",
            (true, false) => "-f",
            (false, true) => "-u",
            (true, true) => "-fu",
        }
    }

    /// Reads [`Elicits::as_suffix`] back. What a client makes up about itself harms nobody else.
    fn in_session(name: Option<&str>) -> Self {
        let all = [(false, false), (true, false), (false, true), (true, true)].map(|(form, url)| Self { form, url });
        let suffix = name.and_then(|name| name.rfind('-').map(|at| &name[at..]));
        all.into_iter().find(|said| Some(said.as_suffix()) == suffix).unwrap_or_default()
    }
}

fn check_modern(version: &Value, said: Option<&str>) -> Result<(), RpcError> {
    let Some(version) = version.as_str() else {
        return Err(RpcError::params(format!("`{}` has to be a text", meta::VERSION)));
    };
    if said != Some(version) {
        return Err(mismatch("MCP-Protocol-Version"));
    }
    if version == MODERN { Ok(()) } else { Err(unsupported(version)) }
}

fn check_method(request: &Request, headers: &HeaderMap) -> Result<(), RpcError> {
    let said = text(headers, header::METHOD)?;
    if said.as_deref() == Some(&request.method) { Ok(()) } else { Err(mismatch("Mcp-Method")) }
}

/// What is called or read is named in a header too, so that those in between need not read the body.
fn check_name(request: &Request, params: &Params, headers: &HeaderMap) -> Result<(), RpcError> {
    let named = match request.method.as_str() {
        "tools/call" | "prompts/get" => &params.name,
        "resources/read" => &params.uri,
        "tasks/get" | "tasks/update" | "tasks/cancel" => &params.task,
        _ => return Ok(()),
    };
    let said = text(headers, header::NAME)?.map(|said| decoded(&said).ok_or_else(|| mismatch("Mcp-Name")));
    let said = said.transpose()?;
    let same = said.is_some() && said.as_deref() == named.as_ref().and_then(Value::as_str);
    if same { Ok(()) } else { Err(mismatch("Mcp-Name")) }
}

/// Names that are no header's text come as base64 between two marks.
fn decoded(said: &str) -> Option<String> {
    match said.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(coded) => String::from_utf8(STANDARD.decode(coded).ok()?).ok(),
        None => Some(said.to_owned()),
    }
}

/// A header that may be there once.
fn text(headers: &HeaderMap, name: &str) -> Result<Option<String>, RpcError> {
    let mut all = headers.get_all(name).iter();
    let Some(value) = all.next() else { return Ok(None) };
    match value.to_str() {
        Ok(value) if all.next().is_none() => Ok(Some(value.to_owned())),
        _ => Err(mismatch(name)),
    }
}

fn mismatch(header: &str) -> RpcError {
    let message = format!("the header `{header}` has to be there once, and to say what the body says");
    RpcError::new(code::HEADER_MISMATCH, message)
}

fn unsupported(requested: &str) -> RpcError {
    let supported: Vec<&str> = std::iter::once(MODERN).chain(LEGACY).collect();
    let data = json!({ "supported": supported, "requested": requested });
    RpcError { data: Some(data), ..RpcError::new(code::UNSUPPORTED_VERSION, "this revision is not spoken here") }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::super::message::Message;
    use super::*;

    fn request(method: &str, params: &Value) -> Request {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        match Message::read(body.to_string().as_bytes()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        all.iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap()))
            .collect()
    }

    fn modern(name: &str) -> Value {
        json!({ "name": name, "_meta": { meta::VERSION: MODERN, meta::CAPABILITIES: { "elicitation": { "url": {} } } } })
    }

    #[test]
    fn headers_say_what_the_body_says() {
        let all = [(header::VERSION, MODERN), (header::METHOD, "tools/call"), (header::NAME, "t")];
        let era = Era::of(&request("tools/call", &modern("t")), &headers(&all)).unwrap();
        assert!(era.is_modern() && era.since(LEGACY[0]) && era.elicits == Elicits { form: false, url: true });
        for at in 0..all.len() {
            let mut without = all.to_vec();
            without.remove(at);
            let error = Era::of(&request("tools/call", &modern("t")), &headers(&without)).unwrap_err();
            assert_eq!(error.code, code::HEADER_MISMATCH, "{without:?}");
            for other in ["x", "T", "2025-11-25", "=?base64?!?=", "tools/list", " "] {
                let mut wrong = all.to_vec();
                wrong[at].1 = other;
                let error = Era::of(&request("tools/call", &modern("t")), &headers(&wrong)).unwrap_err();
                assert_eq!(error.code, code::HEADER_MISMATCH, "{wrong:?}");
            }
            let mut twice = headers(&all);
            twice.append(all[at].0, HeaderValue::from_str(all[at].1).unwrap());
            let error = Era::of(&request("tools/call", &modern("t")), &twice).unwrap_err();
            assert_eq!(error.code, code::HEADER_MISMATCH, "{:?} twice", all[at]);
        }
    }

    #[test]
    fn a_name_may_be_coded() {
        let all = |name| [(header::VERSION, MODERN), (header::METHOD, "tools/call"), (header::NAME, name)];
        let coded = format!("=?base64?{}?=", STANDARD.encode("wörld"));
        assert!(Era::of(&request("tools/call", &modern("wörld")), &headers(&all(&coded))).is_ok());
        for (name, said) in [("wörld", "wörld"), ("world", coded.as_str()), ("=?base64?eA==?=", "=?base64?eA==?=")] {
            assert!(Era::of(&request("tools/call", &modern(name)), &headers(&all(said))).is_err(), "{name} {said}");
        }
    }

    #[test]
    fn other_revisions_are_told_what_there_is() {
        let of = |params: &Value, version: &str| {
            let method = request("tools/list", params);
            Era::of(&method, &headers(&[(header::VERSION, version), (header::METHOD, "tools/list")]))
        };
        let later = json!({ "_meta": { meta::VERSION: "2030-01-01", meta::CAPABILITIES: {} } });
        let error = of(&later, "2030-01-01").unwrap_err();
        assert_eq!((error.code, &error.data.unwrap()["supported"][0]), (code::UNSUPPORTED_VERSION, &json!(MODERN)));
        assert_eq!(of(&json!({}), "2030-01-01").unwrap_err().code, code::UNSUPPORTED_VERSION);
        assert_eq!(of(&json!({}), MODERN).unwrap_err().code, code::INVALID_PARAMS);
        let nothing = json!({ "_meta": { meta::VERSION: MODERN } });
        assert_eq!(of(&nothing, MODERN).unwrap_err().code, code::INVALID_PARAMS);
        for version in LEGACY {
            let era = of(&json!({}), version).unwrap();
            assert_eq!((era.to_string().as_str(), era.is_modern()), (version, false));
        }
        assert!(of(&json!({}), LEGACY[1]).unwrap().since(LEGACY[2]));
        assert!(!of(&json!({}), LEGACY[2]).unwrap().since(LEGACY[1]));
    }

    #[test]
    fn a_session_says_what_its_client_shows() {
        for said in [json!({}), json!({ "elicitation": {} }), json!({ "elicitation": { "url": {}, "form": {} } })] {
            let elicits = Era::begun("2025-11-25", Some(&said)).elicits;
            assert_eq!(Elicits::in_session(Some(&format!("ab{}", elicits.as_suffix()))), elicits);
        }
        assert_eq!(Elicits::of(Some(&json!({ "elicitation": {} }))), Elicits { form: true, url: false });
        for name in [None, Some(""), Some("x"), Some("-"), Some("a-x"), Some("fu")] {
            assert_eq!(Elicits::in_session(name), Elicits::default(), "{name:?}");
        }
        assert_eq!(Era::begun("1999-01-01", None).to_string(), LEGACY[0]);
    }
}
