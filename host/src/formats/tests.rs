//! Tests of tools in the forms of model APIs.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const READ: Effect = Effect::Read;

fn source(schema: &str) -> Source<'_> {
    Source {
        name: "acme_items_list",
        title: "List items",
        description: "Lists.",
        input_schema: schema,
        output_schema: None,
        effect: READ,
    }
}

/// The schema that an API is given, whether strictly, and the places of the warnings.
fn given(format: Format, strict: bool, schema: &Value) -> (Value, bool, Vec<String>) {
    let text = schema.to_string();
    let offered = offer(format, strict, &[source(&text)]);
    let tool = offered.tools[0].clone();
    let places = offered.warnings.into_iter().map(|warning| warning.path).collect();
    match format {
        Format::OpenAi => (tool["function"]["parameters"].clone(), tool["function"]["strict"] == true, places),
        Format::OpenAiResponses => (tool["parameters"].clone(), tool["strict"] == true, places),
        Format::Anthropic => (tool["input_schema"].clone(), tool["strict"] == true, places),
        Format::Gemini => (tool["functionDeclarations"][0]["parametersJsonSchema"].clone(), false, places),
        Format::Mcp => (tool["inputSchema"].clone(), false, places),
    }
}

#[test]
fn a_format_is_read_back() {
    for format in Format::ALL {
        assert_eq!(Format::parse(format.as_str()), Some(format));
    }
    for other in ["", "native", "OpenAI", "claude"] {
        assert_eq!(Format::parse(other), None);
    }
}

