//! The part of a call that can have effects: from the record of its start to the record of its outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Instrument;

use super::cancel::Entered;
use super::kept::{Came, Keeping};
use super::limits::{DEFAULT_TIMEOUT, MAX_TIMEOUT};
use super::nested::Children;
use super::pace::Places;
use super::resolve::Resolved;
use super::verdict::Asked;
use super::{
    Answer, CallRequest, Failed, Held, Host, Reply, WaitsFor, credential, faults, kept, modifiers, once, outcome,
    pause, record, seen, servers, settings, simulated, timeline, tokens, wait,
};
use crate::config::{FaultPoint, Records};
use crate::egress::Grant;
use crate::model::{Caller, Code, Culprit, Execution, ExecutionId, Fault, Latency, Surface, Timestamp};
use crate::runtime::{AccountView, Call, CallError, Gate, Journal, Report, Tools};
use crate::store::KeptEnd;

/// How a call is run: for the first time, or on from where it stopped.
pub(super) struct Attempt {
    /// Its record, if it goes on.
    pub(super) resumed: Option<Execution>,
    /// What it was told before.
    pub(super) journal: Option<Journal>,
    pub(super) gate: Gate,
    /// Whether a person has approved it, or a write of it.
    pub(super) approved: bool,
    /// Who is to be asked at a write.
    pub(super) asked: Option<Asked>,
    /// Its places among its neighbours, until it ends.
    pub(super) places: Places,
}

impl Attempt {
    /// A call that nobody has to be asked about.
    pub(super) fn free() -> Self {
        Self { resumed: None, journal: None, gate: Gate::Open, approved: false, asked: None, places: Places::default() }
    }

    /// A call that stops at its first write.
    pub(super) fn asking(asked: Asked) -> Self {
        Self { gate: Gate::Ask, asked: Some(asked), ..Self::free() }
    }
}

/// Runs a resolved call, or lets it go on by itself once it has begun.
pub(super) async fn run(
    host: &Host,
    caller: &Caller,
    request: &CallRequest,
    resolved: Resolved,
    attempt: Attempt,
    started: Instant,
) -> Result<Reply, Failed> {
    let timeout = timeout(request)?;
    let recording = Instant::now();
    let goes_on = attempt.resumed.is_some();
    let execution = match &attempt.resumed {
        Some(execution) => execution.clone(),
        None => record::execution(host, caller, request, &resolved),
    };
    let detached = request.respond_async && !goes_on && host.records == Records::Durable;
    let nobody_waits = goes_on || detached;
    let mut keeping = Keeping::of(host, Some(&resolved), nobody_waits);
    // On the list before it is on record: whoever sees it can stop it.
    let entered = Entered::new(host, &execution, request);
    if !goes_on {
        let asked = attempt.asked.as_ref().map(|asked| asked.ask.at);
        let tool = Some(&resolved.tool().tool);
        let kept = keeping.as_ref().and_then(|keeping| keeping.start(host, request, (&execution, tool), asked));
        // What was not kept as it begins has no place for what comes later.
        keeping = keeping.filter(|_| kept.is_some());
        let timeline = timeline::begun(&resolved.modified);
        record::start(host, request, &execution, (kept, timeline))
            .instrument(tracing::debug_span!("record_start"))
            .await?;
    }
    host.figures.record.took(recording.elapsed());
    FaultPoint::Recorded.pass();
    let running = Running { caller: caller.clone(), execution, entered, resolved, timeout, started, keeping };
    if !detached {
        return to_outcome(host, request, attempt, running).await;
    }
    let execution = running.execution.id.clone();
    let (owned, request) = (host.clone(), request.clone());
    let work = async move {
        let tool = running.execution.tool.clone();
        let result = to_outcome(&owned, &request, attempt, running).await;
        owned.figures.finished(&tool, &result, started.elapsed());
    };
    host.running.spawn(work.in_current_span());
    Ok(Reply::Started(execution))
}

/// A call that has begun.
struct Running {
    caller: Caller,
    execution: Execution,
    entered: Entered,
    resolved: Resolved,
    timeout: Duration,
    started: Instant,
    /// What is kept of it.
    keeping: Option<Keeping>,
}

