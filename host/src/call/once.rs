//! A call that is asked for twice with the same idempotency key runs once: the second asker gets the first answer.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::kept::{self, part};
use super::limits::ANSWERS_KEPT;
use super::{Answer, CallRequest, Failed, Held, Host, Reply, custom, faults, pause};
use crate::config::{KeepBodies, Records};
use crate::model::{
    AccountId, Caller, Code, Culprit, Execution, ExecutionId, ExecutionStatus, Fault, InputError, Latency, Timestamp,
};
use crate::store::{KeptAnswer, Reservation, Reserved};

/// An answer as it is kept: all that its wire form is made of.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// In microseconds: total, guest, upstream.
    latency: (u64, u64, u64),
    #[serde(default)]
    simulated: bool,
    data: Option<String>,
    fault: Option<KeptFault>,
    /// It is the output that is kept of the call anyway.
    #[serde(default)]
    in_output: bool,
    /// Milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collect_until: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptFault {
    code: String,
    culprit: String,
    detail: String,
    errors: Vec<(String, String)>,
    retry_after_ms: Option<u64>,
    missing_scopes: Vec<String>,
}

/// What a call with this key answered before, or why it has not; `None` if there was none.
///
/// What was refused before it began to run (a tool that does not exist, an input that does not fit, a policy that says
/// no) took no key, and may be tried again with the same one.
pub(super) async fn earlier(
    host: &Host,
    caller: &Caller,
    request: &CallRequest,
) -> Result<Option<Result<Reply, Failed>>, Failed> {
    let Some(key) = &request.idempotency_key else { return Ok(None) };
    if host.records == Records::Off {
        let detail = "this host keeps no records, so it cannot honour `Idempotency-Key`: send the call without it";
        return Err(Fault::new(Code::InvalidRequest, Culprit::Caller, detail).into());
    }
    let now = host.clock.now();
    let key = digest(&[Some(key)]);
    let found = host.store.reserved(&caller.project, &caller.key, &key, now).await.map_err(faults::store)?;
    let Some(reserved) = found else { return Ok(None) };
    if reserved.request != asked_for(request) {
        let detail = "this `Idempotency-Key` was used for another call: use a new one for this one";
        return Err(conflict(&reserved.execution, detail.into()));
    }
    Box::pin(told(host, caller, reserved)).await.map(Some)
}

/// What takes the key when the call starts.
pub(super) fn reservation(host: &Host, request: &CallRequest) -> Option<Reservation> {
    let key = request.idempotency_key.as_ref()?;
    let kept_until = host.clock.now().plus(ANSWERS_KEPT);
    Some(Reservation { key: digest(&[Some(key)]), request: asked_for(request), kept_until })
}

/// Somebody else came with the same key a moment earlier. Whoever asked looks for what they were answered.
pub(super) fn taken() -> Fault {
    Fault::new(Code::Conflict, Culprit::Caller, "another call with this `Idempotency-Key` has just begun")
}

/// The answer, to be written with the outcome; `in_output` if its data is kept with the call. Without it the call is no
/// less done.
pub(super) fn kept(
    host: &Host,
    execution: &Execution,
    result: Result<&str, &Fault>,
    latency: Latency,
    (in_output, collect_until): (bool, Option<Timestamp>),
) -> Option<KeptAnswer> {
    if host.retention.bodies == KeepBodies::None && result.is_ok() {
        return None;
    }
    let answer = Kept {
        latency: (latency.total_us, latency.guest_us, latency.upstream_us),
        simulated: execution.simulated,
        data: result.ok().filter(|_| !in_output).map(str::to_owned),
        fault: result.err().map(KeptFault::of),
        in_output,
        collect_until: collect_until.map(|until| until.0),
    };
    match kept::seal(host, &execution.project, execution.id.as_str(), part::ANSWER, &kept::written(&answer)) {
        Ok(sealed) => Some(KeptAnswer { sealed, until: host.clock.now().plus(ANSWERS_KEPT) }),
        Err(fault) => {
            let error = fault.detail;
            tracing::error!(execution = %execution.id, error, "the answer of a call with a key could not be kept");
            None
        }
    }
}

/// What whoever comes again is told.
async fn told(host: &Host, caller: &Caller, reserved: Reserved) -> Result<Result<Reply, Failed>, Failed> {
    let id = reserved.execution;
    if let Some(sealed) = &reserved.answer {
        let bytes = kept::open(host, &caller.project, id.as_str(), part::ANSWER, sealed)?;
        let mut kept: Kept = serde_json::from_slice(&bytes).map_err(|_| kept::unreadable(&id))?;
        if kept.in_output {
            kept.data = kept::output(host, &caller.project, &id).await?;
            if kept.data.is_none() {
                return Err(conflict(&id, "the call with this key has succeeded, but its answer is gone".into()));
            }
        }
        return kept.told(id).map_err(Failed::from);
    }
    host.store.expire_approvals(host.clock.now()).await.map_err(faults::store)?;
    let found = host.store.find_execution(&caller.project, &id).await.map_err(faults::store)?;
    let execution = found.ok_or_else(|| kept::unreadable(&id))?;
    let detail = execution.detail.clone().unwrap_or_default();
    let status = execution.status.as_str();
    match execution.status {
        ExecutionStatus::Waiting => {
            if let Some(waits_for) = pause::waits_for(host, &execution).await? {
                return Ok(Ok(Reply::Waiting(Held { execution: id, waits_for })));
            }
            Err(running(&id))
        }
        ExecutionStatus::Started => Err(running(&id)),
        ExecutionStatus::Denied | ExecutionStatus::Rejected | ExecutionStatus::Expired | ExecutionStatus::Cancelled => {
            let code = execution.code.unwrap_or(Code::ApprovalRejected);
            let culprit = execution.culprit.unwrap_or(Culprit::Policy);
            Ok(Err(Failed { execution: Some(id), fault: Fault::new(code, culprit, format!("{status}: {detail}")) }))
        }
        ExecutionStatus::NotDispatched => {
            Ok(Err(Failed { execution: Some(id), fault: custom::not_dispatched(&execution.tool) }))
        }
        ExecutionStatus::UnknownOutcome => {
            let again = "The call is not repeated: look at the provider, and use a new key if it has to run again";
            Err(conflict(&id, format!("the outcome of the call with this key is not known: {detail}. {again}")))
        }
        ExecutionStatus::Succeeded | ExecutionStatus::Failed => {
            let detail = format!("the call with this key has ended as `{status}`, but its answer was not kept");
            Err(conflict(&id, detail))
        }
    }
}

