//! Prompts and resources of a server: the tools that get them, what the manifest says of them, and their calls.

use std::collections::{BTreeMap, BTreeSet};

use gloveport_sdk::__private::bindings::gloveport::connector::types::{Effect, Tool};
use gloveport_sdk::Failure;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::binding::{Binding, Server};
use crate::import::{Document, Found, Options, Overrides, routes};
use crate::limits::{ARGUMENTS, DESCRIPTION_BYTES, SCHEMA_BYTES, TITLE_BYTES, UPSTREAM_NAME_CHARS, URI_BYTES};
use crate::names::Names;
use crate::output;
use crate::peer::{self, Asked};
use gloveport_importer::resource_uri::{check_uri, check_uri_template};
use gloveport_importer::{Imported, cut, line, visible};

/// What the tools are known by that get prompts and read resources, as discovery is by its method.
pub(crate) const GET_PROMPT: &str = "prompts/get";
pub(crate) const READ_RESOURCE: &str = "resources/read";

/// What is given to the tool that gets prompts.
#[derive(Deserialize)]
struct Wanted {
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

/// What is given to the tool that reads resources.
#[derive(Deserialize)]
struct Located {
    uri: String,
}

/// Gets a prompt.
///
/// # Errors
/// What the server answered.
pub(crate) fn get(server: &Server, input: &str) -> Result<String, Failure> {
    let Wanted { name, arguments } = read_input(input)?;
    let params = json!({ "name": name, "arguments": arguments });
    let asked = Asked { method: GET_PROMPT, params, name: &name, more: Vec::new() };
    output::prompt(&peer::asked(server, &asked)?)
}

/// Reads a resource.
///
/// # Errors
/// What the server answered.
pub(crate) fn read(server: &Server, input: &str) -> Result<String, Failure> {
    let Located { uri } = read_input(input)?;
    let asked = Asked { method: READ_RESOURCE, params: json!({ "uri": uri }), name: &uri, more: Vec::new() };
    output::resource(&peer::asked(server, &asked)?)
}

fn read_input<'a, T: Deserialize<'a>>(input: &'a str) -> Result<T, Failure> {
    serde_json::from_str(input).map_err(|error| Failure::invalid_input("", error.to_string()))
}

/// Adds the tools that get what a server offers besides tools, and what a manifest says of it.
pub(crate) fn add(
    document: &Document,
    found: &Found,
    options: &Options,
    names: &mut Names<'_>,
    imported: &mut Imported,
) {
    let server = Server { path: document.path.clone(), revision: found.revision.clone(), session: found.session };
    let (mut offers, mut tools) = (Map::new(), Vec::new());
    let prompts = prompts(&found.prompts, &options.name, imported);
    if let Some(overrides) = wanted(!prompts.is_empty(), GET_PROMPT, options, imported) {
        let enumerated: Vec<&Value> = prompts.iter().map(|prompt| &prompt["input_name"]).collect();
        let schema = json!({ "type": "object", "additionalProperties": false, "required": ["name"], "properties": {
            "name": { "type": "string", "enum": enumerated },
            "arguments": { "type": "object", "additionalProperties": { "type": "string" } } } });
        let said = ("Get a prompt", "Gets a prompt of the MCP server, filled in with arguments.");
        tools.push((GET_PROMPT, "prompts", json!({ "list": prompts }), schema, said, overrides));
    }
    let list = resources(&found.resources, "uri", imported);
    let templates = resources(&found.templates, "uriTemplate", imported);
    if let Some(overrides) = wanted(!list.is_empty() || !templates.is_empty(), READ_RESOURCE, options, imported) {
        let schema = json!({ "type": "object", "additionalProperties": false, "required": ["uri"], "properties": {
            "uri": { "type": "string", "maxLength": URI_BYTES, "anyOf": [ { "enum": uris(&list, "uri") },
                { "pattern": pattern(&uris(&templates, "uriTemplate")) } ] } } });
        let said = ("Read a resource", "Reads a resource of the MCP server by its URI.");
        let offered = json!({ "list": list, "templates": templates });
        tools.push((READ_RESOURCE, "resources", offered, schema, said, overrides));
    }
    for (operation, member, mut offered, schema, (title, description), overrides) in tools {
        let schema = schema.to_string();
        if schema.len() > SCHEMA_BYTES {
            imported
                .skipped
                .push((operation.to_owned(), "there are too many of them, or their names are too long".into()));
            continue;
        }
        let server = server.clone();
        let binding = if operation == GET_PROMPT { Binding::Prompt(server) } else { Binding::Resource(server) };
        let tool = Tool {
            name: names.of(operation, overrides.and_then(|own| own.name.as_deref())),
            title: overrides.and_then(|own| own.title.clone()).unwrap_or_else(|| title.to_owned()),
            description: overrides.and_then(|own| own.description.clone()).unwrap_or_else(|| description.to_owned()),
            input_schema: schema,
            output_schema: None,
            effect: Effect::Read,
            scopes: Vec::new(),
            routes: routes(&document.path, Effect::Read),
            tags: vec!["mcp".into()],
            deferred: overrides.and_then(|own| own.deferred).unwrap_or(true),
            aliases: Vec::new(),
            binding: serde_json::to_string(&binding).ok(),
        };
        offered["tool"] = tool.name.as_str().into();
        offers.insert(member.to_owned(), offered);
        let asks = overrides.and_then(|own| own.requires_approval).unwrap_or_default();
        imported.push(operation.to_owned(), tool, asks);
    }
    for list in &found.more {
        imported.warn(&format!("the server has more {} than are taken: the others are left out", line(list, 40)));
    }
    imported.offers = (!offers.is_empty()).then_some(Value::Object(offers));
}

/// What is said of the tool for what there is; `None` if there is nothing, or nobody wants it.
fn wanted<'a>(
    there: bool,
    operation: &str,
    options: &'a Options,
    imported: &mut Imported,
) -> Option<Option<&'a Overrides>> {
    let overrides = options.operations.get(operation);
    let skipped = overrides.is_some_and(|overrides| overrides.skip);
    imported.filtered += u32::from(there && skipped);
    (there && !skipped).then_some(overrides)
}

