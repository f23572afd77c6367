//! Checks values against JSON Schema 2020-12, without ever fetching a reference.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use crate::model::InputError;

/// More errors than this say nothing more to a caller and could make an answer as large as its request.
const MAX_ERRORS: usize = 32;

/// A message quotes the value it is about; the quote of a large value is cut here.
const MAX_MESSAGE: usize = 300;

/// Compiles an input schema. The error says what is wrong with it.
pub(super) fn compile(schema: &str) -> Result<Validator, String> {
    let schema: Value = serde_json::from_str(schema).map_err(|error| error.to_string())?;
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err("the root of an input schema must have `\"type\": \"object\"`".into());
    }
    build(&schema, Formats::Checked)
}

/// Compiles an output schema. Its root may be of any type; formats are remarks there, as JSON Schema has it: an odd
/// e-mail address is the provider's, and no mistake of the connector.
pub(super) fn compile_output(schema: &str) -> Result<Validator, String> {
    let schema: Value = serde_json::from_str(schema).map_err(|error| error.to_string())?;
    build(&schema, Formats::Remarks)
}

/// Checks a JSON text against a schema that is used once: an answer to a question.
///
/// # Errors
/// Outside what is wrong with the schema, inside what is wrong with the text.
pub fn check_against(schema: &str, text: &str) -> Result<Result<(), Vec<InputError>>, String> {
    let schema: Value = serde_json::from_str(schema).map_err(|error| error.to_string())?;
    Ok(check(&build(&schema, Formats::Checked)?, text))
}

/// What `format` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Formats {
    Checked,
    Remarks,
}

fn build(schema: &Value, formats: Formats) -> Result<Validator, String> {
    // The engine without backtracking: patterns come from strangers.
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(formats == Formats::Checked)
        .with_pattern_options(PatternOptions::regex())
        .offline()
        .build(schema)
        .map_err(|error| error.to_string())
}

/// Everything that is wrong with a JSON text, up to a limit.
pub(super) fn check(validator: &Validator, text: &str) -> Result<(), Vec<InputError>> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| vec![InputError { path: String::new(), message: error.to_string() }])?;
    if validator.is_valid(&value) {
        return Ok(());
    }
    let errors = validator.iter_errors(&value).take(MAX_ERRORS);
    Err(errors.map(|error| InputError { path: error.instance_path().to_string(), message: message(&error) }).collect())
}

fn message(error: &jsonschema::ValidationError<'_>) -> String {
    let text = error.to_string();
    match text.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_listed_with_its_path() {
        let schema = r#"{"type":"object","required":["b"],"additionalProperties":false,"properties":{
            "a":{"type":"integer","minimum":15},"b":{"enum":["x"]},"list":{"type":"array","items":{"type":"string"}},
            "mail":{"type":"string","format":"email"}}}"#;
        let validator = compile(schema).unwrap();
        assert!(check(&validator, r#"{"a":15,"b":"x","list":["1"],"mail":"a@b.example"}"#).is_ok());
        let errors = check(&validator, r#"{"a":14,"list":["1",2],"mail":"no","extra":1}"#).unwrap_err();
        let mut paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["", "", "/a", "/list/1", "/mail"]);
    }

    #[test]
    fn large_integers_are_compared_exactly() {
        let validator = compile(r#"{"type":"object","properties":{"n":{"maximum":9007199254740992}}}"#).unwrap();
        assert!(check(&validator, r#"{"n":9007199254740992}"#).is_ok());
        assert!(check(&validator, r#"{"n":9007199254740993}"#).is_err());
    }

    #[test]
    fn outputs_are_of_any_type_and_formats_are_no_promise() {
        for (schema, good, bad) in [
            (r#"{"type":"array","items":{"type":"integer"}}"#, "[1,2]", r#"[1,"2"]"#),
            (r#"{"type":["string","null"]}"#, "null", "1"),
            (
                r#"{"type":"object","properties":{"m":{"type":"string","format":"email"}}}"#,
                r#"{"m":"odd"}"#,
                r#"{"m":1}"#,
            ),
            ("false", "", "null"),
        ] {
            let validator = compile_output(schema).unwrap();
            assert!(good.is_empty() || check(&validator, good).is_ok(), "{schema}: {good}");
            assert!(check(&validator, bad).is_err(), "{schema}: {bad}");
        }
        for schema in ["nonsense", r#"{"type":"strin"}"#, r#"{"$ref":"https://example.com/schema.json"}"#] {
            assert!(compile_output(schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn schemas_that_cannot_be_used_are_refused() {
        for schema in [
            "nonsense",
            "true",
            r#"{"type":"array"}"#,
            r#"{"type":"object","properties":{"a":{"$ref":"https://example.com/schema.json"}}}"#,
            r#"{"type":"object","properties":{"a":{"$ref":"file:///etc/passwd"}}}"#,
            r#"{"type":"object","properties":{"a":{"type":"strin"}}}"#,
            r#"{"type":"object","properties":{"a":{"pattern":"("}}}"#,
        ] {
            assert!(compile(schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn a_flood_of_errors_is_cut() {
        let validator = compile(r#"{"type":"object","additionalProperties":{"type":"string"}}"#).unwrap();
        let input = format!("{{{}}}", (0..1000).map(|n| format!("\"k{n}\":{n}")).collect::<Vec<_>>().join(","));
        assert_eq!(check(&validator, &input).unwrap_err().len(), MAX_ERRORS);
    }
}
