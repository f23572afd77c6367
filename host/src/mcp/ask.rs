//! Calls that wait: how a client that can is asked, how it comes back, and what the others are told.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::era::Era;
use super::limits::{LOOK_AT_CALL, STATE, STATE_LIFE, WAIT};
use super::message::RpcError;
use super::reached::Reached;
use super::whose::Visitor;
use super::{content, link};
use crate::call::{self, Answer, Failed, Held, Host, WaitsFor};
use crate::endpoints::{self, CarriedCall};
use crate::model::{Caller, Code, Culprit, Execution, ExecutionId, ExecutionStatus, Fault};

/// What a question is called that has no name of its own.
const QUESTION: &str = "gloveport";

/// The keyword by which the schema of an answer names itself, and with it its question.
const ANCHOR: &str = "$anchor";

/// The member of a form that stands for the whole answer.
const ANSWER: &str = "answer";

/// A request that may have to be answered later.
pub(super) struct Asking<'a> {
    pub(super) host: &'a Host,
    pub(super) visitor: &'a Visitor,
    pub(super) era: &'a Era,
    /// Tells it from others of the same caller.
    pub(super) request: String,
}

/// A question for a client that can ask it.
struct Question {
    /// What it is called among those of one answer.
    name: String,
    message: String,
    /// The form of its answer.
    schema: Value,
    /// Whether the form is of one value, which was put into an object.
    wrapped: bool,
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
    pub(super) fn held(&self, held: &Held) -> Result<Reached, RpcError> {
        let Held { execution, waits_for } = held;
        if let Some(Question { name, message, schema, wrapped }) = self.question(waits_for) {
            let params = json!({ "mode": "form", "message": message, "requestedSchema": schema });
            let call = CarriedCall { execution: Some(execution.clone()), wrapped };
            return self.required(&name, &params, &call).map(Reached::Asked);
        }
        let mut told = json!({ "status": "waiting", "execution_id": execution.as_str() });
        match waits_for {
            WaitsFor::Approval(approval) => {
                told["approval_id"] = approval.as_str().into();
                told["detail"] =
                    "A person has to approve this call; it goes on by itself then. Do not repeat it: tell the user."
                        .into();
            }
            WaitsFor::Input(asked) => {
                told["question"] = asked.question.as_str().into();
                told["detail"] =
                    "The user has to answer a question; this client cannot ask it. The application that runs \
                                  this agent can give the answer to the host."
                        .into();
            }
            WaitsFor::Calls(calls) => {
                told["awaited"] = calls.iter().map(ExecutionId::as_str).collect();
                told["detail"] = "It waits for calls that it made; it goes on by itself.".into();
            }
        }
        Ok(Reached::Waits(told, execution.clone()))
    }

    /// Goes on with a call that its client comes back to; `None` if it has to be made anew.
    pub(super) async fn again(
        &self,
        state: &str,
        responses: Option<&Map<String, Value>>,
    ) -> Result<Option<Reached>, RpcError> {
        let (host, caller) = (self.host, &self.visitor.caller);
        let refused = || RpcError::params("`requestState` is not of this call, or its time is over: call anew");
        let opened = (state.len() <= STATE).then(|| endpoints::open_call(host, caller, &self.request, state)).flatten();
        let CarriedCall { execution, wrapped } = opened.ok_or_else(refused)?;
        let Some(id) = execution else { return Ok(None) };
        let execution = self.find(&id).await?.filter(|found| found.key == caller.key).ok_or_else(refused)?;
        self.on(execution, responses, wrapped).await.map(Some)
    }

    /// Gives a call that waits what the client brings, and waits for it.
    async fn on(
        &self,
        execution: Execution,
        responses: Option<&Map<String, Value>>,
        wrapped: bool,
    ) -> Result<Reached, RpcError> {
        let (host, caller) = (self.host, &self.visitor.caller);
        if let Some(responses) = responses
            && execution.status == ExecutionStatus::Waiting
            && let Some(response) = responses.get(&name_of(self.waits_for(&execution).await?.as_ref()))
        {
            match response["action"].as_str() {
                Some("accept") => self.answer(&execution, response, wrapped).await?,
                Some("decline") => {
                    // Whoever may not want the call may end it; one that has ended meanwhile stays as it is.
                    let _ = call::cancel(host, caller, execution.clone()).await;
                }
                // Dismissed: the call waits on, and nobody is asked again now.
                _ => return Ok(still(&execution)),
            }
        }
        let deadline = Instant::now() + WAIT;
        let mut execution = execution;
        while matches!(execution.status, ExecutionStatus::Waiting | ExecutionStatus::Started) {
            let waits_for = self.waits_for(&execution).await?;
            // A question that is open is asked; everything else may come to its end meanwhile.
            let asks = matches!(waits_for, Some(WaitsFor::Input(_)));
            if asks || Instant::now() >= deadline {
                return match waits_for {
                    Some(waits_for) => self.held(&Held { execution: execution.id, waits_for }),
                    None => Ok(still(&execution)),
                };
            }
            tokio::time::sleep(LOOK_AT_CALL).await;
            let gone = || RpcError::params("the record of the call is gone");
            execution = self.find(&execution.id).await?.ok_or_else(gone)?;
        }
        self.ended(execution).await
    }

    /// The question for a client that can ask it.
    fn question(&self, waits_for: &WaitsFor) -> Option<Question> {
        if !self.era.is_modern() || !self.era.elicits.form {
            return None;
        }
        let name = name_of(Some(waits_for));
        match waits_for {
            WaitsFor::Approval(approval) => {
                let message = format!(
                    "A person has to approve this call ({approval}). Go on once that is done; decline to drop the call."
                );
                Some(Question { name, message, schema: json!({ "type": "object", "properties": {} }), wrapped: false })
            }
            WaitsFor::Input(asked) => {
                let (schema, wrapped) = form(&asked.schema)?;
                Some(Question { name, message: asked.question.clone(), schema, wrapped })
            }
            WaitsFor::Calls(_) => None,
        }
    }

