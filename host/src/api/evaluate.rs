//! A trial of policies: over a call that is only thought of, or over calls that were made.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::extract::{Admin, Json, time};
use super::page::page;
use super::policies::{Defaults, MAX_RULES};
use super::tools::raw;
use super::{ApiState, Problem};
use crate::call::{self, Decided, Differing, Draft, DraftRule, Opinion, Past, Supposed};
use crate::model::Caller;

/// What to judge: a call that is only thought of (`tool` and what belongs to it), or calls that were made (`executions`);
/// and by what, if not by the stored policies.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EvaluateBody {
    /// Name or alias.
    tool: Option<String>,
    connection: Option<String>,
    identifier: Option<String>,
    organization: Option<String>,
    #[schema(value_type = Option<Object>)]
    input: Option<serde_json::Value>,
    chat_id: Option<String>,
    trigger_type: Option<String>,
    executions: Option<PastBody>,
    /// Rules in place of the stored ones, in the order in which they are tried.
    rules: Option<Vec<DraftBody>>,
    /// Outcomes in place of the stored ones, where no rule holds.
    defaults: Option<Defaults>,
}

/// Calls that were made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PastBody {
    /// Those that began at this time or later (RFC 3339).
    since: String,
    /// Those that began before this time; until now if absent.
    until: Option<String>,
    /// Full name of a tool.
    tool: Option<String>,
    /// Calls at most: 1 to 200, 50 if absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A rule that is only thought of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DraftBody {
    name: String,
    condition: String,
    #[schema(value_type = Object)]
    outcome: Box<RawValue>,
}

/// What policies say: of one call, or of a page of calls.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum EvaluateAnswer {
    /// Of a call that is only thought of.
    One(OpinionBody),
    /// Of calls that were made.
    Past(PastOpinionBody),
}

/// What policies say of a call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OpinionBody {
    /// As in a policy.
    #[schema(value_type = Object)]
    outcome: Box<RawValue>,
    /// The rule that decided; null if it was the outcome for the tool's effect, or a rule that is not stored.
    policy_id: Option<String>,
    why: String,
    /// Each rule up to the one that decided.
    tried: Vec<TriedBody>,
}

/// What a rule said.
#[derive(Debug, Serialize, ToSchema)]
struct TriedBody {
    /// Null if it is not stored.
    policy_id: Option<String>,
    /// Whether its condition holds; null if that cannot be said, which denies.
    held: Option<bool>,
    error: Option<String>,
    /// Steps that it took.
    cost: u64,
}

/// What policies would say now of a page of calls, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PastOpinionBody {
    counts: CountsBody,
    /// Calls whose input is not kept, or not any more: nothing is said of them.
    input_not_kept: u64,
    /// Calls of which the tool, the account or the key is gone: nothing is said of them.
    not_known: u64,
    /// Test calls of administrators, which no rule is asked about.
    exempt: u64,
    /// The calls that would end otherwise.
    differing: Vec<DifferingBody>,
    /// Give this as `cursor` for the next page; null at the end.
    next_cursor: Option<String>,
}

/// Calls of each outcome, as it would be now.
#[derive(Debug, Serialize, ToSchema)]
struct CountsBody {
    allow: u64,
    ask_before: u64,
    ask_at_write: u64,
    deny: u64,
}

/// A call that would end otherwise.
#[derive(Debug, Serialize, ToSchema)]
struct DifferingBody {
    execution_id: String,
    tool: String,
    started_at: String,
    /// `allow`, `ask_before`, `ask_at_write` or `deny`.
    then: &'static str,
    /// The same, as it would be now.
    now: &'static str,
    /// The stored rule that would decide.
    policy_id: Option<String>,
    why: String,
}

