//! Answers that are made up fit their schema, or there is none.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// As the catalog checks outputs.
fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(false)
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .offline()
        .build(schema)
        .expect("a schema")
}

fn answered(schema: &Value, input: &Value) -> Option<Value> {
    let validator = validator(schema);
    let fits = |text: &str| validator.is_valid(&serde_json::from_str(text).unwrap());
    let text = possible(Some(&schema.to_string()), &input.to_string(), fits)?;
    Some(serde_json::from_str(&text).unwrap())
}

/// KO-23: whatever a schema wants that can be had, the answer has.
#[test]
fn what_a_schema_wants_is_made_up() {
    for schema in [
        json!(true),
        json!({}),
        json!({ "type": "null" }),
        json!({ "type": ["null", "integer"], "minimum": 7, "maximum": 7 }),
        json!({ "const": { "a": [1, 2.50] } }),
        json!({ "enum": ["x", 2, null] }),
        json!({ "type": "string", "enum": ["only", 7] }),
        json!({ "type": "string", "minLength": 300, "maxLength": 300 }),
        json!({ "type": "string", "maxLength": 0 }),
        json!({ "type": "string", "pattern": "^cus_[A-Za-z0-9]{14}$", "minLength": 18 }),
        json!({ "type": "string", "default": "much too long", "maxLength": 3 }),
        json!({ "type": "integer", "exclusiveMinimum": 10, "exclusiveMaximum": 12 }),
        json!({ "type": "integer", "minimum": 9_007_199_254_740_993_i64, "multipleOf": 10 }),
        json!({ "type": "integer", "maximum": -5, "multipleOf": 3 }),
        json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 }),
        json!({ "type": "number", "minimum": 0.1, "maximum": 0.9, "multipleOf": 0.25 }),
        json!({ "allOf": [{ "type": "number" }, { "type": "integer", "minimum": 3 }, { "maximum": 3.5 }] }),
        json!({ "type": "array", "items": { "type": "boolean" }, "minItems": 2, "uniqueItems": true }),
        json!({ "type": "array", "items": { "enum": [1, 2, 3, 4, 5] }, "minItems": 4, "uniqueItems": true }),
        json!({ "type": "array", "prefixItems": [{ "const": 1 }, { "type": "string" }], "items": false, "minItems": 2 }),
        json!({ "type": "array", "contains": { "const": "this" }, "items": { "type": "string" } }),
        json!({ "type": "object", "required": ["not spoken of"] }),
        json!({ "type": "object", "minProperties": 3, "additionalProperties": { "type": "integer" } }),
        json!({ "type": "object", "propertyNames": { "pattern": "^k[0-9]$" }, "minProperties": 2 }),
        json!({ "type": "object", "patternProperties": { "^n_": { "type": "integer" } }, "required": ["n_a"],
            "additionalProperties": false }),
        json!({ "type": "object", "properties": { "a": {}, "b": { "type": "null" }, "c": {} }, "maxProperties": 1,
            "required": ["b"] }),
        json!({ "type": "object", "properties": { "a": {} }, "dependentRequired": { "a": ["b"] } }),
        json!({ "type": "object", "properties": { "a": false, "b": { "type": "string" } } }),
        json!({ "type": "object", "properties": { "a": { "type": "integer" } }, "not": { "required": ["a"] } }),
        json!({ "if": { "properties": { "kind": { "const": "a" } }, "required": ["kind"] },
            "then": { "required": ["a"] }, "else": { "required": ["b"] }, "type": "object" }),
        json!({ "oneOf": [{ "type": "string" }, { "type": "string", "minLength": 3 }, { "type": "integer" }] }),
        json!({ "anyOf": [{ "type": "null" }, { "$ref": "#/$defs/a~1b" }], "$defs": { "a/b": { "type": "string" } } }),
        json!({ "$ref": "#/$defs/with%20space", "$defs": { "with space": { "type": "integer" } } }),
        json!({ "$ref": "#here", "$defs": { "x": { "$anchor": "here", "type": "integer" } } }),
        json!({ "$ref": "#/$defs/node", "$defs": { "node": { "type": "object", "required": ["name", "children"],
            "properties": { "name": { "type": "string" }, "parent": { "$ref": "#/$defs/node" },
                "children": { "type": "array", "items": { "$ref": "#/$defs/node" } } } } } }),
        json!({ "$ref": "#" }),
        json!({ "allOf": [{ "$ref": "#" }], "type": "integer" }),
    ] {
        assert!(answered(&schema, &json!({})).is_some(), "{schema}");
    }
}

