//! Accounts: who is connected. Credentials go in and never come out.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Admin, Hidden, Path, Query, SecretJson};
use super::page::{List, page};
use super::tools::raw;
use super::{ApiState, Problem, connections};
use crate::accounts::Candidate;
use crate::call::{self, ConnectRequest};
use crate::model::{Account, AccountState, Caller, Connection, Timestamp};
use crate::oauth::Parting;
use crate::store::AccountFilter;

pub(super) mod by_id;
pub(super) mod change;
pub(super) mod events;
pub(super) mod ready;
pub(super) mod reveal;

/// Identifiers, organizations and labels are names that others chose; longer ones are a mistake.
const MAX_NAME: usize = 256;

/// An account, without its credential.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccountBody {
    id: String,
    connection: String,
    identifier: String,
    organization: Option<String>,
    label: Option<String>,
    /// Whether it serves all users who have none of their own on its connection.
    shared: bool,
    /// `pending`, `active`, `expired`, `revoked` or `error`.
    status: &'static str,
    disabled: bool,
    /// Public fields.
    fields: BTreeMap<String, String>,
    /// What the connector reads in place of the connection's settings of the same names.
    #[schema(value_type = Object)]
    settings: Box<RawValue>,
    /// What the provider granted.
    scopes: Vec<String>,
    /// From when on the provider takes the token no more; the host gets another one before, where it can.
    expires_at: Option<String>,
    /// When the host got the token.
    refreshed_at: Option<String>,
    /// Why the account is not active.
    error: Option<String>,
    /// Hosts that the credential may be sent to.
    hosts: Vec<String>,
    created_at: String,
    updated_at: String,
    /// When a call last went out as this account; to the minute where that was through another host.
    last_used_at: Option<String>,
}

/// What a user filled in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PutAccount {
    /// Values of the auth pattern's fields. They are tried, sealed, and never shown again.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    credentials: Option<BTreeMap<String, Hidden>>,
    /// Further public fields.
    fields: Option<BTreeMap<String, String>>,
    /// Settings of the account, in place of all that it has.
    #[schema(value_type = Option<Object>)]
    settings: Option<Map<String, Value>>,
    /// The user's organization.
    organization: Option<String>,
    /// Tells several accounts of one user apart.
    label: Option<String>,
    /// Whether it serves all users who have none of their own on its connection; of an organization only its users. It
    /// does not change later.
    shared: Option<bool>,
}

/// Which of a user's accounts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichAccount {
    /// The user's organization.
    pub(super) organization: Option<String>,
    /// Tells several accounts of one user apart.
    pub(super) label: Option<String>,
}

/// Which accounts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AccountQuery {
    /// Name of a connection.
    connection: Option<String>,
    /// Name of a connector.
    connector: Option<String>,
    /// The user.
    identifier: Option<String>,
    /// The user's organization.
    organization: Option<String>,
    /// The label.
    label: Option<String>,
    /// `pending`, `active`, `expired`, `revoked` or `error`.
    status: Option<String>,
    /// Part of an identifier.
    query: Option<String>,
    /// Items at most: 1 to 200, 50 if absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Gets or creates an account; with credentials, connects it.
///
/// The credentials are tried with the connector's test call first: what the provider refuses is not stored.
#[utoipa::path(put, path = "/v1/connections/{name}/accounts/{identifier}", tag = "accounts",
    params(("name" = String, Path), ("identifier" = String, Path)), request_body = PutAccount,
    responses((status = 200, body = AccountBody), (status = 201, body = AccountBody),
        (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn put(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path((name, identifier)): Path<(String, String)>,
    SecretJson(body): SecretJson<PutAccount>,
) -> Result<Response, Problem> {
    let connection = connections::find(&state, &caller, &name).await?;
    let (organization, label) = (body.organization.unwrap_or_default(), body.label.unwrap_or_default());
    check_names(&identifier, &organization, &label)?;
    let candidate = match (body.credentials, body.fields) {
        (None, None) => None,
        (credentials, fields) => Some(Candidate {
            credentials: credentials.unwrap_or_default().into_iter().map(|(name, value)| (name, value.0)).collect(),
            fields: fields.unwrap_or_default(),
        }),
    };
    let settings = body.settings.as_ref().map(settings_text).transpose()?;
    let request = ConnectRequest { identifier, organization, label, shared: body.shared, settings, candidate };
    let done = call::connect(&state.host, &caller, &connection, request).await?;
    let status = if done.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(account_body(&connection.name, &with_use(&state, done.account)))).into_response())
}

