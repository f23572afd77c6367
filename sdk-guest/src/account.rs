//! What a connector may know of the account that it acts for: public fields and settings, never a secret.

use serde::de::DeserializeOwned;

use crate::{Failure, host};

/// A public field of the account, such as a domain or a site id: one that the manifest declares with `text(…)`.
pub fn field(name: &str) -> Option<String> {
    host::field(name)
}

/// A setting of the connection. `None` where the operator set none.
///
/// # Errors
///
/// [`Failure::Internal`] when the setting is not a `T`.
pub fn setting<T: DeserializeOwned>(name: &str) -> Result<Option<T>, Failure> {
    let Some(text) = host::setting(name) else { return Ok(None) };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| Failure::internal(format!("setting `{name}` of the connection: {error}")))
}
