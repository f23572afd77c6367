//! Tools, calls and results in the forms that model APIs have for them; pure.
//!
//! A tool's name is legal in each of them by the rule that connectors are installed by, so no name is ever translated.
//! Its one schema is rewritten per API. What an API cannot express is told to the model in words where it can be, is said
//! in a warning, and is checked by this host in any case.

use serde_json::{Map, Value, json};

use crate::model::Effect;
use strict::{CLAUDE, Dialect, GEMINI, OPENAI};

mod budget;
mod messages;
mod nulls;
mod plain;
mod strict;

pub use messages::{NativeCall, NativeResult, read_call, write_result};
pub use nulls::without_nulls;

/// A model API, by the form of its tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenAI's chat completions.
    OpenAi,
    /// OpenAI's responses.
    OpenAiResponses,
    /// Anthropic's messages.
    Anthropic,
    /// Google's Gemini.
    Gemini,
    /// The Model Context Protocol.
    Mcp,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::OpenAi, Self::OpenAiResponses, Self::Anthropic, Self::Gemini, Self::Mcp];

    /// As it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::OpenAiResponses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Mcp => "mcp",
        }
    }

    /// Reads [`Format::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }

    /// What the API's strict mode takes, if it has one.
    fn strict(self) -> Option<&'static Dialect> {
        match self {
            Self::OpenAi | Self::OpenAiResponses => Some(&OPENAI),
            Self::Anthropic => Some(&CLAUDE),
            Self::Gemini | Self::Mcp => None,
        }
    }
}

/// A tool to be written down.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Full name.
    pub name: &'a str,
    /// For people.
    pub title: &'a str,
    /// For models.
    pub description: &'a str,
    /// JSON text of the schema of what a caller gives.
    pub input_schema: &'a str,
    /// JSON text.
    pub output_schema: Option<&'a str>,
    /// What it does to the outside world.
    pub effect: Effect,
}

/// Tools in the form of an API.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered {
    /// What the API takes as its `tools`.
    pub tools: Vec<Value>,
    /// What got lost.
    pub warnings: Vec<Warning>,
}

/// Something that an API cannot express.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The tool.
    pub tool: String,
    /// A JSON Pointer into its input schema; empty for the whole.
    pub path: String,
    /// What got lost, and what became of it.
    pub message: String,
}

/// What got lost of one schema: where, and what.
type Losses = Vec<(String, String)>;

/// Writes tools down in the form of an API, in its strict mode where that is asked for and can express them.
pub fn offer(format: Format, strict: bool, sources: &[Source<'_>]) -> Offered {
    let mut offered = Offered { tools: Vec::new(), warnings: Vec::new() };
    let mut budget = budget::Budget::of(format);
    for source in sources {
        let mut losses = Losses::new();
        let (schema, is_strict) = parameters(format, strict, source, &mut budget, &mut losses);
        offered.tools.push(written(format, source, schema, is_strict));
        let warning = |(path, message)| Warning { tool: source.name.to_owned(), path, message };
        offered.warnings.extend(losses.into_iter().map(warning));
    }
    if format == Format::Gemini {
        let declarations = std::mem::take(&mut offered.tools);
        offered.tools.push(json!({ "functionDeclarations": declarations }));
    }
    offered
}

/// The schema of what a model gives, and whether the API can hold the model to it.
fn parameters(
    format: Format,
    strict: bool,
    source: &Source<'_>,
    budget: &mut budget::Budget,
    losses: &mut Losses,
) -> (Value, bool) {
    let schema = object(source.input_schema);
    if strict && let Some(dialect) = format.strict() {
        let refused = match strict::rewrite(&schema, dialect) {
            Ok((rewritten, lost)) => match budget.take(&rewritten) {
                Ok(()) => {
                    losses.extend(lost);
                    return (rewritten, true);
                }
                Err(reason) => (String::new(), reason),
            },
            Err(refused) => refused,
        };
        losses.push((refused.0, format!("not strict: {}", refused.1)));
    }
    let schema = match format {
        Format::Mcp => schema,
        Format::OpenAi | Format::OpenAiResponses | Format::Anthropic => plain::root(schema, losses),
        Format::Gemini => match strict::rewrite(&plain::root(schema.clone(), losses), &GEMINI) {
            Ok((rewritten, lost)) => {
                losses.extend(lost);
                rewritten
            }
            Err((path, reason)) => {
                losses.push((path, format!("the schema was left as it is: {reason}")));
                schema
            }
        },
    };
    (schema, false)
}

fn written(format: Format, source: &Source<'_>, schema: Value, strict: bool) -> Value {
    let Source { name, title, description, .. } = *source;
    let description = if description.is_empty() { title } else { description };
    match format {
        Format::OpenAi => json!({ "type": "function", "function": {
            "name": name, "description": description, "parameters": schema, "strict": strict } }),
        Format::OpenAiResponses => json!({
            "type": "function", "name": name, "description": description, "parameters": schema, "strict": strict }),
        Format::Anthropic if strict => {
            json!({ "name": name, "description": description, "input_schema": schema, "strict": true })
        }
        Format::Anthropic => json!({ "name": name, "description": description, "input_schema": schema }),
        Format::Gemini => json!({ "name": name, "description": description, "parametersJsonSchema": schema }),
        Format::Mcp => {
            // Before 2026-07-28 an output had to be an object; a promise that some clients refuse is left out here.
            let output = source.output_schema.map(object).filter(|schema| schema["type"] == "object");
            mcp_tool(source, schema, output)
        }
    }
}

/// A tool as MCP lists it: what it does to the outside world as hints.
pub fn mcp_tool(source: &Source<'_>, input: Value, output: Option<Value>) -> Value {
    let Source { name, title, description, effect, .. } = *source;
    let mut tool = Map::new();
    tool.insert("name".into(), name.into());
    tool.insert("title".into(), title.into());
    tool.insert("description".into(), description.into());
    tool.insert("inputSchema".into(), input);
    if let Some(output) = output {
        tool.insert("outputSchema".into(), output);
    }
    let hints = json!({
        "title": title,
        "readOnlyHint": effect == Effect::Read,
        "destructiveHint": effect == Effect::Destroy,
        "idempotentHint": effect == Effect::Read,
        "openWorldHint": true,
    });
    tool.insert("annotations".into(), hints);
    Value::Object(tool)
}

/// A schema that was checked when its tool was installed; an object of anything if it is none after all.
pub fn object(schema: &str) -> Value {
    match serde_json::from_str(schema) {
        Ok(Value::Object(schema)) => Value::Object(schema),
        _ => json!({ "type": "object" }),
    }
}

#[cfg(test)]
mod tests;
