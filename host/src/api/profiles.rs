//! Profiles: what one agent may use, with preset parameters out of its reach.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::connections::check_name;
use super::extract::{Admin, Json, Path, Query};
use super::page::{List, PageQuery, page};
use super::tools::raw;
use super::{ApiState, Problem};
use crate::call::{check_profile, missing_of_profile};
use crate::model::{Caller, ProfileId};
use crate::store::{ProfileRow, StoreError};

/// Bytes of a description: a paragraph.
const MAX_DESCRIPTION: usize = 2_000;

/// A profile.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProfileBody {
    id: String,
    name: String,
    description: String,
    /// As they were put, each tool by its full name.
    #[schema(value_type = Vec<ProfileConnection>)]
    connections: Box<RawValue>,
    /// What it names and this host no longer has.
    missing: Vec<MissingBody>,
    created_at: String,
    updated_at: String,
}

/// What a profile names and this host no longer has.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MissingBody {
    connection: String,
    /// Null if it is the connection itself.
    tool: Option<String>,
    reason: String,
}

/// A connection within a profile.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileConnection {
    /// Its name.
    connection: String,
    /// Names or aliases of the tools that may be used; all of the connection's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tools: Option<Vec<String>>,
    /// Name of a tool to what holds for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    options: BTreeMap<String, ToolOptions>,
}

/// What holds for one tool of a profile.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ToolOptions {
    /// Parameters that are set for every call: they leave the tool's schema, and callers cannot give them. Texts may have
    /// templates: `{{ account.FIELD }}`, `{{ call.identifier }}`, `{{ call.organization }}`, `{{ call.chat_id }}`,
    /// `{{ call.trigger_type }}`, `{{ call.tool }}`, `{{ call.connection }}`, `{{ call.execution_id }}`.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[schema(value_type = Object)]
    presets: serde_json::Map<String, serde_json::Value>,
    /// Whether an administrator has to approve each call, also where policies allow it.
    #[serde(default)]
    approval: bool,
    /// Whether lists leave the tool out unless asked; as the tool says if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deferred: Option<bool>,
}

/// A new profile.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewProfile {
    /// Unique in the project: letters, digits, `-`, `_` and `.`, at most 64.
    pub(super) name: String,
    /// For people.
    pub(super) description: Option<String>,
    /// All that may be used.
    pub(super) connections: Vec<ProfileConnection>,
}

/// All of a profile but its name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileContent {
    /// For people.
    pub(super) description: Option<String>,
    /// All that may be used.
    pub(super) connections: Vec<ProfileConnection>,
}

/// All profiles.
#[utoipa::path(get, path = "/v1/profiles", tag = "profiles", params(PageQuery),
    responses((status = 200, body = List<ProfileBody>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<List<ProfileBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let found = state.host.store.list_profiles(&caller.project, &page).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for row in &found.items {
        items.push(body(&state, row).await?);
    }
    let (next_cursor, prev_cursor) = (found.next_cursor, found.prev_cursor);
    Ok(axum::Json(List { items, next_cursor, prev_cursor, total_size: found.total_size }))
}

/// Makes a profile. What it names must be there.
#[utoipa::path(post, path = "/v1/profiles", tag = "profiles", request_body = NewProfile,
    responses((status = 201, body = ProfileBody), (status = 409, body = Problem), (status = 422, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Json(new): Json<NewProfile>,
) -> Result<Response, Problem> {
    let NewProfile { name, description, connections } = new;
    let row = new_row(&state, &caller, name, ProfileContent { description, connections }).await?;
    insert(&state, &caller, &row).await?;
    Ok((StatusCode::CREATED, axum::Json(body(&state, &row).await?)).into_response())
}

/// One profile, with what it names and this host no longer has.
#[utoipa::path(get, path = "/v1/profiles/{name}", tag = "profiles", params(("name" = String, Path)),
    responses((status = 200, body = ProfileBody), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
) -> Result<axum::Json<ProfileBody>, Problem> {
    let row = state.host.store.find_profile(&caller.project, &name).await?.ok_or_else(missing)?;
    Ok(axum::Json(body(&state, &row).await?))
}

/// Puts a profile in place of the one of this name, or makes it.
#[utoipa::path(put, path = "/v1/profiles/{name}", tag = "profiles", params(("name" = String, Path)),
    request_body = ProfileContent,
    responses((status = 200, body = ProfileBody), (status = 201, body = ProfileBody), (status = 422, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn put(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    Json(content): Json<ProfileContent>,
) -> Result<Response, Problem> {
    let (row, created) = put_row(&state, &caller, name, content).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(body(&state, &row).await?)).into_response())
}

/// Removes a profile that no key is bound to and no MCP config serves.
#[utoipa::path(delete, path = "/v1/profiles/{name}", tag = "profiles", params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let by = caller.by(state.host.clock.now());
    let removed = state.host.store.delete_profile(&by, &caller.project, &name).await.map_err(|error| match error {
        StoreError::Conflict(_) => {
            Problem::conflict("keys are bound to it, or it is served by MCP: remove the keys or the MCP config first")
        }
        error => error.into(),
    })?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(missing()) }
}

