//! One run of a component: a slot, a fresh instance, a deadline, and a report of what happened.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};
use wasmtime::{Store, Trap, WasmBacktrace};

use super::bindings::{self, Connector, ConnectorPre};
use super::error::bounded;
use super::state::{LogLine, OutOfTime, Outside, Progress, State, Tally};
use super::{CallError, Failure, Phase, Plugin, Runtime, limits};
use crate::egress::{Egress, EgressError, Grant};
use crate::model::{InputError, Random, Timestamp};

/// One call of a tool, whose input has been checked.
#[derive(Debug)]
pub struct Call<'a> {
    /// Name of the tool, as `describe` gave it.
    pub tool: &'a str,
    /// JSON text; at most [`limits::INPUT_BYTES`].
    pub input: &'a str,
    /// The tool's own, from the descriptor.
    pub binding: Option<&'a str>,
    /// What the connector may know of the account.
    pub account: AccountView,
    /// The way out.
    pub egress: Arc<Egress>,
    /// What may be sent, with which credential. Never copied into the guest.
    pub grant: Arc<Grant>,
    /// The time, for the whole call.
    pub now: Timestamp,
    /// Randomness for the connector.
    pub random: Random,
    /// Time for all of it, waiting for a slot included; at most [`limits::CALL_TIMEOUT_MAX`].
    pub timeout: Duration,
}

/// What a connector may know of the account it acts for. Never a secret.
#[derive(Clone, Debug)]
pub struct AccountView {
    /// Public fields of the account.
    pub fields: Arc<BTreeMap<String, String>>,
    /// Settings of the connection: a JSON object as text.
    pub settings: Arc<str>,
}

/// What happened in a call.
#[derive(Debug)]
pub struct Report {
    /// The output as JSON text, or why there is none.
    pub outcome: Result<String, CallError>,
    /// Time spent waiting for a slot.
    pub queue_us: u64,
    /// Time to make the instance.
    pub instantiate_us: u64,
    /// Time in the connector: from the start of the call to its end, without `upstream_us`.
    pub guest_us: u64,
    /// Time during which at least one request was under way.
    pub upstream_us: u64,
    /// Requests that were handed to egress.
    pub requests: u32,
    /// Bytes of bodies sent.
    pub sent_bytes: u64,
    /// Bytes of bodies received, before decoding.
    pub received_bytes: u64,
    /// How often the credential was found in a response and replaced.
    pub scrubbed: u32,
    /// The first request that this host refused or stopped at a limit, whatever the connector made of it.
    pub refusal: Option<EgressError>,
    /// What the connector logged; at most [`limits::LOG_LINES`].
    pub logs: Vec<LogLine>,
    /// Lines that were too many.
    pub dropped_logs: u32,
    /// The last progress report.
    pub progress: Option<Progress>,
}

/// One run of one exported function.
pub(super) struct Run<R> {
    pub(super) outcome: Result<R, CallError>,
    tally: Tally,
    queue: Duration,
    instantiate: Duration,
    run: Duration,
}

impl AccountView {
    /// A setting as JSON text, exactly as it was written.
    pub(super) fn setting(&self, name: &str) -> Option<String> {
        let settings: BTreeMap<String, &RawValue> = serde_json::from_str(&self.settings).ok()?;
        settings.get(name).map(|value| value.get().into())
    }
}

impl Runtime {
    /// Calls a tool in a fresh instance, which is thrown away afterwards.
    ///
    /// Waits for a free slot if all are taken. Nothing that the component does can fail anything but this call.
    pub async fn call(&self, plugin: &Plugin, call: Call<'_>) -> Report {
        let Call { tool, input, binding, account, egress, grant, now, random, timeout } = call;
        if input.len() > limits::INPUT_BYTES {
            let error = limit("input_bytes", limits::INPUT_BYTES, format!("the input has {} bytes", input.len()));
            return Run::refused(error).into_report();
        }
        let outside = Outside { account, egress, grant, now, random };
        let timeout = timeout.min(limits::CALL_TIMEOUT_MAX);
        let run = self.run(&plugin.pre, Some(outside), limits::GUEST_TICKS, timeout, async |connector, store| {
            connector.call_call(store, tool, input, binding).await
        });
        let run: Run<_> = run.await;
        run.and_then(|result| result.map_err(|failure| failure_from_guest(failure).into()).and_then(check_output))
            .into_report()
    }

    /// Runs `function` on a fresh instance under all limits.
    pub(super) async fn run<R>(
        &self,
        pre: &ConnectorPre<State>,
        outside: Option<Outside>,
        ticks: u32,
        timeout: Duration,
        function: impl AsyncFnOnce(&Connector, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Run<R> {
        let begun = Instant::now();
        let deadline = begun + timeout;
        let out_of_time = |phase| CallError::Timeout { after_ms: timeout.as_millis() as u64, phase };
        // The permit outlives the store: a slot is free when it has been wiped.
        let Ok(Ok(_permit)) = timeout_at(deadline, self.0.slots.acquire()).await else {
            let mut run = Run::refused(out_of_time(Phase::Queued));
            run.queue = begun.elapsed();
            return run;
        };
        let started = Instant::now();
        let mut store = State::store(&self.0, outside, ticks);
        let mut instantiated = None;
        let result = timeout_at(deadline, async {
            let connector = pre.instantiate_async(&mut store).await?;
            instantiated = Some(Instant::now());
            function(&connector, &mut store).await
        });
        let result = result.await;
        let ended = Instant::now();
        let instantiated = instantiated.unwrap_or(ended);
        let outcome = match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(why_it_trapped(store.data(), &error)),
            Err(_) if store.data().tally.waiting_since.is_some() => Err(out_of_time(Phase::Upstream)),
            Err(_) => Err(out_of_time(Phase::Guest)),
        };
        let mut tally = store.into_data().tally;
        // A call that ran out of time while it waited has not added up that wait.
        if let Some(since) = tally.waiting_since.take() {
            tally.upstream += since.elapsed();
        }
        Run { outcome, tally, queue: started - begun, instantiate: instantiated - started, run: ended - instantiated }
    }
}

impl<R> Run<R> {
    fn refused(error: CallError) -> Self {
        let zero = Duration::ZERO;
        Self { outcome: Err(error), tally: Tally::default(), queue: zero, instantiate: zero, run: zero }
    }