fn running(execution: &ExecutionId) -> Failed {
    conflict(execution, "the call with this `Idempotency-Key` still runs: ask again when it has ended".into())
}

fn conflict(execution: &ExecutionId, detail: String) -> Failed {
    Failed { execution: Some(execution.clone()), fault: Fault::new(Code::Conflict, Culprit::Caller, detail) }
}

/// Of all that makes a call what it is; not of what only describes it, as the id that the caller gave it.
fn asked_for(request: &CallRequest) -> String {
    let mut parts = vec![
        Some(request.tool.as_str()),
        request.identifier.as_deref(),
        request.account.as_ref().map(AccountId::as_str),
        request.connection.as_deref(),
        // As the caller wrote it: presets are put in only later.
        Some(request.given_input.as_deref().unwrap_or(&request.input)),
    ];
    // Without one the digest is what it was before there were any.
    if let Some(organization) = &request.organization {
        parts.push(Some(organization));
    }
    digest(&parts)
}

fn digest(parts: &[Option<&str>]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        // No text is as long as this, so that an absent one is not an empty one.
        digest.update(part.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
        digest.update(part.unwrap_or_default());
    }
    hex::encode(digest.finalize())
}

impl Kept {
    fn told(self, execution: ExecutionId) -> Result<Result<Reply, Failed>, Fault> {
        let (total_us, guest_us, upstream_us) = self.latency;
        let latency = Latency { total_us, guest_us, upstream_us };
        match (self.data, self.fault) {
            (Some(data), None) => Ok(Ok(Reply::Done(Answer {
                execution,
                data,
                latency,
                account: None,
                simulated: self.simulated,
                collect_until: self.collect_until.map(Timestamp),
            }))),
            (None, Some(fault)) => {
                let fault = fault.read().ok_or_else(|| kept::unreadable(&execution))?;
                Ok(Err(Failed { execution: Some(execution), fault }))
            }
            _ => Err(kept::unreadable(&execution)),
        }
    }
}

impl KeptFault {
    fn of(fault: &Fault) -> Self {
        Self {
            code: fault.code.as_str().into(),
            culprit: fault.culprit.as_str().into(),
            detail: fault.detail.clone(),
            errors: fault.errors.iter().map(|error| (error.path.clone(), error.message.clone())).collect(),
            retry_after_ms: fault.retry_after_ms,
            missing_scopes: fault.missing_scopes.clone(),
        }
    }

    fn read(self) -> Option<Fault> {
        Some(Fault {
            code: Code::parse(&self.code)?,
            culprit: Culprit::parse(&self.culprit)?,
            detail: self.detail,
            errors: self.errors.into_iter().map(|(path, message)| InputError { path, message }).collect(),
            retry_after_ms: self.retry_after_ms,
            missing_scopes: self.missing_scopes,
            rule: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Surface;

    fn request() -> CallRequest {
        CallRequest { identifier: Some("ada".into()), ..CallRequest::new(Surface::Execute, "t", "{}") }
    }

    #[test]
    fn another_call_is_told_by_what_makes_it_one() {
        let same = [
            CallRequest { tool_call_id: Some("1".into()), ..request() },
            CallRequest { timeout_ms: Some(1), chat_id: Some("c".into()), ..request() },
            CallRequest { idempotency_key: Some("k".into()), ..request() },
        ];
        for request_of_same in same {
            assert_eq!(asked_for(&request_of_same), asked_for(&request()), "{request_of_same:?}");
        }
        let others = [
            CallRequest { tool: "u".into(), ..request() },
            CallRequest { identifier: None, ..request() },
            CallRequest { identifier: Some("adat".into()), tool: String::new(), ..request() },
            CallRequest { identifier: None, connection: Some("ada".into()), ..request() },
            CallRequest { connection: Some(String::new()), ..request() },
            CallRequest { organization: Some("acme".into()), ..request() },
            CallRequest { input: "{ }".into(), ..request() },
            CallRequest { input: r#"{"a":1}"#.into(), ..request() },
        ];
        for other in others {
            assert_ne!(asked_for(&other), asked_for(&request()), "{other:?}");
        }
    }

    #[test]
    fn a_fault_reads_back_whole() {
        let fault = Fault {
            errors: vec![InputError { path: "/a".into(), message: "wrong".into() }],
            retry_after_ms: Some(7),
            missing_scopes: vec!["s".into()],
            ..Fault::new(Code::RateLimited, Culprit::Upstream, "later")
        };
        assert_eq!(KeptFault::of(&fault).read(), Some(fault.clone()));
        let damaged = KeptFault { code: "teapot".into(), ..KeptFault::of(&fault) };
        assert_eq!(damaged.read(), None);
    }
}
