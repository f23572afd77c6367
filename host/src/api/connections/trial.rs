//! Tries a connection as one of its accounts.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::extract::{Admin, Json, Path};
use super::super::{ApiState, Problem};
use super::find;
use crate::call::{self, Failed};
use crate::model::{AccountId, Caller, Connection};
use crate::store::{AccountFilter, PageRequest};

/// Whose account to try a connection with.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct TrialBody {
    /// The user.
    identifier: Option<String>,
    /// The account, where the user has several.
    account: Option<String>,
}

/// What came of a test.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct TestResult {
    /// Whether the provider accepted the credential.
    ok: bool,
    /// What happened.
    detail: String,
    /// The record of the test call.
    execution_id: Option<String>,
}

/// Tries an account with the connector's test call, which changes nothing (KO-20).
#[utoipa::path(post, path = "/v1/connections/{name}/test", tag = "connections", params(("name" = String, Path)),
    request_body = TrialBody,
    responses((status = 200, body = TestResult), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(in super::super) async fn test(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    body: Option<Json<TrialBody>>,
) -> Result<axum::Json<TestResult>, Problem> {
    let connection = find(&state, &caller, &name).await?;
    let wanted = body.map(|Json(body)| body).unwrap_or_default();
    let account = the_account(&state, &caller, &connection, wanted).await?;
    let result = match call::test_account(&state.host, &caller, &connection, &account).await {
        Ok(Some(answer)) => TestResult {
            ok: true,
            detail: tested(answer.simulated).into(),
            execution_id: Some(answer.execution.to_string()),
        },
        Ok(None) => return Err(Problem::conflict("the connector declares no test call")),
        Err(Failed { execution: Some(execution), fault }) => {
            TestResult { ok: false, detail: fault.detail, execution_id: Some(execution.to_string()) }
        }
        Err(failed) => return Err(failed.into()),
    };
    Ok(axum::Json(result))
}

fn tested(simulated: bool) -> &'static str {
    if simulated {
        "the connection is in demo mode: nothing was sent, and no credential was tried"
    } else {
        "the provider accepted the credential"
    }
}

/// The one account that the body means, or the connection's only one.
async fn the_account(
    state: &ApiState,
    caller: &Caller,
    connection: &Connection,
    wanted: TrialBody,
) -> Result<AccountId, Problem> {
    if let Some(text) = wanted.account {
        return AccountId::parse(&text).ok_or_else(|| Problem::bad_request("`account` is not an account id"));
    }
    let filter = AccountFilter {
        connection: Some(connection.id.clone()),
        identifier: wanted.identifier,
        ..AccountFilter::default()
    };
    let two = PageRequest { limit: 2, cursor: None };
    let found = state.host.store.list_accounts(&caller.project, &filter, &two).await?;
    match found.items.as_slice() {
        [(_, account)] => Ok(account.id.clone()),
        [] => Err(Problem::not_found("there is no such account on this connection")),
        _ => Err(Problem::conflict("several accounts fit: name one with `identifier` or `account`")),
    }
}
