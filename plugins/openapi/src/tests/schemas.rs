//! What a document's schemas take and refuse, and that the inputs made of them take and refuse the same.

use serde_json::{Value, json};

use super::*;

/// A schema of a document as the value of the input `v`, what its author takes there, and what not.
struct Row {
    version: &'static str,
    schema: Value,
    taken: Value,
    refused: Value,
}

fn row(version: &'static str, schema: Value, taken: Value, refused: Value) -> Row {
    Row { version, schema, taken, refused }
}

/// What the rows refer to.
fn components() -> Value {
    json!({
        "Text": { "type": "string", "minLength": 2 },
        "Maybe": { "type": "string", "nullable": true },
        "Node": { "type": "object", "required": ["name"], "properties": { "name": { "type": "string" },
            "children": { "type": "array", "items": { "$ref": "#/components/schemas/Node" } } } },
        "Cat": { "type": "object", "required": ["kind", "lives"],
            "properties": { "kind": { "enum": ["cat"] }, "lives": { "type": "integer" } } },
        "Dog": { "type": "object", "required": ["kind", "bark"],
            "properties": { "kind": { "enum": ["dog"] }, "bark": { "type": "string" } } },
        "Made": { "type": "object", "additionalProperties": false, "required": ["id", "secret"],
            "properties": { "id": { "type": "integer", "readOnly": true }, "secret": { "type": "string", "writeOnly": true } } },
    })
}

fn check(rows: Vec<Row>) {
    for Row { version, schema, taken, refused } in rows {
        let body = json!({ "type": "object", "properties": { "v": schema }, "required": ["v"] });
        let operation =
            json!({ "requestBody": { "required": true, "content": { "application/json": { "schema": body } } } });
        let mut document = with_operation("post", "/x", &operation);
        document["openapi"] = json!(version);
        document["components"] = json!({ "schemas": components() });
        let input = super::schema(&imported(&document));
        // As the host does: formats are checked too.
        let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&input).unwrap();
        for (values, expected) in [(taken, true), (refused, false)] {
            for value in values.as_array().unwrap() {
                let found = validator.is_valid(&json!({ "v": value }));
                assert_eq!(found, expected, "{version} {schema}: {value}\n{input}");
            }
        }
    }
}

/// HA-09: what OpenAPI 3.0 says in words of its own.
#[test]
fn schemas_of_3_0_take_what_they_took() {
    let v = "3.0.3";
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    check(vec![
        row(v, json!({ "type": "string" }), json!(["", "x"]), json!([null, 1])),
        row(v, json!({ "type": "string", "nullable": true }), json!(["x", null]), json!([1, []])),
        row(v, json!({ "type": "string", "nullable": false }), json!(["x"]), json!([null])),
        row(v, json!({ "type": "string", "enum": ["a"], "nullable": true }), json!(["a", null]), json!(["b"])),
        row(v, json!({ "type": "object", "nullable": true }), json!([{}, null]), json!([[], "x"])),
        row(v, json!({ "nullable": true, "allOf": [reference("Text")] }), json!(["xy", null]), json!(["x", 1])),
        row(
            v,
            json!({ "nullable": true, "oneOf": [reference("Text"), { "type": "integer" }] }),
            json!(["xy", 1, null]),
            json!(["x", true]),
        ),
        row(v, reference("Maybe"), json!(["x", null]), json!([1])),
        row(v, json!({ "minimum": 1, "exclusiveMinimum": true }), json!([1.5, 2]), json!([1, 0])),
        row(v, json!({ "minimum": 1, "exclusiveMinimum": false }), json!([1]), json!([0.9])),
        row(v, json!({ "maximum": 9, "exclusiveMaximum": true }), json!([8.9]), json!([9, 10])),
        row(v, json!({ "maximum": 9, "exclusiveMaximum": false, "type": "number" }), json!([9]), json!([9.1, "9"])),
        // What stands beside a reference is not there, in 3.0.
        row(v, json!({ "$ref": "#/components/schemas/Text", "maxLength": 3 }), json!(["xy", "four"]), json!(["x"])),
        row(v, json!({ "enum": ["a", 1, true] }), json!(["a", 1, true]), json!(["1", false])),
        // An example and a discriminator say nothing about what is valid.
        row(v, json!({ "type": "integer", "example": "x" }), json!([1]), json!(["x"])),
    ]);
}

