//! What is kept of a call besides its record, sealed: what was asked for, what it was told, what it answered.

use serde::{Deserialize, Serialize};

use super::resolve::Resolved;
use super::seen::{Eyes, SeenInput, nothing};
use super::{CallRequest, Host, faults};
use crate::config::{KeepBodies, Records};
pub(super) use crate::model::part;
use crate::model::{Caller, Code, Culprit, Execution, ExecutionId, Fault, ProjectId, Role, Tool};
use crate::policy::At;
use crate::runtime::Journal;
use crate::store::{Bodies, KeptEnd, KeptStart};
use crate::vault::Body;

/// What was asked for, as it is kept: the rest is in the execution's record.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptRequest {
    pub(super) tool: String,
    pub(super) input: String,
    pub(super) timeout_ms: Option<u64>,
    /// The organization that its caller said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) organization: Option<String>,
    /// The grant of the MCP client that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) grant: Option<String>,
    #[serde(default)]
    pub(super) idempotency_key: Option<String>,
    /// Whether its next write has to be approved; of a call that stopped at something else.
    #[serde(default)]
    pub(super) asks: bool,
    /// Whether a person has approved it, or a write of it.
    #[serde(default)]
    pub(super) approved: bool,
    /// How many calls it was made for.
    #[serde(default)]
    pub(super) depth: usize,
    /// As the caller gave it, where presets or modifiers changed `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) given_input: Option<String>,
    /// When a person was to be asked, by the policies of then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) asked: Option<String>,
}

impl KeptRequest {
    pub(super) fn of(request: &CallRequest, asked: Option<At>) -> Self {
        Self {
            tool: request.tool.clone(),
            input: request.input.clone(),
            // What was left of its parent's time when it was made says nothing about the day on which it goes on.
            timeout_ms: request.timeout_ms.filter(|_| request.nesting.is_none()),
            organization: request.organization.clone(),
            grant: request.grant.as_ref().map(ToString::to_string),
            idempotency_key: request.idempotency_key.clone(),
            asks: false,
            approved: false,
            depth: request.depth(),
            given_input: request.given_input.clone(),
            asked: asked.map(|at| at.as_str().to_owned()),
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

/// What is kept of one call, where something is.
pub(super) struct Keeping {
    eyes: Option<Eyes>,
    /// For its answer: whoever asked comes for it.
    to_collect: bool,
}

/// What a call has come to.
#[derive(Clone, Copy)]
pub(super) struct Came<'a> {
    /// What the guest was told.
    pub(super) journal: Option<&'a Journal>,
    /// What it answered, if it did.
    pub(super) data: Option<&'a str>,
    /// Whether the tool's schema marks some of its output, and a modifier changed that: the marked may be anywhere.
    pub(super) displaced: bool,
}

impl Keeping {
    /// `None` if nothing is kept of such a call. An action type that no tool has is resolved to nothing.
    pub(super) fn of(host: &Host, resolved: Option<&Resolved>, nobody_waits: bool) -> Option<Self> {
        let keeps = match (host.records, host.retention.bodies) {
            (Records::Off, _) | (_, KeepBodies::None) => false,
            (_, KeepBodies::All) => true,
            (_, KeepBodies::Waiting) => nobody_waits,
        };
        keeps.then(|| Self { eyes: Eyes::of(host, resolved), to_collect: nobody_waits })
    }

    /// What is kept as its record begins. Without it the call is no less recorded.
    pub(super) fn start(
        &self,
        host: &Host,
        request: &CallRequest,
        (execution, tool): (&Execution, Option<&Tool>),
        asked: Option<At>,
    ) -> Option<KeptStart> {
        let Self { eyes, to_collect } = self;
        let sealed = sealing(host, execution).and_then(|seal| {
            Ok(KeptStart {
                request: seal(part::REQUEST, &written(&KeptRequest::of(request, asked)))?,
                input_seen: input_seen(eyes.as_ref(), tool, request, &seal)?,
                to_collect: *to_collect,
            })
        });
        kept_or_told(execution, sealed)
    }

    /// What is kept as its outcome is known. Without it the call is no less done.
    pub(super) fn end(
        &self,
        host: &Host,
        request: &CallRequest,
        (execution, tool): (&Execution, Option<&Tool>),
        came: Came<'_>,
    ) -> Option<KeptEnd> {
        let Self { eyes, to_collect } = self;
        let too_long = came.data.is_some_and(|data| is_too_long(host, data));
        let sealed = sealing(host, execution).and_then(|seal| {
            let seen = |eyes: &Eyes, data| if came.displaced { Some(nothing()) } else { eyes.output(tool, data) };
            let output_seen = came.data.and_then(|data| Some(seen(eyes.as_ref()?, data)));
            Ok(KeptEnd {
                journal: came.journal.map(|journal| seal(part::JOURNAL, &journal.to_bytes())).transpose()?,
                output: came.data.map(|data| seal(part::OUTPUT, data.as_bytes())).transpose()?,
                // A call that waited may have got another input since its record began.
                input_seen: if *to_collect { input_seen(eyes.as_ref(), tool, request, &seal)? } else { None },
                output_seen: output_seen
                    .map(|hidden| hidden.map_or(Ok(String::new()), |hidden| seal(part::OUTPUT_SEEN, hidden.as_bytes())))
                    .transpose()?,
                to_collect: *to_collect || too_long,
            })
        });
        kept_or_told(execution, sealed)
    }
}

/// Whether an output is cut in an answer where it is kept.
pub(super) fn is_too_long(host: &Host, data: &str) -> bool {
    data.len() > host.retention.answer_bytes
}

/// What people may see of a call's input, as it is stored.
pub(super) fn seen(
    host: &Host,
    request: &CallRequest,
    (execution, tool): (&Execution, Option<&Tool>),
    eyes: Option<&Eyes>,
) -> Option<String> {
    let sealed = sealing(host, execution).and_then(|seal| input_seen(eyes, tool, request, &seal));
    kept_or_told(execution, sealed).flatten()
}

fn input_seen(
    eyes: Option<&Eyes>,
    tool: Option<&Tool>,
    request: &CallRequest,
    seal: &impl Fn(&str, &[u8]) -> Result<String, Fault>,
) -> Result<Option<String>, Fault> {
    let Some(eyes) = eyes else { return Ok(None) };
    let hidden = eyes.input(tool, request);
    hidden.map_or(Ok(String::new()), |hidden| seal(part::INPUT_SEEN, &written(&hidden))).map(Some)
}

/// Seals parts of one execution with the key of this moment.
fn sealing<'a>(
    host: &Host,
    execution: &'a Execution,
) -> Result<impl Fn(&str, &[u8]) -> Result<String, Fault> + 'a, Fault> {
    let sealing = host.vault.sealing().map_err(|error| faults::vault(&error))?;
    Ok(move |part: &str, bytes: &[u8]| {
        let whose = Body { project: &execution.project, record: execution.id.as_str(), part };
        sealing.seal(&whose, bytes).map_err(|error| faults::vault(&error))
    })
}

