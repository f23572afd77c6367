//! Prompts of connectors: listed where the config offers them, and got by a call of the tool that their connector names.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ask::{Asking, request_of};
use super::era::Era;
use super::follow::Follow;
use super::list::{self, paged};
use super::message::RpcError;
use super::names::{code, meta};
use super::reached::NoAnswer;
use super::way::{self, Brought};
use super::whose::Visitor;
use crate::call::{Answer, Asker, Host, Visible};
use crate::model::{Prompt, PromptArgument, is_hidden, told_uri};

/// What `prompts/get` is given.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    name: String,
    #[serde(default)]
    arguments: BTreeMap<String, String>,
    request_state: Option<String>,
    input_responses: Option<Map<String, Value>>,
}

/// A page of the prompts that a visitor can get.
pub(super) async fn page(host: &Host, visitor: &Visitor, era: &Era, params: list::Params) -> Result<Value, RpcError> {
    let offered = offered(host, visitor).await?;
    let all = offered.iter().flat_map(prompts_of).map(|prompt| (prompt.name.clone(), listed(prompt, era)));
    paged("prompts", all.collect(), params, era)
}

/// Gets a prompt.
///
/// # Errors
///
/// There is none of this name for the visitor, an argument is missing, or its call came to no answer.
pub(super) async fn get(
    host: &Host,
    visitor: &Visitor,
    era: &Era,
    params: Params,
    asker: Asker,
) -> Result<Value, RpcError> {
    let Params { name, arguments, request_state, input_responses } = params;
    let offered = offered(host, visitor).await?;
    let (visible, prompt) = find(&offered, &name).ok_or_else(|| RpcError::params("there is no such prompt"))?;
    if let Some(missing) = prompt.arguments.iter().find(|one| one.required && !arguments.contains_key(&one.name)) {
        return Err(RpcError::params(format!("the argument `{}` is missing", missing.name)));
    }
    let input = json!({ "name": prompt.given(), "arguments": arguments }).to_string();
    let request = request_of(&visitor.caller, "prompts/get", &name, &input);
    let asking = Asking { call: Follow { host, visitor, era }, request, tasks: false };
    let brought = Brought { state: request_state, responses: input_responses };
    let reached = way::call(&asking, &visible.tool().tool.name, input, brought, asker).await?;
    match reached.answer() {
        Ok(answer) => told(&visible.installed.connector.name, &answer, era),
        Err(NoAnswer::Asked(question)) => Ok(question),
        Err(NoAnswer::Missing(error) | NoAnswer::Error(error)) => Err(error),
    }
}

/// The tools by which a visitor gets prompts: found as all tools are.
async fn offered(host: &Host, visitor: &Visitor) -> Result<Vec<Visible>, RpcError> {
    let mut offered = list::offered(host, &visitor.caller).await.map_err(|fault| RpcError::params(fault.detail))?;
    offered.retain(|visible| prompts_of(visible).next().is_some());
    Ok(offered)
}

fn find<'a>(offered: &'a [Visible], name: &str) -> Option<(&'a Visible, &'a Prompt)> {
    let find = |visible: &'a Visible| Some((visible, prompts_of(visible).find(|prompt| prompt.name == name)?));
    offered.iter().find_map(find)
}

/// Prompts that a tool gets.
fn prompts_of(visible: &Visible) -> impl Iterator<Item = &Prompt> {
    let prompts = visible.installed.connector.prompts.as_ref();
    prompts.filter(|prompts| prompts.tool == visible.tool().tool.name).into_iter().flat_map(|prompts| &prompts.list)
}

fn listed(prompt: &Prompt, era: &Era) -> Value {
    let Prompt { name, title, description, arguments, .. } = prompt;
    let mut listed = json!({ "name": name });
    words(&mut listed, title.as_deref(), description.as_deref(), era);
    if !arguments.is_empty() {
        let arguments = arguments.iter().map(|argument| {
            let PromptArgument { name, title, description, required } = argument;
            let mut listed = json!({ "name": name, "required": required });
            words(&mut listed, title.as_deref(), description.as_deref(), era);
            listed
        });
        listed["arguments"] = arguments.collect();
    }
    listed
}

/// What something is called and described as. Titles came with 2025-06-18.
pub(super) fn words(of: &mut Value, title: Option<&str>, description: Option<&str>, era: &Era) {
    if let Some(title) = title.filter(|_| era.since("2025-06-18")) {
        of["title"] = title.into();
    }
    if let Some(description) = description {
        of["description"] = description.into();
    }
}

