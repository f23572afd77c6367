//! Issuers whose tokens are taken, and the callers that came with tokens.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::extract::{Admin, Json, Path, Query};
use super::keys::{may_give, profile, read_scopes};
use super::page::{List, PageQuery, page};
use super::{ApiState, Problem};
use crate::identity::{Claimed, ClaimsError, algorithms};
use crate::store::{IssuerRow, PrincipalRow, StoreError};

/// Which claim is what: its name, or a JSON Pointer if it begins with `/`.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimsBody {
    /// The only user that the caller may act for; `sub` if absent. With null it may act for any user.
    #[serde(default = "subject")]
    identifier: Option<String>,
    /// The organization that it belongs to.
    #[serde(default)]
    organization: Option<String>,
    /// A list of scopes, or a text with spaces between. With null all that the issuer's tokens may do.
    #[serde(default)]
    scopes: Option<String>,
    /// `admin` or `agent`, or a list that has one of these: no more than that role may, and nothing without one.
    #[serde(default)]
    role: Option<String>,
}

fn subject() -> Option<String> {
    Some("sub".into())
}

/// An issuer whose tokens are taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IssuerBody {
    name: String,
    issuer: String,
    audience: String,
    jwks_url: Option<String>,
    algorithms: Vec<String>,
    claims: ClaimsBody,
    scopes: Vec<String>,
    profile: Option<String>,
    created_at: String,
    updated_at: String,
}

/// An issuer to trust.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewIssuer {
    /// As its tokens name it in `iss`: an https URL.
    issuer: String,
    /// What its tokens for this project name in `aud`.
    audience: String,
    /// Where its keys are; its OpenID metadata tells it if absent.
    jwks_url: Option<String>,
    /// The ways in which it signs: RS256 if absent. None with a shared secret.
    algorithms: Option<Vec<String>>,
    /// Which claim is what.
    claims: Option<ClaimsBody>,
    /// The most that its tokens may do: lists and calls tools, and reads its own calls, if absent.
    scopes: Option<Vec<String>>,
    /// Name of the profile that says what they may use; all of the project if absent.
    profile: Option<String>,
}

/// A caller that came with a token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallerBody {
    /// What records, approvals and the audit chain call it.
    id: String,
    name: String,
    issuer: String,
    subject: String,
    /// Id of the client, or name of the issuer.
    source: String,
    /// The only user that it may act for.
    identifier: Option<String>,
    organization: Option<String>,
    /// `admin` or `agent`, as policies see it.
    role: &'static str,
}

/// Characters of an issuer or an audience. They are URLs.
const MAX_TEXT: usize = 2_048;

/// Trusts an issuer, or changes how.
#[utoipa::path(put, path = "/v1/issuers/{name}", tag = "callers", params(("name" = String, Path)),
    request_body = NewIssuer,
    responses((status = 200, body = IssuerBody), (status = 201, body = IssuerBody), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn put(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    Json(new): Json<NewIssuer>,
) -> Result<Response, Problem> {
    let store = &state.host.store;
    let by = caller.by(state.host.clock.now());
    let row = checked(&state, &caller, name, new, by.at).await?;
    let before = store.find_issuer(&caller.project, &row.name).await?;
    if let Some(before) = &before {
        // Whoever changes what its tokens may do must be allowed to do what they could.
        may_give(&caller, before.scopes)?;
    }
    let row = IssuerRow { created_at: before.as_ref().map_or(by.at, |before| before.created_at), ..row };
    store.put_issuer(&by, &row).await.map_err(|error| match error {
        StoreError::Conflict(said) => Problem::conflict(said),
        error => error.into(),
    })?;
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, axum::Json(body(row)?)).into_response())
}

/// All issuers whose tokens are taken.
#[utoipa::path(get, path = "/v1/issuers", tag = "callers", params(PageQuery),
    responses((status = 200, body = List<IssuerBody>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<List<IssuerBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let found = state.host.store.list_issuers(&caller.project, &page).await?;
    let (next_cursor, prev_cursor, total_size) = (found.next_cursor, found.prev_cursor, found.total_size);
    let items = found.items.into_iter().map(body).collect::<Result<_, _>>()?;
    Ok(axum::Json(List { items, next_cursor, prev_cursor, total_size }))
}

/// One issuer.
#[utoipa::path(get, path = "/v1/issuers/{name}", tag = "callers", params(("name" = String, Path)),
    responses((status = 200, body = IssuerBody), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
) -> Result<axum::Json<IssuerBody>, Problem> {
    let found = state.host.store.find_issuer(&caller.project, &name).await?;
    Ok(axum::Json(body(found.ok_or_else(missing)?)?))
}

/// Trusts an issuer no more: its tokens open nothing from now on.
#[utoipa::path(delete, path = "/v1/issuers/{name}", tag = "callers", params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let by = caller.by(state.host.clock.now());
    let removed = state.host.store.delete_issuer(&by, &caller.project, &name).await?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(missing()) }
}

