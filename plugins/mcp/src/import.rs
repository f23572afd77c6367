//! From what a server said of its tools to tools of a connector.

use std::collections::BTreeMap;

use gloveport_sdk::__private::bindings::gloveport::connector::types::{Effect, Route, Tool};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::binding::{Binding, Call};
use crate::headers;
use crate::limits::{DEPTH, DESCRIPTION_BYTES, SCHEMA_BYTES, TITLE_BYTES, UPSTREAM_NAME_CHARS};
use crate::names::Names;
use crate::offer::{self, GET_PROMPT, READ_RESOURCE};
use gloveport_importer::{Imported, cut, human, line, snake, visible};

/// What the tool that finds the others is known by: no server's tool is called so.
const DISCOVERY: &str = "tools/list";

/// Names of operations that are no tools of a server's own.
const OWN: [&str; 3] = [DISCOVERY, GET_PROMPT, READ_RESOURCE];

/// A server as the host describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    title: Option<String>,
    description: Option<String>,
    /// Scheme and authority.
    origin: String,
    /// The authority, as a manifest has it.
    host: String,
    pub(crate) path: String,
    auth: Vec<Value>,
    #[serde(default)]
    categories: Vec<String>,
    /// What the server said; nothing before it was asked.
    found: Option<Found>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Found {
    pub(crate) revision: String,
    pub(crate) session: bool,
    server: BTreeMap<String, String>,
    instructions: String,
    tools: Vec<Value>,
    #[serde(default)]
    pub(crate) prompts: Vec<Value>,
    #[serde(default)]
    pub(crate) resources: Vec<Value>,
    #[serde(default, rename = "resourceTemplates")]
    pub(crate) templates: Vec<Value>,
    /// Names of lists that were longer than this host takes.
    #[serde(default)]
    pub(crate) more: Vec<String>,
}

/// The options of an import.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    pub(crate) name: String,
    known_names: BTreeMap<String, String>,
    /// What is said of single tools, by what the server calls them.
    pub(crate) operations: BTreeMap<String, Overrides>,
    deferred: bool,
    requires_approval: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Overrides {
    pub(crate) name: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    effect: Option<String>,
    pub(crate) deferred: Option<bool>,
    pub(crate) requires_approval: Option<bool>,
    pub(crate) skip: bool,
}

/// Makes tools of what a server said.
///
/// # Errors
/// A sentence for who described the server, or gave the options.
pub fn import_document(document: &str, options: &str) -> Result<Imported, String> {
    let options: Options = serde_json::from_str(options).map_err(|error| format!("options: {error}"))?;
    let document: Document = serde_json::from_str(document).map_err(|error| error.to_string())?;
    let discovery = discovery(&document, &options);
    let server = |name: &str| document.found.as_ref().and_then(|found| found.server.get(name)).cloned();
    let of_server = || server("title").or_else(|| server("name")).filter(|text| !text.is_empty());
    let instructions = document.found.as_ref().map(|found| cut(&found.instructions, 500));
    let mut imported = Imported {
        title: document
            .title
            .clone()
            .or_else(of_server)
            .map_or_else(|| human(&options.name), |text| line(&text, TITLE_BYTES)),
        description: document
            .description
            .clone()
            .or(instructions)
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| format!("The MCP server at {}.", document.host)),
        version: server("version").unwrap_or_default(),
        base_url: document.origin.clone(),
        hosts: [document.host.clone()].into(),
        auth: document.auth.clone(),
        categories: document.categories.clone(),
        test: Some(json!({ "tool": discovery.name, "input": {} })),
        ..Imported::default()
    };
    let own = discovery.name.clone();
    imported.push(DISCOVERY.to_owned(), discovery, false);
    let Some(found) = &document.found else { return Ok(imported) };
    let getters = [(GET_PROMPT, found.prompts.is_empty()), (READ_RESOURCE, found.lists_no_resources())];
    let getters = getters.into_iter().filter(|(_, nothing)| !nothing).map(|(method, _)| method);
    let all = || found.tools.iter().filter_map(|tool| tool["name"].as_str()).chain(getters.clone());
    if let Some(unknown) = options.operations.keys().find(|name| all().all(|one| one != name.as_str())) {
        imported.warn(&format!("the options name `{}`, and the server has no such tool", line(unknown, 60)));
    }
    let mut names = Names::new(&options.name, &options.known_names, &[own.as_str()], all());
    for tool in &found.tools {
        let upstream = tool["name"].as_str().unwrap_or_default();
        let overrides = options.operations.get(upstream);
        if overrides.is_some_and(|overrides| overrides.skip) {
            imported.filtered += 1;
            continue;
        }
        match compile(tool, (&document.path, found), overrides, &options, &mut names) {
            Ok((tool, asks)) => imported.push(upstream.to_owned(), tool, asks),
            Err(reason) => imported.skipped.push((line(upstream, UPSTREAM_NAME_CHARS), reason)),
        }
    }
    offer::add(&document, found, &options, &mut names, &mut imported);
    Ok(imported)
}

impl Found {
    fn lists_no_resources(&self) -> bool {
        self.resources.is_empty() && self.templates.is_empty()
    }
}

/// The tool with which a server is asked for the others: one that every such connector has, and its test call.
fn discovery(document: &Document, options: &Options) -> Tool {
    let binding = Binding::Discover { path: document.path.clone() };
    Tool {
        name: format!("{}_mcp_discover", options.name),
        title: "What the server offers".into(),
        description: "Asks the MCP server what it offers now. That is not what can be used: an operator takes it over."
            .into(),
        input_schema: json!({ "type": "object", "properties": {}, "additionalProperties": false }).to_string(),
        output_schema: None,
        effect: Effect::Read,
        scopes: Vec::new(),
        routes: routes(&document.path, Effect::Read),
        tags: vec!["mcp".into()],
        deferred: true,
        aliases: Vec::new(),
        binding: serde_json::to_string(&binding).ok(),
    }
}

