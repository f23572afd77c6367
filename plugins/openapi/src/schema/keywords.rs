//! Keywords of schemas: which are kept, and how OpenAPI 3.0's own become JSON Schema's.

use serde_json::{Map, Number, Value, json};

use crate::limits::{EXAMPLE_BYTES, LABEL_BYTES};

/// Keywords whose value is a map of schemas.
pub(super) const MAPS: [&str; 3] = ["properties", "patternProperties", "dependentSchemas"];

/// Keywords whose value is a list of schemas.
pub(super) const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];

/// Keywords whose value is a schema.
pub(super) const SCHEMAS: [&str; 10] = [
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Keywords which give an object another shape than its properties alone, so that it cannot be written down flat.
pub(super) const SHAPES: [&str; 17] = [
    "oneOf",
    "anyOf",
    "not",
    "if",
    "then",
    "else",
    "enum",
    "const",
    "patternProperties",
    "propertyNames",
    "dependentSchemas",
    "dependentRequired",
    "minProperties",
    "maxProperties",
    "unevaluatedProperties",
    "discriminator",
    "items",
];

/// Keywords whose value is a whole number from zero on.
const COUNTS: [&str; 8] =
    ["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains"];

/// Keywords whose value is a number.
const NUMBERS: [&str; 4] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];

/// Keywords of other people's, which say nothing about what is valid.
const SILENT: [&str; 19] = [
    "nullable",
    "discriminator",
    "xml",
    "externalDocs",
    "example",
    "readOnly",
    "writeOnly",
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "definitions",
    "$anchor",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "required",
    "in",
    "name",
    "style",
];

/// A keyword without schemas in it, if its value is what JSON Schema wants there.
pub(super) fn plain(key: &str, value: &Value) -> Option<Value> {
    let kept = match key {
        "title" | "description" => return value.as_str().map(|text| json!(gloveport_importer::cut(text, 1_000))),
        "format" | "contentEncoding" | "contentMediaType" => value.is_string(),
        "pattern" => value.as_str().is_some_and(is_portable),
        "const" | "default" => true,
        "deprecated" | "uniqueItems" => value.is_boolean(),
        "enum" => value.as_array().is_some_and(|list| !list.is_empty()),
        "multipleOf" => value.as_f64().is_some_and(|number| number > 0.0),
        "examples" => value.as_array().is_some() && value.to_string().len() <= EXAMPLE_BYTES,
        "required" => return names(value),
        "dependentRequired" => {
            let map = value.as_object()?;
            return Some(
                map.iter().filter_map(|(name, list)| Some((name.clone(), names(list)?))).collect::<Map<_, _>>().into(),
            );
        }
        "type" => return kinds(value),
        key if COUNTS.contains(&key) => return whole(value),
        key if NUMBERS.contains(&key) => value.is_number(),
        _ => false,
    };
    kept.then(|| value.clone())
}

/// Whether leaving out a keyword may change what is valid.
pub(super) fn is_lost(key: &str) -> bool {
    !key.starts_with("x-") && !SILENT.contains(&key)
}

/// What needs more than one keyword to be told in JSON Schema.
pub(super) fn bend(from: &Map<String, Value>, out: &mut Map<String, Value>, is_3_0: bool) {
    for (limit, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        if from.get(exclusive) == Some(&json!(true))
            && let Some(number) = out.remove(limit)
        {
            out.insert(exclusive.into(), number);
        }
    }
    if let Some(example) = from.get("example").filter(|example| example.to_string().len() <= EXAMPLE_BYTES) {
        out.entry("examples").or_insert_with(|| json!([example]));
    }
    if let Some(pattern) = from.get("pattern").and_then(Value::as_str).filter(|pattern| !is_portable(pattern)) {
        // A model can follow it, even where the host does not check it.
        add_to_description(out, &format!("Must match the pattern {}.", gloveport_importer::line(pattern, LABEL_BYTES)));
    }
    // An enumeration of texts that was written as numbers, as YAML makes of `- 1`.
    if out.get("type") == Some(&json!("string"))
        && let Some(Value::Array(list)) = out.get_mut("enum")
    {
        for one in list.iter_mut().filter(|one| one.is_number() || one.is_boolean()) {
            *one = Value::String(one.to_string());
        }
    }
    if is_3_0 && from.get("nullable") == Some(&json!(true)) {
        or_null(out);
    }
}

