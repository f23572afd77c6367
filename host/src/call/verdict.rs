//! What the project's policies say of a call: it runs, it does not, or it waits for a person.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::resolve::Resolved;
use super::{CallRequest, Host, faults, simulated};
use crate::model::{Caller, Code, Culprit, Effect, Fault, PolicyId, ProjectId, Route, Timestamp};
use crate::policy::{Ask, At, CallerFacts, Decision, Facts, Fallback, Outcome, Rule, Rules, Why, decide};
use crate::store::{PolicySet, Subject};

/// The compiled rules of each project, with the revision that they were compiled from.
#[derive(Debug, Default)]
pub struct CompiledPolicies(Mutex<HashMap<ProjectId, (i64, Arc<Rules>)>>);

/// Why a person has to look at a call.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) ask: Ask,
    pub(super) rule: Option<PolicyId>,
    /// For the record.
    pub(super) why: String,
}

/// What happens to a call.
#[derive(Debug)]
pub(super) enum Verdict {
    Run,
    Ask(Asked),
    Deny(Fault),
}

/// What policies say of a call now.
pub(super) async fn verdict(
    host: &Host,
    caller: &Caller,
    request: &CallRequest,
    resolved: &Resolved,
) -> Result<Judged, Fault> {
    let rules = rules(host, &caller.project).await?;
    judge(&rules, caller, request, resolved, host.clock.now())
}

/// What policies say now of an action type that no tool has.
pub(super) async fn on_action(
    host: &Host,
    caller: &Caller,
    request: &CallRequest,
    identifier: Option<&str>,
) -> Result<Judged, Fault> {
    let rules = rules(host, &caller.project).await?;
    judge_action(&rules, caller, request, identifier, host.clock.now())
}

/// What is said of a call, and by what.
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    /// `None` if it was the fallback, or a profile.
    pub(super) rule: Option<PolicyId>,
    pub(super) why: Why,
}

/// What rules, and the profile that a call is made under, say of it at a moment.
pub(super) fn judge(
    rules: &Rules,
    caller: &Caller,
    request: &CallRequest,
    resolved: &Resolved,
    at: Timestamp,
) -> Result<Judged, Fault> {
    let payload = payload(rules, request)?;
    let (tool, context) = (&resolved.tool().tool, &resolved.context);
    let facts = Facts {
        tool: &tool.name,
        connector: Some(&resolved.installed.connector.name),
        connection: Some(&context.connection.name),
        effect: tool.effect,
        organization: Some(context.account.organization.as_str()).filter(|organization| !organization.is_empty()),
        ..facts(caller, request, Some(&context.account.identifier), &payload, at)
    };
    let Judged { verdict, rule, why } = Judged::of(decide(rules, &facts));
    let verdict = match (&resolved.asking_profile, tool.requires_approval) {
        (Some(profile), _) => {
            let why = format!("profile `{profile}` wants calls of this tool to be approved");
            asked_anyway(verdict, why, resolved)
        }
        (None, true) => asked_anyway(verdict, "its connector wants calls of this tool to be approved".into(), resolved),
        (None, false) => verdict,
    };
    Ok(Judged { verdict: simulated::asked_before(verdict, resolved), rule, why })
}

/// The same of an action type that no tool has. Where somebody is to be asked at a write, they are asked before: there is
/// none.
pub(super) fn judge_action(
    rules: &Rules,
    caller: &Caller,
    request: &CallRequest,
    identifier: Option<&str>,
    at: Timestamp,
) -> Result<Judged, Fault> {
    let payload = payload(rules, request)?;
    let Judged { verdict, rule, why } = Judged::of(decide(rules, &facts(caller, request, identifier, &payload, at)));
    let verdict = match verdict {
        Verdict::Ask(asked) => Verdict::Ask(Asked { ask: Ask { at: At::Before, ..asked.ask }, ..asked }),
        verdict => verdict,
    };
    Ok(Judged { verdict, rule, why })
}

