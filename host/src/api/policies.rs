//! Policies: ordered rules, and what holds where none does.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::extract::{Admin, Json, Path, Query};
use super::page::{List, PageQuery, page};
use super::tools::raw;
use super::{ApiState, Problem};
use crate::call::{check_fallback, check_rule};
use crate::model::{Caller, PolicyId};
use crate::store::PolicyRow;

/// A rule.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PolicyBody {
    id: String,
    /// Rules are tried from the lowest position up; the first whose condition holds decides.
    position: i64,
    name: String,
    /// CEL over `tool`, `action_type`, `connector`, `connection`, `effect`, `caller`, `identifier`, `organization`,
    /// `payload`, `chat_id`, `trigger_type` and `time`.
    condition: String,
    /// `{"outcome": "allow"}`, `{"outcome": "deny", "reason": …}` or `{"outcome": "ask", …}`.
    #[schema(value_type = Object)]
    outcome: Box<RawValue>,
    created_at: String,
    updated_at: String,
}

/// A new rule, or all of an old one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPolicy {
    pub(super) name: String,
    condition: String,
    #[schema(value_type = Object)]
    outcome: Box<RawValue>,
    /// After all others if absent.
    position: Option<i64>,
}

/// What holds where no rule does, by the tool's effect.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Defaults {
    /// Allowed if absent.
    #[schema(value_type = Object)]
    read: Option<Box<RawValue>>,
    /// Allowed if absent.
    #[schema(value_type = Object)]
    write: Option<Box<RawValue>>,
    /// An administrator is asked at the first write if absent.
    #[schema(value_type = Object)]
    destroy: Option<Box<RawValue>>,
}

/// Positions that rules can have: room to put some between others.
const MAX_POSITION: i64 = 1_000_000_000;

/// How far apart rules are that are added at the end.
const GAP: i64 = 1_000;

/// Rules of one project.
pub(super) const MAX_RULES: usize = 1_000;

