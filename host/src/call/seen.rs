//! What people may see of a call's input and output: nothing that a schema marks, and not the account's credential.
//!
//! That is settled while the call is recorded: later the credential may be another one, and the tool may be gone.

use serde_json::Value;
use serde_json::value::RawValue;

use super::resolve::Resolved;
use super::{CallRequest, Host, credential, marks};
use crate::egress::Secrets;
use crate::model::Tool;

/// Knows what must not be seen of one call.
pub(super) struct Eyes {
    /// `None` of an action type that no tool has: no credential is there for it.
    secrets: Option<Secrets>,
}

/// What may be seen of an input.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct SeenInput {
    /// As the tool got it.
    pub(super) input: String,
    /// As the caller gave it, where an operator's presets or modifiers changed it.
    pub(super) given: Option<String>,
}

impl Eyes {
    /// `None` if the credential cannot be opened: then nobody knows what to look for.
    pub(super) fn of(host: &Host, resolved: Option<&Resolved>) -> Option<Self> {
        let Some(resolved) = resolved else { return Some(Self { secrets: None }) };
        let injection = credential::known(host, resolved);
        injection.ok().map(|injection| Self { secrets: Some(Secrets::of(&injection)) })
    }

    /// `None` if the input may be seen as it is.
    pub(super) fn input(&self, tool: Option<&Tool>, request: &CallRequest) -> Option<SeenInput> {
        let seen = |text: &str| self.text(tool.map(|tool| &*tool.input_schema), text);
        let given = request.given_input.as_deref();
        let (input, seen_given) = (seen(&request.input), given.and_then(seen));
        if input.is_none() && seen_given.is_none() {
            return None;
        }
        let input = input.unwrap_or_else(|| request.input.clone());
        Some(SeenInput { input, given: seen_given.or_else(|| given.map(str::to_owned)) })
    }

    /// The input for who decides on it: all but the credential, because a decision is on all of the rest.
    pub(super) fn to_decide(&self, request: &CallRequest) -> Option<String> {
        self.without(&request.input).map(still_json)
    }

    /// `None` if the output may be seen as it is.
    pub(super) fn output(&self, tool: Option<&Tool>, data: &str) -> Option<String> {
        self.text(tool.and_then(|tool| tool.output_schema.as_deref()), data)
    }

    fn text(&self, schema: Option<&str>, text: &str) -> Option<String> {
        let marked = schema.and_then(|schema| marks::hidden(schema, text));
        let without = self.without(marked.as_deref().unwrap_or(text));
        without.map(still_json).or(marked)
    }

    fn without(&self, text: &str) -> Option<String> {
        self.secrets.as_ref()?.without(text)
    }
}

/// A credential may be a number to JSON, or reach over the end of a text: then all of it goes.
fn still_json(text: String) -> String {
    if serde_json::from_str::<&RawValue>(&text).is_ok() { text } else { nothing() }
}

/// What stands in place of all of a text.
pub(super) fn nothing() -> String {
    Value::from(marks::MARK).to_string()
}

/// Whether a tool's schema marks anything in its output.
pub(super) fn is_marked(tool: Option<&Tool>, data: &str) -> bool {
    let schema = tool.and_then(|tool| tool.output_schema.as_deref());
    schema.is_some_and(|schema| marks::hidden(schema, data).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::Injection;
    use crate::model::Secret;

    fn eyes(secret: &str) -> Eyes {
        Eyes { secrets: Some(Secrets::of(&Injection::Bearer(Secret::new(secret.into())))) }
    }

    #[test]
    fn a_credential_is_found_however_it_is_written() {
        let eyes = eyes("s3cr3t-t0k3n-0001");
        for text in [
            r#"{"a":"s3cr3t-t0k3n-0001"}"#,
            r#"{"s3cr3t-t0k3n-0001":1}"#,
            r#"{"a":["Bearer s3cr3t-t0k3n-0001!"]}"#,
            r#"{"a":"\u00733cr3t-t0k3n-0001"}"#,
            r#"{"a":"czNjcjN0LXQwazNuLTAwMDE="}"#,
        ] {
            let seen = eyes.text(None, text).unwrap();
            assert!(seen.contains(marks::MARK) && !seen.contains("cr3t"), "{text}: {seen}");
            assert!(serde_json::from_str::<Value>(&seen).is_ok(), "{text}: {seen}");
        }
        for text in [r#"{"a":"s3cr3t-t0k3n-0002"}"#, "{}", "7"] {
            assert_eq!(eyes.text(None, text), None, "{text}");
        }
    }

    #[test]
    fn what_would_not_be_json_goes_as_a_whole() {
        assert_eq!(eyes("123456789012").text(None, r#"{"a":123456789012}"#).unwrap(), "\"[redacted]\"");
    }

    #[test]
    fn both_hide() {
        let schema = r#"{"properties":{"p":{"format":"password"}}}"#;
        let seen = eyes("s3cr3t-t0k3n-0001").text(Some(schema), r#"{"p":"x","q":"s3cr3t-t0k3n-0001"}"#).unwrap();
        assert_eq!(seen, r#"{"p":"[redacted]","q":"[redacted]"}"#);
    }
}
