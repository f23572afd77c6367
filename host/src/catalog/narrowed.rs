//! A tool's input schema without the parameters that are preset: what a model sees of it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::validation;

/// Schemas kept, after which all are dropped: a schema has a few kilobytes, so these are some ten megabytes.
const MAX_KEPT: usize = 2_048;

/// Keywords whose value is a list of schemas of the same value.
const LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// Keywords whose value is data, in which `$ref` is a name like any other.
const DATA: [&str; 4] = ["const", "enum", "default", "examples"];

/// Which parameters a schema is to lose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PresetNames {
    /// Those that nobody may give.
    pub gone: BTreeSet<String>,
    /// Those that nobody needs to give.
    pub optional: BTreeSet<String>,
}

/// Schemas that were narrowed already: each is made once, and not per list.
#[derive(Debug, Default)]
pub struct NarrowedSchemas(Mutex<HashMap<(String, PresetNames), Arc<str>>>);

impl NarrowedSchemas {
    /// The schema without what is preset; a schema in any case, also where what is left of it makes no sense.
    pub fn narrowed(&self, schema: &str, preset: PresetNames) -> Arc<str> {
        let wanted = (schema.to_owned(), preset);
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept().get(&wanted) {
            return Arc::clone(found);
        }
        let made: Arc<str> = narrowed(schema, &wanted.1).into();
        let mut kept = kept();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(wanted, Arc::clone(&made));
        made
    }
}

/// Takes parameters out of a schema: out of `properties`, `required`, and whatever else speaks of them at the root.
fn narrowed(schema: &str, preset: &PresetNames) -> String {
    let Ok(Value::Object(mut root)) = serde_json::from_str(schema) else { return anything() };
    let moved = referenced(&root, &preset.gone);
    strip(&mut root, preset);
    if !moved.is_empty() {
        let definitions = root.entry("$defs").or_insert_with(|| json!({}));
        for (place, definition) in moved.values() {
            if let Value::Object(definitions) = definitions {
                definitions.insert(place.clone(), definition.clone());
            }
        }
        let mut whole = Value::Object(root);
        redirect(&mut whole, &moved);
        return usable(whole.to_string());
    }
    usable(Value::Object(root).to_string())
}

/// The schema if it is one; an object of anything if not. What a call may say is decided by the tool's own schema.
fn usable(text: String) -> String {
    if validation::compile(&text).is_ok() { text } else { anything() }
}

fn anything() -> String {
    json!({ "type": "object" }).to_string()
}

/// Takes parameters out of a schema of the whole input.
fn strip(schema: &mut Map<String, Value>, preset: &PresetNames) {
    let gone = |name: &str| preset.gone.contains(name);
    // What is given by the operator is there: it need not be given, and what it asks for is asked for.
    let given = |name: &str| gone(name) || preset.optional.contains(name);
    if schema.get("if").is_some_and(|condition| speaks_of(condition, &gone)) {
        // Which branch holds depends on a value that the caller does not have.
        for keyword in ["if", "then", "else"] {
            schema.remove(keyword);
        }
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.retain(|name, _| !gone(name));
    }
    take_out_dependents(schema, &gone);
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| !name.as_str().is_some_and(given));
        if required.is_empty() {
            schema.remove("required");
        }
    }
    lower_counts(schema, preset.gone.len() as u64);
    if let Some(value) = schema.get_mut("default") {
        without_members(value, &gone);
    }
    if let Some(Value::Array(examples)) = schema.get_mut("examples") {
        examples.iter_mut().for_each(|example| without_members(example, &gone));
    }
    for keyword in LISTS {
        if let Some(Value::Array(parts)) = schema.get_mut(keyword) {
            parts.iter_mut().filter_map(Value::as_object_mut).for_each(|part| strip(part, preset));
        }
    }
    for keyword in ["if", "then", "else", "not"] {
        if let Some(Value::Object(part)) = schema.get_mut(keyword) {
            strip(part, preset);
        }
    }
    if let Some(Value::Object(parts)) = schema.get_mut("dependentSchemas") {
        parts.values_mut().filter_map(Value::as_object_mut).for_each(|part| strip(part, preset));
    }
}

