//! MCP instances: a config for one user, behind an unguessable URL.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::configs;
use crate::api::extract::{Admin, Json, Path, Query};
use crate::api::keys::may_give;
use crate::api::page::{List, page};
use crate::api::{ApiState, Problem};
use crate::connect::Link;
use crate::endpoints::{self, ConnectionState, EndpointError, Opened};
use crate::identity;
use crate::model::{Caller, CallerScope, McpInstance, McpInstanceId, Role, Scopes, Timestamp};
use crate::store::{McpInstanceFilter, UsedInstance};

/// Bytes of a user's identifier and of an instance's name: as those of accounts.
const MAX_NAME: usize = 256;

/// An MCP instance.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct InstanceBody {
    id: String,
    /// Name of its config.
    config: String,
    /// The user.
    identifier: String,
    name: String,
    /// The key that its calls are recorded with.
    key_id: String,
    /// When its last call began; null if it made none, or none is on record.
    last_used_at: Option<String>,
    created_at: String,
    /// When it got its URL.
    updated_at: String,
    /// What opens it, as a credential does: not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// What is said of a new instance.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewInstance {
    /// For people.
    name: Option<String>,
}

/// Which instances.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct InstanceQuery {
    /// Items at most: 1 to 200, 50 if absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only those of the config of this name.
    config: Option<String>,
    /// Only those of this user.
    identifier: Option<String>,
    /// Only those of this name.
    name: Option<String>,
}

/// What to tell of connections.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct AuthStateQuery {
    /// Whether to make a link for each that the user can connect. Each works once, for 15 minutes.
    include_links: Option<bool>,
}

/// How the user of an instance stands with its connections.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct AuthStateBody {
    connections: Vec<ConnectionStateBody>,
}

/// How a user stands with one connection.
#[derive(Debug, Serialize, ToSchema)]
struct ConnectionStateBody {
    connection: String,
    connection_id: Option<String>,
    connector: Option<String>,
    account_id: Option<String>,
    /// `active`, `pending`, `expired`, `revoked`, `error`, `not_connected`, `disabled`, or `missing` where the connection
    /// is gone.
    status: &'static str,
    /// What the user opens to connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

/// Makes sure that a user has an instance of a config, and gives its URL: the same each time, until it is rotated.
#[utoipa::path(put, path = "/v1/mcp/configs/{name}/instances/{identifier}", operation_id = "ensure_mcp_instance",
    tag = "mcp", params(("name" = String, Path), ("identifier" = String, Path)), request_body = Option<NewInstance>,
    responses((status = 200, body = InstanceBody), (status = 201, body = InstanceBody), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(in crate::api) async fn ensure(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path((config, identifier)): Path<(String, String)>,
    body: Option<Json<NewInstance>>,
) -> Result<Response, Problem> {
    let config = configs::find(&state, &caller, &config).await?;
    may_give(&caller, Scopes::of_role(Role::Agent))?;
    let name = body.and_then(|Json(body)| body.name);
    for (what, text) in [("identifier", identifier.as_str()), ("name", name.as_deref().unwrap_or_default())] {
        if text.len() > MAX_NAME || text.chars().any(char::is_control) {
            return Err(Problem::bad_request(format!("`{what}` is longer than {MAX_NAME} bytes or unprintable")));
        }
    }
    let opened = endpoints::ensure(&state.host, &caller, &config, &identifier, name.as_deref()).await?;
    let status = if opened.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(shown(&state, &caller, opened).await?)).into_response())
}

/// All MCP instances, without their URLs.
#[utoipa::path(get, path = "/v1/mcp/instances", operation_id = "list_mcp_instances", tag = "mcp",
    params(InstanceQuery),
    responses((status = 200, body = List<InstanceBody>), (status = "default", body = Problem)))]
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<InstanceQuery>,
) -> Result<axum::Json<List<InstanceBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let filter = McpInstanceFilter { config: query.config, identifier: query.identifier, name: query.name };
    let found = state.host.store.list_mcp_instances(&caller.project, &filter, &page).await?;
    Ok(axum::Json(List::of(found, |found| body(found, None))))
}

