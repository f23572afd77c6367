//! JSON Schemas of a tool's input and output, as the contract wants them.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

/// The key under which a result that is a list is wrapped: the root of an output is then always an object with a
/// name for what is in it, whichever connector it comes from.
pub(crate) const ITEMS: &str = "items";

/// The schema of an input: its root is an object, and objects with named properties take no others unless their
/// type says so.
pub(crate) fn of_input<T: JsonSchema>() -> Value {
    let mut schema = plain(settings().for_deserialize().into_generator().into_root_schema_for::<T>());
    close(&mut schema);
    if let Value::Object(keys) = &mut schema {
        keys.insert("type".into(), "object".into());
        return schema;
    }
    json!({ "type": "object" })
}

/// The schema of a user's answer: of any type.
pub(crate) fn of_answer<T: JsonSchema>() -> Value {
    let mut schema = plain(settings().for_deserialize().into_generator().into_root_schema_for::<T>());
    close(&mut schema);
    schema
}

/// The schema of a tool without input.
pub(crate) fn of_no_input() -> Value {
    json!({ "type": "object", "properties": {}, "additionalProperties": false })
}

/// The schema of an output; a list is wrapped.
pub(crate) fn of_output<T: JsonSchema>() -> Value {
    let schema = plain(settings().for_serialize().into_generator().into_root_schema_for::<T>());
    // A list that may be absent is `["array", "null"]`: the null stays what it is.
    let (is_list, or_null) = match schema.get("type") {
        Some(Value::String(one)) => (one == "array", false),
        Some(Value::Array(several)) => (several.iter().any(|one| one == "array"), true),
        _ => (false, false),
    };
    if !is_list {
        return schema;
    }
    let mut list = schema;
    let definitions = list.as_object_mut().and_then(|keys| {
        keys.insert("type".into(), "array".into());
        keys.remove("$defs")
    });
    let root = if or_null { json!(["object", "null"]) } else { json!("object") };
    let mut wrapped = json!({ "type": root, "properties": { (ITEMS): list }, "required": [ITEMS] });
    if let (Some(definitions), Value::Object(keys)) = (definitions, &mut wrapped) {
        keys.insert("$defs".into(), definitions);
    }
    wrapped
}

fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    })
}

/// Without the name of the Rust type, which says nothing to a model.
fn plain(schema: Schema) -> Value {
    let mut value = schema.to_value();
    if let Value::Object(keys) = &mut value {
        keys.remove("title");
    }
    value
}

fn close(schema: &mut Value) {
    let Value::Object(keys) = schema else { return };
    let combined = ["allOf", "anyOf", "oneOf"].iter().any(|key| keys.contains_key(*key));
    let open = ["additionalProperties", "unevaluatedProperties"].iter().all(|key| !keys.contains_key(*key));
    let named = keys.contains_key("properties");
    if named && open && !combined {
        keys.insert("additionalProperties".into(), false.into());
    }
    for key in ["properties", "$defs"] {
        if let Some(Value::Object(children)) = keys.get_mut(key) {
            children.values_mut().for_each(close);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(child) = keys.get_mut(key) {
            close(child);
        }
    }
    // Alternatives that share their properties with their parent would exclude each other.
    if !named {
        close_alternatives(keys);
    }
}

fn close_alternatives(keys: &mut Map<String, Value>) {
    for key in ["anyOf", "oneOf"] {
        if let Some(Value::Array(alternatives)) = keys.get_mut(key) {
            alternatives.iter_mut().for_each(close);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(serde::Deserialize, serde::Serialize, JsonSchema)]
    struct Outer {
        /// How many.
        count: u64,
        inner: Option<Inner>,
        labels: Vec<Inner>,
        free: BTreeMap<String, String>,
    }

    #[derive(serde::Deserialize, serde::Serialize, JsonSchema)]
    struct Inner {
        name: String,
    }

    #[derive(serde::Deserialize, JsonSchema)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    #[expect(dead_code, reason = "only its schema counts")]
    enum Choice {
        One { a: u8 },
        Two { b: u8 },
    }

    #[test]
    fn inputs_are_closed_objects_with_descriptions() {
        let schema = of_input::<Outer>();
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["count"]["description"], "How many.");
        assert_eq!(schema["properties"]["labels"]["items"]["additionalProperties"], false);
        assert_eq!(schema["properties"]["free"]["additionalProperties"], json!({ "type": "string" }));
        assert!(schema.get("title").is_none() && schema.get("$schema").is_none() && schema.get("$defs").is_none());
    }

    #[test]
    fn an_input_of_alternatives_is_still_an_object() {
        let schema = of_input::<Choice>();
        assert_eq!(schema["type"], "object");
        assert!(schema.get("additionalProperties").is_none());
        assert_eq!(schema["oneOf"][0]["additionalProperties"], false);
    }

    #[test]
    fn arbitrary_input_stays_open() {
        assert_eq!(of_input::<crate::Json>(), json!({ "type": "object" }));
    }

    #[test]
    fn only_lists_are_wrapped() {
        let wrapped = of_output::<Vec<Inner>>();
        assert_eq!(wrapped["properties"]["items"]["type"], "array");
        assert_eq!(wrapped["required"], json!(["items"]));
        assert_eq!(of_output::<Option<Vec<u8>>>()["type"], json!(["object", "null"]));
        assert_eq!(of_output::<Inner>()["properties"]["name"]["type"], "string");
        assert_eq!(of_output::<String>()["type"], "string");
        assert_eq!(of_output::<crate::Json>(), json!({}));
    }
}
