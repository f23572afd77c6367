//! The manifest: static facts of a connector as JSON, read strictly into [`Connector`].

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::CatalogError;
use crate::model::{AuthKind, AuthPattern, Connector, Field, HostTemplate, Import, Placement, TestCall, UrlTemplate};

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
    auth: Vec<AuthText>,
    test: Option<TestText>,
    idempotency_header: Option<String>,
}

#[derive(Deserialize)]
struct AuthText {
    name: String,
    title: String,
    r#type: String,
    field: Option<String>,
    r#in: Option<String>,
    parameter: Option<String>,
    prefix: Option<String>,
    username: Option<String>,
    password: Option<String>,
    filler: Option<String>,
    #[serde(default)]
    fields: Vec<FieldText>,
}

#[derive(Deserialize)]
struct FieldText {
    name: String,
    label: String,
    hint: Option<String>,
    r#type: String,
    #[serde(default = "required")]
    required: bool,
}

fn required() -> bool {
    true
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
    if !is_name(&document.name) || document.name.len() > MAX_NAME {
        return Err(reject(format!("`{}` is not a valid name", document.name)));
    }
    if document.version.is_empty() || document.title.is_empty() || document.description.is_empty() {
        return Err(reject("version, title and description must not be empty".into()));
    }
    let auth = document.auth.into_iter().map(pattern).collect::<Result<Vec<_>, _>>()?;
    let names: BTreeSet<&str> = auth.iter().map(|pattern| pattern.name.as_str()).collect();
    if auth.is_empty() || names.len() != auth.len() {
        return Err(reject("it needs at least one auth pattern, and their names must differ".into()));
    }
    let imports = document.imports.iter().map(|name| import(name)).collect::<Result<Vec<_>, _>>()?;
    check_hosts(&document.hosts, &document.base_url)?;
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

fn pattern(text: AuthText) -> Result<AuthPattern, CatalogError> {
    let name = text.name.clone();
    let reject = |reason: String| reject(format!("auth pattern `{name}`: {reason}"));
    let fields = text.fields.into_iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let known = |field: Option<String>, key: &str| match field {
        Some(field) if fields.iter().any(|known| known.name == field) => Ok(field),
        Some(field) => Err(reject(format!("`{key}` names `{field}`, which is not among its fields"))),
        None => Err(reject(format!("`{key}` is missing"))),
    };
    let kind = match text.r#type.as_str() {
        "bearer" => AuthKind::Bearer { field: known(text.field, "field")? },
        "api_key" => AuthKind::ApiKey {
            field: known(text.field, "field")?,
            placement: match text.r#in.as_deref() {
                Some("header") => Placement::Header,
                Some("query") => Placement::Query,
                Some("cookie") => Placement::Cookie,
                _ => return Err(reject("`in` must be header, query or cookie".into())),
            },
            name: text.parameter.ok_or_else(|| reject("`parameter` is missing".into()))?,
            prefix: text.prefix.unwrap_or_default(),
        },
        "basic" => AuthKind::Basic {
            username: known(text.username, "username")?,
            password: text.password.map(|password| known(Some(password), "password")).transpose()?,
            filler: text.filler.unwrap_or_default(),
        },
        "none" => AuthKind::None,
        other => return Err(reject(format!("type `{other}` is not known; bearer, api_key, basic and none are"))),
    };
    Ok(AuthPattern {
        name: text.name,
        title: text.title,
        kind,
        fields,
        headers: Vec::new(),
        insertions: Vec::new(),
        lookups: Vec::new(),
    })
}

fn field(text: FieldText) -> Result<Field, CatalogError> {
    let secret = match text.r#type.as_str() {
        "password" => true,
        "text" => false,
        other => {
            return Err(reject(format!("field `{}`: type `{other}` is neither text nor password", text.name)));
        }
    };
    if !is_name(&text.name) {
        return Err(reject(format!("field `{}`: not a valid name", text.name)));
    }
    Ok(Field {
        name: text.name,
        label: text.label,
        hint: text.hint,
        secret,
        required: text.required,
        pattern: None,
        default: None,
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

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn reject(reason: String) -> CatalogError {
    CatalogError::NotAConnector(format!("manifest: {reason}"))
}
