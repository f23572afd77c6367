//! The manifest: static facts of a connector as JSON, read strictly into [`Connector`].

mod auth;
mod offers;

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::CatalogError;
use crate::model::{Connector, HostTemplate, Import, TestCall, UrlTemplate};

/// The format of the document that this host reads.
const FORMAT: u32 = 1;

/// Names prefix tool names, which models limit to 64 characters: half of that for the connector.
const MAX_NAME: usize = 32;

#[derive(Deserialize)]
struct Document {
    manifest: u32,
    name: String,
    version: String,
    title: String,
    description: String,
    publisher: String,
    #[serde(default)]
    categories: Vec<String>,
    icon: Option<String>,
    wit: String,
    sdk: Option<String>,
    imports: Vec<String>,
    hosts: Vec<String>,
    base_url: String,
    auth: Vec<Value>,
    test: Option<TestText>,
    prompts: Option<offers::PromptsText>,
    resources: Option<offers::ResourcesText>,
    idempotency_header: Option<String>,
}

#[derive(Deserialize)]
struct TestText {
    tool: String,
    input: Box<RawValue>,
}

/// Reads a manifest and checks all that can be checked without the component.
pub(super) fn parse(text: &str) -> Result<Connector, CatalogError> {
    let document: Document = serde_json::from_str(text).map_err(|error| reject(error.to_string()))?;
    if document.manifest != FORMAT {
        return Err(reject(format!("format {} is not known here; this host reads {FORMAT}", document.manifest)));
    }
    if !is_connector_name(&document.name) {
        return Err(reject(format!("`{}` is not a valid name", document.name)));
    }
    if document.version.is_empty() || document.title.is_empty() || document.description.is_empty() {
        return Err(reject("version, title and description must not be empty".into()));
    }
    let auth = document.auth.iter().map(|text| auth::read(text).map_err(reject)).collect::<Result<Vec<_>, _>>()?;
    let names: BTreeSet<&str> = auth.iter().map(|pattern| pattern.name.as_str()).collect();
    if auth.is_empty() || names.len() != auth.len() {
        return Err(reject("it needs at least one auth pattern, and their names must differ".into()));
    }
    let imports = document.imports.iter().map(|name| import(name)).collect::<Result<Vec<_>, _>>()?;
    check_hosts(&document.hosts, &document.base_url)?;
    let prompts = document.prompts.map(|prompts| offers::prompts(&document.name, prompts)).transpose();
    let resources = document.resources.map(offers::resources).transpose();
    Ok(Connector {
        name: document.name,
        version: document.version,
        title: document.title,
        description: document.description,
        publisher: document.publisher,
        categories: document.categories,
        icon: document.icon,
        hosts: document.hosts,
        base_url: document.base_url,
        auth,
        imports,
        test: document.test.map(|test| TestCall { tool: test.tool, input: test.input.get().to_owned() }),
        prompts: prompts.map_err(reject)?,
        resources: resources.map_err(reject)?,
        idempotency_header: document.idempotency_header,
        wit: document.wit,
        sdk: document.sdk,
    })
}

fn import(name: &str) -> Result<Import, CatalogError> {
    Import::parse(name).ok_or_else(|| {
        let offered = Import::ALL.map(Import::as_str).join(", ");
        reject(format!("import `{name}` is not offered by this host; it offers {offered}"))
    })
}

/// What the templates are filled with is checked when an account brings it.
fn check_hosts(hosts: &[String], base_url: &str) -> Result<(), CatalogError> {
    for host in hosts {
        HostTemplate::parse(host).map_err(|error| reject(error.to_string()))?;
    }
    UrlTemplate::parse(base_url).map_err(|error| reject(format!("base_url: {error}")))?;
    Ok(())
}

/// Whether connectors may have this name.
pub(super) fn is_connector_name(text: &str) -> bool {
    is_name(text) && text.len() <= MAX_NAME
}

/// Why a pattern cannot be one of a manifest's, if it cannot.
pub(super) fn check_pattern(pattern: &Value) -> Result<(), String> {
    auth::read(pattern).map(drop)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn reject(reason: String) -> CatalogError {
    CatalogError::NotAConnector(format!("manifest: {reason}"))
}
