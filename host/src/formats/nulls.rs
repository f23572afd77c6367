//! Takes out the nulls that a model in strict mode gives for what it leaves out.

use serde_json::Value;

use super::strict::{admits_null, local};

/// Schemas that one value is held against: unions in unions, and references.
const MAX_APPLICABLE: usize = 64;

/// A text of an input without members that are null where the schema takes no null and does not want them. The very
/// text where there are none, or it is no JSON: what is wrong with it is said elsewhere.
pub fn without_nulls(schema: &str, input: &str) -> String {
    let (Ok(schema), Ok(mut value)) = (serde_json::from_str::<Value>(schema), serde_json::from_str::<Value>(input))
    else {
        return input.to_owned();
    };
    if strip(&schema, &[&schema], &mut value) { value.to_string() } else { input.to_owned() }
}

/// Whether anything was taken out.
fn strip(root: &Value, schemas: &[&Value], value: &mut Value) -> bool {
    let mut applicable = Vec::new();
    schemas.iter().for_each(|schema| gather(root, schema, &mut applicable));
    match value {
        Value::Object(members) => {
            let before = members.len();
            members.retain(|name, member| !member.is_null() || !stands_for_absent(root, &applicable, name));
            let mut changed = members.len() != before;
            for (name, member) in members.iter_mut() {
                let inner: Vec<&Value> = applicable.iter().filter_map(|schema| of_member(schema, name)).collect();
                changed |= !inner.is_empty() && strip(root, &inner, member);
            }
            changed
        }
        Value::Array(items) => {
            let inner: Vec<&Value> = applicable.iter().filter_map(|schema| schema.get("items")).collect();
            let mut changed = false;
            if !inner.is_empty() {
                items.iter_mut().for_each(|item| changed |= strip(root, &inner, item));
            }
            changed
        }
        _ => false,
    }
}

/// The schemas that speak of one value: itself, what it refers to, and the branches of unions.
fn gather<'a>(root: &'a Value, schema: &'a Value, found: &mut Vec<&'a Value>) {
    if found.len() >= MAX_APPLICABLE || found.iter().any(|known| std::ptr::eq(*known, schema)) {
        return;
    }
    found.push(schema);
    if let Some(target) = schema["$ref"].as_str().and_then(|reference| local(root, reference)) {
        gather(root, target, found);
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        schema[keyword].as_array().into_iter().flatten().for_each(|branch| gather(root, branch, found));
    }
}

fn of_member<'a>(schema: &&'a Value, name: &str) -> Option<&'a Value> {
    let own = schema.get("properties").and_then(|properties| properties.get(name));
    own.or_else(|| schema.get("additionalProperties"))
}

/// Whether null cannot be meant: some schema has the member, none takes null for it, and one can do without it.
fn stands_for_absent(root: &Value, schemas: &[&Value], name: &str) -> bool {
    let declaring: Vec<&&Value> = schemas.iter().filter(|schema| schema["properties"].get(name).is_some()).collect();
    let wanted = |schema: &&&Value| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|found| found.as_str() == Some(name)))
    };
    !declaring.is_empty()
        && declaring.iter().all(|schema| !admits_null(root, &schema["properties"][name]))
        && !declaring.iter().all(wanted)
}
