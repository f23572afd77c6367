//! What a connection may be called, and what its parts may hold.

use crate::api::Problem;
use crate::call;
use crate::catalog::Installed;
use crate::model::UrlTemplate;

/// Names appear in paths and in tool calls that models write.
const MAX_NAME: usize = 64;

/// Names of what appears in paths.
pub(in super::super) fn check_name(name: &str) -> Result<(), Problem> {
    let fits = !name.is_empty()
        && name.len() <= MAX_NAME
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && !name.starts_with('.');
    if fits {
        return Ok(());
    }
    Err(Problem::bad_request(format!("`name` takes letters, digits, `-`, `_` and `.`, at most {MAX_NAME} of them")))
}

pub(super) fn check_base_url(text: String) -> Result<String, Problem> {
    match UrlTemplate::parse(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Problem::bad_request(format!("`base_url`: {error}"))),
    }
}

pub(super) fn settings_text(settings: serde_json::Map<String, serde_json::Value>) -> Result<String, Problem> {
    serde_json::to_string(&settings).map_err(|error| Problem::bad_request(format!("`settings`: {error}")))
}

pub(super) fn presets_text(
    installed: &Installed,
    presets: serde_json::Map<String, serde_json::Value>,
) -> Result<String, Problem> {
    let text = serde_json::to_string(&presets).map_err(|error| Problem::bad_request(format!("`presets`: {error}")))?;
    Ok(call::check_connection_presets(installed, &text)?)
}

pub(super) fn auth_pattern(installed: &Installed, wanted: Option<String>) -> Result<String, Problem> {
    let names: Vec<&str> = installed.connector.auth.iter().map(|pattern| pattern.name.as_str()).collect();
    match wanted {
        Some(wanted) if names.contains(&wanted.as_str()) => Ok(wanted),
        None if names.len() == 1 => Ok(names[0].to_owned()),
        _ => Err(Problem::bad_request(format!("`auth_pattern` must be one of: {}", names.join(", ")))),
    }
}
