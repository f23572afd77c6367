//! From a provider's reply to an output or a failure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gloveport_sdk::Failure;
use gloveport_sdk::http::{ErrorDetail, Response};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::binding::{Binding, ErrorRule, PagingRule, ReplyRules};
use crate::limits::MESSAGE_CHARS;
use crate::style::as_text;

/// Members in which providers name what went wrong: a short code.
const CODES: [&str; 7] =
    ["/error/code", "/code", "/error_code", "/errorCode", "/error/type", "/errors/0/code", "/error"];

/// Members in which providers say what went wrong: a sentence.
const MESSAGES: [&str; 12] = [
    "/error/message",
    "/message",
    "/error_description",
    "/errors/0/message",
    "/errors/0/detail",
    "/detail",
    "/Message",
    "/error_message",
    "/errorMessage",
    "/title",
    "/errors/0",
    "/error",
];

/// The output: JSON as it is (a list within `items`), text as a string, nothing as null, bytes as base64 with their type.
///
/// # Errors
/// What the status, or the binding's own rule, makes an error.
pub(crate) fn output(binding: &Binding, response: Response) -> Result<String, Failure> {
    let response = response.error_for_status_with(|response| detail(binding, response))?;
    let content_type = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let body = response.bytes();
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok("null".into());
    }
    let is_json = content_type.contains("json");
    if is_json || (content_type.is_empty() && serde_json::from_slice::<IgnoredAny>(body).is_ok()) {
        return json_output(binding.reply.as_ref(), &response);
    }
    match std::str::from_utf8(body) {
        Ok(text) if is_text(&content_type) => Ok(Value::from(text).to_string()),
        _ if response.truncated => {
            Err(Failure::upstream(response.status, None, "the reply is longer than the host lets through"))
        }
        _ => Ok(json!({ "content_type": content_type, "base64": STANDARD.encode(body) }).to_string()),
    }
}

fn json_output(rules: Option<&ReplyRules>, response: &Response) -> Result<String, Failure> {
    let Some(rules) = rules else {
        // Whoever sent it is believed to have written JSON, but only after a look; it is not written anew.
        response.json::<IgnoredAny>()?;
        let text = response.text();
        return Ok(if text.trim_start().starts_with('[') { format!("{{\"items\":{text}}}") } else { text });
    };
    let value: Value = response.json()?;
    if let Some(rule) = &rules.error {
        check(rule, &value, response.status)?;
    }
    let picked = match &rules.pick {
        Some(pick) => value.pointer(pick).cloned().unwrap_or(Value::Null),
        None => value.clone(),
    };
    Ok(shaped(picked, rules.paging.as_ref(), &value).to_string())
}

/// A list within `items`, and beside it where to go on.
fn shaped(picked: Value, paging: Option<&PagingRule>, whole: &Value) -> Value {
    let Some(paging) = paging else {
        return if picked.is_array() { json!({ "items": picked }) } else { picked };
    };
    let next = whole.pointer(&paging.next).filter(|next| **next != json!("") && **next != json!(false));
    let next = next.cloned().unwrap_or(Value::Null);
    match picked {
        Value::Object(mut members) => {
            members.insert("next".into(), next);
            Value::Object(members)
        }
        picked => {
            let items = paging.items.as_deref().unwrap_or("items");
            json!({ (items): picked, "next": next })
        }
    }
}

/// AK-851: a reply with a good status that is an error nevertheless.
fn check(rule: &ErrorRule, value: &Value, status: u16) -> Result<(), Failure> {
    let found = value.pointer(&rule.when);
    let is_error = match (&rule.equals, found) {
        (Some(equals), Some(found)) => equals == found,
        (None, Some(found)) => !matches!(found, Value::Null | Value::Bool(false)),
        (_, None) => false,
    };
    if !is_error {
        return Ok(());
    }
    let at = |pointer: &Option<String>| pointer.as_deref().and_then(|pointer| value.pointer(pointer)).map(short);
    let code = at(&rule.code).filter(|code| !code.is_empty());
    let message = at(&rule.message).filter(|text| !text.is_empty()).or_else(|| code.clone());
    let message = message.unwrap_or_else(|| "the provider answered that it failed".into());
    let among = |codes: &[String]| code.as_ref().is_some_and(|code| codes.contains(code));
    Err(if among(&rule.auth_codes) {
        Failure::auth_required(message)
    } else if among(&rule.not_found_codes) {
        Failure::not_found(message)
    } else if among(&rule.rate_limit_codes) {
        Failure::rate_limited(None, message)
    } else {
        Failure::upstream(status, code, message)
    })
}

/// AK-501: a code and one sentence, never the body.
fn detail(binding: &Binding, response: &Response) -> ErrorDetail {
    let body: Value = response.json().unwrap_or_default();
    let first = |pointers: &[&str]| {
        let found = pointers.iter().filter_map(|pointer| body.pointer(pointer));
        found.filter(|value| value.is_string() || value.is_number()).map(short).find(|text| !text.is_empty())
    };
    let declared = binding.errors.get(&response.status.to_string()).cloned();
    let said = first(&MESSAGES);
    let message = match (declared, said) {
        (Some(declared), Some(said)) if declared.eq_ignore_ascii_case(&said) => Some(said),
        (Some(declared), Some(said)) => Some(format!("{}: {said}", declared.trim_end_matches(['.', ':']))),
        (declared, said) => said.or(declared),
    };
    let code = first(&CODES).filter(|code| code.len() <= 64 && !code.contains(' '));
    ErrorDetail { code, message, now_ms: None }
}

/// One line of at most [`MESSAGE_CHARS`] characters.
fn short(value: &Value) -> String {
    as_text(value).chars().take(MESSAGE_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn is_text(content_type: &str) -> bool {
    content_type.is_empty()
        || content_type.starts_with("text/")
        || ["xml", "javascript", "yaml", "csv", "x-www-form-urlencoded", "graphql"]
            .iter()
            .any(|kind| content_type.contains(kind))
}
