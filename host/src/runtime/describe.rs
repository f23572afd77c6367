//! Runs `describe` with nothing outside, and checks what it answers: a descriptor is as untrusted as its component.

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use std::collections::BTreeMap;

use super::bindings::gloveport::connector::types as wit;
use super::{Compiled, Runtime, RuntimeError, limits};
use crate::model::{Effect, HostPattern, PathTemplate, Route, Tool};

/// Methods that a route may name (RFC 9110 section 9, RFC 5789, and RFC 10008's QUERY).
const METHODS: [&str; 8] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "QUERY"];

impl Runtime {
    /// Asks a component for its tools. Done once, when it is installed: no import answers.
    pub async fn describe(&self, compiled: &Compiled) -> Result<Vec<Tool>, RuntimeError> {
        let run = self.run(
            &compiled.describe,
            None,
            limits::DESCRIBE_TICKS,
            limits::DESCRIBE_TIMEOUT,
            async |connector, store| connector.call_describe(store).await,
        );
        let descriptor = run.await.outcome.map_err(RuntimeError::Describe)?;
        tools(descriptor.tools)
    }
}

/// Checks each tool, and that no two answer to the same name.
fn tools(tools: Vec<wit::Tool>) -> Result<Vec<Tool>, RuntimeError> {
    if tools.is_empty() || tools.len() > limits::TOOLS {
        let reason = format!("1 to {} tools, not {}", limits::TOOLS, tools.len());
        return Err(RuntimeError::Descriptor { culprit: "tools".into(), reason });
    }
    let mut names = BTreeSet::new();
    let mut checked = Vec::with_capacity(tools.len());
    for tool in tools {
        let culprit = super::error::bounded(&tool.name, limits::TOOL_NAME_BYTES);
        let tool = check_tool(tool).map_err(|reason| RuntimeError::Descriptor { culprit: culprit.clone(), reason })?;
        for name in tool.aliases.iter().chain([&tool.name]) {
            if !names.insert(name.clone()) {
                let reason = format!("another tool has the name or alias `{name}`");
                return Err(RuntimeError::Descriptor { culprit, reason });
            }
        }
        checked.push(tool);
    }
    Ok(checked)
}

fn check_tool(tool: wit::Tool) -> Result<Tool, String> {
    check_name(&tool.name)?;
    check_length("title", &tool.title, limits::TITLE_BYTES)?;
    check_length("description", &tool.description, limits::DESCRIPTION_BYTES)?;
    check_schema("input-schema", &tool.input_schema)?;
    if let Some(schema) = &tool.output_schema {
        check_schema("output-schema", schema)?;
    }
    for (what, labels) in [("scopes", &tool.scopes), ("tags", &tool.tags), ("aliases", &tool.aliases)] {
        check_labels(what, labels)?;
    }
    if let Some(binding) = &tool.binding
        && binding.len() > limits::BINDING_BYTES
    {
        return Err(format!("binding: {} bytes, at most {}", binding.len(), limits::BINDING_BYTES));
    }
    let effect = effect(tool.effect);
    Ok(Tool {
        routes: routes(tool.routes, effect)?,
        name: tool.name,
        title: tool.title,
        description: tool.description,
        input_schema: tool.input_schema,
        output_schema: tool.output_schema,
        effect,
        scopes: tool.scopes,
        tags: tool.tags,
        deferred: tool.deferred,
        aliases: tool.aliases,
        binding: tool.binding,
    })
}

fn check_name(name: &str) -> Result<(), String> {
    let letters = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    if !letters || !begins || name.len() > limits::TOOL_NAME_BYTES {
        return Err(format!(
            "name: lower-case letters, digits and `_`, a letter first, at most {}",
            limits::TOOL_NAME_BYTES
        ));
    }
    Ok(())
}

/// Text for people: not empty, not too long, and without what would move a terminal's cursor.
fn check_length(what: &str, text: &str, bytes: usize) -> Result<(), String> {
    if text.is_empty() || text.len() > bytes {
        return Err(format!("{what}: 1 to {bytes} bytes, not {}", text.len()));
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(format!("{what}: has control characters"));
    }
    Ok(())
}

fn check_labels(what: &str, labels: &[String]) -> Result<(), String> {
    if labels.len() > limits::LABELS {
        return Err(format!("{what}: at most {}, not {}", limits::LABELS, labels.len()));
    }
    labels.iter().try_for_each(|label| check_length(what, label, limits::LABEL_BYTES))
}

fn check_schema(what: &str, schema: &str) -> Result<(), String> {
    if schema.len() > limits::SCHEMA_BYTES {
        return Err(format!("{what}: {} bytes, at most {}", schema.len(), limits::SCHEMA_BYTES));
    }
    let root: BTreeMap<String, &RawValue> =
        serde_json::from_str(schema).map_err(|error| format!("{what}: not a JSON object: {error}"))?;
    // An output may be anything, an input is what a model fills in by name.
    if what == "input-schema" && root.get("type").map(|value| value.get()) != Some("\"object\"") {
        return Err(format!("{what}: its root must have \"type\": \"object\""));
    }
    Ok(())
}

fn effect(effect: wit::Effect) -> Effect {
    match effect {
        wit::Effect::Read => Effect::Read,
        wit::Effect::Write => Effect::Write,
        wit::Effect::Destroy => Effect::Destroy,
    }
}

fn routes(routes: Vec<wit::Route>, tool: Effect) -> Result<Vec<Route>, String> {
    if routes.len() > limits::ROUTES {
        return Err(format!("routes: at most {}, not {}", limits::ROUTES, routes.len()));
    }
    routes.into_iter().map(|route| check_route(route, tool)).collect()
}

fn check_route(route: wit::Route, tool: Effect) -> Result<Route, String> {
    if !METHODS.contains(&route.method.as_str()) {
        let method = super::error::bounded(&route.method, limits::LABEL_BYTES);
        return Err(format!("routes: method `{method}` is none of {}", METHODS.join(" ")));
    }
    let effect = route.effect.map_or_else(|| Route::effect_of_method(&route.method), effect);
    // A tool cannot do more than it says: policies and approvals go by what it says.
    if tool == Effect::Read && effect != Effect::Read {
        let path = super::error::bounded(&route.path, limits::LABEL_BYTES);
        return Err(format!("routes: a read tool has the route {} {path}, which writes", route.method));
    }
    let host = route.host.map(|host| HostPattern::parse(&host)).transpose();
    Ok(Route {
        host: host.map_err(|error| super::error::bounded(&format!("routes: {error}"), limits::FAILURE_TEXT_BYTES))?,
        path: PathTemplate::parse(&route.path)
            .map_err(|error| super::error::bounded(&format!("routes: {error}"), limits::FAILURE_TEXT_BYTES))?,
        method: route.method,
        effect,
    })
}
