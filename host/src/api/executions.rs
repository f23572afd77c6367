//! Executions: the record of every call, and what a call that waited for a person answered.

use std::time::Duration;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::continuing::WaitsForBody;
use super::execute::Timing;
use super::extract::{Authenticated, Path, Query, time};
use super::page::{List, page};
use super::results::CutBody;
use super::tools::raw;
use super::{ApiState, Problem};
use crate::call::{self, SeenBodies};
use crate::model::{Caller, CallerScope, Execution, ExecutionId, ExecutionStatus, Timestamp};
use crate::store::ExecutionFilter;

/// The record of a call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExecutionBody {
    id: String,
    tool: String,
    /// SHA-256 of the component that ran; null, as are the next two, of an action type that no tool has.
    component: Option<String>,
    /// Id of the connection.
    connection_id: Option<String>,
    /// Id of the account.
    account_id: Option<String>,
    /// The user it is for.
    identifier: Option<String>,
    /// Id of the key that asked.
    key_id: String,
    tool_call_id: Option<String>,
    parent: Option<String>,
    chat_id: Option<String>,
    trigger_type: Option<String>,
    /// SHA-256 of the input.
    input_digest: String,
    /// Whether nothing was sent, because the connection is in demo mode: what it answered is made up.
    simulated: bool,
    /// How it was caused: `execute` by the API, `inner` by another tool, `account_test` by an operator who tried an account.
    surface: &'static str,
    /// Id of the policy that decided on it as it began; null if none spoke of it.
    rule: Option<String>,
    /// `started`, `waiting`, `succeeded`, `failed`, `denied`, `rejected`, `expired`, `cancelled`,
    /// `not_dispatched` or `unknown_outcome`.
    status: &'static str,
    code: Option<&'static str>,
    culprit: Option<&'static str>,
    detail: Option<String>,
    started_at: String,
    finished_at: Option<String>,
    timing: Timing,
    /// Requests that left.
    requests: u32,
    sent_bytes: u64,
    received_bytes: u64,
    /// How often the credential was removed from what came back.
    scrubbed: u32,
    #[serde(flatten)]
    waits_for: WaitsForBody,
    /// What it was given, if that is still kept: without what the tool's schema marks as secret, and without the account's
    /// credential. An agent sees what it gave, an administrator what the tool got. Lists leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<Box<RawValue>>,
    /// What it answered, if that is still kept: as `input`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    output: Option<Box<RawValue>>,
    /// What it answered, as it is, if it had waited or went on by itself: whoever asked got only its id then. For the key
    /// that asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    data: Option<Box<RawValue>>,
    /// There in place of `output` and `data` that are too long for an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<CutBody>,
    /// What happened, in order. Lists of executions leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<Vec<EventBody>>,
}

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
struct EventBody {
    at: String,
    /// `decided`, `modified`, `started`, `simulated`, `request`, `waiting`, `approved`, `rejected`, `expired`, `cancelled`,
    /// `asked`, `answered`, `awaits_calls`, `calls_ended` or `finished`.
    step: &'static str,
    /// What was decided, which approval or calls are waited for, who answered, why it was rejected, how it finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// One attempt at a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<SentBody>,
    /// A modifier that ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    modifier: Option<ModifiedBody>,
}

/// A modifier that ran.
#[derive(Debug, Serialize, ToSchema)]
struct ModifiedBody {
    id: String,
    name: String,
    /// `before` or `after`.
    when: String,
    /// The revision of the project's modifiers that it was of: it grows with each change of any of them.
    revision: i64,
}

/// One attempt at a request.
#[derive(Debug, Serialize, ToSchema)]
struct SentBody {
    /// Which request of the call, from 1.
    number: u32,
    /// Which attempt at it, from 1: more than one if the provider said that it should come later.
    attempt: u32,
    method: String,
    /// The answer's status; null if there was none.
    status: Option<u16>,
    /// How long was waited before it was sent again; null if it was not.
    again_after_ms: Option<u64>,
}

/// Whether to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WaitQuery {
    /// Answer only when the call neither runs nor waits for a person any more, or after this many milliseconds: at most
    /// 60,000.
    wait_ms: Option<u64>,
    /// The same with a unit, such as `500ms`, `30s` or `1m`. Give one of the two.
    wait: Option<String>,
}

/// Longest that a request for an execution is held: what proxies allow an idle connection.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// How often the record is looked at meanwhile: it may change in another process.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Which executions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExecutionQuery {
    /// `started`, `waiting`, `succeeded`, `failed`, `denied`, `rejected`, `expired`, `cancelled` or `unknown_outcome`.
    status: Option<String>,
    /// Full name of a tool.
    tool: Option<String>,
    /// A conversation.
    chat_id: Option<String>,
    /// What set them off.
    trigger_type: Option<String>,
    /// A user.
    identifier: Option<String>,
    /// The execution that they were made for.
    parent: Option<String>,
    /// Not before this time (RFC 3339).
    since: Option<String>,
    /// Items at most: 1 to 200, 50 if absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Calls, newest first. An agent sees its own.
