//! From the result of a request to an output or a failure.

use gloveport_sdk::Failure;
use serde_json::{Map, Value, json};

use crate::answer::short;
use crate::binding::Call;

/// The structured content where the tool says what that is, and else the content as the server wrote it.
///
/// # Errors
/// What the server says went wrong, in its words: a model can mend its call by them.
pub(crate) fn output(call: &Call, result: Value) -> Result<String, Failure> {
    complete(&result)?;
    if result["isError"] == true {
        return Err(Failure::upstream(200, Some("tool_error".into()), said(&result)));
    }
    let structured = result.get("structuredContent");
    if call.structured {
        return match structured {
            Some(structured) => Ok(structured.to_string()),
            None => Err(Failure::upstream(200, None, "the server says what its output is, and gave none")),
        };
    }
    let mut output = Map::new();
    output.insert("content".into(), result.get("content").cloned().unwrap_or_else(|| Value::Array(Vec::new())));
    if let Some(structured) = structured {
        output.insert("structured".into(), structured.clone());
    }
    Ok(Value::Object(output).to_string())
}

/// A prompt, filled in: what models read before anything else.
///
/// # Errors
/// The server answered something else.
pub(crate) fn prompt(result: &Value) -> Result<String, Failure> {
    complete(result)?;
    if !result["messages"].is_array() {
        return Err(Failure::upstream(200, None, "the server's answer is no prompt"));
    }
    Ok(json!({ "description": result["description"].as_str(), "messages": result["messages"] }).to_string())
}

/// What is in a resource.
///
/// # Errors
/// The server answered something else.
pub(crate) fn resource(result: &Value) -> Result<String, Failure> {
    complete(result)?;
    if !result["contents"].is_array() {
        return Err(Failure::upstream(200, None, "the server's answer is no resource"));
    }
    Ok(json!({ "contents": result["contents"] }).to_string())
}

/// Whether it is all that there is to say.
fn complete(result: &Value) -> Result<(), Failure> {
    match result["resultType"].as_str() {
        None | Some("complete") => Ok(()),
        Some("input_required") => {
            let asked = result["inputRequests"].as_object().and_then(|all| all.values().next()).cloned();
            let asked = asked.unwrap_or_default();
            let said = asked.pointer("/params/message").and_then(Value::as_str).map(short).unwrap_or_default();
            let link = asked.pointer("/params/url").and_then(Value::as_str).map(short).unwrap_or_default();
            Err(Failure::unsupported(format!("the server asks its user something first: {said} {link}")))
        }
        Some(other) => Err(Failure::unsupported(format!("the server answers with `{}`, not a result", short(other)))),
    }
}

/// The texts of a result.
fn said(result: &Value) -> String {
    let content = result["content"].as_array().into_iter().flatten();
    let texts: Vec<&str> = content.filter_map(|block| block["text"].as_str()).collect();
    let text = short(&texts.join("\n"));
    if text.is_empty() { "the tool failed, and its server does not say why".into() } else { text }
}
