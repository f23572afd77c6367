//! Declared operations: tools written down one by one, compiled to the same bindings as a document's.

use std::collections::{BTreeMap, BTreeSet};

use gloveport_sdk::__private::bindings::gloveport::connector::types::{Effect, Route, Tool};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::binding::{Binding, Body, Parameter, ReplyRules, Style};
use crate::limits::{DESCRIPTION_BYTES, LABELS, SCHEMA_BYTES, TITLE_BYTES, TOOLS};
use crate::names::Names;
use crate::options::{Options, Subject};
use crate::path;
use crate::servers;
use crate::style::{as_text, encoded};
use crate::template::{fields, fields_of};
use gloveport_importer::Imported;
use gloveport_importer::{cut, human, line, snake};

/// A connector as somebody wrote it down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declaration {
    #[serde(default)]
    name: String,
    title: Option<String>,
    description: Option<String>,
    version: Option<String>,
    base_url: String,
    /// Other hosts that operations may name in `path`.
    #[serde(default)]
    hosts: Vec<String>,
    /// One pattern in short, or a list of patterns as the manifest has them.
    #[serde(default)]
    auth: Value,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    operations: Vec<Operation>,
    /// Of all operations that have no rules of their own.
    #[serde(default)]
    response: Option<ReplyRules>,
    /// What a catalogue files it under.
    #[serde(default)]
    categories: Vec<String>,
    /// What is tried once an account is connected.
    test: Option<TestCall>,
    /// Where the vendor's own document is, for who wants all of the API.
    document_url: Option<String>,
}

/// A call that shows that an account works.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestCall {
    operation: String,
    #[serde(default)]
    input: Map<String, Value>,
}

/// One operation as somebody wrote it down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    name: String,
    title: Option<String>,
    description: Option<String>,
    method: String,
    path: String,
    #[serde(default)]
    parameters: Value,
    effect: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    deferred: bool,
    #[serde(default)]
    requires_approval: bool,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    query: Map<String, Value>,
    #[serde(default)]
    headers: Map<String, Value>,
    body: Option<Value>,
    form: Option<Map<String, Value>>,
    response: Option<ReplyRules>,
    #[serde(default)]
    errors: BTreeMap<String, String>,
}

/// Imports a declaration. What is wrong with one operation is wrong with all: somebody wrote it by hand.
pub(crate) fn import(mut root: Value, options: &Options) -> Result<Imported, String> {
    snake_keys(&mut root);
    let declaration: Declaration = serde_json::from_value(root).map_err(|error| error.to_string())?;
    if declaration.operations.len() > TOOLS {
        return Err(format!("a connector has at most {TOOLS} tools"));
    }
    if !declaration.name.is_empty() && declaration.name != options.name {
        return Err(format!("the declaration is of `{}`, not of `{}`", line(&declaration.name, 60), options.name));
    }
    let url = options.base_url.clone().unwrap_or_else(|| declaration.base_url.clone());
    let base = servers::base(&[], &Options { base_url: Some(url), ..options.clone() })?;
    let mut imported = Imported {
        title: declaration.title.as_deref().map_or_else(|| human(&options.name), |title| line(title, TITLE_BYTES)),
        description: declaration
            .description
            .as_deref()
            .map_or_else(|| format!("The API at {}.", base.host), |text| cut(text, 500)),
        version: declaration.version.clone().unwrap_or_else(|| "1".into()),
        base_url: base.url.clone(),
        hosts: BTreeSet::from([base.host]),
        auth: auth(&declaration.auth)?,
        ..Imported::default()
    };
    imported.hosts.extend(declaration.hosts.iter().cloned());
    // A declared operation is called what its author calls it: what it was called before does not matter.
    let options = &Options { known_names: BTreeMap::new(), ..options.clone() };
    let mut names = Names::new(options, std::iter::empty());
    let mut written = BTreeSet::new();
    for operation in &declaration.operations {
        let reject = |reason: String| format!("operation `{}`: {reason}", line(&operation.name, 60));
        if !written.insert(snake(&operation.name)) {
            return Err(reject("another one has its name".into()));
        }
        let (tool, asks) = compile(operation, &declaration, options, &mut names).map_err(reject)?;
        imported.push(operation.name.clone(), tool, asks);
    }
    imported.categories.clone_from(&declaration.categories);
    imported.document_url.clone_from(&declaration.document_url);
    imported.test = declaration.test.as_ref().map(|test| test_call(test, &declaration, &imported)).transpose()?;
    Ok(imported)
}

