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

/// The schema of a tool without input.
pub(crate) fn of_no_input() -> Value {
    json!({ "type": "object", "properties": {}, "additionalProperties": false })
}

/// The schema of an output, and whether it is a list and therefore wrapped.
pub(crate) fn of_output<T: JsonSchema>() -> (Value, bool) {
    let schema = plain(settings().for_serialize().into_generator().into_root_schema_for::<T>());
    if schema.get("type").and_then(Value::as_str) != Some("array") {
        return (schema, false);
    }
    let mut list = schema;
    let definitions = list.as_object_mut().and_then(|keys| keys.remove("$defs"));
    let mut wrapped = json!({ "type": "object", "properties": { (ITEMS): list }, "required": [ITEMS] });
    if let (Some(definitions), Value::Object(keys)) = (definitions, &mut wrapped) {
        keys.insert("$defs".into(), definitions);
    }
    (wrapped, true)
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
