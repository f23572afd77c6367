//! `tools/call`, and the tools of this server by which models search those of connectors.

use std::cmp::Reverse;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::ask::{Asking, request_of};
use super::era::Era;
use super::follow::Follow;
use super::limits::{FOUND, FOUND_USUALLY};
use super::message::RpcError;
use super::way::{self, Brought};
use super::whose::Visitor;
use super::{content, link, list, schema};
use crate::call::{Asker, Host, Visible};
use crate::catalog::{Fit, Words};
use crate::model::Code;

/// What `tools/call` is given.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    pub(super) name: String,
    arguments: Option<Box<RawValue>>,
    request_state: Option<String>,
    input_responses: Option<Map<String, Value>>,
}

/// Calls a tool.
///
/// # Errors
///
/// Where the request is not about a tool; what goes wrong with a tool is a result.
pub(super) async fn call(
    host: &Host,
    visitor: &Visitor,
    era: &Era,
    params: Params,
    asker: Asker,
) -> Result<Value, RpcError> {
    let Params { name, arguments, request_state, input_responses } = params;
    let input = arguments.map_or_else(|| "{}".to_owned(), |arguments| arguments.get().to_owned());
    let (name, input) = if visitor.shows.tools.searches() && NAMES.contains(&name.as_str()) {
        match by_own(host, visitor, era, &name, &input).await? {
            Own::Done(result) => return Ok(result),
            Own::Calls(name, input) => (name, input),
        }
    } else {
        (name, input)
    };
    let request = request_of(&visitor.caller, "tools/call", &name, &input);
    let asking = Asking { call: Follow { host, visitor, era }, request, tasks: era.tasks };
    let brought = Brought { state: request_state, responses: input_responses };
    let reached = way::call(&asking, &name, input, brought, asker).await?;
    Ok(content::of_reached(reached, era))
}

/// Names of the tools of this server.
const NAMES: [&str; 5] = [SEARCH, DESCRIBE, CALL, CONNECTIONS, CONNECT];
const SEARCH: &str = "search_tools";
const DESCRIBE: &str = "describe_tool";
const CALL: &str = "call_tool";
const CONNECTIONS: &str = "list_connections";
const CONNECT: &str = "connect_account";

/// The tools of this server.
pub(super) fn own() -> Vec<Value> {
    let tool = |name: &str, title: &str, description: &str, properties: Value, required: &[&str], read: bool| {
        json!({ "name": name, "title": title, "description": description,
            "inputSchema": { "type": "object", "properties": properties, "required": required,
                "additionalProperties": false },
            "annotations": { "title": title, "readOnlyHint": read, "idempotentHint": read,
                "destructiveHint": !read, "openWorldHint": !read } })
    };
    let name = json!({ "type": "string", "description": "Name of the tool, as a search gives it." });
    vec![
        tool(
            SEARCH,
            "Search tools",
            "Finds tools by words of what they do, such as \"create issue\". Describe one before you call it.",
            json!({ "query": { "type": "string", "description": "Words; all tools if empty." },
                "limit": { "type": "integer", "minimum": 1, "maximum": FOUND } }),
            &["query"],
            true,
        ),
        tool(
            DESCRIBE,
            "Describe a tool",
            "Tells all of one tool: what it does, the schema of its arguments and of its result.",
            json!({ "name": name }),
            &["name"],
            true,
        ),
        tool(
            CALL,
            "Call a tool",
            "Calls a tool that a search found, with arguments that satisfy its schema.",
            json!({ "name": name, "arguments": { "type": "object", "description": "As the tool's schema says." } }),
            &["name"],
            false,
        ),
        tool(
            CONNECTIONS,
            "List connections",
            "Tells which services can be used, and which of them the user still has to connect.",
            json!({}),
            &[],
            true,
        ),
        tool(
            CONNECT,
            "Connect an account",
            "Gives a link with which the user connects a service. Show it to the user; it works once.",
            json!({ "connection": { "type": "string", "description": "Its name, as the list of connections has it." } }),
            &["connection"],
            false,
        ),
    ]
}