#[utoipa::path(get, path = "/v1/executions", tag = "executions", params(ExecutionQuery),
    responses((status = 200, body = List<ExecutionBody>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ExecutionQuery>,
) -> Result<axum::Json<List<ExecutionBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let filter = ExecutionFilter {
        status: query.status.as_deref().map(status).transpose()?,
        tool: query.tool,
        chat_id: query.chat_id,
        trigger_type: query.trigger_type,
        identifier: query.identifier,
        parent: query.parent.as_deref().map(parent).transpose()?,
        since: query.since.as_deref().map(|text| time("since", text)).transpose()?,
        until: None,
        key: own_only(&caller),
    };
    let found = state.host.store.list_executions(&caller.project, &filter, &page).await?;
    Ok(axum::Json(List::of(found, |execution| body(&execution))))
}

/// One call. An agent sees its own.
#[utoipa::path(get, path = "/v1/executions/{id}", tag = "executions", params(("id" = String, Path), WaitQuery),
    responses((status = 200, body = ExecutionBody), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<WaitQuery>,
) -> Result<axum::Json<ExecutionBody>, Problem> {
    let deadline = tokio::time::Instant::now() + waits(&query)?;
    let host = &state.host;
    let mut execution = find(&state, &caller, &id).await?;
    let mut due = None;
    while matches!(execution.status, ExecutionStatus::Started | ExecutionStatus::Waiting)
        && !host.is_draining()
        && tokio::time::Instant::now() < deadline
    {
        tokio::time::sleep(LOOK_AGAIN).await;
        due = match execution.status {
            ExecutionStatus::Waiting => expire_when_due(host, &execution.id, due).await?,
            _ => None,
        };
        let found = host.store.find_execution(&caller.project, &execution.id).await?;
        execution = found.ok_or_else(missing)?;
    }
    let mut body = body(&execution);
    body.waits_for = call::waits_for(host, &execution).await?.map(WaitsForBody::of).unwrap_or_default();
    let SeenBodies { input, output, data } = call::bodies(host, &caller, &execution).await?;
    let long = |text: &&String| text.len() > host.retention.answer_bytes;
    let until = execution.finished_at.map(|at| at.plus(host.retention.bodies_for));
    body.cut =
        data.as_ref().or(output.as_ref()).filter(long).map(|text| CutBody::of(&state, &execution.id, text, until));
    (body.output, body.data) = if body.cut.is_some() { (None, None) } else { (output.map(raw), data.map(raw)) };
    body.input = input.map(raw);
    body.timeline = Some(call::timeline(host, &execution).await?.into_iter().map(event).collect());
    Ok(axum::Json(body))
}

/// Ends what waits in vain at the moment when that is so, and not at each look; gives when to look for it next.
async fn expire_when_due(
    host: &call::Host,
    execution: &ExecutionId,
    due: Option<Timestamp>,
) -> Result<Option<Timestamp>, Problem> {
    let due = match due {
        Some(due) => Some(due),
        None => host.store.pending_approval(execution).await?.map(|(_, expires_at)| expires_at),
    };
    if due.is_some_and(|due| due <= host.clock.now()) {
        host.store.expire_approvals(host.clock.now()).await?;
        return Ok(None);
    }
    Ok(due)
}

fn waits(query: &WaitQuery) -> Result<Duration, Problem> {
    let wait = match (query.wait_ms, &query.wait) {
        (Some(_), Some(_)) => return Err(Problem::bad_request("give one of `wait` and `wait_ms`")),
        (Some(millis), None) => Duration::from_millis(millis),
        (None, Some(text)) => duration(text)
            .ok_or_else(|| Problem::bad_request("`wait` is a number and its unit, such as `500ms`, `30s` or `1m`"))?,
        (None, None) => Duration::ZERO,
    };
    if wait > MAX_WAIT {
        return Err(Problem::bad_request(format!("an execution is waited for at most {} s", MAX_WAIT.as_secs())));
    }
    Ok(wait)
}