/// The test call as the manifest has it. It is sent without being asked for, so it must not change anything.
fn test_call(test: &TestCall, declaration: &Declaration, imported: &Imported) -> Result<Value, String> {
    let reject = |reason: &str| format!("test: `{}` {reason}", line(&test.operation, 60));
    let at = declaration.operations.iter().position(|operation| operation.name == test.operation);
    let tool = at.and_then(|at| imported.tools.get(at)).ok_or_else(|| reject("is none of its operations"))?;
    if tool.effect != Effect::Read {
        return Err(reject("does not only read"));
    }
    Ok(json!({ "tool": tool.name, "input": test.input }))
}

/// What an operation sends, and what names of its inputs that uses up.
struct Sent {
    query: Vec<Parameter>,
    fixed_query: Vec<(String, String)>,
    headers: Vec<Parameter>,
    fixed_headers: Vec<(String, String)>,
    body: Option<Body>,
}

fn compile(
    operation: &Operation,
    declaration: &Declaration,
    options: &Options,
    names: &mut Names<'_>,
) -> Result<(Tool, bool), String> {
    let method = operation.method.to_ascii_uppercase();
    if !["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str()) {
        return Err(format!("its method `{}` is none that a tool can send", line(&method, 20)));
    }
    let (server, host, own_path) = split(&operation.path)?;
    let parts = path::parts(own_path)?;
    let schema = schema(&operation.parameters)?;
    let sent = sent(operation, declaration, &method, &parts.names, &schema)?;
    let effect = effect(&method, operation.effect.as_deref())?;
    let subject = Subject { method: &method, path: &operation.path, id: Some(&operation.name), tags: &operation.tags };
    let overrides = options.overrides(subject);
    let name = names.of(Subject { path: &operation.name, ..subject }, Some(&operation.name));
    let route = Route { method: method.clone(), host, path: path::route("", &parts), effect: Some(effect) };
    let path_parameters = parts.names.iter().map(|name| parameter(name, name, Style::Simple)).collect();
    let pieces = path::pieces(&parts, path_parameters);
    let fixed = sent.fixed_query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    let binding = Binding {
        // Declared operations are known by their names: two may well have one method and path.
        operation: operation.name.clone(),
        method,
        server,
        path: pieces,
        fixed_query: parts.query.into_iter().chain(fixed).collect(),
        query: sent.query,
        fixed_headers: sent.fixed_headers,
        headers: sent.headers,
        body: sent.body,
        errors: operation.errors.clone(),
        reply: operation.response.clone().or_else(|| declaration.response.clone()),
    };
    let text = schema.to_string();
    if text.len() > SCHEMA_BYTES {
        return Err(format!("its parameters have {} bytes, at most {SCHEMA_BYTES} are taken", text.len()));
    }
    let short = snake(&operation.name);
    let title = operation.title.as_deref().map_or_else(|| human(&short), |title| line(title, TITLE_BYTES));
    let asks = overrides.and_then(|overrides| overrides.requires_approval).unwrap_or(operation.requires_approval);
    let tool = Tool {
        description: describe(operation, &title),
        title,
        input_schema: text,
        output_schema: None,
        effect,
        scopes: operation.scopes.iter().take(LABELS).cloned().collect(),
        routes: vec![route],
        tags: operation.tags.iter().take(LABELS).cloned().collect(),
        deferred: overrides.and_then(|overrides| overrides.deferred).unwrap_or(operation.deferred),
        aliases: std::iter::once(format!("{}.{short}", options.name))
            .chain(operation.aliases.iter().cloned())
            .collect(),
        binding: Some(serde_json::to_string(&binding).map_err(|error| error.to_string())?),
        name,
    };
    Ok((tool, asks))
}

