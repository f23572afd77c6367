//! Clients: programs that fetch short-lived tokens. Secrets are shown once, and never listed.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Admin, Json, Path, Query};
use super::keys::{may_give, profile, read_scopes};
use super::page::{List, PageQuery, page};
use super::{ApiState, Problem};
use crate::identity;
use crate::issuing::IssuingError;
use crate::model::{ClientId, Code, Culprit, Fault};
use crate::store::{ClientRow, StoreError};

/// A client, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClientBody {
    /// What it sends as `client_id`.
    id: String,
    name: String,
    /// What its tokens may do at most.
    scopes: Vec<String>,
    /// The only user that it may act for.
    identifier: Option<String>,
    /// Name of the profile that says what it may use; all of the project if null.
    profile: Option<String>,
    created_at: String,
    /// What it sends as `client_secret`: shown once, now.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

/// A new client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewClient {
    /// For people, and for rules that name approvers.
    name: String,
    /// What its tokens may do at most; no more than the caller that makes it may.
    scopes: Vec<String>,
    /// The only user that it may act for.
    identifier: Option<String>,
    /// Name of the profile that says what it may use; all of the project if absent.
    profile: Option<String>,
}

/// What to change. What is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangedClient {
    /// For people, and for rules that name approvers.
    name: Option<String>,
    /// What its tokens may do at most; those that are there lose what is taken away.
    scopes: Option<Vec<String>>,
}

/// A signing key that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SigningKeyBody {
    /// Its name, the `kid` of tokens.
    kid: String,
}

/// Characters of a client's name: what fits on a line.
const MAX_NAME: usize = 128;

