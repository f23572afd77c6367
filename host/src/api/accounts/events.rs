//! What happened to an account (AK-015): links, authorizations and their failures, refreshes, changes of state.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::extract::{Admin, Path, Query};
use super::super::page::{List, PageQuery, page};
use super::super::{ApiState, Problem};
use super::by_id::find;

/// Something that happened to an account.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct AccountEventBody {
    /// Counts the events of the account.
    seq: i64,
    /// Such as `created`, `link_made`, `connected`, `changed` or `state_changed`.
    kind: &'static str,
    /// More about it, for people; what a provider said is in its words.
    detail: Option<String>,
    at: String,
}

/// What happened to an account, newest first. Its calls are at `GET /v1/executions?identifier=…`.
#[utoipa::path(get, path = "/v1/accounts/{id}/events", tag = "accounts", params(("id" = String, Path), PageQuery),
    responses((status = 200, body = List<AccountEventBody>), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(in super::super) async fn events(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<List<AccountEventBody>>, Problem> {
    let (_, account) = find(&state, &caller, &id).await?;
    let page = page(query.limit, query.cursor)?;
    let found = state.host.store.account_events(&caller.project, &account.id, &page).await?;
    Ok(axum::Json(List::of(found, |event| AccountEventBody {
        seq: event.seq,
        kind: event.kind.as_str(),
        detail: event.detail,
        at: event.at.to_rfc3339(),
    })))
}