async fn to_outcome(host: &Host, request: &CallRequest, attempt: Attempt, running: Running) -> Result<Reply, Failed> {
    let Running { execution, resolved, started, .. } = &running;
    let before = match &attempt.resumed {
        Some(execution) => requests_before(host, execution).await,
        None => timeline::begun(&resolved.modified),
    };
    let Attempt { journal, gate, approved, asked, places: _places, .. } = attempt;
    if let Some(result) = simulated::answer(resolved, request) {
        return told(host, request, &running, result, (None, before)).await;
    }
    let ran = Box::pin(guest(host, request, &running, journal, gate)).await;
    let (guest, timeline) = match ran {
        Ok((report, began)) => {
            let timeline = timeline::written(before.as_deref(), began, &report.attempts);
            (Ok(report), timeline)
        }
        Err(fault) => (Err(fault), before),
    };
    if let Ok(report) = &guest {
        match held(host, request, &running, (asked.as_ref(), approved), (report, timeline.as_deref())).await {
            Ok(None) => {}
            Ok(Some(held)) => return Ok(Reply::Waiting(held)),
            Err(fault) => {
                running.entered.abandon().await;
                return ended(host, request, execution, Err(fault), (Some(report), timeline, None), *started).await;
            }
        }
    }
    let (result, report) = match guest {
        Ok(report) => {
            let came = if resolved.tool().is_proxy { outcome::of_proxied(&report) } else { outcome::of(&report) };
            (checked(resolved, came), Some(report))
        }
        Err(fault) => (Err(fault), None),
    };
    told(host, request, &running, result, (report.as_ref(), timeline)).await
}

/// Changes the result as operators want it, and records how the call ended, with what is kept of it.
async fn told(
    host: &Host,
    request: &CallRequest,
    Running { execution, entered, resolved, started, keeping, .. }: &Running,
    result: Result<String, Fault>,
    (report, timeline): (Option<&Report>, Option<String>),
) -> Result<Reply, Failed> {
    if result.is_err() {
        entered.abandon().await;
    }
    let tool = Some(&resolved.tool().tool);
    let marked = keeping.is_some() && result.as_ref().is_ok_and(|data| seen::is_marked(tool, data));
    let before = if marked { result.as_ref().ok().cloned() } else { None };
    let mut modified = Vec::new();
    let result = modifiers::after(host, request, resolved, execution, result, &mut modified).await;
    let timeline = if modified.is_empty() { timeline } else { timeline::with(timeline.as_deref(), &modified) };
    let came = Came {
        journal: report.and_then(|report| report.journal.as_ref()),
        data: result.as_ref().ok().map(String::as_str),
        displaced: before.is_some_and(|before| result.as_ref().is_ok_and(|data| *data != before)),
    };
    let bodies = keeping.as_ref().and_then(|keeping| keeping.end(host, request, (execution, tool), came));
    ended(host, request, execution, result, (report, timeline, bodies), *started).await
}

/// Lets a call wait that has stopped to do so; `None` if it has come to its end.
async fn held(
    host: &Host,
    request: &CallRequest,
    Running { execution, resolved, .. }: &Running,
    (asked, approved): (Option<&Asked>, bool),
    (report, timeline): (&Report, Option<&str>),
) -> Result<Option<Held>, Fault> {
    if let (Some(asked), Err(CallError::Waiting(waiting)), Some(journal)) = (asked, &report.outcome, &report.journal) {
        FaultPoint::Stopped.pass();
        let stop = (journal, &**waiting, timeline);
        return Box::pin(wait::at_write(host, request, (execution, resolved), asked, stop)).await.map(Some);
    }
    if report.outcome.is_ok() {
        return Ok(None);
    }
    let at = (asked.map(|asked| asked.ask.at), approved);
    let held = Box::pin(pause::paused(host, request, (execution, resolved), at, (report, timeline))).await?;
    if let Some(Held { waits_for: WaitsFor::Calls(calls), .. }) = &held {
        // They may have ended before anybody could see that this one waits.
        pause::wake(host, calls.first()).await;
    }
    Ok(held)
}

/// What happened in the runs before this one. Without it the record tells less, and the call is no less done.
async fn requests_before(host: &Host, execution: &Execution) -> Option<String> {
    match host.store.timeline(&execution.project, &execution.id).await {
        Ok(before) => before,
        Err(error) => {
            tracing::warn!(execution = %execution.id, %error, "the requests of an earlier run could not be read");
            None
        }
    }
}

/// Records how a call ended.
async fn ended(
    host: &Host,
    request: &CallRequest,
    execution: &Execution,
    result: Result<String, Fault>,
    (report, timeline, bodies): (Option<&Report>, Option<String>, Option<KeptEnd>),
    started: Instant,
) -> Result<Reply, Failed> {
    FaultPoint::Ended.pass();
    let recording = Instant::now();
    // What is told now is what is kept: whoever asks again gets the same answer to the last digit.
    let latency = latency(started, report);
    let keyed = request.idempotency_key.is_some();
    let collect_until = match (&bodies, &result) {
        (Some(_), Ok(data)) if kept::is_too_long(host, data) => Some(host.clock.now().plus(host.retention.bodies_for)),
        _ => None,
    };
    let in_output = bodies.as_ref().is_some_and(|bodies| bodies.output.is_some());
    let told = result.as_ref().map(String::as_str);
    let answer = keyed.then(|| once::kept(host, execution, told, latency, (in_output, collect_until))).flatten();
    let span = tracing::debug_span!("record_outcome");
    let kept = record::Kept { timeline, answer, bodies };
    let recorded = record::finish(host, execution, result.as_ref().map(|_| ()), report, latency, kept);
    let recorded = recorded.instrument(span).await;
    FaultPoint::OutcomeKept.pass();
    host.figures.record.took(recording.elapsed());
    let Execution { id: execution, simulated, through, .. } = execution.clone();
    let account = through.map(|through| through.account);
    match (recorded, result) {
        (Ok(()), Ok(data)) => Ok(Reply::Done(Answer { execution, data, latency, account, simulated, collect_until })),
        (Ok(()), Err(fault)) | (Err(fault), _) => Err(Failed { execution: Some(execution), fault }),
    }
}