impl Judged {
    fn of(Decision { outcome, rule, why }: Decision) -> Self {
        let by = rule.clone();
        let verdict = match outcome {
            Outcome::Allow => Verdict::Run,
            Outcome::Deny { reason } => {
                let by = rule.as_ref().map(|rule| format!(" ({rule})")).unwrap_or_default();
                let detail = format!("a policy{by} says no: {reason}");
                Verdict::Deny(Fault { rule, ..Fault::new(Code::DeniedByPolicy, Culprit::Policy, detail) })
            }
            Outcome::Ask(ask) => Verdict::Ask(Asked { ask, rule, why: why.to_string() }),
        };
        Self { verdict, rule: by, why }
    }
}

/// A profile or an import wants a person to look at the call: a policy may forbid it, or say who that is, and no less.
fn asked_anyway(verdict: Verdict, why: String, resolved: &Resolved) -> Verdict {
    let reads = resolved.tool().tool.effect == Effect::Read;
    match verdict {
        Verdict::Run => {}
        // Asked at the first write of a tool that reads, nobody might ever be asked.
        Verdict::Ask(asked) if reads && asked.ask.at == At::AtWrite => {}
        decided => return decided,
    }
    let at = if reads { At::Before } else { At::AtWrite };
    Verdict::Ask(Asked { ask: Ask { at, ..Ask::standard() }, rule: None, why })
}

/// The input. Without rules the effect decides alone, and nothing needs to be read.
fn payload(rules: &Rules, request: &CallRequest) -> Result<serde_json::Value, Fault> {
    match rules.iter().next() {
        None => Ok(serde_json::Value::Null),
        Some(_) => serde_json::from_str(&request.input).map_err(|error| {
            Fault::new(Code::InvalidInput, Culprit::Caller, format!("the input is not JSON: {error}"))
        }),
    }
}

/// The facts of an action type that no tool has. It writes, as far as anybody knows.
fn facts<'a>(
    caller: &'a Caller,
    request: &'a CallRequest,
    identifier: Option<&'a str>,
    payload: &'a serde_json::Value,
    time: Timestamp,
) -> Facts<'a> {
    Facts {
        tool: &request.tool,
        action_type: &request.tool,
        connector: None,
        connection: None,
        effect: Effect::Write,
        caller: CallerFacts { id: caller.key.as_str(), name: &caller.name, role: caller.role },
        identifier,
        organization: None,
        payload,
        chat_id: request.chat_id.as_deref(),
        trigger_type: request.trigger_type.as_deref(),
        time,
    }
}

/// The project's rules, compiled when they were changed and not before.
pub(super) async fn rules(host: &Host, project: &ProjectId) -> Result<Arc<Rules>, Fault> {
    let revision = host.store.revision(Subject::Policies, project).await.map_err(faults::store)?;
    let kept = || host.policies.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, rules)) = kept().get(project)
        && *of == revision
    {
        return Ok(Arc::clone(rules));
    }
    let set = host.store.policies(project).await.map_err(faults::store)?;
    let revision = set.revision;
    let rules = Arc::new(compile(set).map_err(|reason| {
        tracing::error!(%project, reason, "stored policies cannot be read: every call is refused");
        let detail = format!("the project's policies cannot be read ({reason}): nothing runs until they are mended");
        Fault::new(Code::DeniedByPolicy, Culprit::Policy, detail)
    })?);
    kept().insert(project.clone(), (revision, Arc::clone(&rules)));
    Ok(rules)
}

/// Compiles stored rules.
///
/// # Errors
/// One sentence, naming the rule.
pub(super) fn compile(set: PolicySet) -> Result<Rules, String> {
    let mut rules = Vec::with_capacity(set.rules.len());
    for row in set.rules {
        let outcome = Outcome::from_json(&row.outcome).map_err(|error| format!("{}: {error}", row.id))?;
        let id = row.id.clone();
        rules.push(Rule::new(row.id, &row.name, &row.condition, outcome).map_err(|error| format!("{id}: {error}"))?);
    }
    let fallback = match set.fallback {
        Some(text) => Fallback::from_json(&text)?,
        None => Fallback::standard(),
    };
    Rules::new(rules, fallback).map_err(|error| error.to_string())
}

/// Whether nothing but reading can come of a call, so that nobody has to be asked at a write.
pub(super) fn only_reads(resolved: &Resolved) -> bool {
    let tool = &resolved.tool().tool;
    tool.effect == Effect::Read && !tool.routes.iter().any(Route::writes)
}
