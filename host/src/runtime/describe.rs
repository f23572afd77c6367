//! Runs `describe` with nothing outside, and checks what it answers: a descriptor is as untrusted as its component.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use super::bindings::gloveport::connector::types as wit;
use super::error::bounded;
use super::state::Bounds;
use super::{CallError, Compiled, Runtime, RuntimeError, limits};
use crate::model::{Effect, HostPattern, PathTemplate, Route, Tool};

/// Methods that a route may name (RFC 9110 section 9 and RFC 5789).
const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

impl Runtime {
    /// Asks a component for its tools. Done once, when it is installed: no import answers.
    pub async fn describe(&self, compiled: &Compiled) -> Result<Vec<Tool>, RuntimeError> {
        let bounds = Bounds::usual(limits::DESCRIBE_TICKS, limits::DESCRIBE_TIMEOUT);
        let run = self
            .run(&compiled.describe, None, 0, bounds, async |connector, store| connector.call_describe(store).await);
        let run = run.await;
        let last_words = run.last_words();
        let descriptor = run.outcome.map_err(|error| RuntimeError::Describe(with_last_words(error, &last_words)))?;
        tools(descriptor.tools)
    }
}

/// What a guest wrote before it broke, by way of WASI, is told with the trap: it is in no log.
fn with_last_words(error: CallError, words: &str) -> CallError {
    match error {
        CallError::Trap { message } if !words.is_empty() => {
            CallError::Trap { message: bounded(&format!("{message}; it wrote: {words}"), limits::FAILURE_TEXT_BYTES) }
        }
        error => error,
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
        let culprit = bounded(&tool.name, limits::TOOL_NAME_BYTES);
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

/// Checks one tool by itself.
pub(super) fn check_tool(tool: wit::Tool) -> Result<Tool, String> {
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
        // A component does not say this: who imports a document does, or a profile.
        requires_approval: false,
        shown_as: None,
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
        let method = bounded(&route.method, limits::LABEL_BYTES);
        return Err(format!("routes: method `{method}` is none of {}", METHODS.join(" ")));
    }
    let effect = route.effect.map_or_else(|| Route::effect_of_method(&route.method), effect);
    // A tool cannot do more than it says: policies and approvals go by what it says.
    if tool == Effect::Read && effect != Effect::Read {
        let path = bounded(&route.path, limits::LABEL_BYTES);
        return Err(format!("routes: a read tool has the route {} {path}, which writes", route.method));
    }
    let host = route.host.map(|host| HostPattern::parse(&host)).transpose();
    Ok(Route {
        host: host.map_err(|error| bounded(&format!("routes: {error}"), limits::FAILURE_TEXT_BYTES))?,
        path: PathTemplate::parse(&route.path)
            .map_err(|error| bounded(&format!("routes: {error}"), limits::FAILURE_TEXT_BYTES))?,
        method: route.method,
        effect,
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_guests::{self, ECHO, HTTP, LOG, SEND, SPIN, component, digest, module};
    use super::*;

    async fn describe(imports: &str, body: &str) -> Result<Vec<Tool>, RuntimeError> {
        let runtime = test_guests::runtime(1);
        let wasm = component(&module(imports, body, ECHO, ""));
        runtime.describe(&runtime.compile(&wasm, &digest(&wasm)).expect("accepted")).await
    }

    fn tool(name: &str) -> wit::Tool {
        wit::Tool {
            name: name.into(),
            title: "Title".into(),
            description: "What it does.".into(),
            input_schema: r#"{"type":"object"}"#.into(),
            output_schema: None,
            effect: wit::Effect::Read,
            scopes: Vec::new(),
            routes: vec![route("GET", None)],
            tags: Vec::new(),
            deferred: false,
            aliases: Vec::new(),
            binding: None,
        }
    }

    fn route(method: &str, effect: Option<wit::Effect>) -> wit::Route {
        wit::Route { method: method.into(), host: None, path: "/items/{id}".into(), effect }
    }

    #[tokio::test]
    async fn a_component_describes_its_tools() {
        let tools = describe("", test_guests::DESCRIBE).await.expect("described");
        let names: Vec<_> = tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["probe_echo"]);
    }

    #[tokio::test]
    async fn no_import_answers_while_a_component_is_described() {
        let log = "(call $log (i32.const 0) (i32.const 2048) (i32.const 3)) unreachable";
        for (imports, body, function) in
            [(HTTP, format!("{SEND} unreachable"), "http.send"), (LOG, log.into(), "log.write")]
        {
            let refused = describe(imports, &body).await.expect_err("refused").to_string();
            assert!(refused.contains(&format!("describe may not call {function}")), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_component_that_cannot_describe_itself_is_refused() {
        let stopped = describe("", SPIN).await.expect_err("endless");
        assert!(
            matches!(stopped, RuntimeError::Describe(CallError::Limit { limit: "guest_cpu_ms", .. })),
            "{stopped:?}"
        );
        let trapped = describe("", "unreachable").await.expect_err("traps");
        assert!(matches!(trapped, RuntimeError::Describe(CallError::Trap { .. })), "{trapped:?}");
        // A list of 2 billion tools at address zero.
        let huge = "(i32.store (i32.const 1540) (i32.const 2000000000)) (i32.const 1536)";
        let refused = describe("", huge).await.expect_err("huge");
        assert!(matches!(refused, RuntimeError::Describe(_)), "{refused:?}");
    }

    #[test]
    fn a_good_tool_is_taken_over() {
        let mut written = tool("acme_items_create");
        written.effect = wit::Effect::Write;
        written.routes = vec![route("POST", None), route("POST", Some(wit::Effect::Read))];
        written.aliases = vec!["item.create".into()];
        let tools = tools(vec![written, tool("acme_items_get")]).expect("accepted");
        let effects: Vec<_> = tools[0].routes.iter().map(|route| route.effect).collect();
        assert_eq!(effects, [Effect::Write, Effect::Read]);
        assert_eq!(tools[0].routes[0].path.to_string(), "/items/{id}");
    }

    /// What is refused about the tool, and how to make a tool like that.
    type Case = (&'static str, Box<dyn Fn(&mut wit::Tool)>);

    /// Lesson 9: what a tool declares is enforced from the day it is installed.
    #[test]
    fn a_bad_tool_is_refused_with_the_reason() {
        let cases: Vec<Case> = vec![
            ("name", Box::new(|tool| tool.name = String::new())),
            ("name", Box::new(|tool| tool.name = "Acme".into())),
            ("name", Box::new(|tool| tool.name = "1acme".into())),
            ("name", Box::new(|tool| tool.name = "acme.items".into())),
            ("name", Box::new(|tool| tool.name = "acmé".into())),
            ("name", Box::new(|tool| tool.name = "a".repeat(65))),
            ("title", Box::new(|tool| tool.title = String::new())),
            ("title", Box::new(|tool| tool.title = "\u{1b}[2J".into())),
            ("title", Box::new(|tool| tool.title = "a".repeat(limits::TITLE_BYTES + 1))),
            ("description", Box::new(|tool| tool.description = "a".repeat(limits::DESCRIPTION_BYTES + 1))),
            ("input-schema", Box::new(|tool| tool.input_schema = String::new())),
            ("input-schema", Box::new(|tool| tool.input_schema = "true".into())),
            ("input-schema", Box::new(|tool| tool.input_schema = "{}".into())),
            ("input-schema", Box::new(|tool| tool.input_schema = r#"{"type":"array"}"#.into())),
            ("input-schema", Box::new(|tool| tool.input_schema = r#"{"type":"object"}}"#.into())),
            (
                "input-schema",
                Box::new(|tool| {
                    tool.input_schema =
                        format!("{{\"type\":\"object\",\"d\":\"{}\"}}", "a".repeat(limits::SCHEMA_BYTES))
                }),
            ),
            ("output-schema", Box::new(|tool| tool.output_schema = Some("[]".into()))),
            ("scopes", Box::new(|tool| tool.scopes = vec!["a".into(); limits::LABELS + 1])),
            ("tags", Box::new(|tool| tool.tags = vec![String::new()])),
            ("aliases", Box::new(|tool| tool.aliases = vec!["a\nb\u{7}".into()])),
            ("binding", Box::new(|tool| tool.binding = Some("a".repeat(limits::BINDING_BYTES + 1)))),
            ("routes", Box::new(|tool| tool.routes = vec![route("GET", None); limits::ROUTES + 1])),
            ("method `get`", Box::new(|tool| tool.routes = vec![route("get", None)])),
            ("method `CONNECT`", Box::new(|tool| tool.routes = vec![route("CONNECT", None)])),
            ("which writes", Box::new(|tool| tool.routes = vec![route("POST", None)])),
            ("which writes", Box::new(|tool| tool.routes = vec![route("GET", Some(wit::Effect::Destroy))])),
            ("routes", Box::new(|tool| tool.routes[0].path = "items".into())),
            ("routes", Box::new(|tool| tool.routes[0].host = Some("*".into()))),
            ("another tool", Box::new(|tool| tool.name = "acme_first".into())),
            ("another tool", Box::new(|tool| tool.aliases = vec!["acme_first".into()])),
            ("another tool", Box::new(|tool| tool.aliases = vec!["acme_second".into()])),
        ];
        for (reason, spoil) in cases {
            let mut second = tool("acme_second");
            spoil(&mut second);
            let refused = tools(vec![tool("acme_first"), second]).expect_err(reason).to_string();
            assert!(refused.contains(reason), "{reason}: {refused}");
        }
        assert!(tools(Vec::new()).is_err());
        assert!(tools((0..=limits::TOOLS).map(|n| tool(&format!("acme_{n}"))).collect()).is_err());
    }
}