/// What depends on a parameter that is always there holds always.
fn take_out_dependents(schema: &mut Map<String, Value>, gone: &impl Fn(&str) -> bool) {
    let mut required = Vec::new();
    if let Some(Value::Object(dependents)) = schema.get_mut("dependentRequired") {
        let names: Vec<String> = dependents.keys().filter(|name| gone(name)).cloned().collect();
        for name in names {
            required.extend(dependents.remove(&name).and_then(|names| names.as_array().cloned()).unwrap_or_default());
        }
        for names in dependents.values_mut().filter_map(Value::as_array_mut) {
            names.retain(|name| !name.as_str().is_some_and(gone));
        }
    }
    let mut always = Vec::new();
    if let Some(Value::Object(dependents)) = schema.get_mut("dependentSchemas") {
        let names: Vec<String> = dependents.keys().filter(|name| gone(name)).cloned().collect();
        always.extend(names.iter().filter_map(|name| dependents.remove(name)));
    }
    for (keyword, more) in [("required", required), ("allOf", always)] {
        if more.is_empty() {
            continue;
        }
        if let Value::Array(list) = schema.entry(keyword).or_insert_with(|| json!([])) {
            for item in more {
                if !list.contains(&item) {
                    list.push(item);
                }
            }
        }
    }
}

/// Parameters that the operator gives count as well.
fn lower_counts(schema: &mut Map<String, Value>, by: u64) {
    for keyword in ["minProperties", "maxProperties"] {
        if let Some(count) = schema.get(keyword).and_then(Value::as_u64) {
            schema.insert(keyword.into(), count.saturating_sub(by).into());
        }
    }
}

fn without_members(value: &mut Value, gone: &impl Fn(&str) -> bool) {
    if let Value::Object(members) = value {
        members.retain(|name, _| !gone(name));
    }
}

/// Whether a schema of the whole input says anything of these parameters.
fn speaks_of(schema: &Value, gone: &impl Fn(&str) -> bool) -> bool {
    let Value::Object(schema) = schema else { return false };
    schema.iter().any(|(keyword, value)| match (keyword.as_str(), value) {
        ("properties" | "dependentSchemas" | "dependentRequired", Value::Object(members)) => {
            members.keys().any(|name| gone(name))
        }
        ("required", Value::Array(names)) => names.iter().any(|name| name.as_str().is_some_and(gone)),
        ("not" | "if" | "then" | "else", part) => speaks_of(part, gone),
        (keyword, Value::Array(parts)) if LISTS.contains(&keyword) => parts.iter().any(|part| speaks_of(part, gone)),
        _ => false,
    })
}

/// Schemas of parameters that others refer to: the reference to each, where it goes to, and what it is.
struct References(Vec<(String, (String, Value))>);

impl References {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn values(&self) -> impl Iterator<Item = &(String, Value)> {
        self.0.iter().map(|(_, moved)| moved)
    }
}

