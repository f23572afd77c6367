//! A person decides: the call that waited goes on where it stopped, or ends.

use std::time::{Duration, Instant};

use tracing::Instrument;

use super::kept::{self, part};
use super::outcome::NOTHING_MORE;
use super::pace::Patience;
use super::resolve::{Resolved, resolve_again};
use super::run::Attempt;
use super::verdict::{Asked, Verdict, verdict};
use super::wait::{self, ShownCall};
use super::{CallRequest, Failed, Host, Nesting, Reply, custom, edit, faults, once, pause, record, run};
use crate::config::FaultPoint;
use crate::identity;
use crate::model::{
    Approval, ApprovalId, ApprovalState, Caller, CallerScope, Code, Culprit, Execution, ExecutionId, Fault, Latency,
    McpGrantId, ProjectId, Surface, Through,
};
use crate::policy::{Ask, At};
use crate::runtime::{Gate, Journal};
use crate::store::Decided;

/// What a person says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It may go on as it was shown.
    Approve,
    /// It may go on with another input: policies decide on that anew.
    Edit {
        /// JSON text.
        input: String,
    },
    /// It may not, and why; the agent reads that.
    Reject {
        /// For the agent.
        reason: Option<String>,
    },
}

/// An approval and what people see of it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The approval.
    pub approval: Approval,
    /// The call; `None` once that is no longer kept.
    pub call: Option<ShownCall>,
}

/// An approval with the exact request that waits.
pub async fn approval(host: &Host, project: &ProjectId, id: &ApprovalId) -> Result<Option<Shown>, Fault> {
    host.store.expire_approvals(host.clock.now()).await.map_err(faults::store)?;
    let Some((approval, sealed)) = host.store.find_approval(project, id).await.map_err(faults::store)? else {
        return Ok(None);
    };
    if sealed.is_empty() {
        return Ok(Some(Shown { approval, call: None }));
    }
    let bytes = kept::open(host, project, id.as_str(), part::SHOWN, &sealed)?;
    let call = serde_json::from_slice(&bytes).map_err(|_| kept::unreadable(&approval.execution))?;
    Ok(Some(Shown { approval, call: Some(call) }))
}

/// Decides on an approval, once. An approved call goes on in a task of this host; its record says how it ends.
pub async fn decide(host: &Host, caller: &Caller, id: &ApprovalId, answer: Answer) -> Result<Approval, Fault> {
    let missing = || Fault::new(Code::NotFound, Culprit::Caller, "there is no such approval");
    if host.is_draining() {
        let detail = "this host is stopping: decide on another one, or in a moment";
        return Err(Fault::new(Code::Unavailable, Culprit::Host, detail));
    }
    host.store.expire_approvals(host.clock.now()).await.map_err(faults::store)?;
    let found = host.store.find_approval(&caller.project, id).await.map_err(faults::store)?;
    let (approval, _) = found.ok_or_else(missing)?;
    may_decide(caller, &approval)?;
    let (state, reason) = match &answer {
        Answer::Approve => (ApprovalState::Approved, None),
        Answer::Edit { .. } => (ApprovalState::Approved, Some("with another input")),
        Answer::Reject { reason } => (ApprovalState::Rejected, reason.as_deref()),
    };
    let edited = match &answer {
        Answer::Edit { input } => Some(edit::edited(host, &approval, input).await?),
        Answer::Approve | Answer::Reject { .. } => None,
    };
    let starts_over = edited.is_some();
    let (by, at) = (&caller.key, host.clock.now());
    let decided = Decided { approval: id, state, by, at, reason, host: &host.host_id, edited };
    if !host.store.decide_approval(&decided).await.map_err(faults::store)? {
        let detail = "this approval was decided already, or its time is over: look at its state";
        return Err(Fault::new(Code::Conflict, Culprit::Caller, detail));
    }
    FaultPoint::DecisionKept.pass();
    tracing::info!(approval = %id, state = state.as_str(), by = %caller.key, "a person decided");
    if state == ApprovalState::Approved {
        let (host, approval) = (host.clone(), approval.clone());
        let tracker = host.running.clone();
        let work = async move {
            let goes = Goes::Approved { approval: &approval, starts_over };
            go_on(&host, &approval.project, &approval.execution, goes).await;
        };
        tracker.spawn(work.in_current_span());
    } else {
        // A call that waits for this one goes on without its result.
        pause::wake(host, Some(&approval.execution)).await;
    }
    let now = host.store.find_approval(&caller.project, id).await.map_err(faults::store)?;
    now.map(|(approval, _)| approval).ok_or_else(missing)
}

/// Who asks never decides, and neither does anybody that the rule does not name (lesson 7).
fn may_decide(caller: &Caller, approval: &Approval) -> Result<(), Fault> {
    let forbidden = |detail: &str| Err(Fault::new(Code::Forbidden, Culprit::Caller, detail));
    if approval.asked_by == caller.key {
        return forbidden("the key that asked cannot approve its own call");
    }
    let Ok(ask) = Ask::from_json(&approval.ask) else { return forbidden("who may decide cannot be read") };
    let admin = caller.may(CallerScope::ApprovalsDecide);
    if ask.admits(approval.asked_by.as_str(), caller.key.as_str(), &caller.name, admin) {
        Ok(())
    } else {
        forbidden("the rule names others to decide this")
    }
}

