//! Null in schemas: whether it is taken, and how it comes to be.

use serde_json::{Map, Value, json};

use super::pointer::local;

/// References in a row, and unions in unions, after which a schema is taken to admit null.
const MAX_FOLLOWED: usize = 32;

/// Whether null may fit a schema. Where that is not plain, it may.
pub(in crate::formats) fn admits_null(root: &Value, schema: &Value) -> bool {
    admits(root, schema, MAX_FOLLOWED)
}

fn admits(root: &Value, schema: &Value, left: usize) -> bool {
    let Value::Object(keywords) = schema else { return *schema != Value::Bool(false) };
    if left == 0 {
        return true;
    }
    keywords.iter().all(|(keyword, value)| match (keyword.as_str(), value) {
        ("type", Value::String(kind)) => kind == "null",
        ("type" | "enum", Value::Array(all)) => {
            all.iter().any(|one| one.is_null() || keyword == "type" && one == "null")
        }
        ("const", value) => value.is_null(),
        ("anyOf" | "oneOf", Value::Array(branches)) => branches.iter().any(|branch| admits(root, branch, left - 1)),
        ("allOf", Value::Array(parts)) => parts.iter().all(|part| admits(root, part, left - 1)),
        ("$ref", Value::String(reference)) => {
            local(root, reference).is_none_or(|target| admits(root, target, left - 1))
        }
        _ => true,
    })
}

/// A rewritten schema that takes null besides.
pub(super) fn nullable(schema: Value) -> Value {
    let null = || Value::from("null");
    let Value::Object(mut keywords) = schema else { return schema };
    if keywords.contains_key("const") || keywords.contains_key("$ref") {
        return json!({ "anyOf": [Value::Object(keywords), { "type": "null" }] });
    }
    if let Some(Value::Array(values)) = keywords.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    match keywords.get_mut("type") {
        Some(Value::String(kind)) if kind != "null" => {
            let kinds = json!([kind, "null"]);
            keywords.insert("type".into(), kinds);
        }
        Some(Value::Array(kinds)) if !kinds.contains(&null()) => kinds.push(null()),
        _ => {}
    }
    if let Some(Value::Array(branches)) = keywords.get_mut("anyOf") {
        let is_null = json!({ "type": "null" });
        if !branches.contains(&is_null) {
            branches.push(is_null);
        }
    }
    Value::Object(keywords)
}

/// The type of a schema that does not say it, by what else it says.
pub(super) fn type_of(schema: &Map<String, Value>) -> Option<Value> {
    if schema.contains_key("properties") {
        return Some("object".into());
    }
    if schema.contains_key("items") {
        return Some("array".into());
    }
    let mut kinds: Vec<&str> = match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(values)), _) => values.iter().map(kind).collect(),
        (_, Some(value)) => vec![kind(value)],
        _ => return None,
    };
    kinds.sort_unstable();
    kinds.dedup();
    match kinds[..] {
        [] => None,
        [one] => Some(one.into()),
        _ => Some(json!(kinds)),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
