//! An input for a schema: all that it has room for.

use serde_json::{Map, Value, json};

/// A value that fits a schema of the catalogue, for the member of this name.
pub(super) fn of(schema: &Value, name: &str) -> Value {
    if let Some(fixed) = ["const", "default"].iter().find_map(|key| schema.get(*key)) {
        return fixed.clone();
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("object") => object(schema),
        Some("array") => {
            let least = schema["minItems"].as_u64().unwrap_or(1).max(1);
            (0..least).map(|_| of(&schema["items"], name)).collect()
        }
        Some("integer" | "number") => json!(number(schema)),
        Some("boolean") => json!(true),
        Some("string") => json!(text(schema, name)),
        _ => json!({ "any": name }),
    }
}

fn object(schema: &Value) -> Value {
    let Some(properties) = schema["properties"].as_object() else { return json!({ "any": "member" }) };
    properties.iter().map(|(name, schema)| (name.clone(), of(schema, name))).collect::<Map<_, _>>().into()
}

fn number(schema: &Value) -> i64 {
    let bound = |key: &str| schema[key].as_i64();
    1.max(bound("minimum").unwrap_or(1)).min(bound("maximum").unwrap_or(i64::MAX))
}

fn text(schema: &Value, name: &str) -> String {
    let fixed = match (schema["format"].as_str(), schema["pattern"].as_str()) {
        (Some("date"), _) => "2026-11-21",
        (Some("date-time"), _) => "2026-11-21T10:00:00Z",
        (Some("email"), _) => "ann@example.com",
        (Some("uri"), _) => "https://example.com/a?b=c",
        (_, Some("^[0-9]+$")) => "1234567890",
        (_, Some(_)) => "10s",
        _ => name,
    };
    let least = usize::try_from(schema["minLength"].as_u64().unwrap_or(0)).unwrap();
    let most = schema["maxLength"].as_u64().map_or(usize::MAX, |most| usize::try_from(most).unwrap());
    format!("{fixed:x<least$}").chars().take(most).collect()
}
