//! Calls that wait: how a client that can is asked, how it comes back, and what the others are told.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::follow::{Follow, detail_of};
use super::limits::{LOOK_AT_CALL, STATE, STATE_LIFE, WAIT};
use super::link;
use super::message::RpcError;
use super::question::{QUESTION, Question, name_of};
use super::reached::Reached;
use crate::call::{Failed, Held, WaitsFor};
use crate::endpoints::{self, CarriedCall};
use crate::model::{Caller, Execution, ExecutionId, ExecutionStatus};

/// A request that may have to be answered later.
pub(super) struct Asking<'a> {
    pub(super) call: Follow<'a>,
    /// Tells it from others of the same caller.
    pub(super) request: String,
    /// Whether it becomes a task if it has to wait.
    pub(super) tasks: bool,
}

/// What tells one request from another: a question's state is of no use for another one.
pub(super) fn request_of(caller: &Caller, method: &str, name: &str, input: &str) -> String {
    let mut digest = Sha256::new();
    for part in [name, input, caller.identifier.as_deref().unwrap_or_default()] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    format!("mcp {method} {}", hex::encode(digest.finalize()))
}

impl Asking<'_> {
    /// What a client is told of a call that waits.
    pub(super) async fn held(&self, held: &Held) -> Result<Reached, RpcError> {
        let Held { execution, waits_for } = held;
        let era = self.call.era;
        if self.tasks {
            return self.call.task_of(execution).await.map(Reached::Asked);
        }
        if let Some(question) = Question::of(waits_for).filter(|_| era.is_modern() && era.elicits.form) {
            let call = CarriedCall { execution: Some(execution.clone()), wrapped: question.wrapped };
            return self.required(&question.name, &question.params(), &call).map(Reached::Asked);
        }
        let mut told =
            json!({ "status": "waiting", "execution_id": execution.as_str(), "detail": detail_of(waits_for) });
        match waits_for {
            WaitsFor::Approval(approval) => told["approval_id"] = approval.as_str().into(),
            WaitsFor::Input(asked) => told["question"] = asked.question.as_str().into(),
            WaitsFor::Calls(calls) => told["awaited"] = calls.iter().map(ExecutionId::as_str).collect(),
        }
        Ok(Reached::Waits(told, execution.clone()))
    }

    /// Goes on with a call that its client comes back to; `None` if it has to be made anew.
    pub(super) async fn again(
        &self,
        state: &str,
        responses: Option<&Map<String, Value>>,
    ) -> Result<Option<Reached>, RpcError> {
        let (host, caller) = (self.call.host, &self.call.visitor.caller);
        let refused = || RpcError::params("`requestState` is not of this call, or its time is over: call anew");
        let opened = (state.len() <= STATE).then(|| endpoints::open_call(host, caller, &self.request, state)).flatten();
        let CarriedCall { execution, wrapped } = opened.ok_or_else(refused)?;
        let Some(id) = execution else { return Ok(None) };
        let execution = self.call.find(&id).await?.filter(|found| found.key == caller.key).ok_or_else(refused)?;
        self.on(execution, responses, wrapped).await.map(Some)
    }

    /// Gives a call that waits what the client brings, and waits for it.
    async fn on(
        &self,
        execution: Execution,
        responses: Option<&Map<String, Value>>,
        wrapped: bool,
    ) -> Result<Reached, RpcError> {
        if let Some(responses) = responses
            && execution.status == ExecutionStatus::Waiting
            && let Some(response) = responses.get(&name_of(self.call.waits_for(&execution).await?.as_ref()))
            && !self.call.respond(&execution, response, wrapped).await?
        {
            // Nobody is asked again now.
            return Ok(Follow::still(&execution));
        }
        let deadline = Instant::now() + WAIT;
        let mut execution = execution;
        while matches!(execution.status, ExecutionStatus::Waiting | ExecutionStatus::Started) {
            let waits_for = self.call.waits_for(&execution).await?;
            // A question that is open is asked; everything else may come to its end meanwhile.
            let asks = matches!(waits_for, Some(WaitsFor::Input(_)));
            if asks || Instant::now() >= deadline {
                return match waits_for {
                    Some(waits_for) => self.held(&Held { execution: execution.id, waits_for }).await,
                    None => Ok(Follow::still(&execution)),
                };
            }
            tokio::time::sleep(LOOK_AT_CALL).await;
            let gone = || RpcError::params("the record of the call is gone");
            execution = self.call.find(&execution.id).await?.ok_or_else(gone)?;
        }
        self.call.ended(execution).await
    }

    /// What a client is told whose user has to connect an account first.
    pub(super) fn to_connect(&self, failed: Failed, offer: link::Offer) -> Result<Reached, RpcError> {
        if self.call.era.is_modern() && self.call.era.elicits.url {
            let message = link::message(&offer.connection);
            let params = json!({ "mode": "url", "message": message, "url": offer.link.url.as_str() });
            let call = CarriedCall { execution: None, wrapped: false };
            return self.required(QUESTION, &params, &call).map(Reached::Asked);
        }
        if link::opens_links(self.call.era) {
            Err(link::required(&offer))
        } else {
            Ok(Reached::Lacks(Box::new((failed, offer))))
        }
    }

    fn required(&self, name: &str, params: &Value, call: &CarriedCall) -> Result<Value, RpcError> {
        let until = self.call.host.clock.now().plus(STATE_LIFE);
        let sealed = endpoints::seal_call(self.call.host, &self.call.visitor.caller, &self.request, call, until);
        let state = sealed.map_err(|error| {
            tracing::error!(%error, "the state of a question could not be sealed");
            RpcError::internal()
        })?;
        Ok(json!({
            "resultType": "input_required",
            "inputRequests": { name: { "method": "elicitation/create", "params": params } },
            "requestState": state,
        }))
    }
}
