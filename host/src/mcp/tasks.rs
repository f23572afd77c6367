//! Tasks (SEP-2663): calls that wait, for clients that look again instead of holding on.
//!
//! A task is the call itself: its name is that of the record, what it says is read from there, and nothing is kept beside it.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::content;
use super::era::Era;
use super::follow::{Follow, detail_of, is_own};
use super::limits::LOOK_AT_TASK_MS;
use super::message::{Request, RpcError};
use super::names::{TASKS, code};
use super::question::Question;
use super::whose::Visitor;
use crate::call::{self, Host, WaitsFor};
use crate::model::{Execution, ExecutionId, ExecutionStatus};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    task_id: String,
    #[serde(default)]
    input_responses: Map<String, Value>,
}

/// Answers one of the methods of tasks; `None` for any other.
///
/// # Errors
///
/// Where the client does not follow tasks, and where it has no such task.
pub(super) async fn answered(
    host: &Host,
    visitor: &Visitor,
    era: &Era,
    request: &Request,
) -> Result<Option<Value>, RpcError> {
    if !era.is_modern() || !matches!(request.method.as_str(), "tasks/get" | "tasks/update" | "tasks/cancel") {
        return Ok(None);
    }
    if !era.tasks {
        return Err(missing_capability());
    }
    let Params { task_id, input_responses } = request.params()?;
    let follow = Follow { host, visitor, era };
    let execution = follow.own(&task_id).await?;
    match request.method.as_str() {
        "tasks/get" => follow.task(execution).await.map(Some),
        "tasks/update" => follow.update(execution, &input_responses).await.map(|()| Some(json!({}))),
        // One that has ended meanwhile stays as it is, and whoever asks sees that.
        _ => {
            let _ = call::cancel(host, &visitor.caller, execution).await;
            Ok(Some(json!({})))
        }
    }
}

impl Follow<'_> {
    /// What a client gets in place of a result that has to be waited for.
    pub(super) async fn task_of(&self, id: &ExecutionId) -> Result<Value, RpcError> {
        let execution = self.find(id).await?.ok_or_else(missing)?;
        let mut task = self.seed(&execution, "working");
        if let Some(waits_for) = self.waits_for(&execution).await? {
            if self.asked(&waits_for).is_some() {
                task["status"] = "input_required".into();
            }
            task["statusMessage"] = self.message(&waits_for).into();
        }
        task["resultType"] = "task".into();
        Ok(task)
    }

    /// How a call stands, and what it came to where it has ended.
    async fn task(&self, execution: Execution) -> Result<Value, RpcError> {
        if execution.status == ExecutionStatus::Cancelled {
            return Ok(self.seed(&execution, "cancelled"));
        }
        if !matches!(execution.status, ExecutionStatus::Started | ExecutionStatus::Waiting) {
            let mut task = self.seed(&execution, "completed");
            task["result"] = content::of_reached(self.ended(execution).await?, self.era);
            return Ok(task);
        }
        let Some(waits_for) = self.waits_for(&execution).await? else {
            return Ok(self.seed(&execution, "working"));
        };
        let mut task = self.seed(&execution, "working");
        task["statusMessage"] = self.message(&waits_for).into();
        if let Some((name, question)) = self.asked(&waits_for) {
            task["status"] = "input_required".into();
            task["inputRequests"] = json!({ name: { "method": "elicitation/create", "params": question.params() } });
        }
        Ok(task)
    }

    /// Gives a call that waits for its user what the client brings for the question that is open; what it brings for others
    /// is of no use.
    async fn update(&self, execution: Execution, responses: &Map<String, Value>) -> Result<(), RpcError> {
        let Some(waits_for) = self.waits_for(&execution).await? else { return Ok(()) };
        let Some((name, question)) = self.asked(&waits_for) else { return Ok(()) };
        let Some(response) = responses.get(&name) else { return Ok(()) };
        self.respond(&execution, response, question.wrapped).await.map(drop)
    }

    /// The question that the client can ask its user now, and its name, which no other one of the same task has.
    fn asked(&self, waits_for: &WaitsFor) -> Option<(String, Question)> {
        let WaitsFor::Input(input) = waits_for else { return None };
        let question = Question::of(waits_for).filter(|_| self.era.elicits.form)?;
        let digest = Sha256::digest(format!("{}\n{}\n{}", input.expires_at.0, input.question, input.schema));
        Some((format!("{}-{}", question.name, hex::encode(&digest[..6])), question))
    }

    fn message(&self, waits_for: &WaitsFor) -> String {
        match waits_for {
            WaitsFor::Input(input) if self.asked(waits_for).is_some() => input.question.clone(),
            _ => detail_of(waits_for).into(),
        }
    }

    /// What is said of every task.
    fn seed(&self, execution: &Execution, status: &str) -> Value {
        let last = execution.finished_at.unwrap_or(execution.started_at);
        let kept = u64::try_from(self.host.retention.bodies_for.as_millis()).unwrap_or(u64::MAX);
        json!({ "taskId": execution.id.as_str(), "status": status, "createdAt": execution.started_at.to_rfc3339(),
            "lastUpdatedAt": last.to_rfc3339(), "ttlMs": kept, "pollIntervalMs": LOOK_AT_TASK_MS })
    }

    /// A call of this caller, and for no other user than the one it now speaks for.
    async fn own(&self, id: &str) -> Result<Execution, RpcError> {
        let id = ExecutionId::parse(id).ok_or_else(missing)?;
        self.find(&id).await?.filter(|found| is_own(&self.visitor.caller, found)).ok_or_else(missing)
    }
}

fn missing() -> RpcError {
    RpcError::params("there is no such task, or its time is over")
}

fn missing_capability() -> RpcError {
    let data = json!({ "requiredCapabilities": { "extensions": { TASKS: {} } } });
    let message = "this takes a client that follows tasks, and says so with each request";
    RpcError { data: Some(data), ..RpcError::new(code::MISSING_CAPABILITY, message) }
}
