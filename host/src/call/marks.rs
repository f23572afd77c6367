//! What a tool's schema marks as not for everybody's eyes, taken out of a value of it.
//!
//! A schema marks a place by `writeOnly: true`, `format: "password"`, `x-sensitive: true` or `x-secret: true`. Where it
//! cannot be told whether a place is marked, it is taken for marked: a record that hides too much does no harm.

use serde_json::{Map, Value};

/// What stands in place of what is hidden.
pub(super) const MARK: &str = "[redacted]";

/// References that lead to references, and schemas within schemas at one place of a value. Validators stop earlier.
const MAX_HOPS: u32 = 64;

/// Steps over one value: a schema of some hundred keywords over a list of a hundred items, many times over. A schema
/// that takes more branches into copies of itself.
const MAX_STEPS: u32 = 200_000;

/// What can stand in a schema that marks anything.
const WORDS: [&str; 4] = ["writeOnly", "\"password\"", "x-sensitive", "x-secret"];

/// A JSON text without what its schema marks; `None` if that is nothing.
pub(super) fn hidden(schema: &str, text: &str) -> Option<String> {
    if !WORDS.iter().any(|word| schema.contains(word)) {
        return None;
    }
    let (Ok(schema), Ok(mut value)) = (serde_json::from_str(schema), serde_json::from_str(text)) else {
        return Some(Value::from(MARK).to_string());
    };
    let mut walk = Walk { root: &schema, steps: 0, hid: false };
    walk.value(&schema, &mut value, 0);
    walk.hid.then(|| value.to_string())
}

struct Walk<'a> {
    root: &'a Value,
    steps: u32,
    hid: bool,
}

impl<'a> Walk<'a> {
    fn value(&mut self, schema: &'a Value, value: &mut Value, hops: u32) {
        // `true` and `false` say nothing of a place.
        let Value::Object(schema) = schema else { return };
        self.steps += 1;
        if is_marked(schema) || hops > MAX_HOPS || self.steps > MAX_STEPS {
            return self.hide(value);
        }
        for keyword in ["$ref", "$dynamicRef"] {
            match schema.get(keyword).map(|to| self.target(to)) {
                None => {}
                Some(Some(target)) => self.value(target, value, hops + 1),
                Some(None) => return self.hide(value),
            }
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for part in list(schema, keyword) {
                self.value(part, value, hops + 1);
            }
        }
        for keyword in ["if", "then", "else"] {
            if let Some(part) = schema.get(keyword) {
                self.value(part, value, hops + 1);
            }
        }
        for part in members(schema, "dependentSchemas").map(|(_, part)| part) {
            self.value(part, value, hops + 1);
        }
        match value {
            Value::Object(object) => self.object(schema, object),
            Value::Array(items) => self.array(schema, items),
            _ => {}
        }
    }

    fn object(&mut self, schema: &'a Map<String, Value>, object: &mut Map<String, Value>) {
        let named = schema.get("properties").and_then(Value::as_object);
        for (name, member) in object {
            let known = named.and_then(|named| named.get(name));
            if let Some(of_name) = known {
                self.value(of_name, member, 0);
            }
            // Which names a pattern means is the validator's business: all of them, here.
            for (_, of_pattern) in members(schema, "patternProperties") {
                self.value(of_pattern, member, 0);
            }
            for keyword in ["additionalProperties", "unevaluatedProperties"] {
                if let (None, Some(others)) = (known, schema.get(keyword)) {
                    self.value(others, member, 0);
                }
            }
        }
    }

    fn array(&mut self, schema: &'a Map<String, Value>, items: &mut [Value]) {
        let first: Vec<&Value> = list(schema, "prefixItems").chain(list(schema, "items")).collect();
        for (at, item) in items.iter_mut().enumerate() {
            if let Some(of_place) = first.get(at) {
                self.value(of_place, item, 0);
            }
            for keyword in ["items", "contains", "additionalItems", "unevaluatedItems"] {
                if let Some(of_each) = schema.get(keyword) {
                    self.value(of_each, item, 0);
                }
            }
        }
    }

    /// What a reference within the schema leads to. No other is fetched.
    fn target(&self, to: &Value) -> Option<&'a Value> {
        let pointer = to.as_str()?.strip_prefix('#')?;
        let pointer = percent_encoding::percent_decode_str(pointer).decode_utf8().ok()?;
        self.root.pointer(&pointer)
    }

    fn hide(&mut self, value: &mut Value) {
        *value = Value::from(MARK);
        self.hid = true;
    }
}

fn is_marked(schema: &Map<String, Value>) -> bool {
    let says = |keyword: &str| schema.get(keyword) == Some(&Value::Bool(true));
    says("writeOnly")
        || says("x-sensitive")
        || says("x-secret")
        || schema.get("format").and_then(Value::as_str) == Some("password")
}

