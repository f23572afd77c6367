//! A prompt and a kind of resource that are what another tool answers.

use gloveport_sdk::tools::ToolCall;
use gloveport_sdk::{Failure, Json, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is called for a prompt.
#[derive(Deserialize, JsonSchema)]
pub struct Wanted {
    #[expect(dead_code, reason = "there is one prompt")]
    name: String,
    arguments: Arguments,
}

/// What the prompt is filled in with.
#[derive(Deserialize, JsonSchema)]
pub struct Arguments {
    /// Name of a tool.
    tool: String,
    /// Its input, as JSON text.
    input: String,
}

/// What is called for a resource.
#[derive(Deserialize, JsonSchema)]
pub struct Located {
    /// `relay://`, the name of a tool, `/`, and its input as hexadecimal digits of JSON text.
    uri: String,
}

/// A prompt of one message.
#[derive(Serialize, JsonSchema)]
pub struct Prompt {
    messages: [Message; 1],
}

/// What a user says.
#[derive(Serialize, JsonSchema)]
pub struct Message {
    role: &'static str,
    content: Text,
}

/// Words.
#[derive(Serialize, JsonSchema)]
pub struct Text {
    r#type: &'static str,
    text: String,
}

/// What is in a resource.
#[derive(Serialize, JsonSchema)]
pub struct Read {
    contents: [Contents; 1],
}

/// A text.
#[derive(Serialize, JsonSchema)]
pub struct Contents {
    uri: String,
    text: String,
}

/// Calls a tool and says what it answers.
#[tool(effect = read, deferred)]
pub fn prompt_get(wanted: Wanted) -> Result<Prompt, Failure> {
    let Arguments { tool, input } = wanted.arguments;
    let content = Text { r#type: "text", text: called(&tool, &input)? };
    Ok(Prompt { messages: [Message { role: "user", content }] })
}

/// Calls a tool and has in it what that answers.
#[tool(effect = read, deferred)]
pub fn resource_read(located: Located) -> Result<Read, Failure> {
    let Located { uri } = located;
    let (tool, input) = uri.strip_prefix("relay://").and_then(|rest| rest.split_once('/')).unwrap_or_default();
    let bytes: Option<Vec<u8>> =
        (0..input.len() / 2).map(|at| u8::from_str_radix(input.get(2 * at..2 * at + 2)?, 16).ok()).collect();
    let input = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let text = called(tool, &input.ok_or_else(|| Failure::not_found("there is no such resource"))?)?;
    Ok(Read { contents: [Contents { uri, text }] })
}

fn called(tool: &str, input: &str) -> Result<String, Failure> {
    let input: Json = serde_json::from_str(input)?;
    let answer: Json = ToolCall::new(tool, &input)?.send()?;
    Ok(serde_json::to_string(&answer)?)
}