/// How long is waited each time before the record of a call that goes on is read again: together as long as a database
/// takes to start anew.
const READ_AGAIN: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
];

/// Why a call goes on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goes<'a> {
    /// A person approved it, or its next write.
    Approved {
        /// What was approved.
        approval: &'a Approval,
        /// With another input than before.
        starts_over: bool,
    },
    /// What it waited for has come.
    Answered,
}

/// Goes on with a call that this host has just taken. Nobody else can do the same.
pub(super) async fn go_on(host: &Host, project: &ProjectId, execution: &ExecutionId, goes: Goes<'_>) {
    let started = Instant::now();
    let Some(execution) = taken(host, project, execution).await else { return };
    let tool = execution.tool.clone();
    let result = match on(host, &execution, goes, started).await {
        // Before anything ran: the record does not know yet.
        Err(Failed { execution: None, fault }) => {
            let latency = Latency::default();
            // Whether it took a key is not known here; where it did not, there is no place for the answer.
            let answer = once::kept(host, &execution, Err(&fault), latency, (false, None));
            let kept = record::Kept { timeline: None, answer, bodies: None };
            let recorded = record::finish(host, &execution, Err(&fault), None, latency, kept).await;
            Err(Failed { execution: Some(execution.id.clone()), fault: recorded.err().unwrap_or(fault) })
        }
        result => result,
    };
    host.figures.finished(&tool, &result, started.elapsed());
}

/// The record of a call that this host has taken. A database that is away for a moment must not lose it: nobody else will
/// go on with it.
async fn taken(host: &Host, project: &ProjectId, execution: &ExecutionId) -> Option<Execution> {
    // After the last wait it is read once more, and then given up.
    for wait in READ_AGAIN.map(Some).into_iter().chain([None]) {
        match (host.store.find_execution(project, execution).await, wait) {
            (Ok(found), _) => {
                if found.is_none() {
                    tracing::error!(%execution, "the record of a call that could go on is gone");
                }
                return found;
            }
            (Err(error), Some(wait)) => {
                tracing::warn!(%execution, %error, "a call that could go on cannot be read: trying again");
                tokio::time::sleep(wait).await;
            }
            (Err(error), None) => tracing::error!(%execution, %error, "a call that could go on cannot be read"),
        }
    }
    None
}

async fn on(host: &Host, execution: &Execution, goes: Goes<'_>, started: Instant) -> Result<Reply, Failed> {
    let Some(through) = &execution.through else {
        let starts_over = matches!(goes, Goes::Approved { starts_over: true, .. });
        return custom::go_on(host, execution, starts_over).await;
    };
    let Revived { caller, request, resolved, journal, kept } = revived(host, execution, through).await?;
    let verdict = verdict(host, &caller, &request, &resolved).await?.verdict;
    FaultPoint::GoingOn.pass();
    let resumed = Some(execution.clone());
    let attempt = match (goes, verdict) {
        (_, Verdict::Deny(fault)) => return Err(fault.into()),
        (Goes::Approved { starts_over: true, .. }, Verdict::Ask(asked)) if asked.ask.at == At::Before => {
            return Ok(Reply::Waiting(wait::again(host, &request, (execution, Some(&resolved)), &asked).await?));
        }
        (Goes::Approved { starts_over: true, .. }, Verdict::Ask(asked)) => {
            Attempt { resumed, ..Attempt::asking(asked) }
        }
        (Goes::Approved { starts_over: true, .. }, Verdict::Run) => Attempt { resumed, ..Attempt::free() },
        // What was approved stays approved; of what comes after it, the rule of now tells.
        (Goes::Approved { approval, .. }, Verdict::Ask(asked)) => {
            Attempt { gate: gate(approval, Some(&asked))?, resumed, journal, ..Attempt::asking(asked) }
        }
        (Goes::Approved { approval, .. }, Verdict::Run) => {
            Attempt { gate: gate(approval, None)?, resumed, journal, ..Attempt::free() }
        }
        // What was approved before it stopped stays so, too; of a call that nobody has looked at, the rule of now tells.
        (Goes::Answered, Verdict::Ask(asked)) if kept.asks || !kept.approved => {
            Attempt { resumed, journal, ..Attempt::asking(asked) }
        }
        (Goes::Answered, _) => Attempt { resumed, journal, ..Attempt::free() },
    };
    let approved = kept.approved || matches!(goes, Goes::Approved { .. });
    let patience = Patience::of_one_that_goes_on(run::timeout(&request)?);
    let places = host.pace.places(&resolved, request.nesting.as_ref(), patience).await?;
    run::run(host, &caller, &request, resolved, Attempt { places, approved, ..attempt }, started).await
}

