//! Connectors: install, list, inspect, remove.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth_patterns::{self, AuthBody};
use super::extract::{Admin, Path, Query, Wasm};
use super::page::{List, page};
use super::{ApiState, Problem, oauth, offers, tools};
use crate::catalog::{self, Installed};
use crate::model::{Import, ProjectId, Timestamp};
use crate::store::DiscoveryRow;

/// A connector as it is on offer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConnectorBody {
    name: String,
    version: String,
    /// `component`, or `custom` if it is made of a document or of declared operations.
    r#type: ConnectorType,
    title: String,
    description: String,
    publisher: String,
    categories: Vec<String>,
    icon: Option<String>,
    /// SHA-256 of the component, in hex.
    digest: String,
    /// Version of `gloveport:connector` that it was built for.
    wit: String,
    sdk: Option<String>,
    /// `ready`, `not_loaded` (its first call loads it) or `error`.
    status: &'static str,
    /// Why, if the status is `error`.
    detail: Option<String>,
    base_url: String,
    /// Hosts that it may reach.
    hosts: Vec<String>,
    /// Imports that it was granted.
    imports: Vec<&'static str>,
    auth: Vec<AuthBody>,
    /// Where providers send people back to after they consented: what an OAuth client has to be registered with.
    redirect_uri: String,
    tools: Vec<tools::ToolBody>,
    /// What MCP clients are offered besides tools, where their config says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    prompts: Option<offers::PromptsBody>,
    /// What they can read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    resources: Option<offers::ResourcesBody>,
    /// All installed versions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    versions: Vec<String>,
    installed_at: String,
    /// Tools that an earlier import made, and the last one did not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    removed_tools: Vec<RemovedBody>,
    /// How the host keeps the list of an MCP server fresh, once an operator has asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    discovery: Option<DiscoveryBody>,
}

/// When an MCP server is asked for its tools.
#[derive(Debug, Serialize, ToSchema)]
struct DiscoveryBody {
    /// When it was asked last.
    asked_at: String,
    /// When the host asks next; null if not before an operator does.
    next_at: Option<String>,
    /// Why it failed the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    error: Option<String>,
}

/// What a connector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ConnectorType {
    Component,
    Custom,
}

/// Which connectors.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ConnectorQuery {
    /// Only those of this type.
    #[param(inline)]
    r#type: Option<ConnectorType>,
    /// Items at most: 1 to 200, 50 if absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A tool that is gone from the document that its connector is made of.
#[derive(Debug, Serialize, ToSchema)]
struct RemovedBody {
    name: String,
    /// What the document called it.
    operation: String,
    removed_at: String,
}

/// What an installation may be given.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct InstallQuery {
    /// The imports to grant, separated by commas; all that the manifest asks for if absent.
    imports: Option<String>,
}

/// Installs a component; its tools are live when this answers.
///
/// 201 when it is new, 200 when the same bytes were installed already.
#[utoipa::path(post, path = "/v1/connectors", tag = "connectors", params(InstallQuery),
    request_body(content_type = "application/wasm", content = Vec<u8>),
    responses((status = 201, body = ConnectorBody), (status = 200, body = ConnectorBody),
        (status = 409, body = Problem), (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn install(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<InstallQuery>,
    Wasm(wasm): Wasm,
) -> Result<Response, Problem> {
    let granted = query.imports.as_deref().map(imports).transpose()?;
    let host = &state.host;
    let by = caller.by(host.clock.now());
    let done = catalog::install(&host.catalog, &host.store, &host.runtime, &by, &caller.project, wasm, granted).await?;
    let status = if done.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(body(&state, &done.installed, ConnectorType::Component))).into_response())
}

fn imports(text: &str) -> Result<BTreeSet<Import>, Problem> {
    parsed_imports(text.split(','))
}

/// The imports of these names.
pub(super) fn parsed_imports<'a>(names: impl Iterator<Item = &'a str>) -> Result<BTreeSet<Import>, Problem> {
    names
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| Import::parse(name).ok_or_else(|| Problem::bad_request(format!("there is no import `{name}`"))))
        .collect()
}