/// Gives the call its grant and a fresh instance. Its report's attempts count from the moment beside it.
async fn guest(
    host: &Host,
    request: &CallRequest,
    running: &Running,
    journal: Option<Journal>,
    gate: Gate,
) -> Result<(Report, Timestamp), Fault> {
    let Running { caller, execution, entered, resolved, timeout, keeping, .. } = running;
    let (execution, timeout) = (&execution.id, *timeout);
    let plugin = match resolved.tool().is_proxy {
        true => host.generic.plugin(&host.runtime).await,
        false => resolved.installed.plugin(&host.runtime, &host.store).await,
    };
    let plugin = plugin.map_err(faults::catalog)?;
    let (began, deadline) = (host.clock.now(), tokio::time::Instant::now() + timeout);
    let grant =
        opened(host, resolved, caller, (execution, timeout)).instrument(tracing::debug_span!("credential")).await?;
    // Who tries a credential does not use it.
    if request.surface != Surface::AccountTest {
        host.used.note(&resolved.context.account.id, began);
    }
    FaultPoint::Granted.pass();
    let tool = &resolved.tool().tool;
    let above = (execution, deadline, entered);
    let tools = || Arc::new(Children::new(host, caller, request, resolved, above)) as Arc<dyn Tools>;
    let call = Call {
        tool: &tool.name,
        input: &request.input,
        binding: tool.binding.as_deref(),
        journal: journal.unwrap_or_else(|| Journal::begin(account(resolved), host.clock.now(), &host.random)),
        gate,
        records: keeping.is_some(),
        tools: plugin.may_pause().then(tools),
        depth: request.depth(),
        egress: Arc::clone(&host.egress),
        grant: Arc::new(grant),
        timeout,
        stop: entered.stop().clone(),
        progress: request.asker.as_ref().map(|asker| asker.progress.clone()),
    };
    let span = tracing::debug_span!("guest", tool = tool.name, %execution);
    let report = host.runtime.call(plugin, call).instrument(span).await;
    host.figures.report(&report);
    servers::heard(host, resolved, &report);
    outcome::words(&resolved.installed.connector.name, execution, &report);
    Ok((report, began))
}

/// The right to send as the account, with a token that holds; where the provider refuses it, another one is got once.
async fn opened(
    host: &Host,
    resolved: &Resolved,
    caller: &Caller,
    (id, timeout): (&ExecutionId, Duration),
) -> Result<Grant, Fault> {
    let fresh = tokens::fresh(host, resolved, timeout).await?;
    let grant = credential::grant(host, &fresh, caller, (id, timeout))?;
    if let Some(renewal) = tokens::Renew::of(host, &fresh) {
        grant.state.renew_by(renewal);
    }
    Ok(grant)
}

/// Holds the tool to its output schema.
fn checked(resolved: &Resolved, result: Result<String, Fault>) -> Result<String, Fault> {
    let data = result?;
    let check = || resolved.tool().check_output(&data);
    tracing::debug_span!("output").in_scope(check).map_err(faults::invalid_output)?;
    Ok(data)
}

fn account(resolved: &Resolved) -> AccountView {
    AccountView {
        fields: Arc::new(resolved.context.account.fields.clone()),
        settings: settings::of(&resolved.context).into(),
    }
}

fn latency(started: Instant, report: Option<&Report>) -> Latency {
    Latency {
        total_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        guest_us: report.map_or(0, |report| report.guest_us),
        upstream_us: report.map_or(0, |report| report.upstream_us),
    }
}

pub(super) fn timeout(request: &CallRequest) -> Result<Duration, Fault> {
    let Some(millis) = request.timeout_ms else { return Ok(DEFAULT_TIMEOUT) };
    let timeout = Duration::from_millis(millis);
    if timeout.is_zero() || timeout > MAX_TIMEOUT {
        let detail = format!("`timeout_ms` must be from 1 to {}", MAX_TIMEOUT.as_millis());
        return Err(Fault::new(Code::InvalidRequest, Culprit::Caller, detail));
    }
    Ok(timeout)
}