/// What a tool of this server comes to.
enum Own {
    Done(Value),
    /// A call of a tool by name, which goes the way of all calls.
    Calls(String, String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    query: String,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Describe {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByName {
    name: String,
    arguments: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Connect {
    connection: String,
}

async fn by_own(host: &Host, visitor: &Visitor, era: &Era, name: &str, input: &str) -> Result<Own, RpcError> {
    let done = |value: Value| Ok(Own::Done(shown(&value, era)));
    let wrong = |error: serde_json::Error| Ok(Own::Done(mistaken(&error.to_string())));
    match name {
        SEARCH => match serde_json::from_str::<Search>(input) {
            Ok(search) => done(found(&offered(host, visitor).await?, &search)),
            Err(error) => wrong(error),
        },
        DESCRIBE => match serde_json::from_str::<Describe>(input) {
            Ok(Describe { name }) => {
                let offered = offered(host, visitor).await?;
                let tool = offered.iter().find(|visible| {
                    let tool = &visible.tool().tool;
                    tool.name == name || tool.aliases.contains(&name)
                });
                match tool {
                    Some(visible) => done(schema::listed(visible, era)),
                    None => Ok(Own::Done(mistaken("there is no such tool: search for it"))),
                }
            }
            Err(error) => wrong(error),
        },
        CONNECTIONS => match serde_json::from_str::<Nothing>(input) {
            Ok(Nothing {}) => done(connections(host, visitor).await?),
            Err(error) => wrong(error),
        },
        CONNECT => match serde_json::from_str::<Connect>(input) {
            Ok(Connect { connection }) => match connected(host, visitor, &connection).await? {
                Some(told) => done(told),
                None => Ok(Own::Done(mistaken("there is no such connection: list them"))),
            },
            Err(error) => wrong(error),
        },
        _ => match serde_json::from_str::<ByName>(input) {
            Ok(ByName { name, arguments }) => {
                let input = arguments.map_or_else(|| "{}".to_owned(), |arguments| arguments.get().to_owned());
                Ok(Own::Calls(name, input))
            }
            Err(error) => wrong(error),
        },
    }
}

async fn offered(host: &Host, visitor: &Visitor) -> Result<Vec<Visible>, RpcError> {
    list::offered(host, &visitor.caller).await.map_err(|fault| RpcError::params(fault.detail))
}

/// Tools that have all the words of a search, or else some of them; those with more of them in their name first.
fn found(offered: &[Visible], search: &Search) -> Value {
    let words = Words::of(&search.query);
    let mut scored: Vec<(Fit, &Visible)> = offered
        .iter()
        .map(|visible| (words.fit(&visible.installed, visible.tool()), visible))
        .filter(|(fit, _)| fit.anywhere > 0 || words.all(*fit))
        .collect();
    if scored.iter().any(|(fit, _)| words.all(*fit)) {
        scored.retain(|(fit, _)| words.all(*fit));
    }
    let name = |visible: &Visible| visible.tool().tool.name.clone();
    scored.sort_by_cached_key(|(fit, visible)| (Reverse(*fit), name(visible)));
    let total = scored.len();
    let limit = search.limit.unwrap_or(FOUND_USUALLY).clamp(1, FOUND);
    let tools = scored.iter().take(limit).map(|(_, visible)| {
        let tool = &visible.tool().tool;
        json!({ "name": tool.name, "title": tool.title, "description": tool.description,
            "effect": tool.effect.as_str() })
    });
    json!({ "tools": tools.collect::<Vec<_>>(), "total": total })
}

async fn connections(host: &Host, visitor: &Visitor) -> Result<Value, RpcError> {
    let states = link::states(host, visitor).await?;
    let states = states.iter().map(|state| {
        json!({ "connection": state.name, "status": state.status(),
            "connector": state.connection.as_ref().map(|connection| connection.connector.as_str()) })
    });
    Ok(json!({ "connections": states.collect::<Vec<_>>() }))
}

/// A link for a connection, or why there is none; `None` if the endpoint has no such connection.
async fn connected(host: &Host, visitor: &Visitor, name: &str) -> Result<Option<Value>, RpcError> {
    let states = link::states(host, visitor).await?;
    let Some(state) = states.iter().find(|state| state.name == name) else { return Ok(None) };
    Ok(Some(match link::of(host, visitor, state, &[]).await {
        Some(offer) => json!({ "connection": name, "status": state.status(), "connect_url": offer.link.url.as_str() }),
        None => json!({ "connection": name, "status": state.status() }),
    }))
}

fn shown(value: &Value, era: &Era) -> Value {
    let mut result = json!({ "content": [{ "type": "text", "text": value.to_string() }], "isError": false });
    if era.since("2025-06-18") {
        result["structuredContent"] = value.clone();
    }
    result
}

/// What a model gave that does not fit: a result that it can mend.
fn mistaken(detail: &str) -> Value {
    let told = json!({ "code": Code::InvalidInput.as_str(), "detail": detail });
    json!({ "content": [{ "type": "text", "text": told.to_string() }], "isError": true })
}
