//! Schemas as documents have them, and what a model gets of them.

use serde_json::{Value, json};

use super::*;

fn document(version: &str, schemas: &Value) -> Document {
    Document::new(json!({ "openapi": version, "paths": {}, "components": { "schemas": schemas } })).unwrap()
}

fn translated(version: &str, schema: &Value) -> Value {
    let document = document(version, &json!({ "S": schema, "Null": { "type": "string", "nullable": true } }));
    let mut translator = Translator::new(&document);
    translator.translate(document.pointer("#/components/schemas/S").unwrap()).unwrap()
}

/// HA-09: what JSON Schema has too stays as it is.
#[test]
fn shared_keywords_are_kept_to_the_letter() {
    for schema in [
        json!({ "type": "string", "enum": ["a", "b"], "default": "a", "format": "date", "deprecated": true }),
        json!({ "oneOf": [{ "type": "string" }, { "type": "integer", "minimum": 1, "multipleOf": 2 }] }),
        json!({ "type": "object", "properties": { "a": { "type": "array", "items": { "type": "string" } } },
            "required": ["a"], "additionalProperties": { "type": "number" } }),
        json!({ "allOf": [{ "type": "object" }], "anyOf": [{ "not": { "type": "null" } }], "title": "T" }),
        json!({ "type": "string", "pattern": "^[a-z]{2}(-[A-Z]{2})?$", "minLength": 2 }),
        json!({ "type": "object", "additionalProperties": false }),
    ] {
        for version in ["3.0.3", "3.1.0"] {
            assert_eq!(translated(version, &schema), schema, "{version}");
        }
    }
    let later = json!({ "type": ["string", "null"], "const": "x", "if": { "type": "string" }, "then": true });
    assert_eq!(
        translated("3.1.0", &json!({ "prefixItems": [later] })),
        json!({ "prefixItems": [{
        "type": ["null", "string"], "const": "x", "if": { "type": "string" }, "then": true }] })
    );
}

#[test]
fn what_only_openapi_has_becomes_json_schema() {
    for (schema, expected) in [
        (json!({ "type": "string", "nullable": true }), json!({ "type": ["string", "null"] })),
        (
            json!({ "type": "string", "enum": ["a"], "nullable": true }),
            json!({ "type": ["string", "null"], "enum": ["a", null] }),
        ),
        (
            json!({ "nullable": true, "allOf": [{ "type": "string" }], "description": "d" }),
            json!({ "anyOf": [{ "allOf": [{ "type": "string" }], "description": "d" }, { "type": "null" }], "description": "d" }),
        ),
        (json!({ "minimum": 1, "exclusiveMinimum": true }), json!({ "exclusiveMinimum": 1 })),
        (json!({ "maximum": 1, "exclusiveMaximum": false }), json!({ "maximum": 1 })),
        (json!({ "type": "string", "example": "x" }), json!({ "type": "string", "examples": ["x"] })),
        (
            json!({ "type": "object", "xml": { "name": "x" }, "x-more": 1, "discriminator": {} }),
            json!({ "type": "object" }),
        ),
        (
            json!({ "properties": { "id": { "type": "integer", "readOnly": true }, "a": {} }, "required": ["id"] }),
            json!({ "properties": { "a": {} } }),
        ),
        // What people write though no version has it.
        (json!({ "type": "int", "required": true, "minLength": -1, "title": 5 }), json!({ "type": "integer" })),
        (json!({ "type": "any", "enum": [] }), json!({})),
        (json!({ "type": "string", "enum": [1, true] }), json!({ "type": "string", "enum": ["1", "true"] })),
        (json!({ "items": [{ "type": "string" }] }), json!({ "items": { "type": "string" } })),
        (json!({ "required": ["a", "a", 1] }), json!({ "required": ["a"] })),
        (json!({ "properties": { "a": "string" } }), json!({ "properties": { "a": true } })),
        (
            json!({ "type": "string", "pattern": "^(?!x)" }),
            json!({ "type": "string", "description": "Must match the pattern ^(?!x)." }),
        ),
        (json!({ "pattern": "[a" }), json!({ "description": "Must match the pattern [a." })),
    ] {
        assert_eq!(translated("3.0.3", &schema), expected, "{schema}");
    }
}