/// AK-118, AK-502: the member that each API has the schema in, and an object of no members where there is none.
#[test]
fn a_tool_has_the_form_of_each_api() {
    let schema = json!({ "type": "object" });
    let open = json!({ "type": "object", "properties": {} });
    for format in [Format::OpenAi, Format::OpenAiResponses, Format::Anthropic, Format::Gemini] {
        assert_eq!(given(format, false, &schema), (open.clone(), false, vec![]), "{format:?}");
    }
    assert_eq!(given(Format::Mcp, false, &schema).0, schema);
    let text = schema.to_string();
    let mcp = offer(Format::Mcp, true, &[Source { output_schema: Some(r#"{"type":"array"}"#), ..source(&text) }]);
    assert_eq!(mcp.tools[0].get("outputSchema"), None);
    assert_eq!(mcp.tools[0]["annotations"]["readOnlyHint"], true);
    let two = offer(Format::Gemini, false, &[source(&text), source(&text)]);
    assert_eq!((two.tools.len(), two.tools[0]["functionDeclarations"].as_array().unwrap().len()), (1, 2));
}

#[test]
fn openai_gets_every_member_required_and_null_for_absent() {
    let schema = json!({ "type": "object", "required": ["a"], "properties": {
        "a": { "type": "string", "minLength": 1, "description": "A." },
        "b": { "enum": ["x", "y"] },
        "c": { "type": "array", "items": { "type": "object", "properties": { "d": { "const": 7 } } } },
        "e": { "$ref": "#/$defs/e" },
        "f": { "oneOf": [{ "type": "string" }, { "type": "integer" }], "default": "z" },
    }, "$defs": { "e": { "type": "object", "properties": { "e": { "$ref": "#/$defs/e" } } } } });
    let (strict, held, places) = given(Format::OpenAi, true, &schema);
    assert!(held);
    assert_eq!(
        strict,
        json!({ "type": "object", "required": ["a", "b", "c", "e", "f"], "additionalProperties": false, "properties": {
            "a": { "type": "string", "description": "A. (minLength: 1)" },
            "b": { "type": ["string", "null"], "enum": ["x", "y", null] },
            "c": { "type": ["array", "null"], "items": { "type": "object", "additionalProperties": false,
                "required": ["d"], "properties":
                { "d": { "anyOf": [{ "type": "number", "const": 7 }, { "type": "null" }] } } } },
            "e": { "anyOf": [{ "$ref": "#/$defs/e_0" }, { "type": "null" }] },
            "f": { "anyOf": [{ "type": "string" }, { "type": "integer" }, { "type": "null" }],
                "description": "default: \"z\"" },
        }, "$defs": { "e_0": { "type": "object", "additionalProperties": false, "required": ["e"], "properties":
            { "e": { "anyOf": [{ "$ref": "#/$defs/e_0" }, { "type": "null" }] } } } } })
    );
    assert_eq!(places, ["/properties/a/minLength"]);
}

/// What would make a model unable to say what the tool takes is not strict, and the warning names the place.
#[test]
fn what_cannot_be_said_is_not_strict() {
    let member = |schema: Value| json!({ "type": "object", "properties": { "a": schema } });
    let deep = (0..12).fold(
        json!({ "type": "string" }),
        |inner, _| json!({ "type": "object", "required": ["a"], "properties": { "a": inner } }),
    );
    for (schema, openai, anthropic) in [
        (member(json!({})), "/properties/a", "/properties/a"),
        (member(json!(true)), "/properties/a", "/properties/a"),
        (member(json!({ "type": "object" })), "/properties/a", "/properties/a"),
        (
            member(json!({ "type": "object", "additionalProperties": { "type": "string" } })),
            "/properties/a/additionalProperties",
            "/properties/a/additionalProperties",
        ),
        (member(json!({ "type": "array" })), "/properties/a", "/properties/a"),
        (member(json!({ "type": "string", "not": {} })), "/properties/a/not", "/properties/a/not"),
        (member(json!({ "$ref": "#/$defs/none" })), "/properties/a/$ref", "/properties/a/$ref"),
        (member(json!({ "$ref": "https://example.com/s" })), "/properties/a/$ref", "/properties/a/$ref"),
        (json!({ "type": "object", "required": ["b"], "properties": { "a": { "type": "string" } } }), "", ""),
        (deep, "", "-"),
        (member(json!({ "$ref": "#" })), "-", "/properties/a/$ref"),
    ] {
        for (format, expected) in [(Format::OpenAi, openai), (Format::Anthropic, anthropic)] {
            let (_, held, places) = given(format, true, &schema);
            assert_eq!(held, expected == "-", "{format:?} {schema}");
            assert!(held || places.contains(&expected.to_owned()), "{format:?} {schema}: {places:?}");
        }
    }
}

/// References that double at each step end, and so do those that never end.
#[test]
fn no_schema_grows_without_end() {
    let mut definitions = Map::new();
    for n in 0..40 {
        let next = json!({ "$ref": format!("#/$defs/d{}", n + 1), "description": "again" });
        definitions.insert(format!("d{n}"), json!({ "type": "object", "properties": { "a": next, "b": next } }));
    }
    definitions.insert("d40".into(), json!({ "type": "string" }));
    let doubling = json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/d0" } }, "$defs": definitions });
    let circle = json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/a", "description": "x" } },
        "$defs": { "a": { "$ref": "#/$defs/a", "description": "y" } } });
    for schema in [doubling, circle] {
        for format in Format::ALL {
            let (rewritten, held, _) = given(format, true, &schema);
            assert!(!held && rewritten["type"] == "object", "{format:?}");
        }
    }
}

#[test]
fn a_root_that_apis_refuse_keeps_its_parameters() {
    let schema = json!({ "type": "object", "oneOf": [
        { "properties": { "a": { "type": "string" } }, "required": ["a"] }, { "$ref": "#/$defs/b" }],
        "$defs": { "b": { "properties": { "b": { "type": "integer" } } } } });
    for format in [Format::OpenAi, Format::Anthropic, Format::Gemini] {
        for strict in [false, true] {
            let (rewritten, held, places) = given(format, strict, &schema);
            let properties = rewritten["properties"].as_object().unwrap();
            assert!(!held && properties.len() == 2 && rewritten.get("oneOf").is_none(), "{format:?} {rewritten}");
            assert!(places.contains(&"/oneOf".to_owned()), "{places:?}");
        }
    }
}

#[test]
fn strict_tools_of_anthropic_have_one_budget() {
    let schema = json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "string" } } });
    let (text, closed) = (schema.to_string(), json!({ "type": "object", "properties": {} }).to_string());
    let strict = |sources: &[Source<'_>]| {
        let offered = offer(Format::Anthropic, true, sources);
        let held = offered.tools.iter().filter(|tool| tool["strict"] == true).count();
        assert_eq!(offered.warnings.len(), sources.len() - held);
        held
    };
    assert_eq!(strict(&[source(&text); 15]), 12, "24 parameters that need not be given");
    assert_eq!(strict(&[source(&closed); 25]), 20);
}

