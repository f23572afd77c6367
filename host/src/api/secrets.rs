//! Named secrets: values go in and never come out.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::accounts::check_texts;
use super::connections::check_name;
use super::extract::{Admin, Hidden, Path, Query, SecretJson};
use super::page::{List, page};
use super::{ApiState, Problem};
use crate::accounts::NewSecret;
use crate::call;
use crate::model::{NamedSecret, SecretOwner, SecretSource};
use crate::store::SecretFilter;

/// A named secret, without its value.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SecretBody {
    id: String,
    name: String,
    /// `user`, `organization` or `project`.
    owner: &'static str,
    /// The user whose it is.
    identifier: Option<String>,
    /// The organization whose it is, or within which it is the user's.
    organization: Option<String>,
    /// Where its value is: `env:NAME`, `file:/path`, or null where it is sealed here.
    source: Option<String>,
    /// The only hosts that it may be sent to.
    hosts: Vec<String>,
    created_at: String,
    updated_at: String,
}

/// A secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PutSecret {
    /// The value. It is sealed, and never shown again.
    #[schema(value_type = Option<String>)]
    value: Option<Hidden>,
    /// Where the value is instead: `env:NAME` or `file:/path`, if the host's configuration lets the project read that. It
    /// is read at each call.
    source: Option<String>,
    /// The hosts that it may be sent to, such as `api.example.com` or `*.example.com`.
    hosts: Vec<String>,
    /// Makes it the secret of one user, which is used before an organization's and the project's of the same name.
    identifier: Option<String>,
    /// Makes it the secret of one organization, or of the user within it.
    organization: Option<String>,
}

/// Whose secret; the project's if nothing is said.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhoseSecret {
    /// The user.
    identifier: Option<String>,
    /// The organization.
    organization: Option<String>,
}

/// Which secrets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SecretQuery {
    /// Only those of this name.
    name: Option<String>,
    /// Only those of this user; empty for those of no user.
    identifier: Option<String>,
    /// Only those of this organization; empty for those of none.
    organization: Option<String>,
    /// Part of a name.
    query: Option<String>,
    /// Items at most: 1 to 200, 50 if absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Stores a secret in place of the one of the same name and owner.
#[utoipa::path(put, path = "/v1/secrets/{name}", tag = "secrets", params(("name" = String, Path)),
    request_body = PutSecret,
    responses((status = 200, body = SecretBody), (status = 201, body = SecretBody),
        (status = "default", body = Problem)))]
pub(super) async fn put(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    SecretJson(body): SecretJson<PutSecret>,
) -> Result<Response, Problem> {
    check_name(&name)?;
    let source = match body.source.as_deref() {
        None => SecretSource::Sealed,
        Some(text) => SecretSource::parse(text)
            .filter(|source| *source != SecretSource::Sealed)
            .ok_or_else(|| Problem::bad_request("`source` is `env:NAME` or `file:` and an absolute path"))?,
    };
    let new = NewSecret {
        project: caller.project.clone(),
        name,
        owner: owner(body.identifier, body.organization)?,
        source,
        value: body.value.map(|value| value.0),
        hosts: body.hosts,
    };
    let (secret, is_new) = call::put_secret(&state.host, &caller, new).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(secret_body(&secret))).into_response())
}

/// One secret, without its value.
#[utoipa::path(get, path = "/v1/secrets/{name}", tag = "secrets", params(("name" = String, Path), WhoseSecret),
    responses((status = 200, body = SecretBody), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    Query(whose): Query<WhoseSecret>,
) -> Result<axum::Json<SecretBody>, Problem> {
    let owner = owner(whose.identifier, whose.organization)?;
    let found = state.host.store.secret_of(&caller.project, &name, &owner).await?;
    found.map(|row| axum::Json(secret_body(&row.secret))).ok_or_else(missing)
}

/// All secrets, without their values.
#[utoipa::path(get, path = "/v1/secrets", tag = "secrets", params(SecretQuery),
    responses((status = 200, body = List<SecretBody>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<SecretQuery>,
) -> Result<axum::Json<List<SecretBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let SecretQuery { name, identifier, organization, query, .. } = query;
    let filter = SecretFilter { name, identifier, organization, query };
    let found = state.host.store.list_secrets(&caller.project, &filter, &page).await?;
    Ok(axum::Json(List::of(found, |row| secret_body(&row.secret))))
}

/// Removes a secret. Calls through connections that name it use the next one of the same name, or fail.
#[utoipa::path(delete, path = "/v1/secrets/{name}", tag = "secrets", params(("name" = String, Path), WhoseSecret),
    responses((status = 204), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    Query(whose): Query<WhoseSecret>,
) -> Result<StatusCode, Problem> {
    let owner = owner(whose.identifier, whose.organization)?;
    let by = caller.by(state.host.clock.now());
    match state.host.store.delete_secret(&by, &caller.project, &name, &owner).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(missing()),
    }
}

fn owner(identifier: Option<String>, organization: Option<String>) -> Result<SecretOwner, Problem> {
    let (identifier, organization) = (identifier.unwrap_or_default(), organization.unwrap_or_default());
    check_texts(&[("identifier", &identifier), ("organization", &organization)])?;
    Ok(SecretOwner { identifier, organization })
}

fn missing() -> Problem {
    Problem::not_found("there is no such secret of this owner")
}

fn secret_body(secret: &NamedSecret) -> SecretBody {
    let named = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    SecretBody {
        id: secret.id.to_string(),
        name: secret.name.clone(),
        owner: secret.owner.kind(),
        identifier: named(&secret.owner.identifier),
        organization: named(&secret.owner.organization),
        source: named(&secret.source.text()),
        hosts: secret.hosts.clone(),
        created_at: secret.created_at.to_rfc3339(),
        updated_at: secret.updated_at.to_rfc3339(),
    }
}
