//! A call after its request: how it stands by its record, what it waits for, and what it came to.

use serde_json::{Value, json};

use super::content;
use super::era::Era;
use super::message::RpcError;
use super::question::answer_in;
use super::reached::Reached;
use super::whose::Visitor;
use crate::call::{self, Answer, Failed, Host, WaitsFor};
use crate::model::{Caller, CallerScope, Code, Culprit, Execution, ExecutionId, ExecutionStatus, Fault};

/// Who looks at calls, and how it is told.
#[derive(Clone, Copy)]
pub(super) struct Follow<'a> {
    pub(super) host: &'a Host,
    pub(super) visitor: &'a Visitor,
    pub(super) era: &'a Era,
}

impl Follow<'_> {
    /// The record of a call; approvals whose time is over have ended then.
    pub(super) async fn find(&self, id: &ExecutionId) -> Result<Option<Execution>, RpcError> {
        let host = self.host;
        let failed = |error: crate::store::StoreError| {
            tracing::error!(%error, "the record of a call could not be read");
            RpcError::internal()
        };
        host.store.expire_approvals(host.clock.now()).await.map_err(failed)?;
        host.store.find_execution(&self.visitor.caller.project, id).await.map_err(failed)
    }

    /// What a call waits for, if it does.
    pub(super) async fn waits_for(&self, execution: &Execution) -> Result<Option<WaitsFor>, RpcError> {
        call::waits_for(self.host, execution).await.map_err(|fault| internal(&fault))
    }

    /// Takes what a client's user said to the question of a call that waits. `false` if it was dismissed: the call waits on.
    pub(super) async fn respond(
        &self,
        execution: &Execution,
        response: &Value,
        wrapped: bool,
    ) -> Result<bool, RpcError> {
        match response["action"].as_str() {
            Some("accept") => self.answer(execution, response, wrapped).await?,
            Some("decline") => {
                // Whoever may not want the call may end it; one that has ended meanwhile stays as it is.
                let _ = call::cancel(self.host, &self.visitor.caller, execution.clone()).await;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Gives a call that waits for its user what a client brings.
    async fn answer(&self, execution: &Execution, response: &Value, wrapped: bool) -> Result<(), RpcError> {
        // Who goes on with a call that waits for approval says nothing: a person decides elsewhere.
        let Some(WaitsFor::Input(_)) = self.waits_for(execution).await? else { return Ok(()) };
        let answer = answer_in(response, wrapped).to_string();
        match call::answer(self.host, &self.visitor.caller, execution, &answer).await {
            Ok(()) => Ok(()),
            // Answered by somebody else at the same time.
            Err(Fault { code: Code::Conflict, .. }) => Ok(()),
            Err(fault) => {
                let data = content::told(&fault, Some(&execution.id));
                Err(RpcError { data: Some(data), ..RpcError::params(fault.detail) })
            }
        }
    }

    /// What is told of a call that has not ended.
    pub(super) fn still(execution: &Execution) -> Reached {
        let told = json!({ "status": execution.status.as_str(), "execution_id": execution.id.as_str(),
            "detail": "It has not ended yet. Do not repeat it." });
        Reached::Waits(told, execution.id.clone())
    }

    /// What is told of a call that has ended.
    pub(super) async fn ended(&self, execution: Execution) -> Result<Reached, RpcError> {
        let host = self.host;
        let Execution { id, tool, simulated, through, latency, code, culprit, detail, status, .. } = execution.clone();
        if status != ExecutionStatus::Succeeded {
            let (code, culprit) = (code.unwrap_or(code_of(status)), culprit.unwrap_or(Culprit::Caller));
            let detail = detail.unwrap_or_else(|| format!("the call ended as `{}`", status.as_str()));
            return Ok(Reached::Failed(Failed { execution: Some(id), fault: Fault::new(code, culprit, detail) }));
        }
        let bodies = call::bodies(host, &self.visitor.caller, &execution).await.map_err(|fault| internal(&fault))?;
        let Some(data) = bodies.data else {
            let told = json!({ "status": "succeeded", "detail": "Its result is no longer kept." });
            return Ok(Reached::Waits(told, id));
        };
        let found = host.catalog.find_tool(&host.store, &execution.project, &tool).await.ok().flatten();
        let output_schema = found.and_then(|(installed, at)| installed.tools[at].tool.output_schema.clone());
        let collect_until = (data.len() > host.retention.answer_bytes).then(|| host.clock.now());
        let account = through.map(|through| through.account);
        let answer = Answer { execution: id, data, latency, account, simulated, collect_until };
        Ok(Reached::Done { answer, output_schema })
    }
}

/// Whether a call is a caller's own, for no other user than the one whom the caller speaks for, and may be looked at.
pub(super) fn is_own(caller: &Caller, execution: &Execution) -> bool {
    let same_user = caller.identifier.is_none() || execution.identifier == caller.identifier;
    execution.key == caller.key && same_user && caller.may(CallerScope::ExecutionsOwn)
}

/// What whoever asked for a call that waits should know of it.
pub(super) fn detail_of(waits_for: &WaitsFor) -> &'static str {
    match waits_for {
        WaitsFor::Approval(_) => {
            "A person has to approve this call; it goes on by itself then. Do not repeat it: tell the user."
        }
        WaitsFor::Input(_) => {
            "The user has to answer a question; this client cannot ask it. The application that runs this agent can give \
             the answer to the host."
        }
        WaitsFor::Calls(_) => "It waits for calls that it made; it goes on by itself.",
    }
}

/// Of a call whose record says no more than how it ended.
fn code_of(status: ExecutionStatus) -> Code {
    match status {
        ExecutionStatus::Cancelled => Code::Cancelled,
        ExecutionStatus::Rejected | ExecutionStatus::Expired => Code::ApprovalRejected,
        ExecutionStatus::Denied => Code::DeniedByPolicy,
        _ => Code::Internal,
    }
}

fn internal(fault: &Fault) -> RpcError {
    tracing::error!(error = fault.detail, "a call that waits could not be looked at");
    RpcError::internal()
}
