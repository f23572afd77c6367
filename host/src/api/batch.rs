//! Several calls at once, as models ask for them: each goes its own way, and has its own outcome.

use axum::extract::State;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::execute::{ExecuteBody, ExecuteResult, ExecuteWaiting, Outcome, is_idempotency_key, outcome, requested};
use super::extract::{Authenticated, Json};
use super::{ApiState, Problem};
use crate::call::CallRequest;
use crate::model::{Caller, Surface};

/// Calls in one request: models ask for a handful in one turn, seldom for dozens.
const MAX_CALLS: usize = 64;

/// Calls of one request that run at the same time: one caller's turn must not take the places of all others.
const AT_ONCE: usize = 8;

/// Several calls.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchBody {
    /// The user to act for, where a call does not say.
    identifier: Option<String>,
    /// The user's organization, where a call does not say.
    organization: Option<String>,
    /// The execution that these calls are made for.
    parent: Option<String>,
    /// The conversation they belong to.
    chat_id: Option<String>,
    /// What set them off.
    trigger_type: Option<String>,
    /// How long each may take: 1 to 120000, 30000 if absent.
    timeout_ms: Option<u64>,
    /// 1 to 64 calls. Eight run at the same time.
    #[schema(min_items = 1, max_items = 64)]
    calls: Vec<BatchCall>,
}

/// One of several calls.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchCall {
    /// Name of the tool; not needed with `tool_call`.
    tool: Option<String>,
    /// The user to act for.
    identifier: Option<String>,
    /// The user's organization.
    organization: Option<String>,
    /// The account to use, where the user has several.
    account: Option<String>,
    /// Name of the connection to go through.
    connection: Option<String>,
    /// The tool's input; `{}` if absent.
    #[schema(value_type = Object)]
    input: Option<Box<RawValue>>,
    /// In place of `tool` and `input`: a tool call as a model wrote it.
    #[schema(value_type = Option<Object>)]
    tool_call: Option<Box<RawValue>>,
    /// The caller's own id of the call; that of `tool_call` if absent.
    tool_call_id: Option<String>,
    /// As the header `Idempotency-Key` of a single call.
    idempotency_key: Option<String>,
}

/// What came of several calls.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchAnswer {
    /// In the order of the calls.
    outcomes: Vec<BatchOutcome>,
    /// What the model is to be told of each call that came as `tool_call`, in their order and in its API's form.
    #[schema(value_type = Vec<Object>)]
    tool_results: Vec<serde_json::Value>,
}

/// What came of one call: one of the three.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct BatchOutcome {
    /// The status that the call would have been answered with by itself.
    http_status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ExecuteResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<ExecuteWaiting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// Calls several tools at the same time. The answer is 200 whatever comes of each: `outcomes` tells.
#[utoipa::path(post, path = "/v1/tools/execute-batch", tag = "tools", request_body = BatchBody,
    responses((status = 200, body = BatchAnswer), (status = "default", body = Problem)))]
pub(super) async fn execute_batch(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Json(body): Json<BatchBody>,
) -> Result<axum::Json<BatchAnswer>, Problem> {
    if !(1..=MAX_CALLS).contains(&body.calls.len()) {
        return Err(Problem::bad_request(format!("`calls` takes 1 to {MAX_CALLS} calls")));
    }
    let BatchBody { identifier, organization, parent, chat_id, trigger_type, timeout_ms, calls } = body;
    let whole = |call: BatchCall| {
        let BatchCall { tool, account, connection, input, tool_call, tool_call_id, idempotency_key, .. } = call;
        let identifier = call.identifier.or_else(|| identifier.clone());
        let organization = call.organization.or_else(|| organization.clone());
        let (parent, chat_id, trigger_type) = (parent.clone(), chat_id.clone(), trigger_type.clone());
        let body = ExecuteBody {
            identifier,
            organization,
            account,
            connection,
            input,
            tool_call,
            tool_call_id,
            parent,
            chat_id,
            trigger_type,
            timeout_ms,
        };
        one(&state, &caller, tool, body, idempotency_key)
    };
    let all: Vec<Outcome> = futures_util::stream::iter(calls.into_iter().map(whole)).buffered(AT_ONCE).collect().await;
    let mut answer = BatchAnswer { outcomes: Vec::with_capacity(all.len()), tool_results: Vec::new() };
    for mut outcome in all {
        answer.tool_results.extend(outcome.tool_result().take());
        answer.outcomes.push(match outcome {
            Outcome::Done(result) => BatchOutcome { http_status: 200, result: Some(result), ..BatchOutcome::default() },
            Outcome::Waiting(waiting) => {
                BatchOutcome { http_status: 202, waiting: Some(waiting), ..BatchOutcome::default() }
            }
            Outcome::Failed(problem) => {
                BatchOutcome { http_status: problem.status(), problem: Some(problem), ..BatchOutcome::default() }
            }
        });
    }
    Ok(axum::Json(answer))
}

async fn one(
    state: &ApiState,
    caller: &Caller,
    tool: Option<String>,
    body: ExecuteBody,
    idempotency_key: Option<String>,
) -> Outcome {
    if idempotency_key.as_deref().is_some_and(|key| !is_idempotency_key(key)) {
        return Outcome::Failed(Problem::bad_request("`idempotency_key` takes visible ASCII characters"));
    }
    match requested(state, caller, Surface::Batch, tool, body).await {
        Ok((request, native)) => {
            outcome(state, caller, CallRequest { idempotency_key, ..request }, native.as_ref()).await
        }
        Err(problem) => Outcome::Failed(problem),
    }
}
