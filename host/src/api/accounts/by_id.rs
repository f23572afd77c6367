//! Accounts by their identifiers: for who keeps those instead of names.

use axum::extract::State;
use axum::response::Response;

use super::super::extract::{Admin, Path, SecretJson};
use super::super::{ApiState, Problem};
use super::change::{ChangedAccount, changed};
use super::{AccountBody, Removed, account_body, removed, with_use};
use crate::model::{Account, AccountId, Caller, Connection};

/// One account.
#[utoipa::path(get, path = "/v1/accounts/{id}", tag = "accounts", params(("id" = String, Path)),
    responses((status = 200, body = AccountBody), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(in super::super) async fn show(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<axum::Json<AccountBody>, Problem> {
    let (connection, account) = find(&state, &caller, &id).await?;
    Ok(axum::Json(account_body(&connection.name, &account)))
}

/// Changes a part of an account. What is absent stays.
#[utoipa::path(patch, path = "/v1/accounts/{id}", tag = "accounts", params(("id" = String, Path)),
    request_body = ChangedAccount,
    responses((status = 200, body = AccountBody), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(in super::super) async fn change(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    SecretJson(body): SecretJson<ChangedAccount>,
) -> Result<axum::Json<AccountBody>, Problem> {
    let (connection, account) = find(&state, &caller, &id).await?;
    changed(&state, &caller, &connection, &account, body).await
}

/// Deletes an account and its credential, and lets the provider end its tokens.
#[utoipa::path(delete, path = "/v1/accounts/{id}", tag = "accounts", params(("id" = String, Path)),
    responses((status = 204), (status = 200, body = Removed), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(in super::super) async fn remove(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (connection, account) = find(&state, &caller, &id).await?;
    removed(&state, &caller, &connection, &account).await
}

/// The account of this identifier with its connection, or 404.
pub(in super::super) async fn find(
    state: &ApiState,
    caller: &Caller,
    id: &str,
) -> Result<(Connection, Account), Problem> {
    let missing = || Problem::not_found("there is no such account");
    let id = AccountId::parse(id).ok_or_else(missing)?;
    let found = state.host.store.account_with_connection(&caller.project, &id).await?;
    let (connection, account) = found.ok_or_else(missing)?;
    Ok((connection, with_use(state, account)))
}