fn kept_or_told<T>(execution: &Execution, sealed: Result<T, Fault>) -> Option<T> {
    sealed
        .inspect_err(|fault| {
            tracing::error!(execution = %execution.id, error = fault.detail, "what belongs to a call could not be kept");
        })
        .ok()
}

/// What is kept of a call, for those who may see its record.
#[derive(Clone, Debug, Default)]
pub struct SeenBodies {
    /// JSON text of the input, without what must not be seen.
    pub input: Option<String>,
    /// JSON text of the output, without what must not be seen.
    pub output: Option<String>,
    /// JSON text of the output as it is: for whoever asked and got only an identifier.
    pub data: Option<String>,
}

/// What is kept of a call and may be seen by this caller. The presets in an input are its administrators'.
pub async fn bodies(host: &Host, caller: &Caller, execution: &Execution) -> Result<SeenBodies, Fault> {
    let found = host.store.bodies(&execution.project, &execution.id).await.map_err(faults::store)?;
    let Some(bodies) = found else { return Ok(SeenBodies::default()) };
    let open = |part, sealed: &str| open(host, &execution.project, execution.id.as_str(), part, sealed);
    let text = |part, sealed: &str| String::from_utf8(open(part, sealed)?).map_err(|_| unreadable(&execution.id));
    let input = match bodies.input_seen.as_deref() {
        None => None,
        Some("") => {
            let kept = request_in(host, &execution.project, &execution.id, &bodies)?;
            Some(SeenInput { input: kept.input, given: kept.given_input })
        }
        Some(sealed) => {
            Some(serde_json::from_slice(&open(part::INPUT_SEEN, sealed)?).map_err(|_| unreadable(&execution.id))?)
        }
    };
    let input = input.map(|SeenInput { input, given }| match caller.role {
        Role::Admin => input,
        Role::Agent => given.unwrap_or(input),
    });
    let whole = bodies.output.as_deref().map(|sealed| text(part::OUTPUT, sealed)).transpose()?;
    let output = match bodies.output_seen.as_deref() {
        None => None,
        Some("") => whole.clone(),
        Some(sealed) => Some(text(part::OUTPUT_SEEN, sealed)?),
    };
    let collects = bodies.to_collect && caller.key == execution.key;
    Ok(SeenBodies { input, output, data: whole.filter(|_| collects) })
}

/// What was asked for, if that is kept.
pub(super) async fn request(host: &Host, execution: &Execution) -> Result<Option<KeptRequest>, Fault> {
    let bodies = host.store.bodies(&execution.project, &execution.id).await.map_err(faults::store)?;
    bodies.map(|bodies| request_in(host, &execution.project, &execution.id, &bodies)).transpose()
}

/// What was asked for, of what is kept of an execution.
pub(super) fn request_in(
    host: &Host,
    project: &ProjectId,
    execution: &ExecutionId,
    bodies: &Bodies,
) -> Result<KeptRequest, Fault> {
    let bytes = open(host, project, execution.as_str(), part::REQUEST, &bodies.request)?;
    serde_json::from_slice(&bytes).map_err(|_| unreadable(execution))
}

/// What a call answered, as it is, if that is kept.
pub(super) async fn output(host: &Host, project: &ProjectId, execution: &ExecutionId) -> Result<Option<String>, Fault> {
    let bodies = host.store.bodies(project, execution).await.map_err(faults::store)?;
    let Some(sealed) = bodies.and_then(|bodies| bodies.output) else { return Ok(None) };
    let bytes = open(host, project, execution.as_str(), part::OUTPUT, &sealed)?;
    String::from_utf8(bytes).map(Some).map_err(|_| unreadable(execution))
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
