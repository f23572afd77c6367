//! Calls that wait: what for, and giving it to them.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::executions::{ExecutionBody, body, find_to_change};
use super::extract::{Authenticated, Json, Path};
use super::tools::raw;
use super::{ApiState, Problem};
use crate::call::{self, Decision, WaitsFor};

/// What a call waits for: one of these.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct WaitsForBody {
    /// A person has to approve it.
    #[serde(skip_serializing_if = "Option::is_none")]
    approval_id: Option<String>,
    /// Its user has to answer a question.
    #[serde(skip_serializing_if = "Option::is_none")]
    input_request: Option<InputRequestBody>,
    /// Calls that it made have to end: ids of executions.
    #[serde(skip_serializing_if = "Option::is_none")]
    awaited: Option<Vec<String>>,
}

/// A question to a user. `POST /v1/executions/{id}/continue` takes the answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InputRequestBody {
    /// One sentence.
    question: String,
    /// JSON Schema 2020-12 of the answer.
    #[schema(value_type = Object)]
    schema: Box<RawValue>,
    expires_at: String,
}

impl WaitsForBody {
    /// The wire form.
    pub(super) fn of(waits_for: WaitsFor) -> Self {
        match waits_for {
            WaitsFor::Approval(approval) => Self { approval_id: Some(approval.to_string()), ..Self::default() },
            WaitsFor::Input(asked) => {
                let (schema, expires_at) = (raw(asked.schema), asked.expires_at.to_rfc3339());
                let request = InputRequestBody { question: asked.question, schema, expires_at };
                Self { input_request: Some(request), ..Self::default() }
            }
            WaitsFor::Calls(calls) => {
                Self { awaited: Some(calls.iter().map(ToString::to_string).collect()), ..Self::default() }
            }
        }
    }
}

/// What a call that waits is given: an answer or a decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ContinueBody {
    /// The user's answer, as the schema of the question has it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<Box<RawValue>>,
    /// For a call that waits for approval: `approve` or `reject`. As on the approval itself, the key that asked cannot.
    decision: Option<String>,
    /// Why it was rejected; the agent reads it.
    reason: Option<String>,
}

/// A `null` that is there is an answer.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// Gives a call that waits what it waits for: its user's answer, or a decision on its approval. It goes on by itself;
/// its record tells how it ends. An agent answers for its own.
#[utoipa::path(post, path = "/v1/executions/{id}/continue", tag = "executions", params(("id" = String, Path)),
    request_body = ContinueBody,
    responses((status = 202, body = ExecutionBody), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn go_on(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Json(given): Json<ContinueBody>,
) -> Result<(StatusCode, axum::Json<ExecutionBody>), Problem> {
    let host = &state.host;
    let execution = find_to_change(&state, &caller, &id).await?;
    match (given.input, given.decision.as_deref()) {
        (Some(input), None) => call::answer(host, &caller, &execution, input.get()).await?,
        (None, Some(decision)) => {
            let decision = match decision {
                "approve" => Decision::Approve,
                "reject" => Decision::Reject { reason: given.reason },
                _ => return Err(Problem::bad_request("`decision` is `approve` or `reject`")),
            };
            let Some(WaitsFor::Approval(approval)) = call::waits_for(host, &execution).await? else {
                return Err(Problem::conflict("the call waits for no approval: look at its `status`"));
            };
            call::decide(host, &caller, &approval, decision).await?;
        }
        _ => return Err(Problem::bad_request("give `input` or `decision`, one of the two")),
    }
    Ok((StatusCode::ACCEPTED, axum::Json(body(&find_to_change(&state, &caller, &id).await?))))
}
