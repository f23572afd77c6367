//! Names of inputs that all models take.

use crate::limits::NAME_BYTES;

/// A name of an input that all models take: letters, digits and `_`, no digit first, at most 64.
pub(crate) fn input_name(text: &str) -> String {
    let mut name: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    while name.contains("__") && !text.contains("__") {
        name = name.replace("__", "_");
    }
    let name = if text.starts_with('_') { name.as_str() } else { name.trim_matches('_') };
    let mut name = if name.is_empty() { "value".to_owned() } else { name.to_owned() };
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name.truncate(NAME_BYTES);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_document_as_far_as_models_take_them() {
        for (text, expected) in [
            ("X-GitHub-Api-Version", "X_GitHub_Api_Version"),
            ("filter[name]", "filter_name"),
            ("$top", "top"),
            ("_id", "_id"),
            ("a__b", "a__b"),
            ("2fa", "_2fa"),
            ("é", "value"),
        ] {
            assert_eq!(input_name(text), expected, "{text}");
        }
    }
}
