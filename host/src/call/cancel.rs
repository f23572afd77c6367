//! Stops a call that somebody no longer wants: one that waits ends at once, one that runs is stopped where it stands.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::limits::CANCEL_PATIENCE;
use super::nested::Waiting;
use super::{CallRequest, Host, faults, pause};
use crate::model::{By, Caller, Code, Culprit, Execution, ExecutionId, ExecutionStatus, Fault, ProjectId};

/// The calls that this host runs now, and how to stop each.
#[derive(Debug, Default)]
pub struct Stoppable(Mutex<HashMap<ExecutionId, Tokens>>);

#[derive(Clone, Debug, Default)]
struct Tokens {
    stop: CancellationToken,
    ended: CancellationToken,
    /// Tells one run of a call from another, and has the calls that it made and that wait.
    inner: Waiting,
}

/// A call on the list; it leaves it when this is dropped, after its outcome was recorded.
pub(super) struct Entered {
    host: Host,
    project: ProjectId,
    execution: ExecutionId,
    tokens: Tokens,
}

impl Entered {
    /// Puts a call on the list.
    pub(super) fn new(host: &Host, of: &Execution, request: &CallRequest) -> Self {
        let (project, execution) = (of.project.clone(), of.id.clone());
        // A call that another one makes stops with it; others when whoever asked gives up.
        let above = request.nesting.as_ref().map(|nesting| &nesting.stop);
        let above = above.or_else(|| request.asker.as_ref().map(|asker| &asker.stop));
        let stop = above.map(CancellationToken::child_token).unwrap_or_default();
        let tokens = Tokens { stop, ..Tokens::default() };
        host.stoppable.list().insert(execution.clone(), tokens.clone());
        Self { host: host.clone(), project, execution, tokens }
    }

    /// Where the calls that it makes are noted if they wait.
    pub(super) fn inner(&self) -> Waiting {
        Arc::clone(&self.tokens.inner)
    }

    /// Stops the calls that it made, those that wait among them: it has come to nothing, and nobody waits for them.
    pub(super) async fn abandon(&self) {
        self.tokens.stop.cancel();
        let waiting = std::mem::take(&mut *self.tokens.inner.lock().unwrap_or_else(PoisonError::into_inner));
        for inner in &waiting {
            end_waiting(&self.host, &self.project, inner).await;
        }
    }

    /// Tells when the call has to stop.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.tokens.stop
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut list = self.host.stoppable.list();
        // A call that waited may be going on already, under tokens of its own.
        if list.get(&self.execution).is_some_and(|tokens| Arc::ptr_eq(&tokens.inner, &self.tokens.inner)) {
            list.remove(&self.execution);
        }
        drop(list);
        self.tokens.ended.cancel();
    }
}

impl Stoppable {
    fn list(&self) -> std::sync::MutexGuard<'_, HashMap<ExecutionId, Tokens>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tokens(&self, execution: &ExecutionId) -> Option<Tokens> {
        self.list().get(execution).cloned()
    }
}

/// Ends an inner call that waits, if it still does.
pub(super) async fn end_waiting(host: &Host, project: &ProjectId, execution: &ExecutionId) {
    match host.store.cancel_waiting(&By::host(host.clock.now()), project, execution).await {
        Ok(true) => tracing::info!(%execution, "a call that waited ended with the one that it was made for"),
        Ok(false) => {}
        Err(error) => tracing::error!(%execution, %error, "a call that nobody waits for could not be ended"),
    }
}

/// How often the record is looked at while a call comes to its end in the same moment.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Stops a call; gives its record as it ended.
///
/// # Errors
/// A conflict if it has ended by itself, or runs on another host.
pub async fn cancel(host: &Host, caller: &Caller, execution: Execution) -> Result<Execution, Fault> {
    let deadline = tokio::time::Instant::now() + CANCEL_PATIENCE;
    let mut execution = execution;
    let mut stopped = false;
    loop {
        match execution.status {
            ExecutionStatus::Waiting => {
                let by = caller.by(host.clock.now());
                let calls = host.store.awaited_calls(&execution.id).await.map_err(faults::store)?;
                let cancelled = host.store.cancel_waiting(&by, &execution.project, &execution.id).await;
                if cancelled.map_err(faults::store)? {
                    tracing::info!(execution = %execution.id, "a call that waited was cancelled");
                    stopped = true;
                    cancel_all(host, caller, &execution.project, &calls).await?;
                    // One that waits for this one goes on without its result.
                    pause::wake(host, Some(&execution.id)).await;
                }
            }
            ExecutionStatus::Started => {
                if let Some(tokens) = host.stoppable.tokens(&execution.id) {
                    tokens.stop.cancel();
                    stopped = true;
                    // A guest stops at its next tick; what is left is writing the outcome down.
                    let _ = tokio::time::timeout_at(deadline, tokens.ended.cancelled()).await;
                } else {
                    runs_here(host, &execution).await?;
                }
            }
            ExecutionStatus::Cancelled | ExecutionStatus::UnknownOutcome if stopped => return Ok(execution),
            status => {
                let detail = format!("the call has ended as `{}`: there is nothing to cancel", status.as_str());
                return Err(conflict(&detail));
            }
        }
        let found = host.store.find_execution(&execution.project, &execution.id).await.map_err(faults::store)?;
        let Some(found) = found else { return Err(conflict("the record of the call is gone")) };
        execution = found;
        if tokio::time::Instant::now() >= deadline {
            return Err(conflict("the call does not come to its end: look at its record in a moment"));
        }
        if execution.status == ExecutionStatus::Started {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// Stops calls that nobody needs any more; those that have ended meanwhile stay as they are.
async fn cancel_all(host: &Host, caller: &Caller, project: &ProjectId, calls: &[ExecutionId]) -> Result<(), Fault> {
    for call in calls {
        let found = host.store.find_execution(project, call).await.map_err(faults::store)?;
        if let Some(call) = found
            && let Err(fault) = Box::pin(cancel(host, caller, call)).await
            && fault.code != Code::Conflict
        {
            return Err(fault);
        }
    }
    Ok(())
}

/// A call that is not on the list has just begun, has just ended, or runs elsewhere.
async fn runs_here(host: &Host, execution: &Execution) -> Result<(), Fault> {
    let runs_on = host.store.execution_host(&execution.id).await.map_err(faults::store)?;
    match runs_on {
        Some(other) if other != host.host_id => {
            Err(conflict(&format!("the call runs on another host ({other}): ask that one to cancel it")))
        }
        _ => Ok(()),
    }
}

fn conflict(detail: &str) -> Fault {
    Fault::new(Code::Conflict, Culprit::Caller, detail)
}
