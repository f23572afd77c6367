//! What a user could call now, connection by connection (AK-212): for a page of settings, or before an agent begins.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::extract::{Admin, Query};
use super::super::{ApiState, Problem, time};
use super::check_texts;
use crate::call::{self, Readiness};

/// Whose connections.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct ReadinessQuery {
    /// The user.
    identifier: String,
    /// The user's organization.
    organization: Option<String>,
}

/// All connections of the project, as one user finds them.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct ReadinessBody {
    /// Whether calls could go through all of them.
    ready: bool,
    /// In the order of their making; one for each account, where several of a connection could be meant.
    connections: Vec<ReadyBody>,
}

/// A connection, as one user finds it.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct ReadyBody {
    connection: String,
    connector: String,
    /// Whether a call could go through it now.
    ready: bool,
    /// `not_connected`, or of the account: `pending`, `active`, `expired`, `revoked` or `error`.
    status: &'static str,
    /// Whether an operator switched off the connection or the account.
    disabled: bool,
    account_id: Option<String>,
    label: Option<String>,
    /// Whether the account is one that serves all users.
    shared: bool,
    /// Why a call would be refused.
    code: Option<&'static str>,
    /// The same for people.
    detail: Option<String>,
    /// Whether the user can mend it, by connecting the account (again).
    can_reconnect: bool,
    last_used_at: Option<String>,
    updated_at: Option<String>,
}

/// What a user could call now: all connections with the states of the accounts that calls would go through.
#[utoipa::path(get, path = "/v1/accounts/readiness", tag = "accounts", params(ReadinessQuery),
    responses((status = 200, body = ReadinessBody), (status = "default", body = Problem)))]
pub(in super::super) async fn readiness(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<ReadinessQuery>,
) -> Result<axum::Json<ReadinessBody>, Problem> {
    let organization = query.organization.clone().unwrap_or_default();
    check_texts(&[("identifier", &query.identifier), ("organization", &organization)])?;
    let identifier = call::identifier_for(&caller, Some(&query.identifier))?.unwrap_or_default();
    let found = call::readiness(&state.host, &caller.project, identifier, query.organization.as_deref()).await?;
    let connections: Vec<ReadyBody> = found.iter().map(|one| ready_body(&state, one)).collect();
    Ok(axum::Json(ReadinessBody { ready: connections.iter().all(|one| one.ready), connections }))
}

fn ready_body(state: &ApiState, one: &Readiness) -> ReadyBody {
    let Readiness { connection, account, refusal } = one;
    let account = account.as_ref();
    ReadyBody {
        connection: connection.name.clone(),
        connector: connection.connector.clone(),
        ready: refusal.is_none(),
        status: account.map_or("not_connected", |account| account.state.as_str()),
        disabled: connection.disabled || account.is_some_and(|account| account.disabled),
        account_id: account.map(|account| account.id.to_string()),
        label: account.map(|account| account.label.clone()).filter(|label| !label.is_empty()),
        shared: account.is_some_and(|account| account.shared),
        code: refusal.as_ref().map(|refusal| refusal.code.as_str()),
        detail: refusal.as_ref().map(|refusal| refusal.detail.clone()),
        can_reconnect: one.can_reconnect(),
        last_used_at: account.and_then(|account| state.host.used.last(account)).map(time::text),
        updated_at: account.map(|account| time::text(account.updated_at)),
    }
}
