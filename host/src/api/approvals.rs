//! Approvals: what waits for a person, shown exactly as it would leave, and what the person says.

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::extract::{Admin, Json, Path, Query};
use super::page::{List, page};
use super::tools::raw;
use super::{ApiState, Problem};
use crate::call::{self, Decision, Shown, ShownRequest};
use crate::model::{Approval, ApprovalId, ApprovalState, Timestamp};

/// A call that waits for a person, or did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApprovalBody {
    id: String,
    execution_id: String,
    /// `pending`, `approved`, `rejected`, `expired` or `cancelled`.
    status: &'static str,
    /// `before` the call or `at_write`.
    at: String,
    tool: String,
    /// Id of the key that asked: it decides nothing here.
    asked_by: String,
    /// Id of the policy; null where it was the outcome for the tool's effect.
    policy_id: Option<String>,
    /// Why somebody is asked.
    why: String,
    /// Who may decide, and what an approval covers.
    #[schema(value_type = Object)]
    ask: Box<RawValue>,
    /// SHA-256 of the request that waits: an approval is for exactly that one.
    request_digest: Option<String>,
    created_at: String,
    expires_at: String,
    decided_at: Option<String>,
    /// Id of the key that decided.
    decided_by: Option<String>,
    reason: Option<String>,
}

/// A call that waits, with what would leave.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApprovalDetail {
    #[serde(flatten)]
    approval: ApprovalBody,
    /// The tool's input; null once the call ended some time ago.
    #[schema(value_type = Option<Object>)]
    input: Option<Box<RawValue>>,
    /// The request that waits; null where nothing of the call has run.
    request: Option<OutgoingRequest>,
    /// Requests of the call that were answered before.
    before: Vec<AnsweredRequest>,
    /// Whether nothing will leave in any case, because the connection is in demo mode.
    simulated: bool,
}

/// A request exactly as it would leave, but for the credential, which the host injects after this.
#[derive(Debug, Serialize, ToSchema)]
struct OutgoingRequest {
    method: String,
    url: String,
    /// Names and values.
    headers: Vec<(String, String)>,
    body: Option<OutgoingBody>,
}

/// A body, in the form that people can read.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum OutgoingBody {
    /// Fields of a form, decoded, in their order.
    Form(Vec<(String, String)>),
    /// JSON.
    #[schema(value_type = Object)]
    Json(Box<RawValue>),
    /// Any other text.
    Text(String),
    /// Base64 of anything else.
    Base64(String),
}

/// A request that was answered.
#[derive(Debug, Serialize, ToSchema)]
struct AnsweredRequest {
    method: String,
    url: String,
    /// The answer's status; null if there was none.
    status: Option<u16>,
}

/// Which approvals.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ApprovalQuery {
    /// `pending`, `approved`, `rejected`, `expired` or `cancelled`.
    status: Option<String>,
    /// Items at most: 1 to 200, 50 if absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What a person says with a yes.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApproveBody {
    /// Another input for the tool: the call starts over with it, and policies decide on it anew.
    #[schema(value_type = Option<Object>)]
    input: Option<Box<RawValue>>,
}

/// What a person says with a no.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RejectBody {
    /// For the agent, when the answer is no.
    reason: Option<String>,
}

/// Bytes of a reason: a few sentences, which a model reads.
const MAX_REASON: usize = 1_000;

/// Calls that wait for a person, or did: newest first.
#[utoipa::path(get, path = "/v1/approvals", tag = "approvals", params(ApprovalQuery),
    responses((status = 200, body = List<ApprovalBody>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<ApprovalQuery>,
) -> Result<axum::Json<List<ApprovalBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let wanted = match query.status.as_deref() {
        None => None,
        Some(text) => Some(ApprovalState::parse(text).ok_or_else(|| {
            Problem::bad_request("`status` must be pending, approved, rejected, expired or cancelled")
        })?),
    };
    let host = &state.host;
    host.store.expire_approvals(host.clock.now()).await?;
    let found = host.store.list_approvals(&caller.project, wanted, &page).await?;
    Ok(axum::Json(List::of(found, |approval| body(&approval))))
}