/// All rules, in the order in which they are tried.
#[utoipa::path(get, path = "/v1/policies", tag = "policies", params(PageQuery),
    responses((status = 200, body = List<PolicyBody>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<List<PolicyBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    if page.cursor.as_deref().is_some_and(|cursor| !is_cursor(cursor)) {
        return Err(Problem::bad_request("`cursor` is not one that this list gave out"));
    }
    let set = state.host.store.policies(&caller.project).await?;
    let ordered: Vec<_> = set.rules.into_iter().map(|row| (format!("{:010}-{}", row.position, row.id), row)).collect();
    let cut = List::cut(ordered, page.limit, page.cursor.as_deref(), |(key, _)| key);
    let items = cut.items.iter().map(|(_, row)| body(row)).collect();
    Ok(axum::Json(List { items, next_cursor: cut.next_cursor, prev_cursor: None, total_size: cut.total_size }))
}

/// Adds a rule. Its condition is compiled and its types are checked now.
#[utoipa::path(post, path = "/v1/policies", tag = "policies", request_body = NewPolicy,
    responses((status = 201, body = PolicyBody), (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Json(new): Json<NewPolicy>,
) -> Result<Response, Problem> {
    let rules = state.host.store.policies(&caller.project).await?.rules;
    let row = add(&state, &caller, &rules, new).await?;
    Ok((StatusCode::CREATED, axum::Json(body(&row))).into_response())
}

/// Adds a rule to those that there are.
async fn add(state: &ApiState, caller: &Caller, rules: &[PolicyRow], new: NewPolicy) -> Result<PolicyRow, Problem> {
    let host = &state.host;
    let id = PolicyId::new(&host.clock, &host.random);
    if rules.len() >= MAX_RULES {
        return Err(Problem::conflict(format!("a project has at most {MAX_RULES} policies: remove some")));
    }
    let last = rules.last().map_or(0, |rule| rule.position);
    let now = host.clock.now();
    let by = caller.by(now);
    let old = PolicyRow {
        id,
        project: caller.project.clone(),
        position: last.saturating_add(GAP).min(MAX_POSITION),
        name: String::new(),
        condition: String::new(),
        outcome: String::new(),
        created_at: now,
        updated_at: now,
    };
    let row = changed(old, new)?;
    host.store.put_policy(&by, &row).await?;
    Ok(row)
}

/// Puts a rule in place of the one of its name, or adds it.
pub(super) async fn put_named(state: &ApiState, caller: &Caller, new: NewPolicy) -> Result<(), Problem> {
    let rules = state.host.store.policies(&caller.project).await?.rules;
    let mut named = rules.iter().filter(|rule| rule.name == new.name);
    match (named.next(), named.next()) {
        (None, _) => add(state, caller, &rules, new).await.map(drop),
        (Some(old), None) => put_over(state, caller, old.clone(), new).await.map(drop),
        (Some(_), Some(_)) => Err(Problem::conflict("several policies have this name: rename or remove all but one")),
    }
}

async fn put_over(state: &ApiState, caller: &Caller, old: PolicyRow, new: NewPolicy) -> Result<PolicyRow, Problem> {
    let row = changed(PolicyRow { updated_at: state.host.clock.now(), ..old }, new)?;
    state.host.store.put_policy(&caller.by(row.updated_at), &row).await?;
    Ok(row)
}

/// One rule.
#[utoipa::path(get, path = "/v1/policies/{id}", tag = "policies", params(("id" = String, Path)),
    responses((status = 200, body = PolicyBody), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<axum::Json<PolicyBody>, Problem> {
    Ok(axum::Json(body(&find(&state, &caller, &id).await?)))
}

/// Puts a rule in place of an old one; its position stays unless another is given.
#[utoipa::path(put, path = "/v1/policies/{id}", tag = "policies", params(("id" = String, Path)),
    request_body = NewPolicy,
    responses((status = 200, body = PolicyBody), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn replace(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    Json(new): Json<NewPolicy>,
) -> Result<axum::Json<PolicyBody>, Problem> {
    let old = find(&state, &caller, &id).await?;
    let row = put_over(&state, &caller, old, new).await?;
    Ok(axum::Json(body(&row)))
}

/// Removes a rule.
#[utoipa::path(delete, path = "/v1/policies/{id}", tag = "policies", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = PolicyId::parse(&id).ok_or_else(missing)?;
    match state.host.store.delete_policy(&caller.by(state.host.clock.now()), &caller.project, &id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(missing()),
    }
}

/// What holds where no rule does.
#[utoipa::path(get, path = "/v1/policies/defaults", tag = "policies",
    responses((status = 200, body = Defaults), (status = "default", body = Problem)))]
pub(super) async fn defaults(
    State(state): State<ApiState>,
    Admin(caller): Admin,
) -> Result<axum::Json<Box<RawValue>>, Problem> {
    let set = state.host.store.policies(&caller.project).await?;
    Ok(axum::Json(raw(check_fallback(set.fallback.as_deref())?)))
}

/// Sets what holds where no rule does; what is left out is as on a new host.
#[utoipa::path(put, path = "/v1/policies/defaults", tag = "policies", request_body = Defaults,
    responses((status = 200, body = Defaults), (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn set_defaults(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Json(new): Json<Defaults>,
) -> Result<axum::Json<Box<RawValue>>, Problem> {
    let text = serde_json::to_string(&new).map_err(|error| Problem::bad_request(error.to_string()))?;
    let fallback = check_fallback(Some(&text))?;
    let by = caller.by(state.host.clock.now());
    state.host.store.put_policy_fallback(&by, &caller.project, &fallback).await?;
    Ok(axum::Json(raw(fallback)))
}

/// Whether a text is a position and an identifier, as the list gives them out.
fn is_cursor(text: &str) -> bool {
    let digits = |text: &str| text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('-').is_some_and(|(position, id)| digits(position) && PolicyId::parse(id).is_some())
}

async fn find(state: &ApiState, caller: &Caller, id: &str) -> Result<PolicyRow, Problem> {
    let id = PolicyId::parse(id).ok_or_else(missing)?;
    let rules = state.host.store.policies(&caller.project).await?.rules;
    rules.into_iter().find(|rule| rule.id == id).ok_or_else(missing)
}

fn missing() -> Problem {
    Problem::not_found("there is no such policy")
}

fn changed(old: PolicyRow, new: NewPolicy) -> Result<PolicyRow, Problem> {
    let position = new.position.unwrap_or(old.position);
    if !(0..=MAX_POSITION).contains(&position) {
        return Err(Problem::bad_request(format!("`position` must be from 0 to {MAX_POSITION}")));
    }
    let outcome = check_rule(&old.id, &new.name, &new.condition, new.outcome.get())?;
    Ok(PolicyRow { position, name: new.name, condition: new.condition, outcome, ..old })
}

fn body(row: &PolicyRow) -> PolicyBody {
    PolicyBody {
        id: row.id.to_string(),
        position: row.position,
        name: row.name.clone(),
        condition: row.condition.clone(),
        outcome: raw(row.outcome.clone()),
        created_at: row.created_at.to_rfc3339(),
        updated_at: row.updated_at.to_rfc3339(),
    }
}