#[test]
fn references_become_definitions_and_circles_end() {
    let schemas = json!({
        "Node": { "type": "object", "properties": { "next": { "$ref": "#/components/schemas/Node" },
            "leaf": { "$ref": "#/components/schemas/Leaf", "nullable": true, "description": "d" } } },
        "Leaf": { "type": "string" },
    });
    let document = document("3.0.0", &schemas);
    let mut translator = Translator::new(&document);
    let link = json!({ "$ref": "#/components/schemas/Node" });
    assert_eq!(translator.translate(&link), Ok(json!({ "$ref": "#/$defs/Node" })));
    let definitions = Value::Object(translator.definitions().unwrap());
    assert_eq!(
        definitions,
        json!({
        "Node": { "type": "object", "properties": { "next": { "$ref": "#/$defs/Node" },
            "leaf": { "anyOf": [{ "$ref": "#/$defs/Leaf" }, { "type": "null" }], "description": "d" } } },
        "Leaf": { "type": "string" } })
    );
}

/// 3.1: what stands beside a reference holds; 3.0: it does not.
#[test]
fn siblings_of_references_go_by_the_version() {
    let schemas = json!({ "S": { "$ref": "#/components/schemas/T", "minLength": 3 }, "T": { "type": "string" } });
    for (version, expected) in
        [("3.1.0", json!({ "$ref": "#/$defs/T", "minLength": 3 })), ("3.0.0", json!({ "$ref": "#/$defs/T" }))]
    {
        let document = document(version, &schemas);
        let found = Translator::new(&document).translate(document.pointer("#/components/schemas/S").unwrap()).unwrap();
        assert_eq!(found, expected, "{version}");
    }
}

#[test]
fn what_cannot_be_translated_says_why() {
    let mut deep = json!({});
    for _ in 0..DEPTH + 2 {
        deep = json!({ "items": deep });
    }
    let many: Map<String, Value> = (0..=DEFINITIONS + 1)
        .map(|n| (format!("S{n}"), json!({ "$ref": format!("#/components/schemas/S{}", n + 1) })))
        .collect();
    for (schemas, reason) in [
        (json!({ "S0": { "$ref": "other.json" } }), "another document"),
        (json!({ "S0": { "properties": { "a": { "$ref": "#/nowhere" } } } }), "not there"),
        (json!({ "S0": deep }), "nested more than"),
        (Value::Object(many), "draws in more"),
    ] {
        let document = document("3.1.0", &schemas);
        let mut translator = Translator::new(&document);
        let done = translator.translate(document.pointer("#/components/schemas/S0").unwrap());
        let refused = done.and_then(|_| translator.definitions()).expect_err(reason);
        assert!(refused.contains(reason), "{refused}");
    }
}

/// HA-08: only an object that is nothing but its properties is written down flat.
#[test]
fn members_are_those_of_plain_objects() {
    let schemas = json!({ "Base": { "type": "object", "properties": { "id": { "readOnly": true }, "a": {} }, "required": ["id", "a"] } });
    let document = document("3.0.0", &schemas);
    for (schema, expected) in [
        (json!({ "$ref": "#/components/schemas/Base" }), Some((vec!["a"], vec!["a"]))),
        (
            json!({ "allOf": [{ "$ref": "#/components/schemas/Base" }, { "properties": { "b": {} } }] }),
            Some((vec!["a", "b"], vec!["a"])),
        ),
        (json!({ "type": "object" }), None),
        (json!({ "type": "array", "items": {} }), None),
        (json!({ "properties": { "a": {} }, "additionalProperties": true }), None),
        (json!({ "properties": { "a": {} }, "oneOf": [] }), None),
        (json!({ "properties": { "a": {} }, "nullable": true }), None),
        (json!({ "properties": { "a": {} }, "allOf": [{ "anyOf": [] }] }), None),
    ] {
        let translator = Translator::new(&document);
        let found = translator.members(&schema).unwrap();
        let found =
            found.map(|found| (found.properties.iter().map(|(name, _)| *name).collect::<Vec<_>>(), found.required));
        assert_eq!(found, expected, "{schema}");
    }
    let document = document_with_circle();
    assert!(Translator::new(&document).members(&json!({ "$ref": "#/components/schemas/A" })).unwrap().is_none());
}

fn document_with_circle() -> Document {
    document("3.0.0", &json!({ "A": { "properties": { "a": {} }, "allOf": [{ "$ref": "#/components/schemas/A" }] } }))
}