    fn and_then<T>(self, then: impl FnOnce(R) -> Result<T, CallError>) -> Run<T> {
        let Self { outcome, tally, queue, instantiate, run } = self;
        Run { outcome: outcome.and_then(then), tally, queue, instantiate, run }
    }
}

impl Run<String> {
    fn into_report(self) -> Report {
        let tally = self.tally;
        Report {
            outcome: self.outcome,
            queue_us: micros(self.queue),
            instantiate_us: micros(self.instantiate),
            guest_us: micros(self.run.saturating_sub(tally.upstream)),
            upstream_us: micros(tally.upstream),
            requests: tally.requests,
            sent_bytes: tally.sent_bytes,
            received_bytes: tally.received_bytes,
            scrubbed: tally.scrubbed,
            refusal: tally.refusal,
            logs: tally.logs,
            dropped_logs: tally.dropped_logs,
            progress: tally.progress,
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn limit(limit: &'static str, allowed: usize, detail: String) -> CallError {
    CallError::Limit { limit, allowed: allowed as u64, detail }
}

/// A trap looks the same whether a guest is wrong or was refused something: what it was refused tells them apart.
fn why_it_trapped(state: &State, error: &wasmtime::Error) -> CallError {
    let detail = describe_trap(error);
    if let Some(OutOfTime { allowed_ms }) = error.downcast_ref::<OutOfTime>() {
        return CallError::Limit { limit: "guest_cpu_ms", allowed: *allowed_ms, detail };
    }
    if let Some(Trap::StackOverflow) = error.downcast_ref::<Trap>() {
        return limit("guest_stack_bytes", limits::GUEST_STACK_BYTES, detail);
    }
    if state.memory_refused() {
        return limit("guest_memory_bytes", limits::GUEST_MEMORY_BYTES, detail);
    }
    if state.table_refused() {
        return limit("guest_table_elements", limits::TABLE_ELEMENTS, detail);
    }
    // The engine has no type for this one.
    if detail.contains("fuel allocated for hostcalls") {
        return limit("host_call_bytes", limits::HOST_CALL_BYTES, "more bytes in one host call or result".into());
    }
    CallError::Trap { message: detail }
}

/// The cause, and the innermost functions of the guest where their names are known.
fn describe_trap(error: &wasmtime::Error) -> String {
    let mut text = error.root_cause().to_string();
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        let names: Vec<_> = backtrace.frames().iter().filter_map(|frame| frame.func_name()).take(3).collect();
        if !names.is_empty() {
            text = format!("{text} (in {})", names.join(" < "));
        }
    }
    bounded(&text, limits::FAILURE_TEXT_BYTES)
}

fn check_output(output: String) -> Result<String, CallError> {
    if output.len() > limits::OUTPUT_BYTES {
        return Err(limit("output_bytes", limits::OUTPUT_BYTES, format!("the output has {} bytes", output.len())));
    }
    match serde_json::from_str::<IgnoredAny>(&output) {
        Ok(_) => Ok(output),
        Err(error) => Err(CallError::InvalidOutput { detail: error.to_string() }),
    }
}

/// Bounds every text: they are the guest's, and go on to logs, callers and models.
fn failure_from_guest(failure: bindings::Failure) -> Failure {
    let text = |text: String| bounded(&text, limits::FAILURE_TEXT_BYTES);
    let code = |code: String| bounded(&code, limits::FAILURE_CODE_BYTES);
    match failure {
        bindings::Failure::InvalidInput(errors) => {
            let errors = errors.into_iter().take(limits::FIELD_ERRORS);
            Failure::InvalidInput(
                errors.map(|error| InputError { path: code(error.path), message: text(error.message) }).collect(),
            )
        }
        bindings::Failure::NotFound(message) => Failure::NotFound(text(message)),
        bindings::Failure::Denied(message) => Failure::Denied(text(message)),
        bindings::Failure::AuthRequired(message) => Failure::AuthRequired(text(message)),
        bindings::Failure::RateLimited(limit) => {
            Failure::RateLimited { retry_after_ms: limit.retry_after_ms, message: text(limit.message) }
        }
        bindings::Failure::Upstream(error) => Failure::Upstream {
            status: error.status,
            code: error.code.map(code),
            message: text(error.message),
            retryable: error.retryable,
        },
        bindings::Failure::Unsupported(message) => Failure::Unsupported(text(message)),
        bindings::Failure::Internal(message) => Failure::Internal(text(message)),
    }
}