/// What cannot be, or is a puzzle, is no answer; and it does not take long.
#[test]
fn what_cannot_be_made_up_is_refused() {
    for schema in [
        json!(false),
        json!({ "type": "integer", "minimum": 2, "maximum": 1 }),
        json!({ "type": "string", "minLength": 1_000_000_000 }),
        json!({ "type": "array", "minItems": 1_000_000_000 }),
        json!({ "type": "array", "minItems": 3, "uniqueItems": true, "items": { "type": "boolean" } }),
        json!({ "type": "object", "minProperties": 1e300 }),
        json!({ "type": "object", "required": ["a"], "properties": { "a": { "$ref": "#" } } }),
        json!({ "allOf": [{ "type": "string" }, { "type": "integer" }] }),
        json!({ "type": "string", "const": 7 }),
        json!({ "not": {} }),
    ] {
        assert_eq!(answered(&schema, &json!({})), None, "{schema}");
    }
}

#[test]
fn the_answer_is_of_the_input() {
    let schema = json!({ "type": "object", "required": ["id", "amount", "currency", "status", "reason"], "properties": {
        "id": { "type": "string" }, "amount": { "type": "integer" }, "currency": { "type": "string" },
        "status": { "enum": ["pending", "succeeded"] }, "reason": { "type": ["string", "null"], "maxLength": 5 },
        "created": { "type": "string", "format": "date-time" },
    }});
    let input = json!({ "amount": 500, "currency": "eur", "status": "nonsense", "reason": "too long", "id": 7 });
    let answer = answered(&schema, &input).unwrap();
    assert_eq!((&answer["amount"], &answer["currency"]), (&json!(500), &json!("eur")));
    assert!(answer["id"].is_string() && answer["reason"].as_str().is_some_and(|reason| reason.len() <= 5), "{answer}");
    let created = answer["created"].as_str().unwrap();
    assert!(created.parse::<jiff::Timestamp>().is_ok(), "{created}");
    assert_eq!(answered(&schema, &input), Some(answer.clone()), "the same call has the same answer");
    assert_ne!(answered(&schema, &json!({ "amount": 501 })), Some(answer), "another one another");
    assert_eq!(possible(None, "{}", |_| false).as_deref(), Some("{}"), "where nothing is promised");
}

/// What the author wrote down comes first, as long as it fits.
#[test]
fn recorded_answers_come_first() {
    let mut schema = json!({ "type": "object", "required": ["name"], "properties": {
        "name": { "type": "string", "examples": [7, "Grace"] }, "size": { "type": "integer", "default": 3 } } });
    let made = answered(&schema, &json!({})).unwrap();
    assert_eq!(made, json!({ "name": "Grace", "size": 3 }));
    schema["examples"] = json!([{ "name": "Ada", "size": 1 }, { "nothing": true }, { "name": "Bob", "size": 2 }]);
    for n in 0..20 {
        let answer = answered(&schema, &json!({ "n": n })).unwrap();
        assert!(["Ada", "Bob"].iter().any(|name| answer["name"] == *name), "{answer}");
    }
    assert_eq!(answered(&schema, &json!({ "name": "Eve", "size": "large" })).unwrap()["name"], "Eve");
    assert_eq!(answered(&json!({ "example": 7, "type": "integer" }), &json!({})), Some(json!(7)));
}

/// Descriptions say much of what schemas do not.
#[test]
fn descriptions_are_read() {
    for (description, starts) in [
        ("`re_…`", &["re_"][..]),
        ("`open` or `closed`.", &["open", "closed"]),
        ("Whether `other` is set", &["Example state"]),
        ("`…`", &["Example state"]),
        ("`a b`, `C`", &["Example state"]),
        ("``", &["Example state"]),
    ] {
        let state = json!({ "type": "string", "description": description });
        let schema = json!({ "type": "object", "properties": { "state": state } });
        for n in 0..10 {
            let answer = answered(&schema, &json!({ "n": n })).unwrap();
            let state = answer["state"].as_str().unwrap();
            assert!(starts.iter().any(|start| state.starts_with(start)), "{description}: {state}");
        }
    }
}