/// What policies would say of a call, or of calls that were made. Nothing runs and nothing is recorded.
#[utoipa::path(post, path = "/v1/policies/evaluate", tag = "policies", request_body = EvaluateBody,
    responses((status = 200, body = EvaluateAnswer), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn evaluate(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Json(mut body): Json<EvaluateBody>,
) -> Result<Response, Problem> {
    let draft = draft(&state, &caller, &body)?;
    let answer = match (body.tool.take(), body.executions.take()) {
        (Some(tool), None) => {
            let supposed = supposed(tool, body);
            EvaluateAnswer::One(opinion(call::suppose(&state.host, &caller, &supposed, &draft).await?))
        }
        (None, Some(past)) if describes_nothing(&body) => {
            EvaluateAnswer::Past(judged(&state, &caller, past, &draft).await?)
        }
        _ => return Err(Problem::bad_request("give a call (`tool` and what belongs to it) or `executions`")),
    };
    Ok(axum::Json(answer).into_response())
}

fn draft(state: &ApiState, caller: &Caller, body: &EvaluateBody) -> Result<Draft, Problem> {
    let rules: Option<Vec<_>> = body.rules.as_ref().map(|rules| rules.iter().map(DraftBody::rule).collect());
    if rules.as_ref().is_some_and(|rules| rules.len() > MAX_RULES) {
        return Err(Problem::bad_request(format!("a project has at most {MAX_RULES} policies")));
    }
    let defaults = body.defaults.as_ref().map(serde_json::to_string).transpose();
    let defaults = defaults.map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(Draft::checked(&state.host, &caller.project, rules.as_deref(), defaults.as_deref())?)
}

impl DraftBody {
    fn rule(&self) -> DraftRule<'_> {
        DraftRule { name: &self.name, condition: &self.condition, outcome: self.outcome.get() }
    }
}

fn supposed(tool: String, body: EvaluateBody) -> Supposed {
    Supposed {
        tool,
        connection: body.connection,
        identifier: body.identifier,
        organization: body.organization,
        input: body.input.unwrap_or_else(|| serde_json::Value::Object(serde_json::Map::new())),
        chat_id: body.chat_id,
        trigger_type: body.trigger_type,
    }
}

fn describes_nothing(body: &EvaluateBody) -> bool {
    let texts = [&body.connection, &body.identifier, &body.organization, &body.chat_id, &body.trigger_type];
    texts.into_iter().all(Option::is_none) && body.input.is_none()
}

fn opinion(opinion: Opinion) -> OpinionBody {
    let tried = opinion.tried.into_iter().map(|tried| TriedBody {
        policy_id: tried.rule.map(|rule| rule.to_string()),
        held: tried.held,
        error: tried.error,
        cost: tried.cost,
    });
    OpinionBody {
        outcome: raw(opinion.outcome),
        policy_id: opinion.rule.map(|rule| rule.to_string()),
        why: opinion.why,
        tried: tried.collect(),
    }
}

async fn judged(state: &ApiState, caller: &Caller, past: PastBody, draft: &Draft) -> Result<PastOpinionBody, Problem> {
    let past = Past {
        since: time("since", &past.since)?,
        until: past.until.as_deref().map(|text| time("until", text)).transpose()?,
        tool: past.tool,
        page: page(past.limit, past.cursor)?,
    };
    let said = call::judge_past(&state.host, caller, &past, draft).await?;
    let count = |decided| said.now.get(&decided).copied().unwrap_or_default();
    Ok(PastOpinionBody {
        counts: CountsBody {
            allow: count(Decided::Allow),
            ask_before: count(Decided::AskBefore),
            ask_at_write: count(Decided::AskAtWrite),
            deny: count(Decided::Deny),
        },
        input_not_kept: said.input_not_kept,
        not_known: said.not_known,
        exempt: said.exempt,
        differing: said.differing.into_iter().map(differing).collect(),
        next_cursor: said.next_cursor,
    })
}

fn differing(differing: Differing) -> DifferingBody {
    DifferingBody {
        execution_id: differing.execution.to_string(),
        tool: differing.tool,
        started_at: differing.started_at.to_rfc3339(),
        then: differing.then.as_str(),
        now: differing.now.as_str(),
        policy_id: differing.rule.map(|rule| rule.to_string()),
        why: differing.why,
    }
}
