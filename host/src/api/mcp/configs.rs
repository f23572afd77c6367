//! MCP configs: profiles that are served.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::api::extract::{Admin, Json, Path, Query};
use crate::api::page::{List, page};
use crate::api::profiles::{self, MissingBody, ProfileConnection, ProfileContent, missing_of};
use crate::api::tools::raw;
use crate::api::{ApiState, Problem};
use crate::connect;
use crate::issuer;
use crate::model::{Caller, Shows, ToolsShown};
use crate::store::{McpConfigFilter, McpConfigRow, ProfileRow, StoreError};

/// An MCP config.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct McpConfigBody {
    /// That of its profile, which has the same name.
    id: String,
    name: String,
    description: String,
    /// As they were put, each tool by its full name.
    #[schema(value_type = Vec<ProfileConnection>)]
    connections: Box<RawValue>,
    /// What it names and this host no longer has.
    missing: Vec<MissingBody>,
    /// `listed`, `search` or `both`.
    tools: &'static str,
    /// Whether prompts of its connectors are offered.
    prompts: bool,
    /// Whether resources of its connectors are.
    resources: bool,
    /// What MCP clients are given that ask their users by themselves; it is no credential.
    url: String,
    /// Where your application says who is signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_verify_url: Option<String>,
    created_at: String,
    updated_at: String,
}

/// A new MCP config.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewMcpConfig {
    /// Unique in the project: letters, digits, `-`, `_` and `.`, at most 64.
    pub(in crate::api) name: String,
    /// For people, and told to models as what the server is for.
    description: Option<String>,
    /// All that it offers. If absent, the profile of this name is served as it is.
    pub(in crate::api) connections: Option<Vec<ProfileConnection>>,
    /// How tools are shown: `listed` (but for deferred ones), `search` (tools for searching, describing and calling them
    /// instead) or `both`. `listed` if absent.
    tools: Option<String>,
    /// Whether prompts of its connectors are offered too, each got by a tool that is among those it offers. False if absent.
    #[serde(default)]
    prompts: bool,
    /// Whether resources of its connectors are, likewise. False if absent.
    #[serde(default)]
    resources: bool,
    /// Where your application says who is signed in, so that MCP clients can ask its users for access: their browsers are sent
    /// there with `auth_request_id`. Its origin is one that this host's operator named.
    user_verify_url: Option<String>,
}

/// All of an MCP config but its name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct McpConfigContent {
    /// For people, and told to models as what the server is for.
    description: Option<String>,
    /// All that it offers: what is not named here is offered no longer.
    connections: Vec<ProfileConnection>,
    /// How tools are shown: `listed`, `search` or `both`. `listed` if absent.
    tools: Option<String>,
    /// Whether prompts of its connectors are offered too, each got by a tool that is among those it offers. False if absent.
    #[serde(default)]
    prompts: bool,
    /// Whether resources of its connectors are, likewise. False if absent.
    #[serde(default)]
    resources: bool,
    /// Where your application says who is signed in, so that MCP clients can ask its users for access: their browsers are sent
    /// there with `auth_request_id`. Its origin is one that this host's operator named.
    user_verify_url: Option<String>,
}

/// Which configs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct ConfigQuery {
    /// Items at most: 1 to 200, 50 if absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// The one of this name.
    name: Option<String>,
    /// Part of a name or a description.
    query: Option<String>,
}

/// All MCP configs.
#[utoipa::path(get, path = "/v1/mcp/configs", operation_id = "list_mcp_configs", tag = "mcp", params(ConfigQuery),
    responses((status = 200, body = List<McpConfigBody>), (status = "default", body = Problem)))]
pub(in crate::api) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<ConfigQuery>,
) -> Result<axum::Json<List<McpConfigBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let filter = McpConfigFilter { name: query.name, query: query.query };
    let found = state.host.store.list_mcp_configs(&caller.project, &filter, &page).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for row in &found.items {
        items.push(body(&state, row).await?);
    }
    Ok(axum::Json(List {
        prev_cursor: found.prev_cursor,
        items,
        next_cursor: found.next_cursor,
        total_size: found.total_size,
    }))
}

/// Makes an MCP config, and the profile that it serves unless that is there and no connections are given.
#[utoipa::path(post, path = "/v1/mcp/configs", operation_id = "create_mcp_config", tag = "mcp",
    request_body = NewMcpConfig,
    responses((status = 201, body = McpConfigBody), (status = 409, body = Problem), (status = 422, body = Problem),
        (status = "default", body = Problem)))]
pub(in crate::api) async fn create(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Json(new): Json<NewMcpConfig>,
) -> Result<Response, Problem> {
    let NewMcpConfig { name, description, connections, tools, prompts, resources, user_verify_url } = new;
    let shows = Shows { tools: shown(tools.as_deref())?, prompts, resources };
    let shows = (shows, checked(&state, user_verify_url)?);
    let store = &state.host.store;
    let profile = match (store.find_profile(&caller.project, &name).await?, connections) {
        (Some(profile), None) if description.is_none() => {
            if store.config_shows(&caller.project, &profile.id).await?.is_some() {
                return Err(Problem::conflict("there is an MCP config of this name"));
            }
            profile
        }
        (Some(_), None) => return Err(Problem::bad_request("the profile has its own `description`: leave it out")),
        (None, None) => return Err(Problem::bad_request("give `connections`: there is no profile of this name")),
        (Some(_), Some(_)) => {
            return Err(Problem::conflict("there is an MCP config or a profile of this name: put it instead"));
        }
        (None, Some(connections)) => {
            let row = profiles::new_row(&state, &caller, name, ProfileContent { description, connections }).await?;
            profiles::insert(&state, &caller, &row).await?;
            row
        }
    };
    let row = serve(&state, &caller, profile, shows).await?;
    Ok((StatusCode::CREATED, axum::Json(body(&state, &row).await?)).into_response())
}

