//! Schemas where an API has no strict mode, or is not asked for it: only the root has rules.

use serde_json::{Map, Value, json};

use super::Losses;
use super::strict::local;

/// Keywords that OpenAI and Anthropic refuse at the root of a tool's schema.
const REFUSED: [&str; 6] = ["anyOf", "oneOf", "allOf", "not", "enum", "const"];

/// References in a row that are followed to find parameters.
const MAX_FOLLOWED: usize = 16;

/// Takes out what no API takes at the root. Parameters that only a branch speaks of stay visible: they become parameters
/// of the whole, which nobody has to give.
pub(super) fn root(mut schema: Value, losses: &mut Losses) -> Value {
    let whole = schema.clone();
    let Value::Object(root) = &mut schema else { return schema };
    let mut found = Map::new();
    for keyword in REFUSED {
        let Some(value) = root.remove(keyword) else { continue };
        if let Value::Array(branches) = &value
            && keyword.ends_with("Of")
        {
            branches.iter().for_each(|branch| parameters(&whole, branch, &mut found, MAX_FOLLOWED));
        }
        let message = format!("`{keyword}` cannot stand here: the host still checks it");
        losses.push((format!("/{keyword}"), message));
    }
    let properties = root.entry("properties").or_insert_with(|| json!({}));
    if let Value::Object(properties) = properties {
        for (name, value) in found {
            properties.entry(name).or_insert(value);
        }
    }
    schema
}

fn parameters(whole: &Value, branch: &Value, found: &mut Map<String, Value>, left: usize) {
    if left == 0 {
        return;
    }
    if let Some(target) = branch["$ref"].as_str().and_then(|reference| local(whole, reference)) {
        parameters(whole, target, found, left - 1);
    }
    for (name, value) in branch["properties"].as_object().into_iter().flatten() {
        found.entry(name.clone()).or_insert_with(|| value.clone());
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        for inner in branch[keyword].as_array().into_iter().flatten() {
            parameters(whole, inner, found, left - 1);
        }
    }
}
