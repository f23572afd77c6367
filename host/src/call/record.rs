//! The record of a call: on disk before its first byte leaves, and its outcome after.

use sha2::{Digest, Sha256};

use super::kept::Keeping;
use super::resolve::Resolved;
use super::{CallRequest, Host, faults, once, outcome, pause, timeline};
use crate::config::Records;
use crate::model::{Caller, Code, Culprit, Execution, ExecutionId, ExecutionStatus, Fault, Latency, Through};
use crate::runtime::Report;
use crate::store::{Beginning, KeptAnswer, KeptEnd, KeptStart, Outcome, StoreError};

/// Writes the execution down as started. No row, no call.
pub(super) async fn start(
    host: &Host,
    request: &CallRequest,
    execution: &Execution,
    (kept, timeline): (Option<KeptStart>, Option<String>),
) -> Result<(), Fault> {
    if host.records == Records::Off {
        return Ok(());
    }
    let with = Beginning { once: once::reservation(host, request), kept, timeline };
    let recorded = host.store.record_start_with(execution, &host.host_id, with).await;
    recorded.map_err(|error| not_started(request, error))
}

/// Why a call could not begin: with a key, a conflict means that somebody else has it.
pub(super) fn not_started(request: &CallRequest, error: StoreError) -> Fault {
    match error {
        StoreError::Conflict(_) if request.idempotency_key.is_some() => once::taken(),
        error => faults::store(error),
    }
}

/// Writes down a call that a policy stops: it never starts.
pub(super) async fn deny(
    host: &Host,
    request: &CallRequest,
    (execution, resolved): (Execution, Option<&Resolved>),
    fault: &Fault,
) -> Result<Option<ExecutionId>, Fault> {
    if host.records == Records::Off {
        return Ok(None);
    }
    let execution = ended_at_once(execution, ExecutionStatus::Denied, fault);
    // It never begins to run: whoever comes with the same idempotency key may try again.
    let kept = kept_at_once(host, request, &execution, resolved);
    let timeline = resolved.and_then(|resolved| timeline::begun(&resolved.modified));
    let with = Beginning { once: None, kept, timeline };
    host.store.record_start_with(&execution, &host.host_id, with).await.map_err(faults::store)?;
    Ok(Some(execution.id))
}

/// What is kept of a call that ends as it begins.
pub(super) fn kept_at_once(
    host: &Host,
    request: &CallRequest,
    execution: &Execution,
    resolved: Option<&Resolved>,
) -> Option<KeptStart> {
    let tool = resolved.map(|resolved| &resolved.tool().tool);
    Keeping::of(host, resolved, false)?.start(host, request, (execution, tool), None)
}

/// One that ends as it begins.
pub(super) fn ended_at_once(execution: Execution, status: ExecutionStatus, fault: &Fault) -> Execution {
    Execution {
        status,
        code: Some(fault.code),
        culprit: Some(fault.culprit),
        detail: Some(fault.detail.clone()),
        finished_at: Some(execution.started_at),
        ..execution
    }
}

/// A call as its record begins.
pub(super) fn execution(host: &Host, caller: &Caller, request: &CallRequest, resolved: &Resolved) -> Execution {
    let context = &resolved.context;
    let through = Through {
        component: resolved.installed.digest.clone(),
        connection: context.connection.id.clone(),
        account: context.account.id.clone(),
    };
    Execution {
        id: resolved.execution.clone(),
        tool: resolved.tool().tool.name.clone(),
        through: Some(through),
        simulated: context.connection.demo,
        rule: resolved.rule.clone(),
        ..action(host, caller, request, Some(&context.account.identifier))
    }
}

/// An action type that no tool has, as its record begins.
pub(super) fn action(host: &Host, caller: &Caller, request: &CallRequest, identifier: Option<&str>) -> Execution {
    Execution {
        id: ExecutionId::new(&host.clock, &host.random),
        project: caller.project.clone(),
        key: caller.key.clone(),
        tool: request.tool.clone(),
        through: None,
        identifier: identifier.map(str::to_owned),
        tool_call_id: request.tool_call_id.clone(),
        parent: request.parent.clone(),
        chat_id: request.chat_id.clone(),
        trigger_type: request.trigger_type.clone(),
        surface: Some(request.surface),
        rule: None,
        input_digest: hex::encode(Sha256::digest(request.input.as_bytes())),
        simulated: false,
        status: ExecutionStatus::Started,
        code: None,
        culprit: None,
        detail: None,
        started_at: host.clock.now(),
        finished_at: None,
        latency: Latency::default(),
        requests: 0,
        bytes: (0, 0),
        scrubbed: 0,
    }
}

/// What is kept of a call besides how it ended.
#[derive(Debug)]
pub(super) struct Kept {
    /// What happened in it.
    pub(super) timeline: Option<String>,
    /// For who asks again with the same idempotency key.
    pub(super) answer: Option<KeptAnswer>,
    /// What it was told and what it answered.
    pub(super) bodies: Option<KeptEnd>,
}

/// Writes the outcome down. If that cannot be done, the caller is told so: the call has happened.
pub(super) async fn finish(
    host: &Host,
    execution: &Execution,
    result: Result<(), &Fault>,
    report: Option<&Report>,
    latency: Latency,
    kept: Kept,
) -> Result<(), Fault> {
    if host.records == Records::Off {
        return Ok(());
    }
    let fault = result.err();
    let outcome = Outcome {
        status: outcome::status(result, report),
        code: fault.map(|fault| fault.code),
        culprit: fault.map(|fault| fault.culprit),
        detail: fault.map(|fault| fault.detail.clone()),
        rule: fault.and_then(|fault| fault.rule.clone()),
        finished_at: host.clock.now(),
        latency,
        requests: report
            .map_or(0, |report| report.requests.saturating_add(u32::try_from(report.again).unwrap_or(u32::MAX))),
        bytes: report.map_or((0, 0), |report| (report.sent_bytes, report.received_bytes)),
        scrubbed: report.map_or(0, |report| report.scrubbed),
        timeline: kept.timeline,
        answer: kept.answer,
        kept: kept.bodies,
    };
    let id = &execution.id;
    host.store.record_outcome(id, &outcome).await.map_err(|error| {
        tracing::error!(execution = %id, %error, status = outcome.status.as_str(), "an outcome could not be recorded");
        let detail = format!(
            "the call has run and ended as `{}`, but its outcome could not be recorded: {id} still reads \
             `started`. Do not repeat a write before you have looked at the provider",
            outcome.status.as_str()
        );
        Fault::new(Code::Internal, Culprit::Host, detail)
    })?;
    if execution.parent.is_some() {
        // The call that it was made for may wait for it.
        pause::wake(host, Some(&execution.id)).await;
    }
    Ok(())
}