/// What is installed.
#[utoipa::path(get, path = "/v1/connectors", tag = "connectors", params(ConnectorQuery),
    responses((status = 200, body = List<ConnectorBody>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<ConnectorQuery>,
) -> Result<axum::Json<List<ConnectorBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let catalog = &state.host.catalog;
    let custom = state.host.store.declared_names(&caller.project).await?;
    let of = |name: &str| if custom.contains(name) { ConnectorType::Custom } else { ConnectorType::Component };
    let installed = catalog.connectors(&caller.project);
    let mut bodies: Vec<ConnectorBody> =
        installed.iter().map(|installed| body(&state, installed, of(&installed.connector.name))).collect();
    let unusable = catalog.all_broken(&caller.project).into_iter();
    bodies.extend(unusable.map(|(name, reason)| broken(&state, of(&name), name, reason)));
    bodies.retain(|body| query.r#type.is_none_or(|wanted| wanted == body.r#type));
    bodies.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(axum::Json(List::cut(bodies, page.limit, page.cursor.as_deref(), |body| &body.name)))
}

/// One connector, with all its versions.
#[utoipa::path(get, path = "/v1/connectors/{name}", tag = "connectors", params(("name" = String, Path)),
    responses((status = 200, body = ConnectorBody), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
) -> Result<axum::Json<ConnectorBody>, Problem> {
    let host = &state.host;
    let is_custom = host.store.find_declaration(&caller.project, &name).await?.is_some();
    let of = if is_custom { ConnectorType::Custom } else { ConnectorType::Component };
    let mut shown = match host.catalog.find_connector(&host.store, &caller.project, &name).await? {
        Some(installed) => body(&state, &installed, of),
        None => match state.host.catalog.broken(&caller.project, &name) {
            Some(reason) => broken(&state, of, name.clone(), reason),
            None => return Err(Problem::not_found("there is no such connector")),
        },
    };
    shown.versions = versions(&state, &caller.project, &name).await?;
    shown.removed_tools = removed(&state, &caller.project, &name).await?;
    shown.discovery = discovery(&host.store.discoveries(&caller.project, &name).await?);
    Ok(axum::Json(shown))
}

async fn versions(state: &ApiState, project: &ProjectId, name: &str) -> Result<Vec<String>, Problem> {
    let rows = state.host.store.connector_versions(project, name).await?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

async fn removed(state: &ApiState, project: &ProjectId, name: &str) -> Result<Vec<RemovedBody>, Problem> {
    let declaration = state.host.store.find_declaration(project, name).await?;
    let gone = declaration.as_ref().map(catalog::removed).unwrap_or_default().into_iter();
    Ok(gone
        .map(|one| RemovedBody {
            name: one.tool,
            operation: one.operation,
            removed_at: Timestamp(one.removed_at.unwrap_or_default()).to_rfc3339(),
        })
        .collect())
}

/// Of several accounts the one that was asked last, the next one that is, and what fails.
fn discovery(rows: &[DiscoveryRow]) -> Option<DiscoveryBody> {
    Some(DiscoveryBody {
        asked_at: rows.first()?.asked_at.to_rfc3339(),
        next_at: rows.iter().filter_map(|row| row.next_at).min().map(Timestamp::to_rfc3339),
        error: rows.iter().find_map(|row| row.error.clone()),
    })
}

/// Removes a connector and its tools.
#[utoipa::path(delete, path = "/v1/connectors/{name}", tag = "connectors", params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let host = &state.host;
    if catalog::remove(&host.catalog, &host.store, &caller.by(host.clock.now()), &caller.project, &name).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found("there is no such connector"))
}

fn body(state: &ApiState, installed: &Installed, r#type: ConnectorType) -> ConnectorBody {
    let connector = &installed.connector;
    ConnectorBody {
        r#type,
        name: connector.name.clone(),
        version: connector.version.clone(),
        title: connector.title.clone(),
        description: connector.description.clone(),
        publisher: connector.publisher.clone(),
        categories: connector.categories.clone(),
        icon: connector.icon.clone(),
        digest: installed.digest.clone(),
        wit: connector.wit.clone(),
        sdk: connector.sdk.clone(),
        status: if installed.is_loaded() { "ready" } else { "not_loaded" },
        detail: None,
        base_url: connector.base_url.clone(),
        hosts: connector.hosts.clone(),
        imports: installed.granted.iter().map(|import| import.as_str()).collect(),
        auth: connector.auth.iter().map(auth_patterns::body).collect(),
        redirect_uri: oauth::redirect_uri(state, &connector.name),
        tools: installed.own_tools().map(|tool| tools::body(connector, tool, &[])).collect(),
        prompts: connector.prompts.as_ref().map(offers::prompts),
        resources: connector.resources.as_ref().map(offers::resources),
        versions: Vec::new(),
        installed_at: installed.installed_at.to_rfc3339(),
        removed_tools: Vec::new(),
        discovery: None,
    }
}

/// A stored connector that this host cannot read: listed, with the reason.
fn broken(state: &ApiState, r#type: ConnectorType, name: String, reason: String) -> ConnectorBody {
    ConnectorBody {
        r#type,
        title: name.clone(),
        redirect_uri: oauth::redirect_uri(state, &name),
        name,
        version: String::new(),
        description: String::new(),
        publisher: String::new(),
        categories: Vec::new(),
        icon: None,
        digest: String::new(),
        wit: String::new(),
        sdk: None,
        status: "error",
        detail: Some(reason),
        base_url: String::new(),
        hosts: Vec::new(),
        imports: Vec::new(),
        auth: Vec::new(),
        tools: Vec::new(),
        prompts: None,
        resources: None,
        versions: Vec::new(),
        installed_at: String::new(),
        removed_tools: Vec::new(),
        discovery: None,
    }
}
