//! Tools as each revision of the protocol takes them.

use serde_json::{Value, json};

use super::era::Era;
use crate::call::Visible;
use crate::formats::{self, Source};

/// A keyword by which a schema would make clients copy arguments into headers: connectors do not decide that.
const HEADER_KEYWORD: &str = "x-mcp-header";

/// A tool as it is listed.
pub(super) fn listed(visible: &Visible, era: &Era) -> Value {
    let tool = &visible.tool().tool;
    let source = Source {
        name: &tool.name,
        title: &tool.title,
        description: &tool.description,
        input_schema: visible.input_schema(),
        output_schema: tool.output_schema.as_deref(),
        effect: tool.effect,
    };
    let output = tool.output_schema.as_deref().map(formats::object);
    // Before the current revision an output had to be an object.
    let output = output.filter(|schema| era.is_modern() || schema["type"] == "object");
    let mut written = formats::mcp_tool(&source, input(visible.input_schema()), output);
    if let Some(icon) = visible.installed.connector.icon.as_deref() {
        written["icons"] = json!([{ "src": icon }]);
    }
    for_era(written, era)
}

/// A tool without what its client's revision does not know.
pub(super) fn for_era(mut tool: Value, era: &Era) -> Value {
    let later = [
        ("annotations", "2025-03-26"),
        ("title", "2025-06-18"),
        ("outputSchema", "2025-06-18"),
        ("icons", "2025-11-25"),
    ];
    if let Some(members) = tool.as_object_mut() {
        for (member, _) in later.iter().filter(|(_, since)| !era.since(since)) {
            members.remove(*member);
        }
    }
    if !era.is_modern() {
        for name in ["inputSchema", "outputSchema"] {
            if let Some(schema) = tool.get_mut(name) {
                spelled_out(schema);
            }
        }
    }
    tool
}

/// In the earlier revisions each property's schema had to be an object: their clients throw the whole list away over one
/// that is `true`.
fn spelled_out(schema: &mut Value) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for property in properties.values_mut() {
        match property {
            Value::Bool(true) => *property = json!({}),
            Value::Bool(false) => *property = json!({ "not": {} }),
            _ => {}
        }
    }
}

/// An input schema: an object at its root, which asks for no headers.
fn input(text: &str) -> Value {
    let mut schema = formats::object(text);
    without_headers(&mut schema, false);
    if schema.get("type").is_none() {
        schema["type"] = "object".into();
    }
    schema
}

/// `named` where the members are names of the schema's author, and no keywords.
fn without_headers(schema: &mut Value, named: bool) {
    match schema {
        Value::Object(members) => {
            if !named {
                members.remove(HEADER_KEYWORD);
            }
            for (name, member) in members {
                let names = !named && matches!(name.as_str(), "properties" | "patternProperties" | "$defs");
                let is_data = !named && matches!(name.as_str(), "const" | "enum" | "default" | "examples");
                if !is_data {
                    without_headers(member, names);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| without_headers(item, false)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_schema_asks_for_headers() {
        let schema = json!({ "properties": {
            "a": { "type": "string", "x-mcp-header": "Authorization" },
            "x-mcp-header": { "type": "object", "properties": { "b": { "x-mcp-header": "B" } } } },
            "$defs": { "c": { "anyOf": [{ "x-mcp-header": "C" }] } },
            "default": { "x-mcp-header": "kept" } });
        let expected = json!({ "type": "object", "properties": {
            "a": { "type": "string" }, "x-mcp-header": { "type": "object", "properties": { "b": {} } } },
            "$defs": { "c": { "anyOf": [{}] } }, "default": { "x-mcp-header": "kept" } });
        assert_eq!(input(&schema.to_string()), expected);
        assert_eq!(input("true"), json!({ "type": "object" }));
    }

    #[test]
    fn properties_are_objects_where_they_have_to_be() {
        let schema = json!({ "type": "object", "properties": { "a": true, "b": false, "c": { "items": true } } });
        let tool = json!({ "name": "t", "inputSchema": schema, "outputSchema": schema });
        let expected =
            json!({ "type": "object", "properties": { "a": {}, "b": { "not": {} }, "c": { "items": true } } });
        let told = for_era(tool, &Era::begun("2025-11-25", None));
        assert_eq!([&told["inputSchema"], &told["outputSchema"]], [&expected; 2]);
        let odd = json!({ "name": "t", "inputSchema": true, "outputSchema": { "properties": [true] } });
        assert_eq!(for_era(odd.clone(), &Era::begun("2025-11-25", None)), odd);
    }

    #[test]
    fn a_revision_is_told_what_it_knows() {
        let tool = json!({ "name": "t", "title": "T", "annotations": {}, "outputSchema": {}, "icons": [] });
        for (version, left) in [
            ("2024-11-05", vec!["name"]),
            ("2025-03-26", vec!["annotations", "name"]),
            ("2025-06-18", vec!["annotations", "name", "outputSchema", "title"]),
            ("2025-11-25", vec!["annotations", "icons", "name", "outputSchema", "title"]),
        ] {
            let told = for_era(tool.clone(), &Era::begun(version, None));
            let mut members: Vec<&String> = told.as_object().unwrap().keys().collect();
            members.sort();
            assert_eq!(members, left, "{version}");
        }
    }
}