/// Stores a profile in place of the one of this name, or as a new one; whether it is new.
pub(super) async fn put_row(
    state: &ApiState,
    caller: &Caller,
    name: String,
    content: ProfileContent,
) -> Result<(ProfileRow, bool), Problem> {
    let store = &state.host.store;
    let new = new_row(state, caller, name, content).await?;
    let Some(old) = store.find_profile(&caller.project, &new.name).await? else {
        insert(state, caller, &new).await?;
        return Ok((new, true));
    };
    let row = ProfileRow { id: old.id, created_at: old.created_at, ..new };
    if !store.update_profile(&caller.by(row.updated_at), &row).await? {
        return Err(Problem::conflict("somebody else removed the profile at the same time: try again"));
    }
    Ok((row, false))
}

/// The profile as it is to be stored, checked.
pub(super) async fn new_row(
    state: &ApiState,
    caller: &Caller,
    name: String,
    content: ProfileContent,
) -> Result<ProfileRow, Problem> {
    check_name(&name)?;
    let description = content.description.unwrap_or_default();
    if description.len() > MAX_DESCRIPTION {
        return Err(Problem::bad_request(format!("`description` has more than {MAX_DESCRIPTION} bytes")));
    }
    let text = serde_json::to_string(&content.connections).map_err(|error| Problem::bad_request(error.to_string()))?;
    let (host, now) = (&state.host, state.host.clock.now());
    Ok(ProfileRow {
        id: ProfileId::new(&host.clock, &host.random),
        project: caller.project.clone(),
        name,
        description,
        connections: check_profile(host, &caller.project, &text).await?,
        created_at: now,
        updated_at: now,
    })
}

/// Stores a new profile.
pub(super) async fn insert(state: &ApiState, caller: &Caller, row: &ProfileRow) -> Result<(), Problem> {
    state.host.store.insert_profile(&caller.by(row.created_at), row).await.map_err(|error| match error {
        StoreError::Conflict(_) => Problem::conflict("there is a profile of this name"),
        error => error.into(),
    })
}

fn missing() -> Problem {
    Problem::not_found("there is no such profile")
}

/// What a profile names and this host no longer has.
pub(super) async fn missing_of(state: &ApiState, row: &ProfileRow) -> Result<Vec<MissingBody>, Problem> {
    let missing = missing_of_profile(&state.host, &row.project, &row.connections).await?;
    let missing = missing.into_iter().map(|missing| MissingBody {
        connection: missing.connection,
        tool: missing.tool,
        reason: missing.reason,
    });
    Ok(missing.collect())
}

async fn body(state: &ApiState, row: &ProfileRow) -> Result<ProfileBody, Problem> {
    Ok(ProfileBody {
        id: row.id.to_string(),
        name: row.name.clone(),
        description: row.description.clone(),
        connections: raw(row.connections.clone()),
        missing: missing_of(state, row).await?,
        created_at: row.created_at.to_rfc3339(),
        updated_at: row.updated_at.to_rfc3339(),
    })
}
