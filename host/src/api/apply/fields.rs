//! What is different between two states of a thing, member by member.

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

/// Characters of a text that are told; of a longer one, what it can be recognized by. Documents have megabytes.
const MAX_TEXT: usize = 400;

/// A member that is different.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct FieldBody {
    /// A JSON Pointer within the thing.
    path: String,
    /// Null if it was not there.
    before: Value,
    /// Null if it is not there.
    after: Value,
}

/// Each difference, in the order of the members.
pub(super) fn different(before: &Value, after: &Value) -> Vec<FieldBody> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

/// A difference that is not shown.
pub(super) fn hidden(path: &str) -> FieldBody {
    FieldBody { path: path.to_owned(), before: "***".into(), after: "***".into() }
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<FieldBody>) {
    let none = Map::new();
    match (before, after) {
        (before, after) if before == after => {}
        (Value::Object(before), Value::Object(after)) => members(path, before, after, found),
        // A thing that comes is told member by member, too.
        (Value::Null, Value::Object(after)) if path.is_empty() => members(path, &none, after, found),
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                compare(&format!("{path}/{index}"), before, after, found);
            }
        }
        (before, after) => found.push(FieldBody { path: path.to_owned(), before: told(before), after: told(after) }),
    }
}

fn members(path: &str, before: &Map<String, Value>, after: &Map<String, Value>, found: &mut Vec<FieldBody>) {
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        let of = |map: &Map<String, Value>| map.get(name).cloned().unwrap_or_default();
        compare(&format!("{path}/{escaped}"), &of(before), &of(after), found);
    }
}

fn told(value: &Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > MAX_TEXT => {
            let digest = hex::encode(&Sha256::digest(text)[..6]);
            format!("{} bytes, SHA-256 {digest}…", text.len()).into()
        }
        value => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_told_where_they_are() {
        let tell = |before: Value, after: Value| -> Vec<(String, Value, Value)> {
            let found = different(&before, &after);
            found.into_iter().map(|one| (one.path, one.before, one.after)).collect()
        };
        let change = |path: &str, before: Value, after: Value| (path.to_owned(), before, after);
        assert_eq!(tell(json!({ "a": 1, "b": [1, 2] }), json!({ "b": [1, 2], "a": 1 })), []);
        assert_eq!(
            tell(json!({ "a": { "x/y": 1 }, "gone": true }), json!({ "a": { "x/y": 2 }, "new": [1] })),
            [
                change("/a/x~1y", json!(1), json!(2)),
                change("/gone", json!(true), Value::Null),
                change("/new", Value::Null, json!([1])),
            ]
        );
        assert_eq!(tell(json!([1, { "a": 1 }]), json!([1, { "a": 2 }])), [change("/1/a", json!(1), json!(2))]);
        assert_eq!(tell(json!([1]), json!([1, 2])), [change("", json!([1]), json!([1, 2]))]);
        assert_eq!(tell(Value::Null, json!({ "a": 1 })), [change("/a", Value::Null, json!(1))]);
        let long = "x".repeat(MAX_TEXT + 1);
        let found = tell(json!({ "a": long }), json!({ "a": "y" }));
        assert!(found[0].1.as_str().unwrap().starts_with("401 bytes, SHA-256 "), "{found:?}");
    }
}