fn or_null(out: &mut Map<String, Value>) {
    if let Some(Value::Array(list)) = out.get_mut("enum")
        && !list.contains(&Value::Null)
    {
        list.push(Value::Null);
    }
    let is_combined = ["allOf", "anyOf", "oneOf"].iter().any(|key| out.contains_key(*key));
    match out.get_mut("type") {
        Some(kind @ Value::String(_)) => {
            let one = kind.take();
            *kind = json!([one, "null"]);
        }
        None if is_combined => {
            let shape = Value::Object(std::mem::take(out));
            let description = shape.get("description").cloned();
            out.insert("anyOf".into(), json!([shape, { "type": "null" }]));
            out.extend(description.map(|text| ("description".to_owned(), text)));
        }
        _ => {}
    }
}

fn add_to_description(out: &mut Map<String, Value>, sentence: &str) {
    let text = match out.get("description").and_then(Value::as_str) {
        Some(text) => format!("{text} {sentence}"),
        None => sentence.to_owned(),
    };
    out.insert("description".into(), text.into());
}

/// Whether engines without backtracking read a pattern as the document's author meant it.
fn is_portable(pattern: &str) -> bool {
    const NOT_EVERYWHERE: [&str; 8] = ["(?=", "(?!", "(?<", "(?>", "\\c", "\\Z", "\\/", "\\u"];
    let back = |pattern: &str| (1..=9).any(|n| pattern.contains(&format!("\\{n}")));
    pattern.len() <= 500
        && !NOT_EVERYWHERE.iter().any(|part| pattern.contains(part))
        && !back(pattern)
        && balanced(pattern)
}

/// Whether brackets pair up, which is most of what people get wrong.
fn balanced(pattern: &str) -> bool {
    let (mut depth, mut class, mut escaped) = (0_i32, false, false);
    for c in pattern.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            // Sets within sets are a matter of the engine.
            '[' if class => return false,
            '[' => class = true,
            ']' => class = false,
            '(' if !class => depth += 1,
            ')' if !class => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0 && !class && !escaped
}

/// A list of different names; `required: true`, as in older documents, is none.
fn names(value: &Value) -> Option<Value> {
    let mut names: Vec<&Value> = Vec::new();
    for name in value.as_array()?.iter().filter(|name| name.is_string()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| json!(names))
}

fn kinds(value: &Value) -> Option<Value> {
    match value {
        Value::String(kind) => kind_of(kind).map(Into::into),
        Value::Array(kinds) => {
            let mut known: Vec<&str> = kinds.iter().filter_map(Value::as_str).filter_map(kind_of).collect();
            known.sort_unstable();
            known.dedup();
            (!known.is_empty()).then(|| json!(known))
        }
        _ => None,
    }
}

/// A type's name, also as people who think in a programming language write it.
fn kind_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "string" | "str" | "date" | "datetime" | "date-time" | "uuid" | "file" => "string",
        "integer" | "int" | "int32" | "int64" | "long" => "integer",
        "number" | "float" | "double" | "decimal" => "number",
        "boolean" | "bool" => "boolean",
        "array" | "list" => "array",
        "object" | "dict" | "map" | "hash" => "object",
        "null" => "null",
        _ => return None,
    })
}

fn whole(value: &Value) -> Option<Value> {
    let number =
        value.as_u64().or_else(|| value.as_f64().filter(|n| *n >= 0.0 && n.fract() == 0.0).map(|n| n as u64))?;
    Some(Value::Number(Number::from(number)))
}
