//! A call that waits for the user, or for calls that it made: how it stops, what is shown of it, and how it goes on.

use serde::{Deserialize, Serialize};
use tracing::Instrument;

use super::kept::{self, KeptRequest, part};
use super::limits::INPUT_PATIENCE;
use super::resolve::Resolved;
use super::resume::{self, Goes};
use super::seen::Eyes;
use super::timeline::Step;
use super::{CallRequest, Held, Host, WaitsFor, faults, nested, timeline, wait};
use crate::catalog::check_against;
use crate::config::FaultPoint;
use crate::model::{Caller, Code, Culprit, Execution, ExecutionId, ExecutionStatus, Fault, ProjectId, Timestamp};
use crate::policy::At;
use crate::runtime::limits::CALL_ALL_BYTES;
use crate::runtime::{CallError, Entry, Journal, NestedFault, Reply, Report};
use crate::store::{Bodies, Pause};

/// What a tool asks its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputAsked {
    /// One sentence.
    pub question: String,
    /// JSON Schema 2020-12 of the answer, as JSON text.
    pub schema: String,
    /// When it is too late for an answer.
    pub expires_at: Timestamp,
}

/// The same as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct KeptQuestion {
    question: String,
    schema: String,
}

/// What such a call would wait for.
const OTHERS: &str = "this call would have to wait for its user or for calls that it made";

/// Lets a call wait that has stopped to do so; `None` if it has not. `asked` is when policies wanted a person to look at
/// it, `approved` whether one has.
pub(super) async fn paused(
    host: &Host,
    request: &CallRequest,
    (execution, resolved): (&Execution, &Resolved),
    (asked, approved): (Option<At>, bool),
    (report, happened): (&Report, Option<&str>),
) -> Result<Option<Held>, Fault> {
    let (Err(error), Some(journal)) = (&report.outcome, &report.journal) else { return Ok(None) };
    let now = host.clock.now();
    let expires_at = now.plus(INPUT_PATIENCE);
    let seal = |part, bytes: &[u8]| kept::seal(host, &execution.project, execution.id.as_str(), part, bytes);
    let shown;
    let (pause, waits_for, noted) = match error {
        CallError::WaitingForCalls(calls) => {
            let names: Vec<&str> = calls.iter().map(ExecutionId::as_str).collect();
            let noted = timeline::noted(now, Step::AwaitsCalls, Some(names.join(" ")));
            (Pause::Calls(calls), WaitsFor::Calls(calls.clone()), noted)
        }
        CallError::WaitingForInput(asked) => {
            check_question(&asked.schema)?;
            let question = KeptQuestion { question: asked.question.clone(), schema: asked.schema.clone() };
            shown = seal(part::QUESTION, &kept::written(&question))?;
            let KeptQuestion { question, schema } = question;
            let waits_for = WaitsFor::Input(InputAsked { question, schema, expires_at });
            // What is asked is sealed: the timeline says no more than that something is.
            let noted = timeline::noted(now, Step::Asked, None);
            (Pause::Input { shown: &shown, expires_at }, waits_for, noted)
        }
        _ => return Ok(None),
    };
    wait::can_wait(host, OTHERS)?;
    FaultPoint::Stopped.pass();
    let mut kept = KeptRequest { asks: report.asks, approved, ..KeptRequest::of(request, asked) };
    if let Some(earlier) = kept::request(host, execution).await? {
        // What policies said when it was made is not what they said when it went on.
        kept.asked = earlier.asked;
    }
    let eyes = Eyes::of(host, Some(resolved));
    let bodies = Bodies {
        request: seal(part::REQUEST, &kept::written(&kept))?,
        journal: Some(seal(part::JOURNAL, &journal.to_bytes())?),
        output: None,
        input_seen: kept::seen(host, request, (execution, Some(&resolved.tool().tool)), eyes.as_ref()),
        output_seen: None,
        to_collect: true,
    };
    host.store.record_pause(execution, (happened, &noted), pause, &bodies, now).await.map_err(faults::store)?;
    FaultPoint::Waiting.pass();
    tracing::info!(execution = %execution.id, tool = execution.tool, "a call waits for its user, or for its own calls");
    Ok(Some(Held { execution: execution.id.clone(), waits_for }))
}

/// A guest that asks with a schema that is none is told so before anybody is asked.
fn check_question(schema: &str) -> Result<(), Fault> {
    check_against(schema, "null").map(drop).map_err(|reason| {
        let detail = format!("the connector asks its user for something that no schema describes: {reason}");
        Fault::new(Code::GuestError, Culprit::Guest, detail)
    })
}

/// What a call waits for; `None` if it does not.
pub async fn waits_for(host: &Host, execution: &Execution) -> Result<Option<WaitsFor>, Fault> {
    if execution.status != ExecutionStatus::Waiting {
        return Ok(None);
    }
    if let Some((approval, _)) = host.store.pending_approval(&execution.id).await.map_err(faults::store)? {
        return Ok(Some(WaitsFor::Approval(approval)));
    }
    if let Some((asked, _)) = question(host, execution).await? {
        return Ok(Some(WaitsFor::Input(asked)));
    }
    let calls = host.store.awaited_calls(&execution.id).await.map_err(faults::store)?;
    Ok((!calls.is_empty()).then_some(WaitsFor::Calls(calls)))
}