/// One approval, with the exact request that would leave.
#[utoipa::path(get, path = "/v1/approvals/{id}", tag = "approvals", params(("id" = String, Path)),
    responses((status = 200, body = ApprovalDetail), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<axum::Json<ApprovalDetail>, Problem> {
    let Shown { approval, call } =
        call::approval(&state.host, &caller.project, &parse(&id)?).await?.ok_or_else(missing)?;
    let (input, request, before, simulated) = match call {
        Some(call) => (Some(call.input), call.request, call.before, call.simulated),
        None => (None, None, Vec::new(), false),
    };
    let before =
        before.into_iter().map(|line| AnsweredRequest { method: line.method, url: line.url, status: line.status });
    let (approval, request) = (body(&approval), request.map(outgoing));
    Ok(axum::Json(ApprovalDetail { approval, input, request, before: before.collect(), simulated }))
}

/// Lets the call go on, once. Its record tells how it ends.
#[utoipa::path(post, path = "/v1/approvals/{id}/approve", tag = "approvals", params(("id" = String, Path)),
    request_body = Option<ApproveBody>,
    responses((status = 200, body = ApprovalBody), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn approve(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    body: Option<Json<ApproveBody>>,
) -> Result<axum::Json<ApprovalBody>, Problem> {
    let decision = match body.and_then(|Json(body)| body.input) {
        Some(input) => Decision::Edit { input: input.get().to_owned() },
        None => Decision::Approve,
    };
    let approval = call::decide(&state.host, &caller, &parse(&id)?, decision).await?;
    Ok(axum::Json(self::body(&approval)))
}

/// Ends the call; the agent reads the reason.
#[utoipa::path(post, path = "/v1/approvals/{id}/reject", tag = "approvals", params(("id" = String, Path)),
    request_body = Option<RejectBody>,
    responses((status = 200, body = ApprovalBody), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn reject(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    body: Option<Json<RejectBody>>,
) -> Result<axum::Json<ApprovalBody>, Problem> {
    let reason = body.and_then(|Json(body)| body.reason);
    if reason.as_ref().is_some_and(|reason| reason.len() > MAX_REASON) {
        return Err(Problem::bad_request(format!("`reason` may have at most {MAX_REASON} bytes")));
    }
    let approval = call::decide(&state.host, &caller, &parse(&id)?, Decision::Reject { reason }).await?;
    Ok(axum::Json(self::body(&approval)))
}

fn parse(id: &str) -> Result<ApprovalId, Problem> {
    ApprovalId::parse(id).ok_or_else(missing)
}

fn missing() -> Problem {
    Problem::not_found("there is no such approval")
}

fn body(approval: &Approval) -> ApprovalBody {
    ApprovalBody {
        id: approval.id.to_string(),
        execution_id: approval.execution.to_string(),
        status: approval.state.as_str(),
        at: approval.at.clone(),
        tool: approval.tool.clone(),
        asked_by: approval.asked_by.to_string(),
        policy_id: approval.rule.as_ref().map(ToString::to_string),
        why: approval.why.clone(),
        ask: raw(approval.ask.clone()),
        request_digest: approval.request.clone(),
        created_at: approval.created_at.to_rfc3339(),
        expires_at: approval.expires_at.to_rfc3339(),
        decided_at: approval.decided_at.map(Timestamp::to_rfc3339),
        decided_by: approval.decided_by.as_ref().map(ToString::to_string),
        reason: approval.reason.clone(),
    }
}

fn outgoing(request: ShownRequest) -> OutgoingRequest {
    let media = request.headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.as_str());
    let body = request.body.as_deref().map(|encoded| readable(media.unwrap_or_default(), encoded));
    OutgoingRequest { method: request.method, url: request.url, headers: request.headers, body }
}

/// Forms and JSON as what they mean; a text as it is; what is none of these as base64.
fn readable(media: &str, encoded: &str) -> OutgoingBody {
    let text = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(text) = text else { return OutgoingBody::Base64(encoded.to_owned()) };
    let media = media.split(';').next().unwrap_or_default().trim();
    if media == "application/x-www-form-urlencoded" {
        return OutgoingBody::Form(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect());
    }
    if media == "application/json" || media.ends_with("+json") {
        match RawValue::from_string(text) {
            Ok(json) => return OutgoingBody::Json(json),
            Err(_) => return OutgoingBody::Base64(encoded.to_owned()),
        }
    }
    OutgoingBody::Text(text)
}
