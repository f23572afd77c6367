//! What all strict tools of one request may have together.

use serde_json::Value;

use super::Format;

/// Anthropic compiles the strict tools of a request into one grammar, and refuses requests beyond these.
const CLAUDE_TOOLS: usize = 20;
/// Parameters that need not be given.
const CLAUDE_OPTIONAL: usize = 24;
/// Parameters of more than one type.
const CLAUDE_UNIONS: usize = 16;

/// What is left for the tools that come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    tools: usize,
    optional: usize,
    unions: usize,
}

impl Budget {
    pub(super) fn of(format: Format) -> Self {
        match format {
            Format::Anthropic => Self { tools: CLAUDE_TOOLS, optional: CLAUDE_OPTIONAL, unions: CLAUDE_UNIONS },
            Format::OpenAi | Format::OpenAiResponses | Format::Gemini | Format::Mcp => {
                Self { tools: usize::MAX, optional: usize::MAX, unions: usize::MAX }
            }
        }
    }

    /// Takes what a strict tool needs; says what there is not enough of.
    pub(super) fn take(&mut self, schema: &Value) -> Result<(), String> {
        let (mut optional, mut unions) = (0, 0);
        count(schema, &mut optional, &mut unions);
        let left = |left: usize, needed: usize, what: &str| {
            left.checked_sub(needed).ok_or_else(|| format!("one request cannot have more strict {what}"))
        };
        let after = Self {
            tools: left(self.tools, 1, "tools")?,
            optional: left(self.optional, optional, "tools with parameters that need not be given")?,
            unions: left(self.unions, unions, "tools with parameters of several types")?,
        };
        *self = after;
        Ok(())
    }
}

fn count(value: &Value, optional: &mut usize, unions: &mut usize) {
    match value {
        Value::Object(members) => {
            if members.contains_key("anyOf") || members.get("type").is_some_and(Value::is_array) {
                *unions += 1;
            }
            if let Some(properties) = members.get("properties").and_then(Value::as_object) {
                let required = members.get("required").and_then(Value::as_array).map_or(0, Vec::len);
                *optional += properties.len().saturating_sub(required);
            }
            for (keyword, member) in members.iter().filter(|(keyword, _)| !matches!(keyword.as_str(), "enum" | "const"))
            {
                match member {
                    Value::Object(named) if matches!(keyword.as_str(), "properties" | "$defs") => {
                        named.values().for_each(|schema| count(schema, optional, unions));
                    }
                    member => count(member, optional, unions),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| count(item, optional, unions)),
        _ => {}
    }
}