/// Prompts as a manifest has them, under names that no two connectors share.
fn prompts(found: &[Value], connector: &str, imported: &mut Imported) -> Vec<Value> {
    let known = BTreeMap::new();
    let all = || found.iter().filter_map(|prompt| prompt["name"].as_str());
    let mut names = Names::new(connector, &known, &[], all());
    let mut list = Vec::new();
    for prompt in found {
        let upstream = prompt["name"].as_str().unwrap_or_default();
        let arguments = match check_name(upstream).and_then(|()| arguments(&prompt["arguments"])) {
            Ok(arguments) => arguments,
            Err(reason) => {
                imported.skipped.push((format!("prompt {}", line(upstream, UPSTREAM_NAME_CHARS)), reason));
                continue;
            }
        };
        let mut one = said(prompt);
        one.insert("name".into(), names.of(upstream, None).into());
        one.insert("input_name".into(), upstream.into());
        one.insert("arguments".into(), arguments.into());
        list.push(Value::Object(one));
    }
    list
}

fn arguments(found: &Value) -> Result<Vec<Value>, String> {
    let (mut list, mut names) = (Vec::new(), BTreeSet::new());
    for argument in found.as_array().into_iter().flatten() {
        let name = argument["name"].as_str().unwrap_or_default();
        check_name(name).map_err(|reason| format!("an argument: {reason}"))?;
        if !names.insert(name) || names.len() > ARGUMENTS {
            return Err(format!("its arguments have one name twice, or are more than {ARGUMENTS}"));
        }
        let mut one = said(argument);
        one.insert("name".into(), name.into());
        one.insert("required".into(), (argument["required"] == true).into());
        list.push(Value::Object(one));
    }
    Ok(list)
}

/// Resources as a manifest has them, or templates of them.
fn resources(found: &[Value], key: &str, imported: &mut Imported) -> Vec<Value> {
    let mut list = Vec::new();
    for resource in found {
        let uri = resource[key].as_str().unwrap_or_default();
        let name = resource["name"].as_str().map(|name| line(name, TITLE_BYTES)).filter(|name| !name.is_empty());
        let checked = if key == "uri" { check_uri(uri) } else { check_uri_template(uri) };
        let checked = checked.map_err(|error| error.to_string());
        let short =
            if uri.len() > URI_BYTES { Err(format!("its URI has more than {URI_BYTES} bytes")) } else { Ok(()) };
        if let Err(reason) = checked.and(short) {
            imported.skipped.push((format!("resource {}", line(uri, UPSTREAM_NAME_CHARS)), reason));
            continue;
        }
        let mut one = said(resource);
        one.insert(key.to_owned(), uri.into());
        one.insert("name".into(), name.unwrap_or_else(|| cut(uri, TITLE_BYTES)).into());
        let media_type = resource["mimeType"].as_str().map(|text| line(text, 100)).filter(|text| !text.is_empty());
        one.extend(media_type.map(|text| ("mimeType".to_owned(), text.into())));
        list.push(Value::Object(one));
    }
    list
}

/// What is said to people and models: nothing in it that nobody sees.
fn said(of: &Value) -> Map<String, Value> {
    let text = |member: &str, bytes| of[member].as_str().map(|text| cut(text, bytes)).filter(|text| !text.is_empty());
    let members = [("title", TITLE_BYTES), ("description", DESCRIPTION_BYTES)];
    members.into_iter().filter_map(|(member, bytes)| Some((member.to_owned(), text(member, bytes)?.into()))).collect()
}

fn check_name(name: &str) -> Result<(), String> {
    let printable = name.chars().all(|c| !c.is_control()) && visible(name) == name;
    if name.is_empty() || name.chars().count() > UPSTREAM_NAME_CHARS || !printable {
        return Err(format!("its name is none: 1 to {UPSTREAM_NAME_CHARS} signs that can be seen"));
    }
    Ok(())
}

fn uris<'a>(list: &'a [Value], key: &str) -> Vec<&'a str> {
    list.iter().filter_map(|one| one[key].as_str()).collect()
}

/// What URIs of templates look like, as a regular expression; one that nothing fits where there are none.
fn pattern(templates: &[&str]) -> String {
    let escaped = |text: &str| {
        let sign = |c: char| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("\\x{:02x}", u32::from(c)) };
        text.chars().map(sign).collect::<String>()
    };
    let one = |template: &&str| {
        let (mut pattern, mut rest) = (String::new(), *template);
        while let Some((literal, (expression, after))) =
            rest.split_once('{').and_then(|(literal, tail)| Some((literal, tail.split_once('}')?)))
        {
            let within =
                !expression.contains('*') && expression.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            pattern += &escaped(literal);
            pattern += if within { "[^/?#]+" } else { ".*" };
            rest = after;
        }
        pattern + &escaped(rest)
    };
    let all: Vec<String> = templates.iter().map(one).collect();
    if all.is_empty() { "^$".to_owned() } else { format!("^({})$", all.join("|")) }
}