#[test]
fn calls_of_every_api_are_read_and_answered() {
    let answered = |text: &str, result: NativeResult<'_>| {
        let call = read_call(text).unwrap();
        (call.format, call.name.clone(), call.input.clone(), write_result(&call, result))
    };
    let data = NativeResult::Data("{\"n\":1.50}");
    for (text, format, result) in [
        (
            r#"{"id":"c1","type":"function","function":{"name":"t","arguments":"{\"a\": 1.0}"}}"#,
            Format::OpenAi,
            json!({ "role": "tool", "tool_call_id": "c1", "content": "{\"n\":1.50}" }),
        ),
        (
            r#"{"type":"function_call","id":"fc","call_id":"c1","name":"t","arguments":"{\"a\": 1.0}","status":"completed"}"#,
            Format::OpenAiResponses,
            json!({ "type": "function_call_output", "call_id": "c1", "output": "{\"n\":1.50}" }),
        ),
        (
            r#"{"type":"tool_use","id":"c1","name":"t","input":{"a": 1.0}}"#,
            Format::Anthropic,
            json!({ "type": "tool_result", "tool_use_id": "c1", "content": "{\"n\":1.50}", "is_error": false }),
        ),
        (
            r#"{"functionCall":{"id":"c1","name":"t","args":{"a": 1.0}}}"#,
            Format::Gemini,
            serde_json::from_str(r#"{"functionResponse":{"id":"c1","name":"t","response":{"output":{"n":1.50}}}}"#)
                .unwrap(),
        ),
        (
            r#"{"name":"t","arguments":{"a": 1.0}}"#,
            Format::Mcp,
            serde_json::from_str(
                r#"{"content":[{"type":"text","text":"{\"n\":1.50}"}],"isError":false,"structuredContent":{"n":1.50}}"#,
            )
            .unwrap(),
        ),
    ] {
        assert_eq!(answered(text, data), (format, "t".into(), "{\"a\": 1.0}".into(), result), "{text}");
    }
    let failed = |text: &str| answered(text, NativeResult::Failed("no")).3;
    assert_eq!(failed(r#"{"type":"tool_use","id":"1","name":"t"}"#)["is_error"], true);
    assert_eq!(failed(r#"{"name":"t"}"#)["isError"], true);
    assert_eq!(failed(r#"{"function_call":{"name":"t"}}"#)["functionResponse"]["response"], json!({ "error": "no" }));
    for text in [
        "",
        "[]",
        "{}",
        "7",
        r#"{"type":"tool_use"}"#,
        r#"{"type":"function_call","name":"t","arguments":{}}"#,
        r#"{"type":"web_search_call","name":"t"}"#,
        r#"{"function":{"name":"t"}}"#,
        r#"{"function":{"name":"t","arguments":{}}}"#,
        r#"{"arguments":{}}"#,
    ] {
        assert!(read_call(text).is_err(), "{text}");
    }
}

#[test]
fn nulls_go_where_null_means_nothing() {
    let schema = r##"{"type":"object","required":["r"],"properties":{"r":{"type":"string"},"o":{"type":"string"},
        "n":{"type":["string","null"]},"any":{},"e":{"enum":[1,null]},
        "in":{"type":"array","items":{"$ref":"#/$defs/d"}},
        "u":{"anyOf":[{"properties":{"x":{"type":"string"}}},{"type":"string"}]}},
        "$defs":{"d":{"properties":{"o":{"type":"integer"}}}}}"##;
    for (input, expected) in [
        (r#"{ "r": "x" }"#, r#"{ "r": "x" }"#),
        (r#"{"r":null,"o":null}"#, r#"{"r":null}"#),
        (r#"{"n":null,"any":null,"e":null,"other":null}"#, r#"{"n":null,"any":null,"e":null,"other":null}"#),
        (r#"{"in":[{"o":null,"p":null},null,{"o":1}]}"#, r#"{"in":[{"p":null},null,{"o":1}]}"#),
        (r#"{"u":{"x":null},"n":1.50}"#, r#"{"n":1.50,"u":{}}"#),
        ("nonsense", "nonsense"),
        ("null", "null"),
    ] {
        assert_eq!(without_nulls(schema, input), expected, "{input}");
    }
}

/// A schema with members of many kinds, and a value that fits it.
fn schemas() -> impl Strategy<Value = (Value, Value)> {
    let leaf = prop_oneof![
        "[a-z]{0,3}".prop_map(|text| (json!({ "type": "string", "minLength": 0 }), json!(text))),
        (0..9).prop_map(|number| (json!({ "type": "integer", "minimum": 0 }), json!(number))),
        Just((json!({ "enum": ["x", "y"] }), json!("y"))),
        Just((json!({ "const": "k" }), json!("k"))),
        Just((json!({ "type": ["string", "null"] }), json!("s"))),
        Just((json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] }), json!(3))),
        Just((json!({ "$ref": "#/$defs/d" }), json!({ "q": "1" }))),
    ];
    let node = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..2).prop_map(|items| {
                let (schema, value) = items[0].clone();
                (json!({ "type": "array", "items": schema }), json!([value, value]))
            }),
            proptest::collection::btree_map("[a-d]", (inner, any::<bool>(), any::<bool>()), 0..4).prop_map(object_of),
        ]
    });
    proptest::collection::btree_map("[a-d]", (node, any::<bool>(), any::<bool>()), 0..4).prop_map(|members| {
        let (mut schema, value) = object_of(members);
        schema["$defs"] = json!({ "d": { "type": "object", "properties": { "q": { "type": "string" } } } });
        (schema, value)
    })
}

/// Each member with its schema and value, whether it is required, and whether it is there if it need not be.
fn object_of(members: std::collections::BTreeMap<String, ((Value, Value), bool, bool)>) -> (Value, Value) {
    let (mut properties, mut required, mut value) = (Map::new(), Vec::new(), Map::new());
    for (name, ((schema, member), wanted, there)) in members {
        properties.insert(name.clone(), schema);
        if wanted || there {
            value.insert(name.clone(), member);
        }
        if wanted {
            required.push(name);
        }
    }
    (json!({ "type": "object", "properties": properties, "required": required }), Value::Object(value))
}

/// What a model in strict mode writes for a value: null for each member that is left out.
fn as_a_model_writes(root: &Value, strict: &Value, value: &Value) -> Value {
    let strict = strict["anyOf"].as_array().and_then(|branches| branches.first()).unwrap_or(strict);
    let strict = strict["$ref"].as_str().and_then(|reference| strict::local(root, reference)).unwrap_or(strict);
    match value {
        Value::Object(members) => {
            let mut all = Map::new();
            for (name, schema) in strict["properties"].as_object().unwrap() {
                let member = members.get(name).map_or(Value::Null, |member| as_a_model_writes(root, schema, member));
                all.insert(name.clone(), member);
            }
            Value::Object(all)
        }
        Value::Array(items) => items.iter().map(|item| as_a_model_writes(root, &strict["items"], item)).collect(),
        value => value.clone(),
    }
}

/// A value with null for each absent member that may be null: where the two cannot be told apart.
fn without_all_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(_, member)| !member.is_null());
            Value::Object(kept.map(|(name, member)| (name.clone(), without_all_nulls(member))).collect())
        }
        Value::Array(items) => items.iter().map(without_all_nulls).collect(),
        value => value.clone(),
    }
}