fn compile(
    tool: &Value,
    (path, found): (&str, &Found),
    overrides: Option<&Overrides>,
    options: &Options,
    names: &mut Names<'_>,
) -> Result<(Tool, bool), String> {
    let upstream = tool["name"].as_str().unwrap_or_default();
    let printable = upstream.chars().all(|c| !c.is_control()) && visible(upstream) == upstream;
    if upstream.is_empty() || upstream.chars().count() > UPSTREAM_NAME_CHARS || !printable || OWN.contains(&upstream) {
        return Err(format!("its name is none: 1 to {UPSTREAM_NAME_CHARS} signs that can be seen"));
    }
    let input = schema(&tool["inputSchema"], true).map_err(|reason| format!("its input schema {reason}"))?;
    let output = match tool.get("outputSchema").filter(|schema| !schema.is_null()) {
        Some(said) => Some(schema(said, false).map_err(|reason| format!("its output schema {reason}"))?),
        None => None,
    };
    let effect = match overrides.and_then(|overrides| overrides.effect.as_deref()) {
        // What a server says of its own tools is a hint, and no rule goes by it.
        None | Some("write") => Effect::Write,
        Some("read") => Effect::Read,
        Some("destroy") => Effect::Destroy,
        Some(other) => return Err(format!("`{}` is no effect: read, write and destroy are", line(other, 20))),
    };
    let binding = Binding::Call(Call {
        tool: upstream.to_owned(),
        path: path.to_owned(),
        revision: found.revision.clone(),
        session: found.session,
        headers: headers::declared(&tool["inputSchema"])?,
        structured: output.is_some(),
    });
    let said = |text: Option<&String>, own: &Value, bytes| {
        text.map(|text| cut(text, bytes))
            .or_else(|| own.as_str().map(|text| cut(text, bytes)))
            .filter(|text| !text.is_empty())
    };
    let short = snake(upstream);
    let own_title = if tool["title"].is_string() { &tool["title"] } else { &tool["annotations"]["title"] };
    let title = said(overrides.and_then(|own| own.title.as_ref()), own_title, TITLE_BYTES);
    let title = title.unwrap_or_else(|| line(&human(&short), TITLE_BYTES));
    let title = if title.is_empty() { "Tool".to_owned() } else { line(&title, TITLE_BYTES) };
    let description = said(overrides.and_then(|own| own.description.as_ref()), &tool["description"], DESCRIPTION_BYTES);
    let asks = overrides.and_then(|own| own.requires_approval);
    let asks = asks.unwrap_or(options.requires_approval && effect != Effect::Read);
    let compiled = Tool {
        name: names.of(upstream, overrides.and_then(|own| own.name.as_deref())),
        description: description.unwrap_or_else(|| title.clone()),
        title,
        input_schema: input,
        output_schema: output,
        effect,
        scopes: Vec::new(),
        routes: routes(path, effect),
        tags: tags(&tool["annotations"]),
        deferred: overrides.and_then(|own| own.deferred).unwrap_or(options.deferred),
        aliases: Vec::new(),
        binding: Some(serde_json::to_string(&binding).map_err(|error| error.to_string())?),
    };
    Ok((compiled, asks))
}

/// Where such tools come from, and what their server says of them, for people.
fn tags(annotations: &Value) -> Vec<String> {
    let hints = [
        ("readOnlyHint", "hint:read-only"),
        ("destructiveHint", "hint:destructive"),
        ("idempotentHint", "hint:idempotent"),
        ("openWorldHint", "hint:open-world"),
    ];
    let said = hints.into_iter().filter(|(name, _)| annotations[*name] == true).map(|(_, tag)| tag.to_owned());
    std::iter::once("mcp".to_owned()).chain(said).collect()
}

/// Requests go to the one path; what ends a session is no more than the tool itself.
pub(crate) fn routes(path: &str, effect: Effect) -> Vec<Route> {
    // The query is no part of a route.
    let path = path.split('?').next().unwrap_or_default();
    let route = |method: &str| Route { method: method.into(), host: None, path: path.into(), effect: Some(effect) };
    vec![route("POST"), route("DELETE")]
}

/// A schema as the host takes it: an input is an object, and what only people read has nothing in it that they do not see.
fn schema(said: &Value, is_input: bool) -> Result<String, String> {
    let mut schema = match said {
        Value::Null if is_input => json!({ "type": "object" }),
        Value::Object(_) => said.clone(),
        _ => return Err("is no object".into()),
    };
    if is_input && schema.get("type").is_none() {
        schema["type"] = "object".into();
    }
    clean(&mut schema, 0)?;
    let text = schema.to_string();
    if text.len() > SCHEMA_BYTES {
        return Err(format!("has {} bytes, at most {SCHEMA_BYTES} are taken", text.len()));
    }
    Ok(text)
}

fn clean(schema: &mut Value, depth: usize) -> Result<(), String> {
    if depth > DEPTH {
        return Err("is nested too deeply".into());
    }
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if matches!(name.as_str(), "title" | "description" | "$comment") => {
                        *text = cut(text, DESCRIPTION_BYTES);
                    }
                    member => clean(member, depth + 1)?,
                }
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| clean(item, depth + 1)),
        _ => Ok(()),
    }
}