/// The question that a call waits with, and how it is sealed, which tells it from others.
async fn question(host: &Host, execution: &Execution) -> Result<Option<(InputAsked, String)>, Fault> {
    let Some(request) = host.store.input_request(&execution.id).await.map_err(faults::store)? else { return Ok(None) };
    let bytes = kept::open(host, &execution.project, execution.id.as_str(), part::QUESTION, &request.shown)?;
    let KeptQuestion { question, schema } =
        serde_json::from_slice(&bytes).map_err(|_| kept::unreadable(&execution.id))?;
    Ok(Some((InputAsked { question, schema, expires_at: request.expires_at }, request.shown)))
}

/// Gives a call that waits for its user the answer: it goes on in a task of this host, and its record says how it ends.
///
/// # Errors
/// A conflict if it waits for no answer, and what is wrong with one that does not satisfy the schema.
pub async fn answer(host: &Host, caller: &Caller, execution: &Execution, input: &str) -> Result<(), Fault> {
    let conflict = |detail: String| Fault::new(Code::Conflict, Culprit::Caller, detail);
    if host.is_draining() {
        let detail = "this host is stopping: answer by way of another one, or in a moment";
        return Err(Fault::new(Code::Unavailable, Culprit::Host, detail));
    }
    let Some((asked, shown)) = question(host, execution).await? else {
        let status = execution.status.as_str();
        return Err(conflict(format!("the call is `{status}` and waits for no answer of a user")));
    };
    let checked = check_against(&asked.schema, input).map_err(|_| kept::unreadable(&execution.id))?;
    checked.map_err(|errors| Fault {
        errors,
        ..Fault::new(
            Code::InvalidInput,
            Culprit::Caller,
            "the answer does not satisfy the schema that it was asked with",
        )
    })?;
    let mut journal = kept::journal(host, execution).await?;
    let answered = || conflict("the call was answered already, or its time is over: look at its record".into());
    let open = journal.entries.last_mut().filter(|entry| entry.reply == Reply::Pending(None));
    open.ok_or_else(answered)?.reply = Reply::Output(input.to_owned());
    let sealed = kept::seal(host, &execution.project, execution.id.as_str(), part::JOURNAL, &journal.to_bytes())?;
    let by = caller.by(host.clock.now());
    let noted = timeline::noted(by.at, Step::Answered, Some(format!("by {}", caller.key)));
    let answer = (shown.as_str(), sealed.as_str(), noted.as_str());
    if !host.store.answer_input(&by, execution, answer, &host.host_id).await.map_err(faults::store)? {
        return Err(answered());
    }
    FaultPoint::DecisionKept.pass();
    tracing::info!(execution = %execution.id, by = %caller.key, "a user answered");
    goes_on(host, execution.project.clone(), execution.id.clone());
    Ok(())
}

/// Goes on with calls whose own calls have ended: with all, or with those that wait for this one. Of several hosts one
/// takes each; one that stops leaves them to the others, or to its next start.
pub(super) async fn wake(host: &Host, child: Option<&ExecutionId>) {
    if host.is_draining() {
        return;
    }
    let ready = match host.store.ready_parents(child).await {
        Ok(ready) => ready,
        Err(error) => {
            tracing::warn!(%error, "calls that wait for their own could not be looked for");
            return;
        }
    };
    for (project, parent) in ready {
        let now = host.clock.now();
        let noted = timeline::noted(now, Step::CallsEnded, None);
        match host.store.take_parent(&project, &parent, &noted, &host.host_id, now).await {
            Ok(true) => {
                FaultPoint::Woken.pass();
                goes_on(host, project, parent);
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(execution = %parent, %error, "a call that could go on could not be taken"),
        }
    }
}

fn goes_on(host: &Host, project: ProjectId, execution: ExecutionId) {
    let host = host.clone();
    let tracker = host.running.clone();
    let work = async move { resume::go_on(&host, &project, &execution, Goes::Answered).await };
    tracker.spawn(work.in_current_span());
}

/// Puts what came of the calls that a call waited for into its journal.
pub(super) async fn completed(host: &Host, execution: &Execution, mut journal: Journal) -> Result<Journal, Fault> {
    let mut room = CALL_ALL_BYTES;
    for Entry { reply, .. } in &mut journal.entries {
        if let Reply::Pending(Some(child)) = reply {
            *reply = outcome(host, &execution.project, child).await?;
        }
        if let Reply::Output(output) = reply {
            match room.checked_sub(output.len()) {
                Some(left) => room = left,
                None => *reply = Reply::Failed(NestedFault::too_much()),
            }
        }
    }
    Ok(journal)
}

async fn outcome(host: &Host, project: &ProjectId, child: &ExecutionId) -> Result<Reply, Fault> {
    let gone = || {
        let detail = format!("the record of {child}, which it called, is gone");
        Reply::Failed(nested::told(&Fault::new(Code::Internal, Culprit::Host, detail)))
    };
    let Some(child) = host.store.find_execution(project, child).await.map_err(faults::store)? else {
        return Ok(gone());
    };
    if child.status == ExecutionStatus::Succeeded {
        return Ok(kept::output(host, project, &child.id).await?.map_or_else(gone, Reply::Output));
    }
    let code = child.code.unwrap_or(Code::Internal);
    let detail = format!("{}: {}", child.status.as_str(), child.detail.unwrap_or_default());
    Ok(Reply::Failed(nested::told(&Fault::new(code, child.culprit.unwrap_or(Culprit::Host), detail))))
}
