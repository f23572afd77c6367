//! Tool calls as models write them, and results as they read them.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Format;

/// A call that a model asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeCall {
    /// Whose form it has.
    pub format: Format,
    /// What the model calls it; the result repeats it.
    pub id: Option<String>,
    /// The tool.
    pub name: String,
    /// JSON text, as the model wrote it.
    pub input: String,
}

/// What a model is told of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NativeResult<'a> {
    /// It has a result: JSON text.
    Data(&'a str),
    /// It has none, or not yet: JSON text that says what to do.
    Told(&'a str),
    /// It failed: JSON text that says why.
    Failed(&'a str),
}

impl NativeResult<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Data(text) | Self::Told(text) | Self::Failed(text) => text,
        }
    }
}

#[derive(Deserialize)]
struct Call {
    r#type: Option<String>,
    id: Option<String>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<Box<RawValue>>,
    input: Option<Box<RawValue>>,
    function: Option<Function>,
    #[serde(alias = "functionCall")]
    function_call: Option<FunctionCall>,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    arguments: String,
}

#[derive(Deserialize)]
struct FunctionCall {
    id: Option<String>,
    name: String,
    args: Option<Box<RawValue>>,
}

/// Reads a tool call in the form of any of the APIs: which one it is shows in what it has.
///
/// # Errors
/// With what a caller can do about it.
pub fn read_call(text: &str) -> Result<NativeCall, String> {
    let call: Call = serde_json::from_str(text).map_err(|error| format!("it is no tool call: {error}"))?;
    let given = |input: Option<Box<RawValue>>| input.map_or_else(|| "{}".to_owned(), |input| input.get().to_owned());
    let named = |name: Option<String>| name.ok_or_else(|| "it is no tool call: it has no `name`".to_owned());
    match call {
        Call { function: Some(Function { name, arguments }), id, .. } => {
            Ok(NativeCall { format: Format::OpenAi, id, name, input: empty_is_object(arguments) })
        }
        Call { function_call: Some(FunctionCall { id, name, args }), .. } => {
            Ok(NativeCall { format: Format::Gemini, id, name, input: given(args) })
        }
        Call { r#type: Some(kind), call_id, name, arguments, .. } if kind == "function_call" => {
            let arguments = arguments.map(|text| serde_json::from_str::<String>(text.get()));
            let arguments = arguments.transpose().map_err(|_| "`arguments` has to be a text".to_owned())?;
            let (name, input) = (named(name)?, empty_is_object(arguments.unwrap_or_default()));
            Ok(NativeCall { format: Format::OpenAiResponses, id: call_id, name, input })
        }
        Call { r#type: Some(kind), id, name, input, .. } if kind == "tool_use" => {
            Ok(NativeCall { format: Format::Anthropic, id, name: named(name)?, input: given(input) })
        }
        Call { r#type: None, name: Some(name), arguments, .. } => {
            Ok(NativeCall { format: Format::Mcp, id: None, name, input: given(arguments) })
        }
        _ => Err("it is no tool call of an API that this host knows: give it as the model wrote it".into()),
    }
}

/// Models write nothing where a tool takes nothing.
fn empty_is_object(arguments: String) -> String {
    if arguments.trim().is_empty() { "{}".to_owned() } else { arguments }
}

/// What a model is told of a call, in the form that its API has for it.
pub fn write_result(call: &NativeCall, result: NativeResult<'_>) -> Value {
    let text = result.text();
    let failed = matches!(result, NativeResult::Failed(_));
    let id = call.id.as_deref().unwrap_or_default();
    match call.format {
        Format::OpenAi => json!({ "role": "tool", "tool_call_id": id, "content": text }),
        Format::OpenAiResponses => json!({ "type": "function_call_output", "call_id": id, "output": text }),
        Format::Anthropic => {
            json!({ "type": "tool_result", "tool_use_id": id, "content": text, "is_error": failed })
        }
        Format::Gemini => {
            let member = if failed { "error" } else { "output" };
            let mut response = json!({ "name": call.name, "response": { member: value(text) } });
            if call.id.is_some() {
                response["id"] = id.into();
            }
            json!({ "functionResponse": response })
        }
        Format::Mcp => {
            let mut result = json!({ "content": [{ "type": "text", "text": text }], "isError": failed });
            // Before 2026-07-28 structured content had to be an object.
            if let structured @ Value::Object(_) = value(text) {
                result["structuredContent"] = structured;
            }
            result
        }
    }
}

/// JSON text as a value; a text where it is none after all.
fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}