/// What is taken out and referred to from elsewhere has to stay somewhere.
fn referenced(root: &Map<String, Value>, gone: &BTreeSet<String>) -> References {
    let properties = root.get("properties").and_then(Value::as_object);
    let mut all = Vec::new();
    references(&Value::Object(root.clone()), &mut all);
    let mut moved = Vec::new();
    for name in gone {
        let pointer = format!("#/properties/{}", name.replace('~', "~0").replace('/', "~1"));
        let below = format!("{pointer}/");
        let found = properties.and_then(|properties| properties.get(name));
        if let Some(definition) = found
            && all.iter().any(|reference| *reference == pointer || reference.starts_with(&below))
        {
            moved.push((pointer, (format!("preset-{}", moved.len()), definition.clone())));
        }
    }
    References(moved)
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter().filter(|(name, _)| !DATA.contains(&name.as_str())) {
                match member {
                    Value::String(reference) if name == "$ref" => found.push(reference.clone()),
                    member => references(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn redirect(value: &mut Value, moved: &References) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut().filter(|(name, _)| !DATA.contains(&name.as_str())) {
                match member {
                    Value::String(reference) if name == "$ref" => {
                        if let Some(other) = elsewhere(reference, moved) {
                            *reference = other;
                        }
                    }
                    member => redirect(member, moved),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redirect(item, moved)),
        _ => {}
    }
}

fn elsewhere(reference: &str, moved: &References) -> Option<String> {
    moved.0.iter().find_map(|(pointer, (place, _))| {
        let rest = reference.strip_prefix(pointer.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then(|| format!("#/$defs/{place}{rest}"))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn without(schema: &Value, gone: &[&str], optional: &[&str]) -> Value {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let preset = PresetNames { gone: names(gone), optional: names(optional) };
        serde_json::from_str(&narrowed(&schema.to_string(), &preset)).unwrap()
    }

    /// SI-15: a preset leaves the schema that the model sees.
    #[test]
    fn presets_leave_the_schema() {
        let object = |more: Value| {
            let mut schema = json!({ "type": "object", "properties": { "b": {} } });
            schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            schema
        };
        let whole = |more: Value| {
            let mut schema = object(more);
            schema["properties"]["a"] = json!({ "type": "string" });
            schema
        };
        for (before, after) in [
            (json!({}), json!({})),
            (json!({ "required": ["a", "b"] }), json!({ "required": ["b"] })),
            (json!({ "required": ["a"], "additionalProperties": false }), json!({ "additionalProperties": false })),
            (json!({ "dependentRequired": { "a": ["b"] } }), json!({ "dependentRequired": {}, "required": ["b"] })),
            (json!({ "dependentRequired": { "b": ["a", "c"] } }), json!({ "dependentRequired": { "b": ["c"] } })),
            (
                json!({ "dependentSchemas": { "a": { "required": ["a", "b"] } } }),
                json!({ "dependentSchemas": {}, "allOf": [{ "required": ["b"] }] }),
            ),
            (
                json!({ "oneOf": [{ "required": ["a"] }, { "required": ["b"] }] }),
                json!({ "oneOf": [{}, { "required": ["b"] }] }),
            ),
            (json!({ "if": { "properties": { "a": { "const": 1 } } }, "then": { "required": ["b"] } }), json!({})),
            (
                json!({ "if": { "required": ["b"] }, "then": { "required": ["a", "c"] } }),
                json!({ "if": { "required": ["b"] }, "then": { "required": ["c"] } }),
            ),
            (json!({ "minProperties": 2, "maxProperties": 3 }), json!({ "minProperties": 1, "maxProperties": 2 })),
            (json!({ "examples": [{ "a": 1, "b": 2 }] }), json!({ "examples": [{ "b": 2 }] })),
        ] {
            assert_eq!(without(&whole(before.clone()), &["a"], &[]), object(after), "{before}");
        }
        let schema = whole(json!({ "required": ["a", "b"] }));
        assert_eq!(
            without(&schema, &[], &["a"]),
            whole(json!({ "required": ["b"] })),
            "preset on some connections only"
        );
        assert_eq!(without(&schema, &[], &[]), schema);
        assert_eq!(without(&schema, &["nothing"], &[]), schema);
    }

    #[test]
    fn what_others_refer_to_stays_for_them() {
        let schema = json!({ "type": "object", "properties": {
            "a/b": { "type": "object", "properties": { "x": { "type": "string" } } },
            "b": { "$ref": "#/properties/a~1b" }, "c": { "$ref": "#/properties/a~1b/properties/x" },
            "d": { "enum": [{ "$ref": "#/properties/a~1b" }] },
        }});
        let narrowed = without(&schema, &["a/b"], &[]);
        assert_eq!(narrowed["$defs"]["preset-0"], schema["properties"]["a/b"]);
        assert_eq!(narrowed["properties"]["b"]["$ref"], "#/$defs/preset-0");
        assert_eq!(narrowed["properties"]["c"]["$ref"], "#/$defs/preset-0/properties/x");
        assert_eq!(narrowed["properties"]["d"], schema["properties"]["d"], "data is not touched");
        assert!(narrowed["properties"].get("a/b").is_none());
    }

    #[test]
    fn what_cannot_be_narrowed_is_an_object_of_anything() {
        for schema in ["nonsense", "[]", "true", r#"{"type":"strin"}"#] {
            assert_eq!(narrowed(schema, &PresetNames::default()), anything(), "{schema}");
        }
    }

    #[test]
    fn a_schema_is_narrowed_once() {
        let schemas = NarrowedSchemas::default();
        let first = schemas.narrowed(r#"{"type":"object"}"#, PresetNames::default());
        assert!(Arc::ptr_eq(&first, &schemas.narrowed(r#"{"type":"object"}"#, PresetNames::default())));
        for n in 0..MAX_KEPT {
            schemas.narrowed(
                r#"{"type":"object"}"#,
                PresetNames { gone: [n.to_string()].into(), ..PresetNames::default() },
            );
        }
        assert!(schemas.0.lock().unwrap().len() <= MAX_KEPT);
    }

    proptest! {
        /// What fits the narrowed schema fits the tool's own once the preset is there.
        #[test]
        fn an_input_that_fits_fits_with_the_preset(
            required in proptest::collection::btree_set("[abc]", 0..4),
            dependent in proptest::collection::btree_set("[abc]", 0..3),
            given in proptest::collection::btree_set("[bc]", 0..3),
        ) {
            let schema = json!({
                "type": "object", "additionalProperties": false, "properties": { "a": {}, "b": {}, "c": {} },
                "required": required, "dependentRequired": { "a": dependent }, "minProperties": 1,
            });
            let narrowed = without(&schema, &["a"], &[]).to_string();
            let mut input: Map<String, Value> = given.iter().map(|name| (name.clone(), json!(1))).collect();
            let check = |schema: &str, input: &Map<String, Value>| {
                validation::check(&validation::compile(schema).unwrap(), &json!(input).to_string()).is_ok()
            };
            let seen = check(&narrowed, &input);
            input.insert("a".into(), json!(1));
            prop_assert_eq!(seen, check(&schema.to_string(), &input));
            prop_assert!(!check(&narrowed, &input), "a preset is not accepted");
        }
    }
}