    /// What a client is told whose user has to connect an account first.
    pub(super) fn to_connect(&self, failed: Failed, offer: link::Offer) -> Result<Reached, RpcError> {
        if self.era.is_modern() && self.era.elicits.url {
            let message = link::message(&offer.connection);
            let params = json!({ "mode": "url", "message": message, "url": offer.link.url.as_str() });
            let call = CarriedCall { execution: None, wrapped: false };
            return self.required(QUESTION, &params, &call).map(Reached::Asked);
        }
        if link::opens_links(self.era) {
            Err(link::required(&offer))
        } else {
            Ok(Reached::Lacks(Box::new((failed, offer))))
        }
    }

    fn required(&self, name: &str, params: &Value, call: &CarriedCall) -> Result<Value, RpcError> {
        let until = self.host.clock.now().plus(STATE_LIFE);
        let sealed = endpoints::seal_call(self.host, &self.visitor.caller, &self.request, call, until);
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

    async fn answer(&self, execution: &Execution, response: &Value, wrapped: bool) -> Result<(), RpcError> {
        // Who goes on with a call that waits for approval says nothing: a person decides elsewhere.
        let Some(WaitsFor::Input(_)) = self.waits_for(execution).await? else { return Ok(()) };
        let content = &response["content"];
        let answer = if wrapped { &content[ANSWER] } else { content };
        match call::answer(self.host, &self.visitor.caller, execution, &answer.to_string()).await {
            Ok(()) => Ok(()),
            // Answered by somebody else at the same time.
            Err(Fault { code: Code::Conflict, .. }) => Ok(()),
            Err(fault) => {
                let data = content::told(&fault, Some(&execution.id));
                Err(RpcError { data: Some(data), ..RpcError::params(fault.detail) })
            }
        }
    }

    async fn waits_for(&self, execution: &Execution) -> Result<Option<WaitsFor>, RpcError> {
        call::waits_for(self.host, execution).await.map_err(|fault| internal(&fault))
    }

    async fn ended(&self, execution: Execution) -> Result<Reached, RpcError> {
        let host = self.host;
        let Execution { id, tool, simulated, latency, code, culprit, detail, status, .. } = execution.clone();
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
        let answer = Answer { execution: id, data, latency, simulated, collect_until };
        Ok(Reached::Done { answer, output_schema })
    }

    async fn find(&self, id: &ExecutionId) -> Result<Option<Execution>, RpcError> {
        let host = self.host;
        let failed = |error: crate::store::StoreError| {
            tracing::error!(%error, "the record of a call could not be read");
            RpcError::internal()
        };
        host.store.expire_approvals(host.clock.now()).await.map_err(failed)?;
        host.store.find_execution(&self.visitor.caller.project, id).await.map_err(failed)
    }
}

fn still(execution: &Execution) -> Reached {
    let told = json!({ "status": execution.status.as_str(), "execution_id": execution.id.as_str(),
        "detail": "It has not ended yet. Do not repeat it." });
    Reached::Waits(told, execution.id.clone())
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

/// What the question is called that a call waits for: as the schema of its answer calls itself, if it does.
fn name_of(waits_for: Option<&WaitsFor>) -> String {
    let Some(WaitsFor::Input(asked)) = waits_for else { return QUESTION.into() };
    let schema: Value = serde_json::from_str(&asked.schema).unwrap_or_default();
    schema[ANCHOR].as_str().unwrap_or(QUESTION).to_owned()
}

/// A question's schema as a form, if clients can show it: a flat object, or one value in one; and which of the two.
fn form(schema: &str) -> Option<(Value, bool)> {
    let mut schema: Value = serde_json::from_str(schema).ok()?;
    // It is the question's name, and clients know no such keyword.
    schema.as_object_mut()?.remove(ANCHOR);
    if is_simple(&schema) {
        let wrapped = json!({ "type": "object", "properties": { ANSWER: schema }, "required": [ANSWER] });
        return Some((wrapped, true));
    }
    let properties = schema["properties"].as_object()?;
    let flat = schema["type"] == "object" && properties.values().all(is_simple);
    flat.then_some((schema, false))
}

fn is_simple(schema: &Value) -> bool {
    matches!(schema["type"].as_str(), Some("string" | "number" | "integer" | "boolean"))
        && !["$ref", "allOf", "anyOf", "not"].iter().any(|keyword| schema.get(keyword).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_clients_can_show_is_a_form() {
        let object = r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"boolean"}}}"#;
        assert_eq!(form(object), Some((serde_json::from_str(object).unwrap(), false)));
        let (schema, wrapped) = form(r#"{"type":"integer","minimum":1}"#).unwrap();
        assert!(wrapped && schema["properties"][ANSWER]["minimum"] == 1, "{schema}");
        let named = object.replacen('{', r#"{"$anchor":"user","#, 1);
        assert_eq!(form(&named), form(object));
        for other in [
            "",
            "true",
            "{}",
            r#"{"type":"array","items":{"type":"string"}}"#,
            r#"{"type":"object"}"#,
            r#"{"type":"object","properties":{"a":{"type":"object","properties":{}}}}"#,
            r#"{"type":"object","properties":{"a":{"type":"string","$ref":"x"}}}"#,
            r#"{"type":["string","null"]}"#,
        ] {
            assert_eq!(form(other), None, "{other}");
        }
    }
}
