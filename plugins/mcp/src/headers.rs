//! Inputs that a server wants in headers too, so that those in between need not read the body.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::limits::{DEPTH, PARAMETER_HEADERS};

/// What a schema says of an input that goes along as a header.
const KEY: &str = "x-mcp-header";

/// Before the header's own name.
const PREFIX: &str = "mcp-param-";

/// The inputs of a schema that go along as headers: a JSON Pointer to each, and its header.
///
/// # Errors
/// With the reason, where the schema breaks the protocol's rules of it: such a tool must not be used.
pub(crate) fn declared(schema: &Value) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    properties(schema, "", 0, &mut found)?;
    if count(schema, 0) != found.len() {
        return Err("a header is declared for something that is no named input".into());
    }
    if found.len() > PARAMETER_HEADERS {
        return Err(format!("more than {PARAMETER_HEADERS} inputs go along as headers"));
    }
    let names: BTreeSet<&String> = found.iter().map(|(_, name)| name).collect();
    if names.len() != found.len() { Err("two inputs go along as the same header".into()) } else { Ok(found) }
}

/// The headers of a call. What is not given has none.
pub(crate) fn of(declared: &[(String, String)], arguments: &Map<String, Value>) -> Vec<(String, String)> {
    let arguments = Value::Object(arguments.clone());
    let text = |value: &Value| match value {
        Value::String(text) => Some(value_of(text)),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    declared.iter().filter_map(|(pointer, name)| Some((name.clone(), text(arguments.pointer(pointer)?)?))).collect()
}

/// A text as a header's value.
pub(crate) fn value(text: &str) -> String {
    value_of(text)
}

/// As it is where headers can hold it, and else as base64 between two marks.
fn value_of(text: &str) -> String {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.trim() == text && !text.is_empty();
    let marked = text.starts_with("=?base64?") && text.ends_with("?=");
    if plain && !marked { text.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(text)) }
}

fn properties(schema: &Value, at: &str, depth: usize, found: &mut Vec<(String, String)>) -> Result<(), String> {
    if depth > DEPTH {
        return Err("its schema is nested too deeply".into());
    }
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        if let Some(header) = property.get(KEY) {
            let kind = property.get("type").and_then(Value::as_str).unwrap_or_default();
            let header = header.as_str().filter(|header| is_token(header)).ok_or("a header's name is none")?;
            // Fractions are written in many ways: the protocol leaves them out.
            if !matches!(kind, "string" | "integer" | "boolean") {
                return Err(format!("the header `{header}` is declared for an input that is no single value"));
            }
            found.push((pointer.clone(), format!("{PREFIX}{}", header.to_ascii_lowercase())));
        }
        properties(property, &pointer, depth + 1, found)?;
    }
    Ok(())
}

/// How often a schema says it, wherever that is. An input may have the name, too: that says nothing.
fn count(schema: &Value, depth: usize) -> usize {
    if depth > DEPTH {
        return 0;
    }
    match schema {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match name.as_str() {
                KEY => 1,
                "properties" => value.as_object().into_iter().flatten().map(|(_, one)| count(one, depth + 1)).sum(),
                "enum" | "const" | "default" | "examples" => 0,
                _ => count(value, depth + 1),
            })
            .sum(),
        Value::Array(items) => items.iter().map(|item| count(item, depth + 1)).sum(),
        _ => 0,
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.len() <= 64 && text.bytes().all(sign)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn inputs_go_along_where_the_schema_says_so() {
        let schema = json!({ "type": "object", "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "page": { "type": "object", "properties": { "a/b": { "type": "integer", "x-mcp-header": "Size" } } },
            "x-mcp-header": { "type": "string" },
            "other": { "type": "string", "default": { "x-mcp-header": "no" } } } });
        let declared = declared(&schema).unwrap();
        assert_eq!(declared.len(), 2);
        let arguments = json!({ "region": "eu", "page": { "a/b": 7 } });
        let headers = of(&declared, arguments.as_object().unwrap());
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert!(headers.contains(&pair("mcp-param-region", "eu")) && headers.contains(&pair("mcp-param-size", "7")));
        for absent in [json!({}), json!({ "region": null, "page": {} })] {
            assert_eq!(of(&declared, absent.as_object().unwrap()), []);
        }
    }

    #[test]
    fn a_tool_with_a_wrong_header_is_not_used() {
        let of = |property: Value| declared(&json!({ "properties": { "a": property } }));
        for property in [
            json!({ "type": "string", "x-mcp-header": "" }),
            json!({ "type": "string", "x-mcp-header": "a b" }),
            json!({ "type": "string", "x-mcp-header": "a\r\nb" }),
            json!({ "type": "string", "x-mcp-header": 7 }),
            json!({ "type": "object", "x-mcp-header": "A" }),
            json!({ "type": "number", "x-mcp-header": "A" }),
            json!({ "x-mcp-header": "A" }),
            json!({ "type": "array", "items": { "type": "string", "x-mcp-header": "A" } }),
            json!({ "anyOf": [{ "type": "string", "x-mcp-header": "A" }] }),
        ] {
            assert!(of(property.clone()).is_err(), "{property}");
        }
        let twice = json!({ "properties": { "a": { "type": "string", "x-mcp-header": "A" },
            "b": { "type": "string", "x-mcp-header": "a" } } });
        assert!(declared(&twice).is_err());
        assert!(of(json!({ "type": "boolean", "x-mcp-header": "A" })).is_ok());
    }

    #[test]
    fn values_are_coded_where_headers_cannot_hold_them() {
        for (text, expected) in [
            ("eu", "eu"),
            ("a b", "a b"),
            ("wörld", "=?base64?d8O2cmxk?="),
            (" a", "=?base64?IGE=?="),
            ("a\r\nx: 1", "=?base64?YQ0KeDogMQ==?="),
            ("=?base64?eA==?=", "=?base64?PT9iYXNlNjQ/ZUE9PT89?="),
            ("", "=?base64??="),
        ] {
            assert_eq!(value(text), expected, "{text:?}");
        }
    }
}
