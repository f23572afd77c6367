//! The figures of calls: a histogram per phase, and counters by code and culprit.

use std::time::Duration;

use super::{Answer, Failed};
use crate::runtime::Report;

const PHASES: &str = "gloveport_call_phase_seconds";
const CALLS: &str = "gloveport_calls_total";
const DURATION: &str = "gloveport_call_seconds";

/// Registers the meaning of each figure.
pub fn describe_metrics() {
    let phases = "Time of each phase of a call: queue, resolve, instantiate, guest, upstream, record";
    metrics::describe_histogram!(PHASES, metrics::Unit::Seconds, phases);
    metrics::describe_histogram!(DURATION, metrics::Unit::Seconds, "Time of a whole call");
    metrics::describe_counter!(CALLS, "Calls by code (ok when they succeeded) and culprit");
}

/// Notes how long a phase took.
pub(super) fn phase(name: &'static str, took: Duration) {
    metrics::histogram!(PHASES, "phase" => name).record(took.as_secs_f64());
}

/// Notes the phases that the runtime measured.
pub(super) fn report(report: &Report) {
    for (name, micros) in [
        ("queue", report.queue_us),
        ("instantiate", report.instantiate_us),
        ("guest", report.guest_us),
        ("upstream", report.upstream_us),
    ] {
        phase(name, Duration::from_micros(micros));
    }
}

/// Notes the end of a call, in the figures and in the log. Bodies and arguments are in neither.
pub(super) fn finished(tool: &str, result: &Result<Answer, Failed>, took: Duration) {
    metrics::histogram!(DURATION).record(took.as_secs_f64());
    match result {
        Ok(answer) => {
            metrics::counter!(CALLS, "code" => "ok", "culprit" => "none").increment(1);
            tracing::debug!(tool, execution = %answer.execution, micros = took.as_micros(), "call succeeded");
        }
        Err(failed) => {
            let (code, culprit) = (failed.fault.code.as_str(), failed.fault.culprit.as_str());
            metrics::counter!(CALLS, "code" => code, "culprit" => culprit).increment(1);
            let execution = failed.execution.as_ref().map(ToString::to_string);
            tracing::info!(tool, execution, code, culprit, micros = took.as_micros(), "call failed");
        }
    }
}
