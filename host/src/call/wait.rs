//! A call that waits for a person: what it is asked for, what is shown, and what going on takes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::kept::{self, KeptRequest, part};
use super::resolve::Resolved;
use super::seen::Eyes;
use super::verdict::Asked;
use super::{CallRequest, Held, Host, WaitsFor, faults, once, record, timeline};
use crate::config::{FaultPoint, KeepBodies, Records};
use crate::model::{Approval, ApprovalId, ApprovalState, Code, Culprit, Execution, ExecutionStatus, Fault};
use crate::policy::At;
use crate::runtime::{Demand, Entry, Journal, Reply, Waiting};
use crate::store::{Beginning, Bodies, Wait};

/// What people see of a call that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShownCall {
    /// The tool's input.
    pub input: Box<RawValue>,
    /// The request that waits; `None` where nothing has run.
    pub request: Option<ShownRequest>,
    /// Requests that were answered before.
    pub before: Vec<ShownLine>,
    /// Whether nothing will leave for it, because its connection is in demo mode.
    #[serde(default)]
    pub simulated: bool,
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

/// Lets a call wait before anything of it runs. An action type that no tool has is resolved to nothing.
pub(super) async fn before(
    host: &Host,
    request: &CallRequest,
    (execution, resolved): (Execution, Option<&Resolved>),
    asked: &Asked,
) -> Result<Held, Fault> {
    let execution = Execution { status: ExecutionStatus::Waiting, ..execution };
    let timeline = resolved.and_then(|resolved| timeline::begun(&resolved.modified));
    let with = Beginning { once: once::reservation(host, request), kept: None, timeline };
    let wait = Wait::Before { execution: &execution, host: &host.host_id, with: &with };
    hold(host, request, (&execution, resolved), asked, wait, None).await
}

/// Lets a call that was to start over wait before anything of it runs.
pub(super) async fn again(
    host: &Host,
    request: &CallRequest,
    of: (&Execution, Option<&Resolved>),
    asked: &Asked,
) -> Result<Held, Fault> {
    let wait = Wait::AtWrite { execution: &of.0.id, timeline: None };
    hold(host, request, of, asked, wait, None).await
}

/// Lets a call wait at a write that it has come to.
pub(super) async fn at_write(
    host: &Host,
    request: &CallRequest,
    (execution, resolved): (&Execution, &Resolved),
    asked: &Asked,
    (journal, waiting, timeline): (&Journal, &Waiting, Option<&str>),
) -> Result<Held, Fault> {
    let wait = Wait::AtWrite { execution: &execution.id, timeline };
    hold(host, request, (execution, Some(resolved)), asked, wait, Some((journal, waiting))).await
}

/// A call can only wait where all that going on takes can be written down.
pub(super) fn can_wait(host: &Host, what: &str) -> Result<(), Fault> {
    let why = match (host.records, host.retention.bodies) {
        (Records::Off, _) => "this host keeps no records",
        (_, KeepBodies::None) => NO_BODIES,
        (_, KeepBodies::All | KeepBodies::Waiting) => return Ok(()),
    };
    let detail = format!("{what}, and {why}: a call cannot wait");
    Err(Fault::new(Code::ApprovalRequired, Culprit::Policy, detail))
}

/// A call can only go on by itself where its answer is kept until somebody comes for it. Where nothing is recorded at all
/// whoever asked waits.
pub(super) fn can_go_on_alone(host: &Host) -> Result<(), Fault> {
    match (host.records, host.retention.bodies) {
        (Records::Durable, KeepBodies::None) => {
            let detail = format!("nobody could come for the answer of this call, as {NO_BODIES}: call it and wait");
            Err(Fault::new(Code::InvalidRequest, Culprit::Policy, detail))
        }
        _ => Ok(()),
    }
}

/// What a call would wait for.
pub(super) const APPROVAL: &str = "a person would have to approve this call";

/// Which setting of the operator's is in the way.
const NO_BODIES: &str = "this host keeps nothing of calls but their records (`[records] bodies = \"none\"`)";

async fn hold(
    host: &Host,
    request: &CallRequest,
    (execution, resolved): (&Execution, Option<&Resolved>),
    asked: &Asked,
    wait: Wait<'_>,
    stop: Option<(&Journal, &Waiting)>,
) -> Result<Held, Fault> {
    can_wait(host, APPROVAL)?;
    let eyes = Eyes::of(host, resolved);
    let tool = resolved.map(|resolved| &resolved.tool().tool);
    let digest = stop.map(|(_, waiting)| hex::encode(waiting.request));
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
    let of_execution = |part, bytes: &[u8]| kept::seal(host, &approval.project, execution.id.as_str(), part, bytes);
    let bodies = Bodies {
        request: of_execution(part::REQUEST, &kept::written(&KeptRequest::of(request, Some(asked.ask.at))))?,
        journal: stop.map(|(journal, _)| of_execution(part::JOURNAL, &journal.to_bytes())).transpose()?,
        output: None,
        input_seen: kept::seen(host, request, (execution, tool), eyes.as_ref()),
        output_seen: None,
        to_collect: true,
    };
    let sealed = kept::seal(
        host,
        &approval.project,
        approval.id.as_str(),
        part::SHOWN,
        &kept::written(&shown(request, execution, eyes.as_ref(), stop)),
    )?;
    let begins = matches!(wait, Wait::Before { .. });
    let recorded = host.store.record_wait(wait, &approval, &sealed, &bodies).await;
    recorded.map_err(|error| if begins { record::not_started(request, error) } else { faults::store(error) })?;
    FaultPoint::Waiting.pass();
    tracing::info!(execution = %execution.id, approval = %approval.id, tool = execution.tool, "a call waits for a person");
    Ok(Held { execution: execution.id.clone(), waits_for: WaitsFor::Approval(approval.id) })
}

/// What whoever decides will see.
fn shown(
    request: &CallRequest,
    execution: &Execution,
    eyes: Option<&Eyes>,
    stop: Option<(&Journal, &Waiting)>,
) -> ShownCall {
    let input = eyes.and_then(|eyes| eyes.to_decide(request)).unwrap_or_else(|| request.input.clone());
    let entries = stop.iter().flat_map(|(journal, _)| &journal.entries);
    ShownCall {
        input: RawValue::from_string(input).unwrap_or_else(|_| RawValue::NULL.to_owned()),
        request: stop.map(|(_, Waiting { shown, .. })| ShownRequest {
            method: shown.method.clone(),
            url: shown.url.clone(),
            headers: shown.headers.clone(),
            body: shown.body.as_ref().map(|body| STANDARD.encode(body)),
        }),
        before: entries.filter_map(line).collect(),
        simulated: execution.simulated,
    }
}

/// A request that was answered; calls of other tools have records of their own.
fn line(entry: &Entry) -> Option<ShownLine> {
    let Demand::Http { method, url, .. } = &entry.demand else { return None };
    let status = match &entry.reply {
        Reply::Response { status, .. } => Some(*status),
        _ => None,
    };
    Some(ShownLine { method: method.clone(), url: url.clone(), status })
}