/// One MCP config.
#[utoipa::path(get, path = "/v1/mcp/configs/{name}", operation_id = "show_mcp_config", tag = "mcp",
    params(("name" = String, Path)),
    responses((status = 200, body = McpConfigBody), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(in crate::api) async fn show(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
) -> Result<axum::Json<McpConfigBody>, Problem> {
    Ok(axum::Json(body(&state, &find(&state, &caller, &name).await?).await?))
}

/// Puts an MCP config in place of the one of this name, or makes it. Its instances offer what it says from then on.
#[utoipa::path(put, path = "/v1/mcp/configs/{name}", operation_id = "put_mcp_config", tag = "mcp",
    params(("name" = String, Path)), request_body = McpConfigContent,
    responses((status = 200, body = McpConfigBody), (status = 201, body = McpConfigBody),
        (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(in crate::api) async fn put(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    Json(content): Json<McpConfigContent>,
) -> Result<Response, Problem> {
    let McpConfigContent { description, connections, tools, prompts, resources, user_verify_url } = content;
    let shows = Shows { tools: shown(tools.as_deref())?, prompts, resources };
    let shows = (shows, checked(&state, user_verify_url)?);
    let content = ProfileContent { description, connections };
    let (profile, _) = profiles::put_row(&state, &caller, name, content).await?;
    let known = state.host.store.config_shows(&caller.project, &profile.id).await?.is_some();
    let row = serve(&state, &caller, profile, shows).await?;
    let status = if known { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, axum::Json(body(&state, &row).await?)).into_response())
}

/// Removes an MCP config with its instances, whose URLs open nothing from then on, and its profile unless keys are bound to
/// that.
#[utoipa::path(delete, path = "/v1/mcp/configs/{name}", operation_id = "remove_mcp_config", tag = "mcp",
    params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(in crate::api) async fn remove(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    delete(&state, &caller, &name, true).await.map(|()| StatusCode::NO_CONTENT)
}

/// Removes an MCP config, and its profile or not.
pub(in crate::api) async fn delete(
    state: &ApiState,
    caller: &Caller,
    name: &str,
    with_profile: bool,
) -> Result<(), Problem> {
    let row = find(state, caller, name).await?;
    let by = caller.by(state.host.clock.now());
    if state.host.store.delete_mcp_config(&by, &row, with_profile).await? { Ok(()) } else { Err(missing()) }
}

/// Puts an MCP config in place of the one of its name, or makes it. Without connections it serves the profile of its name as
/// that is.
pub(in crate::api) async fn put_new(state: &ApiState, caller: &Caller, new: NewMcpConfig) -> Result<(), Problem> {
    let NewMcpConfig { name, description, connections, tools, prompts, resources, user_verify_url } = new;
    let shows = Shows { tools: shown(tools.as_deref())?, prompts, resources };
    let shows = (shows, checked(state, user_verify_url)?);
    let profile = match connections {
        Some(connections) => {
            profiles::put_row(state, caller, name, ProfileContent { description, connections }).await?.0
        }
        None if description.is_some() => {
            return Err(Problem::bad_request("the profile has its own `description`: leave it out"));
        }
        None => state
            .host
            .store
            .find_profile(&caller.project, &name)
            .await?
            .ok_or_else(|| Problem::bad_request("give `connections`: there is no profile of this name"))?,
    };
    serve(state, caller, profile, shows).await.map(drop)
}

/// The config of this name.
pub(super) async fn find(state: &ApiState, caller: &Caller, name: &str) -> Result<McpConfigRow, Problem> {
    state.host.store.find_mcp_config(&caller.project, name).await?.ok_or_else(missing)
}

async fn serve(
    state: &ApiState,
    caller: &Caller,
    profile: ProfileRow,
    (shows, verify_url): (Shows, Option<String>),
) -> Result<McpConfigRow, Problem> {
    let row = McpConfigRow { profile, shows, verify_url };
    let by = caller.by(state.host.clock.now());
    state.host.store.put_mcp_config(&by, &row).await.map_err(|error| match error {
        StoreError::Conflict(_) => Problem::conflict("somebody else removed the profile at the same time: try again"),
        error => error.into(),
    })?;
    Ok(row)
}

fn shown(text: Option<&str>) -> Result<ToolsShown, Problem> {
    let shown = text.map_or(Some(ToolsShown::Listed), ToolsShown::parse);
    shown.ok_or_else(|| Problem::bad_request("`tools` must be listed, search or both"))
}

/// The URL of an application that the operator named.
fn checked(state: &ApiState, url: Option<String>) -> Result<Option<String>, Problem> {
    if let Some(url) = &url {
        connect::check_verify_url(&state.host, url)?;
    }
    Ok(url)
}

fn missing() -> Problem {
    Problem::not_found("there is no such MCP config")
}

async fn body(state: &ApiState, row: &McpConfigRow) -> Result<McpConfigBody, Problem> {
    let McpConfigRow { profile, shows, verify_url } = row;
    Ok(McpConfigBody {
        id: profile.id.to_string(),
        name: profile.name.clone(),
        description: profile.description.clone(),
        connections: raw(profile.connections.clone()),
        missing: missing_of(state, profile).await?,
        tools: shows.tools.as_str(),
        prompts: shows.prompts,
        resources: shows.resources,
        url: issuer::config_url(&state.host, &profile.id),
        user_verify_url: verify_url.clone(),
        created_at: profile.created_at.to_rfc3339(),
        updated_at: profile.updated_at.to_rfc3339(),
    })
}