fn list<'a>(schema: &'a Map<String, Value>, keyword: &str) -> impl Iterator<Item = &'a Value> {
    schema.get(keyword).and_then(Value::as_array).into_iter().flatten()
}

fn members<'a>(schema: &'a Map<String, Value>, keyword: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    schema.get(keyword).and_then(Value::as_object).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(schema: &Value, value: &Value) -> Value {
        let text = value.to_string();
        let hidden = hidden(&schema.to_string(), &text);
        hidden.map_or_else(|| value.clone(), |text| serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn what_is_marked_is_hidden_wherever_it_is() {
        let password = || json!({ "type": "string", "format": "password" });
        let cases = [
            (json!({ "writeOnly": true }), json!({ "a": 1 }), json!(MARK)),
            (
                json!({ "properties": { "p": password() } }),
                json!({ "p": "x", "q": "x" }),
                json!({ "p": MARK, "q": "x" }),
            ),
            (
                json!({ "properties": { "p": { "x-secret": true } } }),
                json!({ "p": { "a": [1] } }),
                json!({ "p": MARK }),
            ),
            (json!({ "items": { "x-sensitive": true } }), json!(["a", 7]), json!([MARK, MARK])),
            (json!({ "prefixItems": [true, password()] }), json!(["a", "b", "c"]), json!(["a", MARK, "c"])),
            (json!({ "items": [true, password()] }), json!(["a", "b", "c"]), json!(["a", MARK, "c"])),
            (
                json!({ "properties": { "u": { "$ref": "#/$defs/u" } }, "$defs": { "u": { "properties": { "p": password() } } } }),
                json!({ "u": { "p": "x", "n": "y" } }),
                json!({ "u": { "p": MARK, "n": "y" } }),
            ),
            (
                json!({ "allOf": [{ "properties": { "a": password() } }, { "anyOf": [{ "properties": { "b": password() } }] }] }),
                json!({ "a": "x", "b": "x", "c": "x" }),
                json!({ "a": MARK, "b": MARK, "c": "x" }),
            ),
            (json!({ "then": { "properties": { "a": password() } } }), json!({ "a": "x" }), json!({ "a": MARK })),
            (
                json!({ "properties": { "a": true }, "additionalProperties": password() }),
                json!({ "a": "x", "b": "x" }),
                json!({ "a": "x", "b": MARK }),
            ),
            (json!({ "patternProperties": { "^s_": password() } }), json!({ "s_a": "x" }), json!({ "s_a": MARK })),
            // Itself, at any depth.
            (
                json!({ "properties": { "p": password(), "next": { "$ref": "#" } } }),
                json!({ "p": "1", "next": { "p": "2", "next": { "p": "3", "q": 4 } } }),
                json!({ "p": MARK, "next": { "p": MARK, "next": { "p": MARK, "q": 4 } } }),
            ),
            // What cannot be told.
            (
                json!({ "properties": { "a": { "$ref": "https://e.example/s" }, "p": password() } }),
                json!({ "a": 1 }),
                json!({ "a": MARK }),
            ),
            (
                json!({ "properties": { "a": { "$ref": "#nowhere" }, "p": password() } }),
                json!({ "a": 1 }),
                json!({ "a": MARK }),
            ),
            (json!({ "allOf": [{ "$ref": "#" }], "properties": { "p": password() } }), json!({ "q": 1 }), json!(MARK)),
        ];
        for (schema, value, expected) in cases {
            assert_eq!(seen(&schema, &value), expected, "{schema}");
        }
    }

    #[test]
    fn what_is_not_marked_stays_to_the_last_digit() {
        let text = r#"{"b":1.0000000000000000000001,"a":[1e400],"password":"in the open"}"#;
        for schema in [
            r#"{"properties":{"password":{"type":"string"}}}"#,
            r#"{"properties":{"password":{"writeOnly":false,"x-secret":"true","format":"uri"}}}"#,
            r#"{"properties":{"c":{"format":"password"}}}"#,
            r#"{"description":"writeOnly"}"#,
            "true",
        ] {
            assert_eq!(hidden(schema, text), None, "{schema}");
        }
        let one = hidden(r#"{"properties":{"password":{"format":"password"}}}"#, text).unwrap();
        assert!(one.contains("1.0000000000000000000001") && one.contains("[1e+400]"), "{one}");
    }

    /// A schema that branches into itself is given up, and so is what it speaks of.
    #[test]
    fn a_schema_that_grows_without_end_hides_all() {
        let mut defs = Map::new();
        for at in 0..60 {
            let next = json!({ "$ref": format!("#/$defs/{}", at + 1) });
            defs.insert(at.to_string(), json!({ "allOf": [next, next] }));
        }
        defs.insert("60".into(), json!({ "properties": { "p": { "writeOnly": true } } }));
        let schema = json!({ "$ref": "#/$defs/0", "$defs": defs });
        assert_eq!(seen(&schema, &json!({ "a": 1 })), json!(MARK));
    }
}