/// Makes a client. Its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/v1/clients", tag = "callers", request_body = NewClient,
    responses((status = 201, body = ClientBody), (status = 409, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Json(new): Json<NewClient>,
) -> Result<Response, Problem> {
    let scopes = read_scopes(&new.scopes)?;
    may_give(&caller, scopes)?;
    let host = &state.host;
    let bound = match new.profile {
        None => None,
        Some(name) => Some(profile(&state, &caller, &name).await?),
    };
    let by = caller.by(host.clock.now());
    let client = ClientRow {
        id: ClientId::new(&host.clock, &host.random),
        project: caller.project,
        name: named(new.name)?,
        scopes,
        identifier: new.identifier,
        profile: bound,
        created_at: by.at,
    };
    let (clear, hash) = identity::new_client_secret(&host.random);
    host.store.insert_client(&by, &client, &hash).await.map_err(|error| match error {
        StoreError::Conflict(_) => Problem::conflict("the profile was removed at the same time: choose another one"),
        error => error.into(),
    })?;
    Ok((StatusCode::CREATED, axum::Json(body(client, Some(clear)))).into_response())
}

/// All clients, without their secrets.
#[utoipa::path(get, path = "/v1/clients", tag = "callers", params(PageQuery),
    responses((status = 200, body = List<ClientBody>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<List<ClientBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let found = state.host.store.list_clients(&caller.project, &page).await?;
    Ok(axum::Json(List::of(found, |client| body(client, None))))
}

/// One client, without its secret.
#[utoipa::path(get, path = "/v1/clients/{id}", tag = "callers", params(("id" = String, Path)),
    responses((status = 200, body = ClientBody), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<axum::Json<ClientBody>, Problem> {
    let found = state.host.store.client(&caller.project, &parse(&id)?).await?;
    Ok(axum::Json(body(found.ok_or_else(missing)?, None)))
}

/// Changes a client's name or scopes. Tokens that it has lose what is taken away, at once; they gain nothing.
#[utoipa::path(patch, path = "/v1/clients/{id}", tag = "callers", params(("id" = String, Path)),
    request_body = ChangedClient,
    responses((status = 200, body = ClientBody), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn change(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    Json(changed): Json<ChangedClient>,
) -> Result<axum::Json<ClientBody>, Problem> {
    let store = &state.host.store;
    let mut client = store.client(&caller.project, &parse(&id)?).await?.ok_or_else(missing)?;
    if let Some(names) = changed.scopes {
        client.scopes = read_scopes(&names)?;
        may_give(&caller, client.scopes)?;
    }
    if let Some(name) = changed.name {
        client.name = named(name)?;
    }
    let by = caller.by(state.host.clock.now());
    let done = store.update_client(&by, &client).await?;
    if done { Ok(axum::Json(body(client, None))) } else { Err(missing()) }
}

/// Gives a client another secret, which is in this answer and nowhere else. The old one opens nothing from now on; tokens
/// that it has stay until they run out.
#[utoipa::path(post, path = "/v1/clients/{id}/rotate", tag = "callers", params(("id" = String, Path)),
    responses((status = 200, body = ClientBody), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn rotate(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<axum::Json<ClientBody>, Problem> {
    let host = &state.host;
    let client = host.store.client(&caller.project, &parse(&id)?).await?.ok_or_else(missing)?;
    // Whoever sees the secret can do what the client can.
    may_give(&caller, client.scopes)?;
    let (clear, hash) = identity::new_client_secret(&host.random);
    let by = caller.by(host.clock.now());
    let done = host.store.rehash_client(&by, &caller.project, &client.id, &hash).await?;
    if done { Ok(axum::Json(body(client, Some(clear)))) } else { Err(missing()) }
}

/// Removes a client: neither its secret nor its tokens open anything from now on.
#[utoipa::path(delete, path = "/v1/clients/{id}", tag = "callers", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let by = caller.by(state.host.clock.now());
    let removed = state.host.store.delete_client(&by, &caller.project, &parse(&id)?).await?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(missing()) }
}

/// What is to sign.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    /// Name of a secret of the project: an RSA key in PEM, stored with this host's own name among its hosts. It is read once,
    /// and who gave it replaces it.
    secret: Option<String>,
}

/// Signs tokens with a new key from now on. The old one stays published until its last token has run out.
///
/// With `secret` the key is an RSA key, and tokens are signed with RS256; without it a key for ES256 is made, and the next one
/// after 90 days.
#[utoipa::path(post, path = "/v1/signing-keys/rotate", tag = "callers", request_body = Option<NewKey>,
    responses((status = 200, body = SigningKeyBody), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn rotate_signing_key(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    body: Option<Json<NewKey>>,
) -> Result<axum::Json<SigningKeyBody>, Problem> {
    let by = caller.by(state.host.clock.now());
    let secret = body.and_then(|Json(body)| body.secret);
    let rotated = state.issuing.rotate(&by, &caller.project, secret.as_deref()).await;
    let kid = rotated.map_err(|error| match error {
        IssuingError::Given(why) => Problem::conflict(why),
        IssuingError::Store(StoreError::Conflict(said)) => Problem::conflict(said),
        IssuingError::Store(error) => error.into(),
        error => {
            tracing::error!(%error, "a signing key cannot be made");
            Fault::new(Code::Internal, Culprit::Host, "a signing key cannot be made: the log says why").into()
        }
    })?;
    Ok(axum::Json(SigningKeyBody { kid }))
}

fn parse(id: &str) -> Result<ClientId, Problem> {
    ClientId::parse(id).ok_or_else(missing)
}

fn missing() -> Problem {
    Problem::not_found("there is no such client")
}

fn named(name: String) -> Result<String, Problem> {
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Problem::bad_request(format!("`name` has 1 to {MAX_NAME} characters, all of them visible")));
    }
    Ok(name)
}

fn body(client: ClientRow, client_secret: Option<String>) -> ClientBody {
    ClientBody {
        id: client.id.to_string(),
        name: client.name,
        scopes: client.scopes.names(),
        identifier: client.identifier,
        profile: client.profile.map(|profile| profile.name),
        created_at: client.created_at.to_rfc3339(),
        client_secret,
    }
}
