//! What clients ask their users for a call that waits, as forms.

use serde_json::{Value, json};

use crate::call::WaitsFor;

/// What a question is called that has no name of its own.
pub(super) const QUESTION: &str = "gloveport";

/// The keyword by which the schema of an answer names itself, and with it its question.
const ANCHOR: &str = "$anchor";

/// The member of a form that stands for the whole answer.
const ANSWER: &str = "answer";

/// A question for a client that can ask it.
pub(super) struct Question {
    /// What it is called among those of one answer.
    pub(super) name: String,
    message: String,
    /// The form of its answer.
    schema: Value,
    /// Whether the form is of one value, which was put into an object.
    pub(super) wrapped: bool,
}

impl Question {
    /// What can be asked for a call that waits for this.
    pub(super) fn of(waits_for: &WaitsFor) -> Option<Self> {
        let name = name_of(Some(waits_for));
        match waits_for {
            WaitsFor::Approval(approval) => {
                let message = format!(
                    "A person has to approve this call ({approval}). Go on once that is done; decline to drop the call."
                );
                Some(Self { name, message, schema: json!({ "type": "object", "properties": {} }), wrapped: false })
            }
            WaitsFor::Input(asked) => {
                let (schema, wrapped) = form(&asked.schema)?;
                Some(Self { name, message: asked.question.clone(), schema, wrapped })
            }
            WaitsFor::Calls(_) => None,
        }
    }

    /// What goes with `elicitation/create`.
    pub(super) fn params(&self) -> Value {
        json!({ "mode": "form", "message": self.message, "requestedSchema": self.schema })
    }
}

/// The answer in what a client brings.
pub(super) fn answer_in(response: &Value, wrapped: bool) -> &Value {
    let content = &response["content"];
    if wrapped { &content[ANSWER] } else { content }
}

/// What the question is called that a call waits for: as the schema of its answer calls itself, if it does.
pub(super) fn name_of(waits_for: Option<&WaitsFor>) -> String {
    let Some(WaitsFor::Input(asked)) = waits_for else { return QUESTION.into() };
    let schema: Value = serde_json::from_str(&asked.schema).unwrap_or_default();
    schema[ANCHOR].as_str().unwrap_or(QUESTION).to_owned()
}

/// A question's schema as a form, if clients can show it: a flat object, or one value in one; and which of the two.
fn form(schema: &str) -> Option<(Value, bool)> {
    let mut schema: Value = serde_json::from_str(schema).ok()?;
    // It is the question's name, and clients know no such keyword.
    schema.as_object_mut()?.remove(ANCHOR);
    if is_simple(&schema) {
        let wrapped = json!({ "type": "object", "properties": { ANSWER: schema }, "required": [ANSWER] });
        return Some((wrapped, true));
    }
    let properties = schema["properties"].as_object()?;
    let flat = schema["type"] == "object" && properties.values().all(is_simple);
    flat.then_some((schema, false))
}

fn is_simple(schema: &Value) -> bool {
    matches!(schema["type"].as_str(), Some("string" | "number" | "integer" | "boolean"))
        && !["$ref", "allOf", "anyOf", "not"].iter().any(|keyword| schema.get(keyword).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_clients_can_show_is_a_form() {
        let object = r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"boolean"}}}"#;
        assert_eq!(form(object), Some((serde_json::from_str(object).unwrap(), false)));
        let (schema, wrapped) = form(r#"{"type":"integer","minimum":1}"#).unwrap();
        assert!(wrapped && schema["properties"][ANSWER]["minimum"] == 1, "{schema}");
        let named = object.replacen('{', r#"{"$anchor":"user","#, 1);
        assert_eq!(form(&named), form(object));
        for other in [
            "",
            "true",
            "{}",
            r#"{"type":"array","items":{"type":"string"}}"#,
            r#"{"type":"object"}"#,
            r#"{"type":"object","properties":{"a":{"type":"object","properties":{}}}}"#,
            r#"{"type":"object","properties":{"a":{"type":"string","$ref":"x"}}}"#,
            r#"{"type":["string","null"]}"#,
        ] {
            assert_eq!(form(other), None, "{other}");
        }
    }
}
