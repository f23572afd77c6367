//! What a user could call now, connection by connection (AK-212): for a page of settings, or before an agent begins.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::extract::{Admin, Query};
use super::super::{ApiState, Problem};
use super::check_texts;
use crate::call::{self, Readiness};
use crate::connect::{self, ConnectError, LinkRequest};
use crate::identity;
use crate::model::{Caller, CallerScope, Code, Fault, Timestamp};

/// Links of one answer: more than a person opens within the 15 minutes that they work.
const MAX_LINKS: usize = 50;

/// Whose connections.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct ReadinessQuery {
    /// The user.
    identifier: String,
    /// The user's organization.
    organization: Option<String>,
    /// Whether to make a link for each of the first 50 connections that the user can mend, as `POST …/authorize` does. It
    /// needs the scope of that route too.
    include_links: Option<bool>,
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
    /// With `include_links`: what the user opens for that. It works once, for 15 minutes.
    link: Option<String>,
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
    let mut connections: Vec<ReadyBody> = found.iter().map(|one| ready_body(&state, one)).collect();
    if query.include_links == Some(true) {
        identity::require(&caller, CallerScope::AccountsWrite)?;
        let lacking = found.iter().zip(&mut connections).filter(|(one, _)| one.can_reconnect());
        for (one, body) in lacking.take(MAX_LINKS) {
            body.link = link(&state, &caller, one, (identifier, &organization)).await?;
        }
    }
    Ok(axum::Json(ReadinessBody { ready: connections.iter().all(|one| one.ready), connections }))
}

/// A link for the user; `None` where one takes more than is said here, such as a URL that confirms who it was.
async fn link(
    state: &ApiState,
    caller: &Caller,
    one: &Readiness,
    (identifier, organization): (&str, &str),
) -> Result<Option<String>, Problem> {
    let account = one.account.as_ref();
    let wanted = LinkRequest {
        identifier: identifier.to_owned(),
        organization: account.map_or(organization, |account| &account.organization).to_owned(),
        label: account.map(|account| account.label.clone()).unwrap_or_default(),
        verify: None,
        scopes: Vec::new(),
    };
    match connect::offer(&state.host, caller, &one.connection, wanted).await {
        Ok(link) => Ok(Some(link.url.into())),
        Err(ConnectError::Refused(Fault { code: Code::InvalidInput | Code::Conflict, .. })) => Ok(None),
        Err(error) => Err(error.into()),
    }
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
        link: None,
        last_used_at: account.and_then(|account| state.host.used.last(account)).map(Timestamp::to_rfc3339),
        updated_at: account.map(|account| account.updated_at.to_rfc3339()),
    }
}
