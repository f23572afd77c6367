//! The part of a call that can have effects: from the record of its start to the record of its outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Instrument;

use super::limits::{DEFAULT_TIMEOUT, MAX_TIMEOUT};
use super::resolve::Resolved;
use super::{Answer, CallRequest, Failed, Host, credential, faults, measure, outcome, record};
use crate::model::{Caller, Code, Culprit, ExecutionId, Fault, Latency};
use crate::runtime::{AccountView, Call, Report};

/// Runs a resolved call.
pub(super) async fn run(
    host: &Host,
    caller: &Caller,
    request: &CallRequest,
    resolved: Resolved,
    started: Instant,
) -> Result<Answer, Failed> {
    let timeout = timeout(request)?;
    let recording = Instant::now();
    let span = tracing::debug_span!("record_start");
    let execution = record::start(host, caller, request, &resolved).instrument(span).await?;
    measure::phase("record", recording.elapsed());

    let (result, report) = match guest(host, request, &resolved, &execution, timeout).await {
        Ok(report) => (checked(&resolved, outcome::of(&report)), Some(report)),
        Err(fault) => (Err(fault), None),
    };
    let latency = latency(started, report.as_ref());

    let recording = Instant::now();
    let span = tracing::debug_span!("record_outcome");
    let recorded = record::finish(host, &execution, result.as_ref().map(|_| ()), report.as_ref(), latency);
    let recorded = recorded.instrument(span).await;
    measure::phase("record", recording.elapsed());
    let latency = self::latency(started, report.as_ref());
    match (recorded, result) {
        (Ok(()), Ok(data)) => Ok(Answer { execution, data, latency }),
        (Ok(()), Err(fault)) | (Err(fault), _) => Err(Failed { execution: Some(execution), fault }),
    }
}

/// Gives the call its grant and a fresh instance.
async fn guest(
    host: &Host,
    request: &CallRequest,
    resolved: &Resolved,
    execution: &ExecutionId,
    timeout: Duration,
) -> Result<Report, Fault> {
    let plugin = resolved.installed.plugin(&host.runtime, &host.store).await.map_err(faults::catalog)?;
    let grant =
        tracing::debug_span!("credential").in_scope(|| credential::grant(&host.vault, resolved, execution, timeout))?;
    let tool = &resolved.tool().tool;
    let call = Call {
        tool: &tool.name,
        input: &request.input,
        binding: tool.binding.as_deref(),
        account: AccountView {
            fields: Arc::new(resolved.context.account.fields.clone()),
            settings: resolved.context.connection.settings.as_str().into(),
        },
        egress: Arc::clone(&host.egress),
        grant: Arc::new(grant),
        now: host.clock.now(),
        random: host.random,
        timeout,
    };
    let span = tracing::debug_span!("guest", tool = tool.name, %execution);
    let report = host.runtime.call(plugin, call).instrument(span).await;
    measure::report(&report);
    outcome::words(&resolved.installed.connector.name, execution, &report);
    Ok(report)
}

/// Holds the tool to its output schema.
fn checked(resolved: &Resolved, result: Result<String, Fault>) -> Result<String, Fault> {
    let data = result?;
    let check = || resolved.tool().check_output(&data);
    tracing::debug_span!("output").in_scope(check).map_err(faults::invalid_output)?;
    Ok(data)
}

fn latency(started: Instant, report: Option<&Report>) -> Latency {
    Latency {
        total_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        guest_us: report.map_or(0, |report| report.guest_us),
        upstream_us: report.map_or(0, |report| report.upstream_us),
    }
}

fn timeout(request: &CallRequest) -> Result<Duration, Fault> {
    let Some(millis) = request.timeout_ms else { return Ok(DEFAULT_TIMEOUT) };
    let timeout = Duration::from_millis(millis);
    if timeout.is_zero() || timeout > MAX_TIMEOUT {
        let detail = format!("`timeout_ms` must be from 1 to {}", MAX_TIMEOUT.as_millis());
        return Err(Fault::new(Code::InvalidRequest, Culprit::Caller, detail));
    }
    Ok(timeout)
}