/// One MCP instance, without its URL.
#[utoipa::path(get, path = "/v1/mcp/instances/{id}", operation_id = "show_mcp_instance", tag = "mcp",
    params(("id" = String, Path)),
    responses((status = 200, body = InstanceBody), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(in crate::api) async fn show(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<axum::Json<InstanceBody>, Problem> {
    Ok(axum::Json(body(find(&state, &caller, &id).await?, None)))
}

/// Removes an MCP instance: its URL opens nothing from then on.
#[utoipa::path(delete, path = "/v1/mcp/instances/{id}", operation_id = "remove_mcp_instance", tag = "mcp",
    params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(in crate::api) async fn remove(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let found = find(&state, &caller, &id).await?;
    let by = caller.by(state.host.clock.now());
    let removed = state.host.store.delete_mcp_instance(&by, &found.instance).await?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(missing()) }
}

/// Gives an MCP instance another URL: the one before opens nothing from then on.
#[utoipa::path(post, path = "/v1/mcp/instances/{id}/rotate", operation_id = "rotate_mcp_instance", tag = "mcp",
    params(("id" = String, Path)),
    responses((status = 200, body = InstanceBody), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(in crate::api) async fn rotate(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<axum::Json<InstanceBody>, Problem> {
    let found = find(&state, &caller, &id).await?;
    may_give(&caller, Scopes::of_role(Role::Agent))?;
    let opened = endpoints::rotate(&state.host, &caller, found.instance).await?;
    Ok(axum::Json(shown(&state, &caller, opened).await?))
}

/// How the user of an instance stands with each connection of its config.
#[utoipa::path(get, path = "/v1/mcp/instances/{id}/auth-state", operation_id = "mcp_auth_state", tag = "mcp",
    params(("id" = String, Path), AuthStateQuery),
    responses((status = 200, body = AuthStateBody), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(in crate::api) async fn auth_state(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    Query(query): Query<AuthStateQuery>,
) -> Result<axum::Json<AuthStateBody>, Problem> {
    let found = find(&state, &caller, &id).await?;
    if query.include_links == Some(true) {
        identity::require(&caller, CallerScope::AccountsWrite)?;
    }
    let McpInstance { project, profile, identifier, .. } = &found.instance;
    let host = &state.host;
    let mut connections = Vec::new();
    for found in endpoints::auth_state(host, project, &profile.name, (identifier, None)).await? {
        let link = match query.include_links {
            Some(true) => endpoints::link(host, &caller, (identifier, None), &found, &[]).await?,
            _ => None,
        };
        connections.push(state_body(found, link));
    }
    Ok(axum::Json(AuthStateBody { connections }))
}

async fn find(state: &ApiState, caller: &Caller, id: &str) -> Result<UsedInstance, Problem> {
    let id = McpInstanceId::parse(id).ok_or_else(missing)?;
    state.host.store.find_mcp_instance(&caller.project, &id).await?.ok_or_else(missing)
}

fn missing() -> Problem {
    Problem::not_found("there is no such MCP instance")
}

/// An instance with its URL, and when it was last used.
async fn shown(state: &ApiState, caller: &Caller, opened: Opened) -> Result<InstanceBody, Problem> {
    let used = state.host.store.find_mcp_instance(&caller.project, &opened.instance.id).await?.ok_or_else(missing)?;
    Ok(body(used, Some(opened.url)))
}

fn body(found: UsedInstance, url: Option<String>) -> InstanceBody {
    let UsedInstance { instance, last_used_at } = found;
    let McpInstance { id, profile, identifier, name, key, created_at, updated_at, .. } = instance;
    InstanceBody {
        id: id.to_string(),
        config: profile.name,
        identifier,
        name,
        key_id: key.to_string(),
        last_used_at: last_used_at.map(Timestamp::to_rfc3339),
        created_at: created_at.to_rfc3339(),
        updated_at: updated_at.to_rfc3339(),
        url,
    }
}

fn state_body(state: ConnectionState, link: Option<Link>) -> ConnectionStateBody {
    let status = state.status();
    ConnectionStateBody {
        connection: state.name,
        connection_id: state.connection.as_ref().map(|connection| connection.id.to_string()),
        connector: state.connection.map(|connection| connection.connector),
        account_id: state.account.map(|account| account.id.to_string()),
        status,
        link: link.map(|link| link.url.into()),
    }
}

impl From<EndpointError> for Problem {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::Gone | EndpointError::Sealed(_) => Self::conflict(error.to_string()),
            EndpointError::Store(error) => error.into(),
        }
    }
}