/// Reads whole milliseconds, seconds or minutes.
fn duration(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number: u64 = digits.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// Stops a call: one that waits for a person ends, one that runs on this host is stopped where it stands. If a write was
/// under way then, its outcome is not known. An agent cancels its own.
#[utoipa::path(post, path = "/v1/executions/{id}/cancel", tag = "executions", params(("id" = String, Path)),
    responses((status = 200, body = ExecutionBody), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn cancel(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<axum::Json<ExecutionBody>, Problem> {
    let execution = find_to_change(&state, &caller, &id).await?;
    let ended = call::cancel(&state.host, &caller, execution).await?;
    Ok(axum::Json(body(&ended)))
}

/// One to read.
pub(super) async fn find(state: &ApiState, caller: &Caller, id: &str) -> Result<Execution, Problem> {
    find_with(state, caller, id, CallerScope::ExecutionsRead).await
}

/// One to continue or to cancel.
pub(super) async fn find_to_change(state: &ApiState, caller: &Caller, id: &str) -> Result<Execution, Problem> {
    find_with(state, caller, id, CallerScope::ExecutionsManage).await
}

/// The caller's own; another one with this scope only.
async fn find_with(state: &ApiState, caller: &Caller, id: &str, others: CallerScope) -> Result<Execution, Problem> {
    let id = ExecutionId::parse(id).ok_or_else(missing)?;
    let host = &state.host;
    host.store.expire_approvals(host.clock.now()).await?;
    let execution = host.store.find_execution(&caller.project, &id).await?.ok_or_else(missing)?;
    if execution.key == caller.key || caller.may(others) { Ok(execution) } else { Err(missing()) }
}

fn missing() -> Problem {
    Problem::not_found("there is no such execution")
}

fn own_only(caller: &Caller) -> Option<crate::model::KeyId> {
    (!caller.may(CallerScope::ExecutionsRead)).then(|| caller.key.clone())
}

fn status(text: &str) -> Result<ExecutionStatus, Problem> {
    ExecutionStatus::parse(text).ok_or_else(|| {
        let all: Vec<_> = ExecutionStatus::ALL.iter().map(|status| status.as_str()).collect();
        Problem::bad_request(format!("`status` must be one of {}", all.join(", ")))
    })
}

fn parent(text: &str) -> Result<ExecutionId, Problem> {
    ExecutionId::parse(text).ok_or_else(|| Problem::bad_request("`parent` is not an execution id"))
}

pub(super) fn body(execution: &Execution) -> ExecutionBody {
    ExecutionBody {
        id: execution.id.to_string(),
        tool: execution.tool.clone(),
        component: execution.component().map(str::to_owned),
        connection_id: execution.through.as_ref().map(|through| through.connection.to_string()),
        account_id: execution.through.as_ref().map(|through| through.account.to_string()),
        identifier: execution.identifier.clone(),
        key_id: execution.key.to_string(),
        tool_call_id: execution.tool_call_id.clone(),
        parent: execution.parent.as_ref().map(ToString::to_string),
        chat_id: execution.chat_id.clone(),
        trigger_type: execution.trigger_type.clone(),
        input_digest: execution.input_digest.clone(),
        simulated: execution.simulated,
        surface: execution.surface().as_str(),
        rule: execution.rule.as_ref().map(ToString::to_string),
        status: execution.status.as_str(),
        code: execution.code.map(|code| code.as_str()),
        culprit: execution.culprit.map(|culprit| culprit.as_str()),
        detail: execution.detail.clone(),
        started_at: execution.started_at.to_rfc3339(),
        finished_at: execution.finished_at.map(Timestamp::to_rfc3339),
        timing: Timing {
            total_us: execution.latency.total_us,
            guest_us: execution.latency.guest_us,
            upstream_us: execution.latency.upstream_us,
        },
        requests: execution.requests,
        sent_bytes: execution.bytes.0,
        received_bytes: execution.bytes.1,
        scrubbed: execution.scrubbed,
        waits_for: WaitsForBody::default(),
        input: None,
        output: None,
        data: None,
        cut: None,
        timeline: None,
    }
}

fn event(event: call::Event) -> EventBody {
    let request = event.request.map(|sent| SentBody {
        number: sent.number,
        attempt: sent.attempt,
        method: sent.method,
        status: sent.status,
        again_after_ms: sent.again_after_ms,
    });
    let modifier = event.modifier.map(|call::Modified { modifier, name, when, revision, .. }| ModifiedBody {
        id: modifier,
        name,
        when,
        revision,
    });
    EventBody { at: event.at.to_rfc3339(), step: event.step, detail: event.detail, request, modifier }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_its_unit() {
        for (text, millis) in [("0s", 0), ("500ms", 500), ("30s", 30_000), ("1m", 60_000), ("007ms", 7)] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        let too_long = format!("{}m", u64::MAX);
        for text in ["", "s", "30", "-1s", "+1s", "1.5s", " 1s", "1 s", "1S", "1h", "1sm", "1ms ", "٣s", &too_long] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
