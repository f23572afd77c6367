//! Takes out of a schema what cannot be meant by its type, and writes one of several types as a choice.

use serde_json::{Map, Value, json};

/// Keywords, and the types of the values that they speak of: of others they say nothing.
const OF_TYPES: [(&[&str], &[&str]); 4] = [
    (&["properties", "required", "additionalProperties"], &["object"]),
    (&["items", "prefixItems", "minItems", "maxItems"], &["array"]),
    (&["format", "pattern"], &["string"]),
    (&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"], &["number", "integer"]),
];

/// Takes out the keywords that speak of other types than the schema's own: strict modes refuse them.
pub(super) fn without_others(schema: &mut Map<String, Value>) {
    let Some(kinds) = kinds(schema) else { return };
    for (keywords, types) in OF_TYPES {
        if !kinds.iter().any(|kind| types.contains(&kind.as_str())) {
            keywords.iter().for_each(|keyword| drop(schema.remove(*keyword)));
        }
    }
}

/// Writes a schema of several types as a choice between schemas of one each. Where all values are given, or there is a
/// choice already, the types say nothing more.
pub(super) fn split(schema: &mut Map<String, Value>) {
    let Some(kinds) = kinds(schema).filter(|_| schema["type"].is_array()) else { return };
    schema.remove("type");
    if schema.contains_key("enum") || schema.contains_key("const") || schema.contains_key("anyOf") {
        return;
    }
    if let [kind] = &kinds[..] {
        schema.insert("type".into(), kind.as_str().into());
        return;
    }
    let mut branches: Vec<Map<String, Value>> = Vec::new();
    for kind in &kinds {
        let mut branch = Map::from_iter([("type".to_owned(), json!(kind))]);
        for (keywords, _) in OF_TYPES.iter().filter(|(_, types)| types.contains(&kind.as_str())) {
            let own =
                keywords.iter().filter_map(|keyword| Some(((*keyword).to_owned(), schema.get(*keyword)?.clone())));
            branch.extend(own);
        }
        branches.push(branch);
    }
    for keyword in OF_TYPES.iter().flat_map(|(keywords, _)| *keywords) {
        schema.remove(*keyword);
    }
    schema.insert("anyOf".into(), json!(branches));
}

/// Its types, if it says them.
fn kinds(schema: &Map<String, Value>) -> Option<Vec<String>> {
    match schema.get("type")? {
        Value::String(kind) => Some(vec![kind.clone()]),
        Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(by: impl Fn(&mut Map<String, Value>), schema: Value) -> Value {
        let Value::Object(mut schema) = schema else { panic!("{schema}") };
        by(&mut schema);
        Value::Object(schema)
    }

    #[test]
    fn keywords_of_other_types_go() {
        for (schema, left) in [
            (
                json!({ "type": "string", "items": {}, "required": ["a"], "format": "uuid", "title": "T" }),
                json!({ "type": "string", "format": "uuid", "title": "T" }),
            ),
            (
                json!({ "type": "array", "items": {}, "pattern": "x", "minimum": 1 }),
                json!({ "type": "array", "items": {} }),
            ),
            (
                json!({ "type": ["object", "null"], "properties": {}, "maxItems": 1 }),
                json!({ "type": ["object", "null"], "properties": {} }),
            ),
            (json!({ "type": "integer", "minimum": 1, "format": "date" }), json!({ "type": "integer", "minimum": 1 })),
            (json!({ "anyOf": [], "required": ["a"] }), json!({ "anyOf": [], "required": ["a"] })),
            (json!({ "type": 7, "items": {} }), json!({ "type": 7, "items": {} })),
        ] {
            assert_eq!(done(without_others, schema), left);
        }
    }

    #[test]
    fn several_types_are_a_choice() {
        for (schema, split_up) in [
            (json!({ "type": "string" }), json!({ "type": "string" })),
            (json!({ "type": ["string"] }), json!({ "type": "string" })),
            (
                json!({ "type": ["string", "null"], "format": "uuid", "description": "D" }),
                json!({ "anyOf": [{ "type": "string", "format": "uuid" }, { "type": "null" }], "description": "D" }),
            ),
            (
                json!({ "type": ["array", "object"], "items": { "type": "string" }, "properties": {} }),
                json!({ "anyOf": [{ "type": "array", "items": { "type": "string" } }, { "type": "object", "properties": {} }] }),
            ),
            (json!({ "type": ["string", "null"], "enum": ["a", null] }), json!({ "enum": ["a", null] })),
            (
                json!({ "type": ["string", "null"], "anyOf": [{ "type": "string" }] }),
                json!({ "anyOf": [{ "type": "string" }] }),
            ),
        ] {
            assert_eq!(done(split, schema), split_up);
        }
    }
}