/// Puts each input where the operation says, and those of which it says nothing where its method has them.
fn sent(
    operation: &Operation,
    declaration: &Declaration,
    method: &str,
    in_path: &[String],
    schema: &Value,
) -> Result<Sent, String> {
    let inputs: Vec<&String> =
        schema.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name).collect();
    let mut used: Vec<String> = in_path.to_vec();
    let (mut query, fixed_query) = templates(&operation.query, Style::Form, &mut used)?;
    let (headers, mut fixed_headers) = templates(&operation.headers, Style::Simple, &mut used)?;
    fixed_headers.extend(declaration.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    let mut body = body(operation, &mut used)?;
    if let Some(unknown) = used.iter().find(|name| !inputs.contains(name)) {
        return Err(format!("`{}` is used, but is not among its parameters", line(unknown, 60)));
    }
    let rest: Vec<&String> = inputs.into_iter().filter(|name| !used.contains(name)).collect();
    if matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS") {
        query.extend(rest.into_iter().map(|name| parameter(name, name, Style::Form)));
    } else if body.is_none() {
        let fields = rest.into_iter().map(|name| (name.clone(), name.clone())).collect::<Vec<_>>();
        let sends = !fields.is_empty();
        body = sends.then_some(Body::Fields { fields, required: true, content_type: None });
    } else if let Some(unused) = rest.first() {
        return Err(format!("the parameter `{}` is used nowhere", line(unused, 60)));
    }
    Ok(Sent { query, fixed_query, headers, fixed_headers, body })
}

/// The body or the form that an operation writes down.
fn body(operation: &Operation, used: &mut Vec<String>) -> Result<Option<Body>, String> {
    match (&operation.body, &operation.form) {
        (Some(_), Some(_)) => Err("it has both a body and a form".into()),
        (Some(value), None) => {
            fields_of(value, used);
            Ok(Some(Body::Template { value: value.clone() }))
        }
        (None, Some(form)) => {
            let (fields, fixed) = templates(form, Style::Form, used)?;
            if let Some((name, _)) = fixed.first() {
                return Err(format!("`form.{name}` is always the same: make it an input with a default"));
            }
            Ok(Some(Body::Form { fields, required: true }))
        }
        (None, None) => Ok(None),
    }
}

fn describe(operation: &Operation, title: &str) -> String {
    let mut text =
        operation.description.as_deref().map_or_else(|| format!("{title}."), |text| cut(text, DESCRIPTION_BYTES));
    if let Some(paging) = operation.response.as_ref().and_then(|rules| rules.paging.as_ref()) {
        text.push_str(&format!(
            "\n\nAnswers a part of a list; where `next` is not null, give it as `{}` for the next part.",
            paging.input
        ));
    }
    text
}

/// Scheme and host, host, and path of a `path` that may be an absolute URL.
fn split(path: &str) -> Result<(Option<String>, Option<String>, &str), String> {
    let Some(rest) = path.strip_prefix("https://") else { return Ok((None, None, path)) };
    let at = rest.find('/').ok_or("its URL has no path")?;
    let host = rest[..at].to_ascii_lowercase();
    if host.contains(['{', '@']) || host.is_empty() {
        return Err("the host of its URL must be written out".into());
    }
    Ok((Some(format!("https://{host}")), Some(host), &rest[at..]))
}

fn effect(method: &str, said: Option<&str>) -> Result<Effect, String> {
    match said {
        Some("read") => Ok(Effect::Read),
        Some("write") => Ok(Effect::Write),
        Some("destroy") => Ok(Effect::Destroy),
        Some(other) => Err(format!("its effect `{}` is neither read, write nor destroy", line(other, 40))),
        None if matches!(method, "GET" | "HEAD" | "OPTIONS") => Ok(Effect::Read),
        None if method == "DELETE" => Ok(Effect::Destroy),
        None => Ok(Effect::Write),
    }
}

