//! API keys: made, shown once, listed without their value, removed.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Admin, Json, Path, Query};
use super::page::{List, PageQuery, page};
use super::{ApiState, Problem};
use crate::identity::{self, IdentityError};
use crate::model::{BoundProfile, Caller, CallerScope, KeyId, Role, Scopes};
use crate::store::{ApiKey, ProfileRow, StoreError};

/// A key, without its value.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyBody {
    id: String,
    /// `admin` or `agent`.
    role: &'static str,
    /// The only user it may act for.
    identifier: Option<String>,
    /// Name of the profile that says what it may use; all of the project if null.
    profile: Option<String>,
    /// What it may do.
    scopes: Vec<String>,
    name: String,
    created_at: String,
    /// The key itself: shown once, now.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// A new key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    /// `admin` or `agent`.
    role: String,
    /// The only user it may act for.
    identifier: Option<String>,
    /// Name of the profile that says what it may use; all of the project if absent.
    profile: Option<String>,
    /// What it may do, if that is less or more than its role says; no more than the key that makes it may.
    scopes: Option<Vec<String>>,
    /// For people.
    name: Option<String>,
}

/// Makes a key. Its value is in this answer and nowhere else.
#[utoipa::path(post, path = "/v1/keys", tag = "keys", request_body = NewKey,
    responses((status = 201, body = KeyBody), (status = "default", body = Problem)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Json(new): Json<NewKey>,
) -> Result<Response, Problem> {
    let role = Role::parse(&new.role).ok_or_else(|| Problem::bad_request("`role` must be admin or agent"))?;
    if role == Role::Admin && new.identifier.is_some() {
        return Err(Problem::bad_request("only an agent's key can be bound to one `identifier`"));
    }
    if role == Role::Admin && new.profile.is_some() {
        return Err(Problem::bad_request("only an agent's key can be bound to a `profile`"));
    }
    let scopes = new.scopes.as_deref().map(read_scopes).transpose()?;
    may_give(&caller, scopes.unwrap_or_else(|| Scopes::of_role(role)))?;
    let host = &state.host;
    let profile = match new.profile {
        None => None,
        Some(name) => Some(profile(&state, &caller, &name).await?),
    };
    let by = caller.by(host.clock.now());
    let key = ApiKey {
        id: KeyId::new(&host.clock, &host.random),
        project: caller.project,
        role,
        identifier: new.identifier,
        profile,
        scopes,
        name: new.name.unwrap_or_default(),
        created_at: by.at,
    };
    let (clear, hash) = identity::new_key(&host.random);
    host.store.insert_key(&by, &key, &hash).await.map_err(|error| match error {
        StoreError::Conflict(_) => Problem::conflict("the profile was removed at the same time: choose another one"),
        error => error.into(),
    })?;
    Ok((StatusCode::CREATED, axum::Json(body(&key, Some(clear)))).into_response())
}

/// All keys, without their values.
#[utoipa::path(get, path = "/v1/keys", tag = "keys", params(PageQuery),
    responses((status = 200, body = List<KeyBody>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<List<KeyBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let found = state.host.store.list_keys(&caller.project, &page).await?;
    Ok(axum::Json(List::of(found, |key| body(&key, None))))
}

/// Removes a key: from now on it opens nothing.
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "keys", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let missing = || Problem::not_found("there is no such key");
    let id = KeyId::parse(&id).ok_or_else(missing)?;
    if id == caller.key {
        return Err(Problem::conflict("this is the key you are using: remove it with another one"));
    }
    let by = caller.by(state.host.clock.now());
    let removed = state.host.store.delete_key(&by, &caller.project, &id).await.map_err(|error| match error {
        StoreError::Conflict(_) => Problem::conflict("an MCP instance calls with this key: remove the instance"),
        error => error.into(),
    })?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(missing()) }
}

pub(super) async fn profile(state: &ApiState, caller: &Caller, name: &str) -> Result<BoundProfile, Problem> {
    let found = state.host.store.find_profile(&caller.project, name).await?;
    let ProfileRow { id, name, .. } =
        found.ok_or_else(|| Problem::not_found("there is no such profile: make it first"))?;
    Ok(BoundProfile { id, name })
}

/// Reads the names of scopes.
pub(super) fn read_scopes(names: &[String]) -> Result<Scopes, Problem> {
    Scopes::parse(names.iter().map(String::as_str)).map_err(|_| {
        let all: Vec<_> = CallerScope::ALL.iter().map(|scope| scope.as_str()).collect();
        Problem::bad_request(format!("`scopes` is a list of these: {}", all.join(", ")))
    })
}

/// Nobody lets others do what they may not do themselves. What no role has is given by whoever may do all else.
pub(super) fn may_give(caller: &Caller, scopes: Scopes) -> Result<(), Problem> {
    let all = caller.scopes.cover(Scopes::of_role(Role::Admin));
    let may = |scope: &CallerScope| caller.may(*scope) || all && scope.is_extra();
    match scopes.iter().find(|scope| !may(scope)) {
        None => Ok(()),
        Some(scope) => Err(IdentityError::MissingScope(scope).into()),
    }
}

fn body(key: &ApiKey, clear: Option<String>) -> KeyBody {
    KeyBody {
        id: key.id.to_string(),
        role: key.role.as_str(),
        identifier: key.identifier.clone(),
        profile: key.profile.as_ref().map(|profile| profile.name.clone()),
        scopes: key.scopes.unwrap_or_else(|| Scopes::of_role(key.role)).names(),
        name: key.name.clone(),
        created_at: key.created_at.to_rfc3339(),
        key: clear,
    }
}
