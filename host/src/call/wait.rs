//! A call that waits for a person: what it is asked for, what is shown, and what going on takes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::resolve::Resolved;
use super::verdict::Asked;
use super::{CallRequest, Held, Host, faults, once, record};
use crate::config::{FaultPoint, Records};
use crate::model::{
    Approval, ApprovalId, ApprovalState, Caller, Code, Culprit, Execution, ExecutionId, ExecutionStatus, Fault,
};
use crate::policy::At;
use crate::runtime::{Journal, Reply, Waiting};
use crate::store::{Bodies, Wait};
use crate::vault::Body;

use super::limits::BODIES_KEPT;

/// The names of what is sealed of a call, authenticated with it.
pub(super) mod part {
    pub(in super::super) const REQUEST: &str = "request";
    pub(in super::super) const JOURNAL: &str = "journal";
    pub(in super::super) const OUTPUT: &str = "output";
    pub(in super::super) const SHOWN: &str = "shown";
}

/// What was asked for, as it is kept: the rest is in the execution's record.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptRequest {
    pub(super) tool: String,
    pub(super) input: String,
    pub(super) timeout_ms: Option<u64>,
    #[serde(default)]
    pub(super) idempotency_key: Option<String>,
}

impl KeptRequest {
    fn of(request: &CallRequest) -> Self {
        Self {
            tool: request.tool.clone(),
            input: request.input.clone(),
            timeout_ms: request.timeout_ms,
            idempotency_key: request.idempotency_key.clone(),
        }
    }
}

/// What people see of a call that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShownCall {
    /// The tool's input.
    pub input: Box<RawValue>,
    /// The request that waits; `None` where nothing has run.
    pub request: Option<ShownRequest>,
    /// Requests that were answered before.
    pub before: Vec<ShownLine>,
}

/// A request that waits, exactly as it would leave, but for what the host injects.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShownRequest {
    /// HTTP method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Without those that the host injects.
    pub headers: Vec<(String, String)>,
    /// Base64 of the body.
    pub body: Option<String>,
}

/// A request that was answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShownLine {
    /// HTTP method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// The answer's status; `None` if there was none.
    pub status: Option<u16>,
}

/// Lets a call wait before anything of it runs.
pub(super) async fn before(
    host: &Host,
    caller: &Caller,
    request: &CallRequest,
    resolved: &Resolved,
    asked: &Asked,
) -> Result<Held, Fault> {
    can_wait(host)?;
    let mut execution = record::execution(host, caller, request, resolved);
    execution.status = ExecutionStatus::Waiting;
    let shown = ShownCall { input: input(request), request: None, before: Vec::new() };
    let once = once::reservation(host, request);
    let wait = Wait::Before { execution: &execution, host: &host.host_id, once: once.as_ref() };
    hold(host, request, &execution, asked, wait, None, (shown, None)).await
}

/// Lets a call that was to start over wait before anything of it runs.
pub(super) async fn again(
    host: &Host,
    request: &CallRequest,
    execution: &Execution,
    asked: &Asked,
) -> Result<Held, Fault> {
    let shown = ShownCall { input: input(request), request: None, before: Vec::new() };
    let wait = Wait::AtWrite { execution: &execution.id, timeline: None };
    hold(host, request, execution, asked, wait, None, (shown, None)).await
}

/// Lets a call wait at a write that it has come to.
pub(super) async fn at_write(
    host: &Host,
    request: &CallRequest,
    execution: &Execution,
    asked: &Asked,
    (journal, waiting, timeline): (&Journal, &Waiting, Option<&str>),
) -> Result<Held, Fault> {
    let before = journal.entries.iter().map(|entry| ShownLine {
        method: entry.method.clone(),
        url: entry.url.clone(),
        status: match &entry.reply {
            Reply::Response { status, .. } => Some(*status),
            Reply::Error(_) => None,
        },
    });
    let shown = ShownCall {
        input: input(request),
        request: Some(ShownRequest {
            method: waiting.shown.method.clone(),
            url: waiting.shown.url.clone(),
            headers: waiting.shown.headers.clone(),
            body: waiting.shown.body.as_ref().map(|body| STANDARD.encode(body)),
        }),
        before: before.collect(),
    };
    let digest = Some(hex::encode(waiting.request));
    let wait = Wait::AtWrite { execution: &execution.id, timeline };
    hold(host, request, execution, asked, wait, Some(journal), (shown, digest)).await
}

/// A call can only wait where it can be written down.
pub(super) fn can_wait(host: &Host) -> Result<(), Fault> {
    if host.records == Records::Off {
        let detail = "a person would have to approve this call, and this host keeps no records: a call cannot wait";
        return Err(Fault::new(Code::ApprovalRequired, Culprit::Policy, detail));
    }
    Ok(())
}