/// The schema of an input, as it was written; it takes nothing that it does not name unless it says so.
fn schema(parameters: &Value) -> Result<Value, String> {
    let mut members = match parameters {
        Value::Null => Map::new(),
        Value::Object(members) => members.clone(),
        _ => return Err("its parameters are not a JSON Schema".into()),
    };
    if members.get("type").is_some_and(|kind| kind != "object") {
        return Err("its parameters must be a JSON Schema of an object".into());
    }
    members.insert("type".into(), json!("object"));
    members.entry("properties").or_insert_with(|| json!({}));
    members.entry("additionalProperties").or_insert_with(|| json!(false));
    Ok(Value::Object(members))
}

fn parameter(input: &str, name: &str, style: Style) -> Parameter {
    Parameter { input: input.to_owned(), name: name.to_owned(), style, explode: style == Style::Form, reserved: false }
}

/// What comes from the input, and what never changes.
type Templates = (Vec<Parameter>, Vec<(String, String)>);

/// Values that are one `{{input}}`, and values that have none.
fn templates(map: &Map<String, Value>, style: Style, used: &mut Vec<String>) -> Result<Templates, String> {
    let (mut values, mut fixed) = (Vec::new(), Vec::new());
    for (name, value) in map {
        let text = as_text(value);
        let names = fields(&text);
        match &names[..] {
            [] => fixed.push((name.clone(), text)),
            [one] if text.trim().starts_with("{{") && text.trim().ends_with("}}") => {
                values.push(parameter(one, name, style));
                used.push(one.clone());
            }
            _ => {
                return Err(format!(
                    "`{}` mixes text and an input: only one input, or only text, can stand there",
                    line(name, 60)
                ));
            }
        }
    }
    Ok((values, fixed))
}

/// SI-10: the short forms, and the manifest's own.
fn auth(auth: &Value) -> Result<Vec<Value>, String> {
    if let Value::Array(patterns) = auth {
        return Ok(patterns.clone());
    }
    let kind = auth.get("type").and_then(Value::as_str).unwrap_or("none");
    let field = |name: &str, label: &str| json!({ "name": name, "label": label, "type": "password" });
    let pattern = match kind {
        "none" => json!({ "name": "none", "title": "No account", "type": "none", "fields": [] }),
        "bearer" => json!({ "name": "bearer", "title": "Access token", "type": "bearer", "field": "token",
            "fields": [field("token", "Access token")] }),
        "basic" => json!({ "name": "basic", "title": "User name and password", "type": "basic", "username": "username",
            "password": "password", "fields": [{ "name": "username", "label": "User name", "type": "text" }, field("password", "Password")] }),
        "api_key" | "apiKey" => json!({ "name": "api_key", "title": "API key", "type": "api_key", "field": "api_key",
            "in": auth.get("in").and_then(Value::as_str).unwrap_or("header"),
            "parameter": auth.get("header").or_else(|| auth.get("parameter")).and_then(Value::as_str).unwrap_or("x-api-key"),
            "prefix": auth.get("prefix").and_then(Value::as_str).unwrap_or_default(),
            "fields": [field("api_key", "API key")] }),
        "caller_token" | "callerToken" | "sinas_token" => {
            json!({ "name": "caller_token", "title": "The caller's own token", "type": "caller_token", "fields": [] })
        }
        _ if auth.get("name").is_some() => auth.clone(),
        other => {
            return Err(format!(
                "auth: type `{}` is not known in short; write a pattern with name and title",
                line(other, 40)
            ));
        }
    };
    Ok(vec![pattern])
}

/// SI-16: keys in camel case are those in snake case. What somebody else named (parameters, bodies) stays.
fn snake_keys(value: &mut Value) {
    const OTHERS: [&str; 8] = ["parameters", "body", "form", "query", "headers", "errors", "auth", "input"];
    match value {
        Value::Array(list) => list.iter_mut().for_each(snake_keys),
        Value::Object(map) => {
            for (key, mut one) in std::mem::take(map) {
                let key = snake(&key);
                if !OTHERS.contains(&key.as_str()) && key != "equals" {
                    snake_keys(&mut one);
                }
                map.insert(key, one);
            }
        }
        _ => {}
    }
}
