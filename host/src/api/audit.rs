//! The audit chain, for people; `gloveport audit verify` checks it.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::extract::{Admin, Query, time};
use super::page::{List, page};
use super::{ApiState, Problem};
use crate::model::{Action, Entry, Timestamp};
use crate::store::AuditFilter;

/// One thing that was decided or changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditBody {
    /// Its place in the project's chain: 1, 2, 3, …
    seq: i64,
    at: String,
    /// Id of the key that came with the request, `host` or `cli`.
    actor: String,
    /// What was done, such as `key.created` or `execution.succeeded`.
    action: String,
    /// Id, or name, of what it was done to.
    subject: String,
    /// SHA-256 of the component that was concerned.
    component: Option<String>,
    /// The rule that decided.
    rule: Option<String>,
    /// Who approved.
    approver: Option<String>,
    /// More about it, with digests in place of what is secret or long.
    #[schema(value_type = Object)]
    detail: Value,
    /// Hash of the row before it.
    previous: String,
    /// SHA-256 over all of the row and the hash of the row before it.
    hash: String,
}

/// Which rows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// What was done, such as `key.created`.
    action: Option<String>,
    /// Id, or name, of what it was done to.
    subject: Option<String>,
    /// Not before this time (RFC 3339).
    since: Option<String>,
    /// Items at most: 1 to 200, 50 if absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What was decided and changed, newest first.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, body = List<AuditBody>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<AuditQuery>,
) -> Result<axum::Json<List<AuditBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let filter = AuditFilter {
        action: query.action.as_deref().map(action).transpose()?,
        subject: query.subject,
        since: query.since.as_deref().map(|text| time("since", text)).transpose()?,
    };
    let found = state.host.store.list_audit(&caller.project, &filter, &page).await?;
    Ok(axum::Json(List::of(found, body)))
}

fn action(text: &str) -> Result<Action, Problem> {
    Action::parse(text)
        .ok_or_else(|| Problem::bad_request("`action` is none that there is; one is `key.created`, for example"))
}

fn body(entry: Entry) -> AuditBody {
    AuditBody {
        seq: entry.seq,
        at: Timestamp(entry.at).to_rfc3339(),
        actor: entry.actor,
        action: entry.action,
        subject: entry.subject,
        component: entry.component,
        rule: entry.rule,
        approver: entry.approver,
        // What somebody else wrote there is shown as the text that it is.
        detail: serde_json::from_str(&entry.detail).unwrap_or(Value::String(entry.detail)),
        previous: entry.previous,
        hash: entry.hash,
    }
}
