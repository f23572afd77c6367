//! From a document to what is stored of it: the importer is run, and what this host could not serve is left out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::declare::{Importing, Preview};
use super::generic::Loaded;
use super::install::{blocking, check_getter, check_place};
use super::operations::Operation;
use super::{CatalogError, manifest, tool_text, validation};
use crate::model::{Connector, Effect, Tool};
use crate::runtime::{CallError, Failure, Imported, ImportedTool};

/// Characters of a document's own version that go into the connector's.
const VERSION_CHARS: usize = 40;

/// What the host says itself, and nobody else.
const OWN_OPTIONS: [&str; 2] = ["name", "known_names"];

/// Members of a manifest that an importer may make besides tools.
const OFFERS: [&str; 2] = ["prompts", "resources"];

/// What a document became, ready to be stored.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) preview: Preview,
    pub(super) manifest: String,
}

/// Runs the importer, and leaves out what this host could not serve.
pub(super) async fn make(
    parts: Importing<'_>,
    loaded: &Loaded,
    name: &str,
    text: &str,
    options: &str,
) -> Result<Made, CatalogError> {
    let imported = parts.runtime.import(&loaded.importer, text, options).await.map_err(of_document)?;
    let (mut warnings, auth) = (imported.warnings.clone(), patterns(&imported.auth));
    let (auth, refused) = auth.map_err(CatalogError::Document)?;
    warnings.extend(refused);
    let mut facts = manifest_of(name, &imported, auth);
    let connector = |facts: &Value, version: &str| {
        let mut facts = facts.clone();
        facts["version"] = version.into();
        let text = facts.to_string();
        let connector = manifest::parse(&text).map_err(|error| CatalogError::Document(error.to_string()))?;
        Ok::<_, CatalogError>((connector, text))
    };
    let Imported { tools, skipped, filtered, version, test, offers, .. } = imported;
    let mut skipped: Vec<_> = skipped.into_iter().map(|one| (one.operation, one.reason)).collect();
    let (checked, _) = connector(&facts, "0")?;
    // Compiling the schemas of a thousand tools takes a second of a thread's time.
    let (tools, refused) = blocking(move || Ok(usable(&checked, tools))).await?;
    skipped.extend(refused);
    if tools.is_empty() && (!skipped.is_empty() || filtered > 0) {
        let first = skipped.first().map(|(operation, reason)| format!(": {operation}: {reason}")).unwrap_or_default();
        return Err(CatalogError::Document(format!("no operation of the document is a tool{first}")));
    }
    match test.as_deref().map(|test| test_of(test, &tools)).transpose() {
        Ok(Some(test)) => facts["test"] = test,
        Ok(None) => {}
        Err(reason) => warnings.push(format!("the test call: {reason}")),
    }
    offer(&mut facts, offers.as_deref(), &tools, &mut warnings)?;
    let written = write(&tools)?;
    // The generic connector's digest is that of all declared ones: what tells versions apart is what was made.
    let hash = Sha256::digest(format!("{}\n{facts}\n{written}", loaded.digest));
    let (connector, manifest) = connector(&facts, &format!("{}+{}", plain(&version), hex::encode(&hash[..6])))?;
    Ok(Made { preview: Preview { connector, tools, skipped, filtered, warnings }, manifest })
}

/// The importer's options: the operator's, and the host's own.
pub(super) fn options(
    name: &str,
    said: &Map<String, Value>,
    url: Option<&str>,
    known: &[Operation],
) -> Result<String, CatalogError> {
    if let Some(own) = OWN_OPTIONS.into_iter().find(|own| said.contains_key(*own)) {
        return Err(CatalogError::Document(format!("options: `{own}` is not one of them")));
    }
    let mut options = said.clone();
    options.insert("name".into(), name.into());
    let names: BTreeMap<&str, &str> = known.iter().map(|one| (one.operation.as_str(), one.tool.as_str())).collect();
    options.insert("known_names".into(), json!(names));
    if let Some(url) = url {
        options.entry("document_url").or_insert_with(|| url.into());
    }
    Ok(Value::Object(options).to_string())
}

/// Why there is no import: a document that a limit stops is as much at fault as one that cannot be read.
fn of_document(error: CallError) -> CatalogError {
    CatalogError::Document(match error {
        CallError::Failure(Failure::InvalidInput(errors)) => {
            errors.into_iter().next().map_or_else(|| "the document cannot be read".into(), |error| error.message)
        }
        error => format!("the document cannot be imported: {error}"),
    })
}

