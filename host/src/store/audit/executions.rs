//! What the chain says of executions.

use super::{Act, Detail};
use crate::model::{Action, Actor, By, Execution, ExecutionId, ExecutionStatus, ProjectId, Timestamp};
use crate::store::Outcome;

/// A key had a tool run; its input is there as a digest.
pub(in crate::store) fn started(execution: &Execution, host: &str) -> Act {
    let by = By { actor: Actor::Key(execution.key.clone()), at: execution.started_at };
    let act = Act::new(&execution.project, &by, Action::Execution(execution.status), execution.id.as_str())
        .component(execution.component().unwrap_or_default())
        .detail(asked(execution).with("host", host));
    execution.rule.iter().fold(act, |act, rule| act.rule(rule.as_str()))
}

/// What an execution was asked for as.
pub(in crate::store) fn asked(execution: &Execution) -> Detail {
    Detail::default()
        .with("tool", &execution.tool)
        .with_some("account", execution.through.as_ref().map(|through| through.account.as_str()))
        .with("input", &execution.input_digest)
        .simulated(execution.simulated)
        .with_some("parent", execution.parent.as_ref().map(ExecutionId::as_str))
}

/// A host saw how it ended.
pub(in crate::store) fn ended(project: &ProjectId, component: &str, id: &ExecutionId, outcome: &Outcome) -> Act {
    let detail = Detail::default()
        .with_some("code", outcome.code.map(|code| code.as_str()))
        .with_some("culprit", outcome.culprit.map(|culprit| culprit.as_str()))
        .number("requests", outcome.requests.into());
    let by = By::host(outcome.finished_at);
    let act =
        Act::new(project, &by, Action::Execution(outcome.status), id.as_str()).component(component).detail(detail);
    outcome.rule.iter().fold(act, |act, rule| act.rule(rule.as_str()))
}

/// A host found that it had ended while this ran.
pub(in crate::store) fn lost(project: &ProjectId, component: &str, id: &str, host: &str, now: Timestamp) -> Act {
    let action = Action::Execution(ExecutionStatus::UnknownOutcome);
    Act::new(project, &By::host(now), action, id).component(component).detail(Detail::default().with("host", host))
}