async fn hold(
    host: &Host,
    request: &CallRequest,
    execution: &Execution,
    asked: &Asked,
    wait: Wait<'_>,
    journal: Option<&Journal>,
    (shown, digest): (ShownCall, Option<String>),
) -> Result<Held, Fault> {
    let now = host.clock.now();
    let approval = Approval {
        id: ApprovalId::new(&host.clock, &host.random),
        project: execution.project.clone(),
        execution: execution.id.clone(),
        state: ApprovalState::Pending,
        at: if digest.is_some() { At::AtWrite } else { At::Before }.as_str().into(),
        tool: execution.tool.clone(),
        asked_by: execution.key.clone(),
        rule: asked.rule.clone(),
        why: asked.why.clone(),
        ask: asked.ask.to_json(),
        request: digest,
        created_at: now,
        expires_at: now.plus(std::time::Duration::from_millis(asked.ask.expires_after_ms)),
        decided_at: None,
        decided_by: None,
        reason: None,
    };
    let kept = KeptRequest::of(request);
    let of_execution = |part, bytes: &[u8]| seal(host, &approval, execution.id.as_str(), part, bytes);
    let bodies = Bodies {
        request: of_execution(part::REQUEST, &written(&kept))?,
        journal: journal.map(|journal| of_execution(part::JOURNAL, &journal.to_bytes())).transpose()?,
        output: None,
    };
    let sealed = seal(host, &approval, approval.id.as_str(), part::SHOWN, &written(&shown))?;
    let kept_until = approval.expires_at.plus(BODIES_KEPT);
    let begins = matches!(wait, Wait::Before { .. });
    let recorded = host.store.record_wait(wait, &approval, &sealed, &bodies, kept_until).await;
    recorded.map_err(|error| if begins { record::not_started(request, error) } else { faults::store(error) })?;
    FaultPoint::Waiting.pass();
    tracing::info!(execution = %execution.id, approval = %approval.id, tool = execution.tool, "a call waits for a person");
    Ok(Held { execution: execution.id.clone(), approval: approval.id })
}

/// Keeps what a call answered that nobody waited for: whoever asked comes back for it. Without it the call is no less
/// done.
pub(super) async fn keep_output(host: &Host, request: &CallRequest, execution: &Execution, data: &str) {
    let sealed = |part, bytes: &[u8]| {
        let whose = Body { project: &execution.project, record: execution.id.as_str(), part };
        host.vault.seal_body(&whose, bytes).map_err(|error| error.to_string())
    };
    let kept = async {
        let asked = sealed(part::REQUEST, &written(&KeptRequest::of(request)))?;
        let output = sealed(part::OUTPUT, data.as_bytes())?;
        let until = host.clock.now().plus(BODIES_KEPT);
        host.store.keep_output(execution, &asked, &output, until).await.map_err(|error| error.to_string())
    };
    if let Err(error) = kept.await {
        tracing::error!(execution = %execution.id, error, "the answer of a call that nobody waited for could not be kept");
    }
}

/// What a call answered that nobody waited for: JSON text.
pub async fn output(host: &Host, execution: &Execution) -> Result<Option<String>, Fault> {
    let bodies = host.store.bodies(&execution.project, &execution.id).await.map_err(faults::store)?;
    let Some(sealed) = bodies.and_then(|bodies| bodies.output) else { return Ok(None) };
    let bytes = open(host, &execution.project, execution.id.as_str(), part::OUTPUT, &sealed)?;
    String::from_utf8(bytes).map(Some).map_err(|_| unreadable(&execution.id))
}

fn seal(host: &Host, approval: &Approval, record: &str, part: &str, bytes: &[u8]) -> Result<String, Fault> {
    let whose = Body { project: &approval.project, record, part };
    host.vault.seal_body(&whose, bytes).map_err(|error| faults::vault(&error))
}

/// Opens what was sealed of a record.
pub(super) fn open(
    host: &Host,
    project: &crate::model::ProjectId,
    record: &str,
    part: &str,
    sealed: &str,
) -> Result<Vec<u8>, Fault> {
    host.vault.open_body(&Body { project, record, part }, sealed).map_err(|error| faults::vault(&error))
}

/// The JSON of what has no map with other keys than texts, and so has one.
fn written(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn input(request: &CallRequest) -> Box<RawValue> {
    RawValue::from_string(request.input.clone()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// Which execution waits for which approval is told by both.
pub(super) fn unreadable(execution: &ExecutionId) -> Fault {
    let detail = format!("what was kept of {execution} cannot be read any more: ask again");
    Fault::new(Code::Internal, Culprit::Host, detail)
}