/// What a tool answered, as a prompt.
fn told(connector: &str, answer: &Answer, era: &Era) -> Result<Value, RpcError> {
    let none = || RpcError::new(code::INTERNAL, "what the connector answers is no prompt");
    let data: Value = serde_json::from_str(&answer.data).map_err(|_| none())?;
    let messages = data["messages"].as_array().ok_or_else(none)?;
    let messages = messages.iter().map(|message| {
        let role = message["role"].as_str().filter(|role| matches!(*role, "user" | "assistant"))?;
        Some(json!({ "role": role, "content": block(connector, &message["content"], era)? }))
    });
    let messages: Vec<Value> = messages.collect::<Option<_>>().ok_or_else(none)?;
    let mut result = json!({ "messages": messages, "_meta": { meta::EXECUTION: answer.execution.as_str() } });
    if let Some(description) = data["description"].as_str() {
        result["description"] = seen(description).into();
    }
    if answer.simulated {
        result["_meta"]["gloveport/simulated"] = true.into();
    }
    Ok(result)
}

/// A piece of a message, without what is not of the protocol: it stands among the user's own words. `None` if it is none.
fn block(connector: &str, content: &Value, era: &Era) -> Option<Value> {
    let text = |member: &str| content[member].as_str();
    let kind = text("type")?;
    match kind {
        "text" => Some(json!({ "type": kind, "text": seen(text("text")?) })),
        // What the client's revision does not know is named.
        "audio" if !era.since("2025-03-26") => Some(json!({ "type": "text", "text": "(a sound)" })),
        "image" | "audio" => Some(json!({ "type": kind, "data": text("data")?, "mimeType": text("mimeType")? })),
        "resource" => Some(json!({ "type": kind, "resource": contents(connector, &content["resource"])? })),
        "resource_link" => {
            let (uri, name) = (told_uri(connector, text("uri")?), seen(text("name")?));
            if !era.since("2025-06-18") {
                return Some(json!({ "type": "text", "text": format!("{name}: {uri}") }));
            }
            let mut link = json!({ "type": kind, "uri": uri, "name": name });
            for member in ["title", "description", "mimeType"] {
                if let Some(text) = text(member) {
                    link[member] = seen(text).into();
                }
            }
            Some(link)
        }
        _ => None,
    }
}

/// What is in a resource, by the URI that clients know it by. `None` if it is none.
pub(super) fn contents(connector: &str, contents: &Value) -> Option<Value> {
    let mut told = json!({ "uri": told_uri(connector, contents["uri"].as_str()?) });
    let (text, blob) = (contents["text"].as_str(), contents["blob"].as_str());
    match (text, blob) {
        (Some(text), None) => told["text"] = text.into(),
        (None, Some(blob)) => told["blob"] = blob.into(),
        _ => return None,
    }
    if let Some(media_type) = contents["mimeType"].as_str() {
        told["mimeType"] = media_type.into();
    }
    Some(told)
}

/// A text as a person sees it: what only a model would read is left out.
fn seen(text: &str) -> String {
    text.chars().filter(|c| (!c.is_control() || matches!(c, '\n' | '\t')) && !is_hidden(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_what_the_protocol_knows() {
        let (now, old) = (Era::begun("2025-11-25", None), Era::begun("2024-11-05", None));
        for (content, expected) in [
            (json!({ "type": "text", "text": "a\u{200b}b\n", "_meta": 1 }), json!({ "type": "text", "text": "ab\n" })),
            (
                json!({ "type": "audio", "data": "AA==", "mimeType": "audio/wav" }),
                json!({ "type": "text", "text": "(a sound)" }),
            ),
            (
                json!({ "type": "resource_link", "uri": "file:///a", "name": "A", "size": 7 }),
                json!({ "type": "text", "text": "A: notes+file:///a" }),
            ),
            (
                json!({ "type": "resource", "resource": { "uri": "notes:a", "blob": "AA==", "mimeType": "x/y" } }),
                json!({ "type": "resource", "resource": { "uri": "notes:a", "blob": "AA==", "mimeType": "x/y" } }),
            ),
        ] {
            assert_eq!(block("notes", &content, &old), Some(expected), "{content}");
            assert_eq!(block("notes", &content, &now).unwrap()["type"], content["type"]);
        }
        for content in [
            json!(null),
            json!("text"),
            json!({ "type": "text" }),
            json!({ "type": "tool_use", "text": "x" }),
            json!({ "type": "image", "data": "AA==" }),
            json!({ "type": "resource", "resource": { "uri": "notes:a" } }),
            json!({ "type": "resource", "resource": { "uri": "notes:a", "text": "", "blob": "" } }),
        ] {
            assert_eq!(block("notes", &content, &now), None, "{content}");
        }
    }
}
