//! A request that a caller wrote: method, path and all else come from the input, and the reply goes back as it is.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gloveport_sdk::Failure;
use gloveport_sdk::http::{Part, Path, Request, Response};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::style::as_text;

/// The binding of such a tool.
pub const BINDING: &str = "proxy";

/// A request as a caller writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    method: String,
    path: String,
    #[serde(default)]
    query: BTreeMap<String, Value>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Box<RawValue>>,
    form: Option<BTreeMap<String, Value>>,
    multipart: Option<BTreeMap<String, Value>>,
    raw_body: Option<String>,
}

/// A file within a multipart body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    file_name: String,
    content_type: Option<String>,
    base64: String,
}

/// Sends what a caller wrote, and answers with what came: status, headers and body, also where the provider refused.
///
/// # Errors
/// [`Failure::InvalidInput`] for what cannot be sent; what the host says of the request.
pub(crate) fn call(input: &str) -> Result<String, Failure> {
    let written: Written =
        serde_json::from_str(input).map_err(|error| Failure::invalid_input("", error.to_string()))?;
    output(&request(written)?.send()?)
}

fn request(written: Written) -> Result<Request, Failure> {
    let Written { method, path, query, headers, body, form, multipart, raw_body } = written;
    // The host refuses what climbs or leads elsewhere; this is only what a path cannot have at all.
    if !path.starts_with('/') || path.contains(['?', '#', '\\']) || path.chars().any(char::is_control) {
        let detail = "must begin with `/`, and have neither `?` nor `#` in it: parameters go into `query`";
        return Err(Failure::invalid_input("/path", detail));
    }
    let bodies = [body.is_some(), form.is_some(), multipart.is_some(), raw_body.is_some()];
    if bodies.iter().filter(|given| **given).count() > 1 {
        return Err(Failure::invalid_input("", "give one of `body`, `form`, `multipart` and `raw_body`"));
    }
    let mut request = Request::new(method, Path::encoded(path));
    for (name, value) in pairs(query) {
        request = request.query(name, value);
    }
    request = match (body, form, multipart, raw_body) {
        (Some(body), ..) => request.json_text(body.get()),
        (_, Some(form), ..) => request.form(pairs(form)),
        (_, _, Some(fields), _) => request.multipart(parts(fields)?),
        (.., Some(raw)) => request.bytes(raw),
        _ => request,
    };
    // A caller who says what the body is knows better than its kind does.
    for (name, value) in headers {
        request = request.header(name, value);
    }
    Ok(request)
}

/// Each element of a list on its own; null is nothing.
fn pairs(values: BTreeMap<String, Value>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in values {
        match value {
            Value::Null => {}
            Value::Array(items) => pairs.extend(items.iter().map(|item| (name.clone(), as_text(item)))),
            value => pairs.push((name, as_text(&value))),
        }
    }
    pairs
}

fn parts(fields: BTreeMap<String, Value>) -> Result<Vec<Part>, Failure> {
    let mut parts = Vec::new();
    for (name, value) in fields {
        let values = if let Value::Array(items) = value { items } else { vec![value] };
        for value in values {
            parts.push(part(&name, value)?);
        }
    }
    Ok(parts)
}

fn part(name: &str, value: Value) -> Result<Part, Failure> {
    let name = name.to_owned();
    if value.get("base64").is_none() {
        let content = as_text(&value).into_bytes();
        return Ok(Part { name, file_name: None, content_type: None, content });
    }
    let wrong = |detail: String| Failure::invalid_input(format!("/multipart/{name}"), detail);
    let File { file_name, content_type, base64 } =
        serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
    let content = STANDARD.decode(base64).map_err(|_| wrong("`base64` is not base64".into()))?;
    let content_type = content_type.or_else(|| Some("application/octet-stream".into()));
    Ok(Part { name, file_name: Some(file_name), content_type, content })
}

/// JSON parsed, text as text, anything else as base64 with its type; what the host cut says so.
fn output(response: &Response) -> Result<String, Failure> {
    let content_type = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let bytes = response.bytes();
    let text = std::str::from_utf8(bytes).ok();
    let body = match text {
        _ if bytes.is_empty() => "null".to_owned(),
        Some(text) if is_json(&content_type, text) => text.to_owned(),
        Some(text) => Value::from(text).to_string(),
        None => json!({ "content_type": content_type, "base64": STANDARD.encode(bytes) }).to_string(),
    };
    let mut headers: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in response.headers() {
        let all = headers.entry(name).or_default();
        if !all.is_empty() {
            all.push_str(", ");
        }
        all.push_str(value);
    }
    let cut = if response.truncated { ",\"truncated\":true" } else { "" };
    let headers = serde_json::to_string(&headers)?;
    Ok(format!("{{\"status\":{},\"headers\":{headers},\"body\":{body}{cut}}}", response.status))
}

/// Whether it says that it is JSON, and is.
fn is_json(content_type: &str, text: &str) -> bool {
    content_type.contains("json") && serde_json::from_str::<IgnoredAny>(text).is_ok()
}
