//! The figures of calls: a histogram per phase, and counters by code and culprit.

use std::time::Duration;

use metrics::{Counter, Histogram};

use super::{Failed, Reply};
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

/// The histograms that every call writes to, looked up once.
#[derive(Debug)]
pub struct Figures {
    pub(super) resolve: Phase,
    pub(super) record: Phase,
    queue: Phase,
    instantiate: Phase,
    guest: Phase,
    upstream: Phase,
    whole: Histogram,
    succeeded: Counter,
}

/// The histogram of one phase.
#[derive(Debug)]
pub(super) struct Phase(Histogram);

impl Figures {
    /// Registers them with the recorder, which has to be there already.
    pub fn register() -> Self {
        let phase = |name: &'static str| Phase(metrics::histogram!(PHASES, "phase" => name));
        Self {
            resolve: phase("resolve"),
            record: phase("record"),
            queue: phase("queue"),
            instantiate: phase("instantiate"),
            guest: phase("guest"),
            upstream: phase("upstream"),
            whole: metrics::histogram!(DURATION),
            succeeded: metrics::counter!(CALLS, "code" => "ok", "culprit" => "none"),
        }
    }

    /// Notes the phases that the runtime measured.
    pub(super) fn report(&self, report: &Report) {
        for (phase, micros) in [
            (&self.queue, report.queue_us),
            (&self.instantiate, report.instantiate_us),
            (&self.guest, report.guest_us),
            (&self.upstream, report.upstream_us),
        ] {
            phase.took(Duration::from_micros(micros));
        }
    }

    /// Notes the end of a call, in the figures and in the log. Bodies and arguments are in neither.
    pub(super) fn finished(&self, tool: &str, result: &Result<Reply, Failed>, took: Duration) {
        if !matches!(result, Ok(Reply::Started(_))) {
            self.whole.record(took.as_secs_f64());
        }
        match result {
            Ok(Reply::Waiting(held)) => {
                metrics::counter!(CALLS, "code" => "waiting", "culprit" => "none").increment(1);
                tracing::debug!(tool, execution = %held.execution, micros = took.as_micros(), "call waits");
            }
            // Counted when it ends.
            Ok(Reply::Started(execution)) => {
                tracing::debug!(tool, %execution, micros = took.as_micros(), "call goes on by itself");
            }
            Ok(Reply::Done(answer)) => {
                self.succeeded.increment(1);
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
}

impl Phase {
    /// Notes how long the phase took.
    pub(super) fn took(&self, took: Duration) {
        self.0.record(took.as_secs_f64());
    }
}