/// Auth patterns that this host can execute, and why the others are left out.
fn patterns(text: &str) -> Result<(Vec<Value>, Vec<String>), String> {
    let all: Vec<Value> = serde_json::from_str(text).map_err(|error| format!("its auth patterns: {error}"))?;
    let (mut names, mut kept, mut refused) = (BTreeSet::new(), Vec::new(), Vec::new());
    for pattern in all {
        let name = pattern.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        match manifest::check_pattern(&pattern) {
            Ok(()) if names.insert(name.clone()) => kept.push(pattern),
            Ok(()) => refused.push(format!("auth pattern `{name}`: another one has its name")),
            Err(reason) => refused.push(reason),
        }
    }
    if kept.is_empty() {
        kept.push(json!({ "name": "none", "title": "No account", "type": "none" }));
    }
    Ok((kept, refused))
}

fn manifest_of(name: &str, imported: &Imported, auth: Vec<Value>) -> Value {
    json!({
        "manifest": 1, "name": name, "version": "", "title": imported.title, "description": imported.description,
        "publisher": "imported", "categories": imported.categories, "wit": "0.1.0", "imports": ["http"], "hosts": imported.hosts,
        "base_url": imported.base_url, "auth": auth,
    })
}

/// What the document calls an operation, and its tool.
type Kept = (String, Tool);

/// What the document calls an operation, and why it is no tool.
type Refused = (String, String);

/// The test call, if it can be sent: there is such a tool, which only reads, and takes this input.
fn test_of(text: &str, tools: &[Kept]) -> Result<Value, String> {
    let test: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let name = test["tool"].as_str().unwrap_or_default();
    let tool = tools.iter().map(|(_, tool)| tool).find(|tool| tool.name == name);
    let tool = tool.ok_or_else(|| format!("there is no tool `{name}`"))?;
    if tool.effect != Effect::Read {
        return Err(format!("`{name}` does not only read"));
    }
    match validation::check_against(&tool.input_schema, &test["input"].to_string())? {
        Ok(()) => Ok(test),
        Err(errors) => Err(format!("`{name}` does not take its input: {errors:?}")),
    }
}

/// Puts prompts and resources into a manifest. Those that cannot be offered are left out, and the tools stay.
fn offer(
    facts: &mut Value,
    offers: Option<&str>,
    tools: &[Kept],
    warnings: &mut Vec<String>,
) -> Result<(), CatalogError> {
    let Some(offers) = offers else { return Ok(()) };
    let offers: Map<String, Value> = serde_json::from_str(offers)
        .map_err(|error| CatalogError::Document(format!("its prompts and resources: {error}")))?;
    for (member, offered) in offers.into_iter().filter(|(member, _)| OFFERS.contains(&member.as_str())) {
        let name = offered["tool"].as_str().unwrap_or_default();
        let getter = check_getter(tools.iter().map(|(_, tool)| tool).find(|tool| tool.name == name));
        let mut with = facts.clone();
        with["version"] = "0".into();
        with[&member] = offered.clone();
        let read = manifest::parse(&with.to_string()).map_err(|error| error.to_string());
        match getter.and(read) {
            Ok(_) => facts[&member] = offered,
            Err(reason) => warnings.push(format!("{member}: {reason}")),
        }
    }
    Ok(())
}

/// The tools that calls can be made of, and why the others cannot.
fn usable(connector: &Connector, tools: Vec<ImportedTool>) -> (Vec<Kept>, Vec<Refused>) {
    let (mut kept, mut refused) = (Vec::with_capacity(tools.len()), Vec::new());
    for ImportedTool { tool, operation } in tools {
        let schema = validation::compile(&tool.input_schema).map(drop);
        let schema = schema.map_err(|reason| format!("its input schema cannot be used: {reason}"));
        let output = tool.output_schema.as_deref().map(validation::compile_output).transpose().map(drop);
        let output = output.map_err(|reason| format!("its output schema cannot be used: {reason}"));
        match check_place(connector, &tool).and(schema).and(output) {
            Ok(()) => kept.push((operation, tool)),
            Err(reason) => refused.push((operation, reason)),
        }
    }
    (kept, refused)
}

/// Tools as they are stored.
pub(super) fn write(tools: &[Kept]) -> Result<String, CatalogError> {
    let tools: Vec<Tool> = tools.iter().map(|(_, tool)| tool.clone()).collect();
    tool_text::write(&tools).map_err(|error| CatalogError::Document(error.to_string()))
}

/// A version as other versions are written: what stands in no version is left out.
fn plain(version: &str) -> String {
    let plain: String =
        version.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')).take(VERSION_CHARS).collect();
    if plain.is_empty() { "0".into() } else { plain }
}