/// Callers that came with tokens, of clients and of issuers: what their ids in records stand for.
#[utoipa::path(get, path = "/v1/callers", tag = "callers", params(PageQuery),
    responses((status = 200, body = List<CallerBody>), (status = "default", body = Problem)))]
pub(super) async fn callers(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<List<CallerBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let found = state.host.store.list_principals(&caller.project, &page).await?;
    Ok(axum::Json(List::of(found, |row: PrincipalRow| CallerBody {
        id: row.id.to_string(),
        name: row.name,
        issuer: row.issuer,
        subject: row.subject,
        source: row.source,
        identifier: row.identifier,
        organization: row.organization,
        role: row.role.as_str(),
    })))
}

async fn checked(
    state: &ApiState,
    caller: &crate::model::Caller,
    name: String,
    new: NewIssuer,
    at: crate::model::Timestamp,
) -> Result<IssuerRow, Problem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Err(Problem::bad_request("the name has 1 to 64 letters, digits, `-`, `_` and `.`"));
    }
    for (what, url) in [("issuer", Some(&new.issuer)), ("jwks_url", new.jwks_url.as_ref())] {
        if url.is_some_and(|url| !is_url(url)) {
            return Err(Problem::bad_request(format!("`{what}` is a URL without user name and fragment")));
        }
    }
    if new.issuer == state.host.identity.issuer() {
        return Err(Problem::bad_request("this is the host itself: its tokens are taken anyway"));
    }
    if new.audience.is_empty() || new.audience.len() > MAX_TEXT {
        return Err(Problem::bad_request("`audience` is what tokens name in `aud`"));
    }
    let names = new.algorithms.unwrap_or_else(|| vec!["RS256".into()]);
    algorithms(&names).map_err(refused)?;
    let claims = new.claims.map_or_else(Claimed::usual, |claims| Claimed {
        identifier: claims.identifier,
        organization: claims.organization,
        scopes: claims.scopes,
        role: claims.role,
    });
    claims.check().map_err(refused)?;
    let scopes = match &new.scopes {
        Some(names) => read_scopes(names)?,
        None => crate::model::Scopes::of_role(crate::model::Role::Agent),
    };
    may_give(caller, scopes)?;
    let profile = match new.profile {
        None => None,
        Some(name) => Some(profile(state, caller, &name).await?),
    };
    Ok(IssuerRow {
        name,
        project: caller.project.clone(),
        issuer: new.issuer,
        audience: new.audience,
        jwks_url: new.jwks_url,
        algorithms: names,
        // Names of claims always have a JSON form.
        claims: serde_json::to_string(&claims).unwrap_or_default(),
        scopes,
        profile,
        created_at: at,
        updated_at: at,
    })
}

/// Where it may lead is for egress to say when it is fetched: https, or http within a network that the operator allowed.
fn is_url(text: &str) -> bool {
    let url = Url::parse(text).ok().filter(|_| text.len() <= MAX_TEXT);
    url.is_some_and(|url| {
        matches!(url.scheme(), "https" | "http")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
    })
}

fn refused(error: ClaimsError) -> Problem {
    Problem::bad_request(error.to_string())
}

fn missing() -> Problem {
    Problem::not_found("there is no such issuer")
}

fn body(row: IssuerRow) -> Result<IssuerBody, Problem> {
    let claims =
        serde_json::from_str(&row.claims).map_err(|_| StoreError::Corrupt("column `claims` cannot be read".into()))?;
    Ok(IssuerBody {
        name: row.name,
        issuer: row.issuer,
        audience: row.audience,
        jwks_url: row.jwks_url,
        algorithms: row.algorithms,
        claims,
        scopes: row.scopes.names(),
        profile: row.profile.map(|profile| profile.name),
        created_at: row.created_at.to_rfc3339(),
        updated_at: row.updated_at.to_rfc3339(),
    })
}
