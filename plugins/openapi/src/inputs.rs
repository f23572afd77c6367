//! The input of a tool under construction: parameters and members of the body side by side.

use serde_json::{Map, Value, json};

use crate::input_name::input_name;
use crate::limits::NAME_BYTES;

/// The properties of an input schema.
#[derive(Default)]
pub(crate) struct Inputs {
    properties: Map<String, Value>,
    required: Vec<String>,
    /// What must be given where any member of an optional body is.
    together: Map<String, Value>,
}

impl Inputs {
    /// Adds an input and answers what it is called: as in the request where models take that name and no other input has
    /// it; else with its place before it (`body_id`).
    pub(crate) fn add(&mut self, place: &str, name: &str, schema: Value, required: bool) -> String {
        let own = input_name(name);
        let mut input = own.clone();
        if self.properties.contains_key(&input) {
            input = shortened(&format!("{place}_{own}"));
        }
        let mut count = 2;
        while self.properties.contains_key(&input) {
            input = shortened(&format!("{count}_{place}_{own}"));
            input.insert(0, '_');
            input.truncate(NAME_BYTES);
            count += 1;
        }
        let mut schema = keywords_of(schema);
        if input != name {
            let said =
                schema.get("description").and_then(Value::as_str).map(|text| format!("{text} ")).unwrap_or_default();
            schema.insert(
                "description".into(),
                json!(format!("{said}(Sent as `{}`.)", gloveport_importer::line(name, 100))),
            );
        }
        self.properties.insert(input.clone(), Value::Object(schema));
        if required {
            self.required.push(input.clone());
        }
        input
    }

    /// Of an optional body: where one of `all` is given, `required` must be.
    pub(crate) fn together(&mut self, all: &[String], required: &[String]) {
        for one in all {
            let others: Vec<&String> = required.iter().filter(|other| *other != one).collect();
            if !others.is_empty() {
                self.together.insert(one.clone(), json!(others));
            }
        }
    }

    /// The schema of the whole input.
    pub(crate) fn into_schema(self, definitions: Map<String, Value>) -> Value {
        let mut schema = Map::new();
        schema.insert("type".into(), json!("object"));
        schema.insert("properties".into(), Value::Object(self.properties));
        if !self.required.is_empty() {
            schema.insert("required".into(), json!(self.required));
        }
        if !self.together.is_empty() {
            schema.insert("dependentRequired".into(), Value::Object(self.together));
        }
        schema.insert("additionalProperties".into(), json!(false));
        if !definitions.is_empty() {
            schema.insert("$defs".into(), Value::Object(definitions));
        }
        Value::Object(schema)
    }
}

/// A schema as keywords: `false`, which takes nothing, has a longer spelling.
pub(crate) fn keywords_of(schema: Value) -> Map<String, Value> {
    match schema {
        Value::Object(members) => members,
        Value::Bool(false) => Map::from_iter([("not".to_owned(), json!({}))]),
        _ => Map::new(),
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(NAME_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// HA-G: clashes are renamed, always the same way, and said.
    #[test]
    fn clashes_are_renamed_predictably() {
        let mut inputs = Inputs::default();
        assert_eq!(inputs.add("path", "id", json!({ "type": "string" }), true), "id");
        assert_eq!(inputs.add("query", "id", json!(true), false), "query_id");
        assert_eq!(inputs.add("body", "id", json!({ "description": "d" }), true), "body_id");
        assert_eq!(inputs.add("body", "id", json!({}), false), "_2_body_id");
        assert_eq!(inputs.add("header", "X-Id", json!({}), false), "X_Id");
        inputs.together(&["body_id".into(), "x".into()], &["body_id".into()]);
        let schema = inputs.into_schema(Map::new());
        assert_eq!(schema["required"], json!(["id", "body_id"]));
        assert_eq!(schema["properties"]["id"], json!({ "type": "string" }));
        assert_eq!(schema["properties"]["body_id"]["description"], "d (Sent as `id`.)");
        assert_eq!(schema["dependentRequired"], json!({ "x": ["body_id"] }));
    }

    #[test]
    fn names_stay_within_what_models_take() {
        let mut inputs = Inputs::default();
        let long = "x".repeat(100);
        for _ in 0..5 {
            let name = inputs.add("body", &long, json!({}), false);
            assert!(name.len() <= NAME_BYTES && !name.starts_with(|c: char| c.is_ascii_digit()), "{name}");
        }
    }
}
