//! What a user fills in, as manifests write it.

use serde::Deserialize;

use super::is_name;
use crate::model::{Field, FieldPattern};

/// A field of a pattern.
#[derive(Deserialize)]
pub(super) struct FieldText {
    name: String,
    label: String,
    hint: Option<String>,
    r#type: String,
    #[serde(default = "required")]
    required: bool,
    pattern: Option<String>,
    default: Option<String>,
}

fn required() -> bool {
    true
}

/// Reads one field.
pub(super) fn read(text: FieldText) -> Result<Field, String> {
    let reject = |reason: String| format!("field `{}`: {reason}", text.name);
    let secret = match text.r#type.as_str() {
        "password" => true,
        "text" => false,
        other => return Err(reject(format!("type `{other}` is neither text nor password"))),
    };
    if !is_name(&text.name) {
        return Err(reject("not a valid name".into()));
    }
    if secret && text.default.is_some() {
        return Err(reject("a password has no default: everybody could read it here".into()));
    }
    let pattern = text.pattern.as_deref().map(FieldPattern::parse).transpose();
    let pattern = pattern.map_err(|error| reject(error.to_string()))?;
    if let (Some(pattern), Some(default)) = (pattern, &text.default)
        && !pattern.fits(default)
    {
        return Err(reject("its default does not match its pattern".into()));
    }
    Ok(Field {
        name: text.name,
        label: text.label,
        hint: text.hint,
        secret,
        required: text.required,
        pattern: text.pattern,
        default: text.default,
    })
}