proptest! {
    /// CB-11: what a model writes in strict mode fits the strict schema, and without its nulls the tool's own; nothing
    /// that it said is lost.
    #[test]
    fn what_a_strict_model_writes_comes_back((schema, value) in schemas()) {
        let fits = |schema: &Value, value: &Value| jsonschema::draft202012::new(schema).unwrap().is_valid(value);
        prop_assert!(fits(&schema, &value));
        for format in [Format::OpenAi, Format::OpenAiResponses] {
            let (strict, held, places) = given(format, true, &schema);
            prop_assert!(held, "{:?}", places);
            let written = as_a_model_writes(&strict, &strict, &value);
            prop_assert!(fits(&strict, &written), "{} {}", strict, written);
            let back: Value = serde_json::from_str(&without_nulls(&schema.to_string(), &written.to_string())).unwrap();
            prop_assert!(fits(&schema, &back), "{}", back);
            prop_assert_eq!(without_all_nulls(&back), value.clone());
        }
        for format in [Format::Anthropic, Format::Gemini, Format::Mcp] {
            let (rewritten, _, places) = given(format, true, &schema);
            prop_assert!(fits(&rewritten, &value), "{:?} {} {} {:?}", format, rewritten, value, places);
        }
    }

    /// Whatever a schema is, there is a tool, and nothing panics.
    #[test]
    fn no_schema_is_too_odd(keyword in "(type|items|anyOf|allOf|properties|required|[$]ref|enum|additionalProperties)",
        odd in prop_oneof![Just(json!(7)), Just(json!("#")), Just(json!([[]])), Just(json!({ "a": 7 })), Just(json!(null))]) {
        for schema in [json!({ "type": "object", &keyword: odd }),
            json!({ "type": "object", "properties": { "a": { keyword: odd } } })] {
            for format in Format::ALL {
                for strict in [false, true] {
                    given(format, strict, &schema);
                }
            }
            without_nulls(&schema.to_string(), "{\"a\":null}");
        }
    }
}
