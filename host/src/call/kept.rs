//! What is kept of a call besides its record, sealed: what was asked for, what it was told, what it answered.

use serde::{Deserialize, Serialize};

use super::limits::BODIES_KEPT;
use super::{CallRequest, Host, faults};
use crate::model::{Code, Culprit, Execution, ExecutionId, Fault, ProjectId};
use crate::runtime::Journal;
use crate::vault::Body;

/// The names of what is sealed of a call, authenticated with it.
pub(super) mod part {
    pub(in super::super) const REQUEST: &str = "request";
    pub(in super::super) const JOURNAL: &str = "journal";
    pub(in super::super) const OUTPUT: &str = "output";
    pub(in super::super) const SHOWN: &str = "shown";
    pub(in super::super) const QUESTION: &str = "question";
    pub(in super::super) const ANSWER: &str = "answer";
}

/// What was asked for, as it is kept: the rest is in the execution's record.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptRequest {
    pub(super) tool: String,
    pub(super) input: String,
    pub(super) timeout_ms: Option<u64>,
    #[serde(default)]
    pub(super) idempotency_key: Option<String>,
    /// Whether its next write has to be approved; of a call that stopped at something else.
    #[serde(default)]
    pub(super) asks: bool,
    /// How many calls it was made for.
    #[serde(default)]
    pub(super) depth: usize,
    #[serde(default)]
    pub(super) unmodified: bool,
}

impl KeptRequest {
    pub(super) fn of(request: &CallRequest) -> Self {
        Self {
            tool: request.tool.clone(),
            input: request.input.clone(),
            timeout_ms: request.timeout_ms,
            idempotency_key: request.idempotency_key.clone(),
            asks: false,
            depth: request.depth(),
            unmodified: request.unmodified,
        }
    }
}

/// Seals a part of a record: it opens as that part of that record only.
pub(super) fn seal(host: &Host, project: &ProjectId, record: &str, part: &str, bytes: &[u8]) -> Result<String, Fault> {
    host.vault.seal_body(&Body { project, record, part }, bytes).map_err(|error| faults::vault(&error))
}

/// Opens what was sealed of a record.
pub(super) fn open(host: &Host, project: &ProjectId, record: &str, part: &str, sealed: &str) -> Result<Vec<u8>, Fault> {
    host.vault.open_body(&Body { project, record, part }, sealed).map_err(|error| faults::vault(&error))
}

/// The JSON of what has no map with other keys than texts, and so has one.
pub(super) fn written(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Keeps what a call answered that nobody waited for: whoever asked comes back for it. Without it the call is no less
/// done.
pub(super) async fn keep_output(host: &Host, request: &CallRequest, execution: &Execution, data: &str) {
    let sealed = |part, bytes: &[u8]| seal(host, &execution.project, execution.id.as_str(), part, bytes);
    let kept = async {
        let asked = sealed(part::REQUEST, &written(&KeptRequest::of(request)))?;
        let output = sealed(part::OUTPUT, data.as_bytes())?;
        let until = host.clock.now().plus(BODIES_KEPT);
        host.store.keep_output(execution, &asked, &output, until).await.map_err(faults::store)
    };
    if let Err(fault) = kept.await {
        let error = fault.detail;
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

/// What a call that waits was told before it stopped.
pub(super) async fn journal(host: &Host, execution: &Execution) -> Result<Journal, Fault> {
    let bodies = host.store.bodies(&execution.project, &execution.id).await.map_err(faults::store)?;
    let sealed = bodies.and_then(|bodies| bodies.journal).ok_or_else(|| unreadable(&execution.id))?;
    let bytes = open(host, &execution.project, execution.id.as_str(), part::JOURNAL, &sealed)?;
    Journal::from_bytes(&bytes).map_err(|_| unreadable(&execution.id))
}

/// Which execution waits for which approval is told by both.
pub(super) fn unreadable(execution: &ExecutionId) -> Fault {
    let detail = format!("what was kept of {execution} cannot be read any more: ask again");
    Fault::new(Code::Internal, Culprit::Host, detail)
}