/// A call as it was asked for, and what it was told.
struct Revived {
    caller: Caller,
    request: CallRequest,
    resolved: Resolved,
    journal: Option<Journal>,
    kept: Stood,
}

/// How a call stood when it stopped.
#[derive(Clone, Copy)]
struct Stood {
    /// Whether its next write had to be approved.
    asks: bool,
    /// Whether a person had approved it, or a write of it.
    approved: bool,
}

/// All that going on takes, checked anew: keys and accounts may have changed while the call waited.
async fn revived(host: &Host, execution: &Execution, through: &Through) -> Result<Revived, Fault> {
    still_wanted(host, execution).await?;
    let caller = asker(host, execution).await?;
    let bodies = host.store.bodies(&execution.project, &execution.id).await.map_err(faults::store)?;
    let bodies = bodies.ok_or_else(|| kept::unreadable(&execution.id))?;
    let kept = kept::request_in(host, &execution.project, &execution.id, &bodies)?;
    let grant = still_granted(host, execution, kept.grant.as_deref()).await?;
    let journal = match bodies.journal {
        None => None,
        Some(sealed) => {
            let bytes = kept::open(host, &execution.project, execution.id.as_str(), part::JOURNAL, &sealed)?;
            let journal = Journal::from_bytes(&bytes).map_err(|error| diverged(&error.to_string()))?;
            Some(pause::completed(host, execution, journal).await?)
        }
    };
    let stood = Stood { asks: kept.asks, approved: kept.approved };
    let request = CallRequest {
        identifier: caller.identifier.clone().or_else(|| execution.identifier.clone()),
        organization: kept.organization.clone(),
        grant,
        account: Some(through.account.clone()),
        given_input: kept.given_input,
        tool_call_id: execution.tool_call_id.clone(),
        parent: execution.parent.clone(),
        chat_id: execution.chat_id.clone(),
        trigger_type: execution.trigger_type.clone(),
        timeout_ms: kept.timeout_ms,
        idempotency_key: kept.idempotency_key,
        nesting: Nesting::alone(kept.depth),
        ..CallRequest::new(execution.surface(), kept.tool, kept.input)
    };
    let resolved = resolve_again(host, &caller, &request).await?;
    if resolved.installed.digest != through.component {
        return Err(diverged("the connector was updated while the call waited"));
    }
    // What a person allowed is what happens: neither does what was to send nothing send, nor the other way round.
    if resolved.context.connection.demo != execution.simulated {
        return Err(diverged("the connection's demo mode was switched while the call waited"));
    }
    Ok(Revived { caller, request, resolved, journal, kept: stood })
}

/// A call of a client that its user no longer lets call does not go on, whoever approved it meanwhile.
async fn still_granted(host: &Host, execution: &Execution, grant: Option<&str>) -> Result<Option<McpGrantId>, Fault> {
    let Some(grant) = grant else { return Ok(None) };
    if let Some(id) = McpGrantId::parse(grant)
        && host.store.mcp_grant(&execution.project, &id).await.map_err(faults::store)?.is_some()
    {
        return Ok(Some(id));
    }
    let detail = format!("what the user let the MCP client do that asked ({grant}) was ended while the call waited");
    Err(Fault::new(Code::Forbidden, Culprit::Caller, detail))
}

/// Nobody waits for an inner call whose outer one has ended: what it would send is not sent for nothing. Most are ended
/// with it; this is for those that were decided on in the same moment.
async fn still_wanted(host: &Host, execution: &Execution) -> Result<(), Fault> {
    let (Surface::Inner, Some(parent)) = (execution.surface(), &execution.parent) else { return Ok(()) };
    let outer = host.store.find_execution(&execution.project, parent).await.map_err(faults::store)?;
    if outer.is_some_and(|outer| outer.finished_at.is_none()) {
        return Ok(());
    }
    let detail = format!("{parent}, which it was made for, has ended: nobody waits for it, and nothing was sent");
    Err(Fault::new(Code::Cancelled, Culprit::Host, detail))
}

/// An approval before the call covers all of it; one at a write covers that write, and further ones if the rule says so.
fn gate(approval: &Approval, asked: Option<&Asked>) -> Result<Gate, Fault> {
    let Some(digest) = &approval.request else { return Ok(Gate::Open) };
    let mut request = [0; 32];
    hex::decode_to_slice(digest, &mut request).map_err(|_| kept::unreadable(&approval.execution))?;
    let each = asked.is_some_and(|asked| asked.ask.each_write);
    Ok(Gate::Approved { request, each })
}

pub(super) async fn asker(host: &Host, execution: &Execution) -> Result<Caller, Fault> {
    identity::asker(&host.store, execution).await.map_err(faults::store)?.ok_or_else(|| {
        let detail = "the key that asked for this call was removed while it waited, or its token's issuer is trusted no \
                      more";
        Fault::new(Code::Forbidden, Culprit::Caller, detail)
    })
}

fn diverged(why: &str) -> Fault {
    Fault::new(Code::Diverged, Culprit::Host, format!("{why}. {NOTHING_MORE}"))
}