/// One account.
#[utoipa::path(get, path = "/v1/connections/{name}/accounts/{identifier}", tag = "accounts",
    params(("name" = String, Path), ("identifier" = String, Path), WhichAccount),
    responses((status = 200, body = AccountBody), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path((name, identifier)): Path<(String, String)>,
    Query(which): Query<WhichAccount>,
) -> Result<axum::Json<AccountBody>, Problem> {
    let (connection, account) = find(&state, &caller, &name, &identifier, &which).await?;
    Ok(axum::Json(account_body(&connection.name, &account)))
}

/// What became of the tokens of a deleted account.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Removed {
    /// `revoked` where the provider has ended them, `queued` where it could not be told yet and will be, `failed` where it
    /// does not take what it is told.
    revocation: &'static str,
}

/// Deletes an account and its credential, and lets the provider end its tokens.
///
/// The account is gone whatever the provider says: one that cannot be told now is told again later, for some days.
#[utoipa::path(delete, path = "/v1/connections/{name}/accounts/{identifier}", tag = "accounts",
    params(("name" = String, Path), ("identifier" = String, Path), WhichAccount),
    responses((status = 204), (status = 200, body = Removed), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path((name, identifier)): Path<(String, String)>,
    Query(which): Query<WhichAccount>,
) -> Result<Response, Problem> {
    let (connection, account) = find(&state, &caller, &name, &identifier, &which).await?;
    removed(&state, &caller, &connection, &account).await
}

async fn removed(
    state: &ApiState,
    caller: &Caller,
    connection: &Connection,
    account: &Account,
) -> Result<Response, Problem> {
    let by = caller.by(state.host.clock.now());
    match call::remove(&state.host, &by, connection, &account.id).await? {
        Some(Parting::Nothing) => Ok(StatusCode::NO_CONTENT.into_response()),
        Some(parting) => Ok(axum::Json(Removed { revocation: parting.as_str() }).into_response()),
        None => Err(Problem::not_found("there is no such account")),
    }
}