#[test]
fn formats_are_kept() {
    for format in [
        "date-time",
        "date",
        "time",
        "duration",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "uri",
        "uri-reference",
        "iri",
        "uuid",
        "json-pointer",
        "relative-json-pointer",
        "regex",
        "uri-template",
        "idn-email",
    ] {
        let schema = json!({ "type": "string", "format": format });
        let strict = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        for n in 0..50 {
            let answer = answered(&schema, &json!(n)).unwrap();
            assert!(strict.is_valid(&answer), "{format}: {answer}");
        }
    }
}

/// Schemas as people write them, and as they should not.
fn schemas() -> impl Strategy<Value = Value> {
    let name = "[abc]";
    let leaf = prop_oneof![
        Just(json!(true)),
        Just(json!(false)),
        Just(json!({})),
        Just(json!({ "$ref": "#" })),
        Just(json!({ "$ref": "#/$defs/a" })),
        Just(json!({ "$ref": "#/$defs/b/items" })),
        (prop::sample::select(vec!["integer", "number"]), -20_i64..20, 0_i64..20, 1_i64..7).prop_map(
            |(kind, low, more, step)| json!({ "type": kind, "minimum": low, "maximum": low + more, "multipleOf": step })
        ),
        ("[a-c0-9+*?.(|){}]{0,8}", 0_usize..12, 0_usize..12)
            .prop_filter("a pattern", |(pattern, _, _)| regex::Regex::new(pattern).is_ok())
            .prop_map(|(pattern, least, most)| {
                json!({ "type": "string", "pattern": pattern, "minLength": least, "maxLength": most })
            }),
        prop::collection::vec(prop_oneof![Just(json!(null)), Just(json!("x")), Just(json!(1))], 1..3)
            .prop_map(|values| json!({ "enum": values })),
    ];
    leaf.prop_recursive(4, 40, 4, move |inner| {
        let members = prop::collection::btree_map(name, inner.clone(), 0..4);
        let names = prop::collection::btree_set(name, 0..3);
        prop_oneof![
            (members, names, inner.clone(), 0_usize..4).prop_map(|(members, required, rest, most)| json!({
                "type": "object", "properties": members, "required": required, "additionalProperties": rest,
                "maxProperties": most + 1,
            })),
            (inner.clone(), 0_usize..4, any::<bool>()).prop_map(
                |(items, least, unique)| json!({ "type": "array", "items": items, "minItems": least, "uniqueItems": unique })
            ),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| json!({ "allOf": parts })),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| json!({ "anyOf": parts })),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| json!({ "oneOf": parts })),
            inner.clone().prop_map(|part| json!({ "not": part })),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| json!({ "if": a, "then": b, "else": c })),
        ]
    })
}

proptest! {
    /// Whatever the schema is: an answer that fits, or none; never a panic, and never for long.
    #[test]
    fn answers_fit_or_there_are_none(root in schemas(), a in schemas(), b in schemas(), n: u8) {
        let mut schema = root;
        if let Value::Object(members) = &mut schema {
            members.insert("$defs".into(), json!({ "a": a, "b": { "items": b } }));
        }
        let options = jsonschema::options().with_pattern_options(jsonschema::PatternOptions::regex()).offline();
        prop_assume!(options.build(&schema).is_ok());
        let input = json!({ "a": n, "b": "x" });
        if let Some(answer) = answered(&schema, &input) {
            prop_assert!(validator(&schema).is_valid(&answer));
            prop_assert_eq!(answered(&schema, &input), Some(answer));
        }
    }

    /// Texts that are no schema are no answer, and no panic.
    #[test]
    fn any_text_is_survived(schema in ".{0,60}", input in ".{0,60}") {
        let _ = possible(Some(&schema), &input, |_| true);
    }
}