/// HA-09: what both versions have.
#[test]
fn schemas_of_both_versions_take_what_they_took() {
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let pets = json!({ "oneOf": [reference("Cat"), reference("Dog")],
        "discriminator": { "propertyName": "kind", "mapping": { "cat": "#/components/schemas/Cat" } } });
    for v in ["3.0.4", "3.1.1"] {
        check(vec![
            row(
                v,
                json!({ "allOf": [reference("Text"), { "maxLength": 3 }] }),
                json!(["xy", "xyz"]),
                json!(["x", "four", 1]),
            ),
            row(
                v,
                json!({ "anyOf": [reference("Text"), { "type": "integer" }] }),
                json!(["xy", 1]),
                json!(["x", 1.5, null]),
            ),
            row(v, json!({ "oneOf": [{ "multipleOf": 3 }, { "multipleOf": 5 }] }), json!([3, 5]), json!([15, 1])),
            row(v, json!({ "not": { "type": "string" } }), json!([1, null, []]), json!(["x"])),
            row(
                v,
                pets.clone(),
                json!([{ "kind": "cat", "lives": 9 }, { "kind": "dog", "bark": "wow" }]),
                json!([{ "kind": "cat" }, { "kind": "fish" }, { "kind": "dog", "lives": 9 }, "cat"]),
            ),
            row(
                v,
                reference("Node"),
                json!([{ "name": "a" }, { "name": "a", "children": [{ "name": "b", "children": [] }] }]),
                json!([{}, { "name": "a", "children": [{ "name": "b", "children": [{}] }] }]),
            ),
            row(
                v,
                json!({ "type": "array", "items": reference("Node") }),
                json!([[], [{ "name": "a" }]]),
                json!([[{}], {}]),
            ),
            // What is only ever read is not to be sent; what is only ever written is.
            row(v, reference("Made"), json!([{ "secret": "s" }]), json!([{}, { "id": 1, "secret": "s" }, { "id": 1 }])),
            row(
                v,
                json!({ "type": "object", "properties": { "a": { "type": "integer" } } }),
                json!([{}, { "a": 1 }, { "b": 1 }]),
                json!([{ "a": "1" }]),
            ),
            row(
                v,
                json!({ "type": "object", "properties": { "a": {} }, "additionalProperties": false }),
                json!([{ "a": 1 }]),
                json!([{ "b": 1 }]),
            ),
            row(
                v,
                json!({ "type": "object", "additionalProperties": { "type": "integer" } }),
                json!([{ "x": 1 }]),
                json!([{ "x": "1" }]),
            ),
            row(
                v,
                json!({ "type": "object", "additionalProperties": reference("Node") }),
                json!([{ "x": { "name": "n" } }]),
                json!([{ "x": {} }]),
            ),
            row(
                v,
                json!({ "type": "object", "additionalProperties": true, "maxProperties": 1 }),
                json!([{ "x": 1 }]),
                json!([{ "x": 1, "y": 2 }]),
            ),
            row(
                v,
                json!({ "type": "array", "items": {}, "minItems": 1, "maxItems": 2, "uniqueItems": true }),
                json!([[1], [1, 2]]),
                json!([[], [1, 1], [1, 2, 3]]),
            ),
            row(v, json!({ "type": "string", "pattern": "^a+$" }), json!(["a", "aa"]), json!(["", "ab"])),
            row(v, json!({ "type": "string", "format": "date" }), json!(["2026-01-31"]), json!(["2026-01-32"])),
            row(v, json!({ "type": "integer", "format": "int64" }), json!([9007199254740993_i64]), json!([0.5])),
        ]);
    }
}

/// HA-09: 3.1 is JSON Schema 2020-12.
#[test]
fn schemas_of_3_1_take_what_they_took() {
    let v = "3.1.0";
    check(vec![
        row(v, json!({ "type": ["string", "null"] }), json!(["x", null]), json!([1])),
        row(
            v,
            json!({ "type": ["integer", "string"], "minimum": 3, "minLength": 2 }),
            json!([3, "xy"]),
            json!([2, "x", null]),
        ),
        // Of 3.0, and nothing here.
        row(v, json!({ "type": "string", "nullable": true }), json!(["x"]), json!([null])),
        row(v, json!({ "const": { "a": 1 } }), json!([{ "a": 1 }]), json!([{}, { "a": 2 }])),
        row(v, json!({ "exclusiveMinimum": 1, "exclusiveMaximum": 3 }), json!([2]), json!([1, 3])),
        row(v, json!({ "$ref": "#/components/schemas/Text", "maxLength": 3 }), json!(["xy"]), json!(["x", "four"])),
        row(
            v,
            json!({ "$ref": "#/components/schemas/Node", "properties": { "age": { "type": "integer" } } }),
            json!([{ "name": "a", "age": 1 }]),
            json!([{ "age": 1 }, { "name": "a", "age": "1" }]),
        ),
        row(
            v,
            json!({ "type": "array", "prefixItems": [{ "type": "integer" }], "items": { "type": "string" } }),
            json!([[1, "x"]]),
            json!([["x"], [1, 1]]),
        ),
        row(
            v,
            json!({ "if": { "type": "string" }, "then": { "minLength": 2 }, "else": { "minimum": 5 } }),
            json!(["xy", 5]),
            json!(["x", 4]),
        ),
        row(
            v,
            json!({ "type": "object", "dependentRequired": { "a": ["b"] } }),
            json!([{}, { "b": 1 }, { "a": 1, "b": 1 }]),
            json!([{ "a": 1 }]),
        ),
        row(
            v,
            json!({ "type": "object", "patternProperties": { "^n_": { "type": "integer" } } }),
            json!([{ "n_a": 1, "x": "y" }]),
            json!([{ "n_a": "1" }]),
        ),
        row(
            v,
            json!({ "type": "object", "propertyNames": { "maxLength": 2 } }),
            json!([{ "ab": 1 }]),
            json!([{ "abc": 1 }]),
        ),
        row(
            v,
            json!({ "allOf": [{ "properties": { "a": {} } }], "unevaluatedProperties": false, "type": "object" }),
            json!([{ "a": 1 }]),
            json!([{ "b": 1 }]),
        ),
        row(
            v,
            json!({ "type": "array", "contains": { "const": 1 }, "minContains": 2 }),
            json!([[1, 1]]),
            json!([[1, 2]]),
        ),
        row(v, json!(true), json!([1, null, "x"]), json!([])),
        row(v, json!(false), json!([]), json!([1, null])),
    ]);
}