/// Refuses calls as this account; its credential stays.
#[utoipa::path(post, path = "/v1/connections/{name}/accounts/{identifier}/disable", tag = "accounts",
    params(("name" = String, Path), ("identifier" = String, Path), WhichAccount),
    responses((status = 200, body = AccountBody), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn disable(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path((name, identifier)): Path<(String, String)>,
    Query(which): Query<WhichAccount>,
) -> Result<axum::Json<AccountBody>, Problem> {
    let (connection, account) = find(&state, &caller, &name, &identifier, &which).await?;
    switch(&state, &caller, &connection, account, true).await
}

/// Takes calls as this account again.
#[utoipa::path(post, path = "/v1/connections/{name}/accounts/{identifier}/enable", tag = "accounts",
    params(("name" = String, Path), ("identifier" = String, Path), WhichAccount),
    responses((status = 200, body = AccountBody), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn enable(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path((name, identifier)): Path<(String, String)>,
    Query(which): Query<WhichAccount>,
) -> Result<axum::Json<AccountBody>, Problem> {
    let (connection, account) = find(&state, &caller, &name, &identifier, &which).await?;
    switch(&state, &caller, &connection, account, false).await
}

/// Gets a new token for an account now.
///
/// The host does it by itself before a token ends, and when the provider refuses it.
#[utoipa::path(post, path = "/v1/connections/{name}/accounts/{identifier}/refresh", tag = "accounts",
    params(("name" = String, Path), ("identifier" = String, Path), WhichAccount),
    responses((status = 200, body = AccountBody), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn refresh(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path((name, identifier)): Path<(String, String)>,
    Query(which): Query<WhichAccount>,
) -> Result<axum::Json<AccountBody>, Problem> {
    let (connection, account) = find(&state, &caller, &name, &identifier, &which).await?;
    let by = caller.by(state.host.clock.now());
    let account = call::refresh(&state.host, by, &connection, &account).await?;
    Ok(axum::Json(account_body(&connection.name, &account)))
}

/// Accounts of all connections.
#[utoipa::path(get, path = "/v1/accounts", tag = "accounts", params(AccountQuery),
    responses((status = 200, body = List<AccountBody>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<AccountQuery>,
) -> Result<axum::Json<List<AccountBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let connection = match query.connection {
        Some(name) => Some(connections::find(&state, &caller, &name).await?.id),
        None => None,
    };
    let filter = AccountFilter {
        connection,
        connector: query.connector,
        identifier: query.identifier,
        organization: query.organization,
        label: query.label,
        state: query.status.as_deref().map(state_of).transpose()?,
        query: query.query,
    };
    let found = state.host.store.list_accounts(&caller.project, &filter, &page).await?;
    Ok(axum::Json(List::of(found, |(connection, account)| account_body(&connection.name, &with_use(&state, account)))))
}

/// Names that others chose are short, printable, and can be said in a URL.
pub(super) fn check_names(identifier: &str, organization: &str, label: &str) -> Result<(), Problem> {
    check_texts(&[("identifier", identifier), ("organization", organization), ("label", label)])?;
    if matches!(identifier, "." | "..") {
        // Clients and proxies drop such a segment of a URL, so the account could never be named again.
        return Err(Problem::bad_request("`identifier` must not be `.` or `..`"));
    }
    Ok(())
}

fn state_of(text: &str) -> Result<AccountState, Problem> {
    AccountState::parse(text)
        .ok_or_else(|| Problem::bad_request("`status` must be pending, active, expired, revoked or error"))
}

async fn switch(
    state: &ApiState,
    caller: &Caller,
    connection: &Connection,
    account: Account,
    disabled: bool,
) -> Result<axum::Json<AccountBody>, Problem> {
    let by = caller.by(state.host.clock.now());
    let updated_at = by.at;
    state.host.store.set_account_disabled(&by, &account.project, &account.id, disabled).await?;
    Ok(axum::Json(account_body(&connection.name, &Account { disabled, updated_at, ..account })))
}

async fn find(
    state: &ApiState,
    caller: &Caller,
    name: &str,
    identifier: &str,
    which: &WhichAccount,
) -> Result<(Connection, Account), Problem> {
    let connection = connections::find(state, caller, name).await?;
    let organization = which.organization.as_deref().unwrap_or_default();
    let label = which.label.as_deref().unwrap_or_default();
    let found = state
        .host
        .store
        .find_accounts(&caller.project, &connection.id, identifier, Some(organization), Some(label))
        .await?;
    let account = found.into_iter().next().ok_or_else(|| Problem::not_found("there is no such account"))?;
    Ok((connection, with_use(state, account)))
}

/// The account with its last use, also where that is not written down yet.
fn with_use(state: &ApiState, account: Account) -> Account {
    Account { last_used_at: state.host.used.last(&account), ..account }
}

/// Texts that name somebody, in lists, logs and URLs.
pub(super) fn check_texts(texts: &[(&str, &str)]) -> Result<(), Problem> {
    for (what, text) in texts {
        if text.len() > MAX_NAME || text.chars().any(char::is_control) {
            return Err(Problem::bad_request(format!("`{what}` is longer than {MAX_NAME} bytes or unprintable")));
        }
    }
    Ok(())
}

fn settings_text(settings: &Map<String, Value>) -> Result<String, Problem> {
    serde_json::to_string(settings).map_err(|error| Problem::bad_request(format!("`settings`: {error}")))
}

fn account_body(connection: &str, account: &Account) -> AccountBody {
    let named = |text: &String| if text.is_empty() { None } else { Some(text.clone()) };
    AccountBody {
        id: account.id.to_string(),
        connection: connection.to_owned(),
        identifier: account.identifier.clone(),
        organization: named(&account.organization),
        label: named(&account.label),
        shared: account.shared,
        status: account.state.as_str(),
        disabled: account.disabled,
        fields: account.fields.clone(),
        settings: raw(account.settings.clone()),
        scopes: account.scopes.clone(),
        expires_at: account.token.expires_at.map(Timestamp::to_rfc3339),
        refreshed_at: account.token.refreshed_at.map(Timestamp::to_rfc3339),
        error: account.token.error.clone(),
        hosts: account.hosts.clone(),
        created_at: account.created_at.to_rfc3339(),
        updated_at: account.updated_at.to_rfc3339(),
        last_used_at: account.last_used_at.map(Timestamp::to_rfc3339),
    }
}
