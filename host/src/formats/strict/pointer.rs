//! References within a schema, and schemas put together.

use serde_json::{Map, Value};

/// Keywords that say nothing of values: where two say them, the first holds.
const WORDS: [&str; 7] = ["description", "title", "default", "examples", "$comment", "deprecated", "$schema"];

/// What a reference leads to, if that is in the same schema.
pub(in crate::formats) fn local<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(reference.strip_prefix('#')?)
}

/// A member's name as a part of a JSON Pointer.
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A name for what a reference leads to, in letters that need no escape.
pub(super) fn last_name(reference: &str) -> String {
    let last = reference.rsplit('/').next().unwrap_or_default();
    last.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect()
}

/// Puts what `more` says beside what `schema` says. `false` if both say something of the same, and not the same.
pub(super) fn merge(schema: &mut Map<String, Value>, more: &Map<String, Value>) -> bool {
    let mut fits = true;
    for (keyword, value) in more {
        match (schema.get_mut(keyword), value) {
            (None, value) => {
                schema.insert(keyword.clone(), value.clone());
            }
            (Some(found), value) if found == value || WORDS.contains(&keyword.as_str()) => {}
            (Some(Value::Object(found)), Value::Object(members)) if keyword == "properties" => {
                for (name, member) in members {
                    let known = found.entry(name.clone()).or_insert_with(|| member.clone());
                    fits &= known == member;
                }
            }
            (Some(Value::Array(found)), Value::Array(names)) if keyword == "required" => {
                for name in names {
                    if !found.contains(name) {
                        found.push(name.clone());
                    }
                }
            }
            _ => fits = false,
        }
    }
    fits
}
