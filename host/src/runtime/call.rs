//! One run of a component: a slot, a fresh instance, a deadline, and a report of what happened.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use wasmtime::{Store, Trap, WasmBacktrace};

use super::bindings;
use super::error::bounded;
use super::journal::Journal;
use super::modifier::Instances;
use super::recorder::{Gate, Recorder, Stop};
use super::state::{Bounds, LogLine, OutOfTime, Outside, Progress, State, Tally};
use super::tools::{NestedFault, Tools};
use super::wasi::Stopped;
use super::{CallError, Failure, Phase, Plugin, Runtime, limits};
use crate::egress::{Attempt, Egress, EgressError, Grant, GrantState};
use crate::model::InputError;

/// One call of a tool, whose input has been checked.
#[derive(Debug)]
pub struct Call<'a> {
    /// Name of the tool, as `describe` gave it.
    pub tool: &'a str,
    /// JSON text; at most [`limits::INPUT_BYTES`].
    pub input: &'a str,
    /// The tool's own, from the descriptor.
    pub binding: Option<&'a str>,
    /// What the connector may know of the account, the time, its randomness; and, if the call goes on after it was
    /// stopped, what it was answered before.
    pub journal: Journal,
    /// Which writes may leave.
    pub gate: Gate,
    /// Whether the journal grows: always while the gate is not open, and for components that can come to wait for
    /// something else.
    pub records: bool,
    /// Calls other tools; `None` if there are none to call.
    pub tools: Option<Arc<dyn Tools>>,
    /// How many calls this one is made for, one in another; at most [`limits::NESTING`].
    pub depth: usize,
    /// The way out.
    pub egress: Arc<Egress>,
    /// What may be sent, with which credential. Never copied into the guest.
    pub grant: Arc<Grant>,
    /// Time for all of it, waiting for a slot included; at most [`limits::CALL_TIMEOUT_MAX`].
    pub timeout: Duration,
    /// When it is cancelled, the call stops where it stands.
    pub stop: CancellationToken,
    /// Who hears of progress while it runs. What does not fit into the channel, because nobody reads so fast, they do not hear.
    pub progress: Option<mpsc::Sender<Progress>>,
}

/// What a connector may know of the account it acts for. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Requests that left, redirects included.
    pub requests: u32,
    /// Requests that write, left and had no answer yet when the call ended, or never got one before it stopped and went on.
    pub open_writes: u32,
    /// Calls of other tools that it asked for.
    pub calls: u32,
    /// The scopes without which the provider refused a request, where it named them.
    pub missing_scopes: Vec<String>,
    /// Each attempt at a request, up to a limit, in the order in which they left.
    pub attempts: Vec<Attempt>,
    /// Bytes of bodies sent.
    pub sent_bytes: u64,
    /// Bytes of bodies received, before decoding.
    pub received_bytes: u64,
    /// How often the credential was found in a response and replaced.
    pub scrubbed: u32,
    /// The first request that this host refused or stopped at a limit, whatever the connector made of it.
    pub refusal: Option<EgressError>,
    /// Why the last request that left without an answer has none.
    pub unanswered: Option<EgressError>,
    /// What the connector logged; at most [`limits::LOG_LINES`].
    pub logs: Vec<LogLine>,
    /// Lines that were too many.
    pub dropped_logs: u32,
    /// Whether an MCP server hinted in a stream that it has other tools.
    pub tools_changed: bool,
    /// The last progress report.
    pub progress: Option<Progress>,
    /// What the guest was told, where it was kept: for a call that waits, all that going on takes.
    pub journal: Option<Journal>,
    /// Requests of the journal that were answered again and not sent.
    pub again: usize,
    /// Whether a write would have had to be approved when the call ended or stopped.
    pub asks: bool,
    /// The last call of another tool that gave no result.
    pub nested: Option<NestedFault>,
}

/// One run of one exported function.
pub(super) struct Run<R> {
    pub(super) outcome: Result<R, CallError>,
    tally: Tally,
    recorder: Option<Recorder>,
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
        let Call { tool, input, binding, journal, gate, records, tools, depth, egress, grant, timeout, stop, progress } =
            call;
        if input.len() > limits::INPUT_BYTES {
            let error = limit("input_bytes", limits::INPUT_BYTES, format!("the input has {} bytes", input.len()));
            return Run::refused(error).into_report(&grant.state);
        }
        let sent = Arc::clone(&grant);
        let (account, now, seed) = (journal.account.clone(), journal.now, journal.seed);
        let outside = Outside { account, egress, grant, now, seed, stop, tools, depth, progress };
        if gate != Gate::Open {
            sent.state.show_all_writes();
        }
        let kept = records || plugin.may_pause() || gate != Gate::Open || !journal.entries.is_empty();
        let recorder = Recorder::new(kept.then_some(journal), gate);
        let timeout = timeout.min(limits::CALL_TIMEOUT_MAX);
        let (outside, bounds) = (Some((outside, recorder)), Bounds::usual(limits::GUEST_TICKS, timeout));
        let run = Box::pin(self.run(&plugin.pre, outside, depth, bounds, async |connector, store| {
            connector.call_call(store, tool, input, binding).await
        }));
        let run: Run<_> = run.await;
        let report =
            run.and_then(|result| result.map_err(|failure| failure_from_guest(failure).into()).and_then(check_output));
        report.into_report(&sent.state)
    }

    /// Runs `function` on a fresh instance under all limits, in a slot for calls of this depth.
    pub(super) async fn run<P: Instances, R>(
        &self,
        pre: &P,
        outside: Option<(Outside, Recorder)>,
        depth: usize,
        bounds: Bounds,
        function: impl AsyncFnOnce(&P::World, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Run<R> {
        let begun = Instant::now();
        let timeout = bounds.timeout;
        let deadline = begun + timeout;
        let out_of_time = |phase| CallError::Timeout { after_ms: timeout.as_millis() as u64, phase };
        let stop = outside.as_ref().map(|(outside, _)| outside.stop.clone()).unwrap_or_default();
        // The permit outlives the store: a slot is free when it has been wiped.
        let slot = stop.run_until_cancelled(timeout_at(deadline, self.0.slots.of(depth).acquire())).await;
        let Some(Ok(Ok(_permit))) = slot else {
            let cancelled = slot.is_none();
            let mut run = Run::refused(if cancelled { CallError::Cancelled } else { out_of_time(Phase::Queued) });
            run.queue = begun.elapsed();
            return run;
        };
        let started = Instant::now();
        let (outside, recorder) = outside.unzip();
        let recorder = recorder.unwrap_or_else(|| Recorder::new(None, Gate::Open));
        let mut store = State::store(&self.0, outside, recorder, bounds);
        let mut instantiated = None;
        let result = timeout_at(deadline, async {
            let world = pre.instance(&mut store).await?;
            instantiated = Some(Instant::now());
            function(&world, &mut store).await
        });
        let result = stop.run_until_cancelled(result).await;
        let ended = Instant::now();
        let instantiated = instantiated.unwrap_or(ended);
        let outcome = match result {
            None => Err(CallError::Cancelled),
            Some(Ok(Ok(value))) => store.data().recorder.unfinished().map_or(Ok(value), |stop| Err(stop.into())),
            Some(Ok(Err(error))) => Err(why_it_trapped(store.data(), &error)),
            Some(Err(_)) if store.data().tally.provider_took_it() => Err(out_of_time(Phase::Upstream)),
            Some(Err(_)) => Err(out_of_time(Phase::Guest)),
        };
        let (mut tally, recorder) = store.into_data().into_parts();
        // A call that ran out of time while it waited has not added up that wait.
        if let Some(since) = tally.waiting_since.take() {
            tally.upstream += since.elapsed();
        }
        Run {
            outcome,
            tally,
            recorder: Some(recorder),
            queue: started - begun,
            instantiate: instantiated - started,
            run: ended - instantiated,
        }
    }
}

impl<R> Run<R> {
    fn refused(error: CallError) -> Self {
        let zero = Duration::ZERO;
        Self { outcome: Err(error), tally: Tally::default(), recorder: None, queue: zero, instantiate: zero, run: zero }
    }

    /// The last lines that the guest wrote: an interpreter says there why it ends.
    pub(super) fn last_words(&self) -> String {
        let lines = &self.tally.logs;
        let last = lines.iter().skip(lines.len().saturating_sub(limits::LAST_WORDS_LINES));
        last.map(|line| line.message.as_str()).collect::<Vec<_>>().join(" / ")
    }

    /// Linear memory that it had at its end: it never shrinks.
    pub(super) fn memory_bytes(&self) -> usize {
        self.tally.memory_bytes
    }

    /// How long the component itself ran.
    pub(super) fn ran(&self) -> Duration {
        self.run
    }

    fn and_then<T>(self, then: impl FnOnce(R) -> Result<T, CallError>) -> Run<T> {
        let Self { outcome, tally, recorder, queue, instantiate, run } = self;
        Run { outcome: outcome.and_then(then), tally, recorder, queue, instantiate, run }
    }
}

impl Run<String> {
    fn into_report(self, state: &GrantState) -> Report {
        let tally = self.tally;
        let asks = self.recorder.as_ref().is_some_and(Recorder::asks);
        let cut_off = self.recorder.as_ref().map_or(0, Recorder::cut_off_before);
        let (journal, again) = self.recorder.map_or((None, 0), Recorder::into_journal);
        Report {
            outcome: self.outcome,
            queue_us: micros(self.queue),
            instantiate_us: micros(self.instantiate),
            guest_us: micros(self.run.saturating_sub(tally.upstream)),
            upstream_us: micros(tally.upstream),
            requests: state.sent(),
            open_writes: state.open_writes().saturating_add(cut_off),
            calls: tally.calls,
            missing_scopes: state.missing_scopes().unwrap_or_default().to_vec(),
            attempts: state.attempts(),
            sent_bytes: tally.sent_bytes,
            received_bytes: tally.received_bytes,
            scrubbed: tally.scrubbed,
            refusal: tally.refusal,
            unanswered: tally.unanswered,
            logs: tally.logs,
            dropped_logs: tally.dropped_logs,
            tools_changed: tally.tools_changed,
            progress: tally.progress,
            journal,
            again,
            asks,
            nested: tally.nested,
        }
    }
}

impl From<Stop> for CallError {
    fn from(stop: Stop) -> Self {
        let text = stop.to_string();
        match stop {
            Stop::Waiting(waiting) => Self::Waiting(waiting),
            Stop::Calls(executions) => Self::WaitingForCalls(executions),
            Stop::Input(question) => Self::WaitingForInput(question),
            Stop::Diverged(detail) => Self::Diverged { detail },
            Stop::Full => limit("journal_bytes", limits::JOURNAL_BYTES, text),
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
    if let Some(stop) = &state.recorder.stopped {
        return stop.clone().into();
    }
    let detail = describe_trap(error);
    if let Some(OutOfTime { allowed_ms }) = error.downcast_ref::<OutOfTime>() {
        return CallError::Limit { limit: "guest_cpu_ms", allowed: *allowed_ms, detail };
    }
    if let Some(Stopped::Random { .. }) = error.downcast_ref::<Stopped>() {
        return limit("wasi_random_bytes", limits::WASI_RANDOM_BYTES, detail);
    }
    if let Some(Trap::StackOverflow) = error.downcast_ref::<Trap>() {
        return limit("guest_stack_bytes", limits::GUEST_STACK_BYTES, detail);
    }
    if state.memory_refused() {
        return limit("guest_memory_bytes", state.bounds().memory_bytes, detail);
    }
    if state.table_refused() {
        return limit("guest_table_elements", limits::TABLE_ELEMENTS, detail);
    }
    // The engine has no type for this one.
    if detail.contains("fuel allocated for hostcalls") {
        return limit(
            "host_call_bytes",
            state.bounds().host_call_bytes,
            "more bytes in one host call or result".into(),
        );
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

pub(super) fn check_output(output: String) -> Result<String, CallError> {
    if output.len() > limits::OUTPUT_BYTES {
        return Err(limit("output_bytes", limits::OUTPUT_BYTES, format!("the output has {} bytes", output.len())));
    }
    match serde_json::from_str::<IgnoredAny>(&output) {
        Ok(_) => Ok(output),
        Err(error) => Err(CallError::InvalidOutput { detail: error.to_string() }),
    }
}

/// Bounds every text: they are the guest's, and go on to logs, callers and models.
pub(super) fn failure_from_guest(failure: bindings::Failure) -> Failure {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::test_guests::{
        ACCOUNT, CLOCK, DESCRIBE, ECHO, HTTP, LOG, PROGRESS, RANDOM, SEND, SEND_ALL, SPIN, call, component, digest,
        guest, module, runtime,
    };
    use super::*;
    use crate::model::Import;

    fn plugin(runtime: &Runtime, wasm: &[u8]) -> Plugin {
        let compiled = runtime.compile(wasm, &digest(wasm)).expect("accepted");
        runtime.link(&compiled, &BTreeSet::from(Import::ALL)).expect("linked")
    }

    async fn report(wasm: &[u8]) -> Report {
        let runtime = runtime(1);
        let report = runtime.call(&plugin(&runtime, wasm), call("{}")).await;
        assert_eq!(runtime.pool_metrics().busy_slots, 0);
        assert_eq!(runtime.pool_metrics().stacks, 0);
        report
    }

    /// Name of the limit that the call was stopped at.
    fn limit_of(report: &Report) -> &'static str {
        match &report.outcome {
            Err(CallError::Limit { limit, .. }) => limit,
            outcome => panic!("not a limit: {outcome:?}"),
        }
    }

    /// A call takes `guest_ticks` of its own time instead of what the constant says, so that the test is short.
    async fn run(runtime: &Runtime, plugin: &Plugin, guest_ticks: u32, timeout: Duration) -> Run<String> {
        let run = runtime.run(&plugin.pre, None, 0, Bounds::usual(guest_ticks, timeout), async |connector, store| {
            connector.call_call(store, "t", "{}", None).await
        });
        run.await.and_then(|result| result.map_err(|failure| failure_from_guest(failure).into()))
    }

    #[tokio::test]
    async fn a_call_answers_and_is_measured() {
        let runtime = runtime(1);
        let plugin = plugin(&runtime, &guest("", ECHO));
        let input = r#"{"amount": 9007199254740993123, "text": "ä\u0000"}"#;
        for _ in 0..3 {
            let report = runtime.call(&plugin, call(input)).await;
            assert_eq!(report.outcome, Ok(input.into()));
            assert_eq!((report.requests, report.upstream_us, report.logs.len()), (0, 0, 0));
        }
    }

    #[tokio::test]
    async fn nothing_of_a_call_is_left_for_the_next() {
        let runtime = runtime(1);
        // Answers "1" and writes the 1 into memory; if it were still there it would answer "2".
        let count = r#"(i32.store8 (i32.const 8192) (i32.add (i32.load8_u (i32.const 8192)) (i32.const 1)))
            (i32.store8 (i32.const 8193) (i32.add (i32.load8_u (i32.const 8192)) (i32.const 48)))
            (call $ok (i32.const 8193) (i32.const 1))"#;
        let plugin = plugin(&runtime, &guest("", count));
        for _ in 0..5 {
            assert_eq!(runtime.call(&plugin, call("{}")).await.outcome, Ok("1".into()));
        }
    }

    #[tokio::test]
    async fn a_guest_that_breaks_fails_its_own_call_only() {
        for (what, body, expected) in [
            ("unreachable", "unreachable", "unreachable"),
            ("division by zero", "(i32.div_u (i32.const 1) (i32.const 0))", "divide by zero"),
            ("outside of memory", "(i32.load (i32.const -4))", "out of bounds"),
            ("output that is not UTF-8", "(call $ok (i32.const 2053) (i32.const 2))", "utf-8"),
            ("output outside of memory", "(call $ok (i32.const 0) (i32.const -1))", "out of bounds"),
            ("a result outside of memory", "(i32.const -8)", "out of bounds"),
            ("a result that is not aligned", "(i32.const 1025)", "not aligned"),
            ("an unknown failure", "(call $fail (i32.const 99) (i32.const 0) (i32.const 0))", "discriminant"),
        ] {
            let outcome = report(&guest("", body)).await.outcome;
            let Err(CallError::Trap { message }) = &outcome else { panic!("{what}: {outcome:?}") };
            assert!(message.to_lowercase().contains(expected), "{what}: {message}");
        }
    }

    #[tokio::test]
    async fn a_guest_is_stopped_at_each_limit() {
        let grow = |what: &str| format!("(loop $again (br_if $again (i32.ne (i32.const -1) {what}))) unreachable");
        let grow_memory = grow("(memory.grow (i32.const 16))");
        let grow_table = grow("(table.grow $table (ref.null func) (i32.const 1000))");
        let output = |bytes: usize| {
            let pages = bytes / 65_536 + 1;
            format!("(drop (memory.grow (i32.const {pages}))) (call $ok (i32.const 65536) (i32.const {bytes}))")
        };
        let log = "(drop (memory.grow (i32.const 300))) (call $log (i32.const 0) (i32.const 0) (i32.const 17000000)) unreachable";
        let table = "(table $table 1 funcref)";
        let recurse = "(func $deeper (param i32) (result i32) (i32.add (i32.const 1) (call $deeper (local.get 0))))";
        for (limit, imports, body, items) in [
            ("guest_memory_bytes", "", grow_memory.as_str(), ""),
            ("guest_table_elements", "", &grow_table, table),
            ("guest_stack_bytes", "", "(call $deeper (i32.const 0))", recurse),
            ("output_bytes", "", &output(limits::OUTPUT_BYTES + 1), ""),
            ("host_call_bytes", "", &output(limits::HOST_CALL_BYTES + 1), ""),
            ("host_call_bytes", LOG, log, ""),
        ] {
            let report = report(&component(&module(imports, DESCRIBE, body, items))).await;
            assert_eq!(limit_of(&report), limit);
        }
    }

    #[tokio::test]
    async fn memory_can_grow_up_to_its_limit() {
        let pages = limits::GUEST_MEMORY_BYTES / 65_536 - 2;
        let body = format!("(if (i32.eq (i32.const -1) (memory.grow (i32.const {pages}))) (then unreachable)) {ECHO}");
        assert_eq!(report(&guest("", &body)).await.outcome, Ok("{}".into()));
        // Being refused is no offence if the guest gets on without.
        let body = format!("(drop (memory.grow (i32.const {}))) {ECHO}", pages + 1);
        assert_eq!(report(&guest("", &body)).await.outcome, Ok("{}".into()));
    }

    #[tokio::test]
    async fn an_endless_loop_is_stopped_by_its_own_time_or_by_the_deadline() {
        let runtime = runtime(1);
        let plugin = plugin(&runtime, &guest("", SPIN));
        let stopped = run(&runtime, &plugin, 3, Duration::from_secs(60)).await.outcome;
        assert!(matches!(stopped, Err(CallError::Limit { limit: "guest_cpu_ms", allowed: 30, .. })), "{stopped:?}");
        let stopped = run(&runtime, &plugin, u32::MAX, Duration::from_millis(30)).await.outcome;
        assert_eq!(stopped, Err(CallError::Timeout { after_ms: 30, phase: Phase::Guest }));
        assert_eq!(runtime.pool_metrics().busy_slots, 0);
    }

    /// A guest is not charged for the tick in which it waited, so there must be no wait that costs it nothing.
    #[tokio::test]
    async fn sending_nothing_for_ever_is_charged_as_the_guests_own_time() {
        let runtime = runtime(1);
        let send_nothing =
            "(loop $again (call $send_all (i32.const 0) (i32.const 0) (i32.const 1536)) (br $again)) unreachable";
        let plugin = plugin(&runtime, &guest(SEND_ALL, send_nothing));
        let Call { journal, egress, grant, .. } = call("{}");
        let Journal { account, now, seed, .. } = journal;
        let stop = CancellationToken::new();
        let outside = (
            Outside { account, egress, grant, now, seed, stop, tools: None, depth: 0, progress: None },
            Recorder::new(None, Gate::Open),
        );
        let run = runtime.run(
            &plugin.pre,
            Some(outside),
            0,
            Bounds::usual(3, Duration::from_secs(60)),
            async |connector, store| connector.call_call(store, "t", "{}", None).await,
        );
        let stopped = run.await.outcome.map(drop);
        assert!(matches!(stopped, Err(CallError::Limit { limit: "guest_cpu_ms", .. })), "{stopped:?}");
    }

    #[tokio::test]
    async fn neighbours_go_on_while_a_guest_spins_on_the_only_thread() {
        let runtime = runtime(2);
        let (spinning, echo) = (plugin(&runtime, &guest("", SPIN)), plugin(&runtime, &guest("", ECHO)));
        let neighbours = async {
            for _ in 0..20 {
                assert_eq!(runtime.call(&echo, call("1")).await.outcome, Ok("1".into()));
            }
        };
        tokio::select! {
            biased;
            stopped = run(&runtime, &spinning, u32::MAX, Duration::from_secs(60)) => panic!("{:?}", stopped.outcome),
            () = neighbours => {}
        }
        // The spinning call was dropped in the middle: its slot is free again.
        assert_eq!(runtime.pool_metrics().busy_slots, 0);
        assert_eq!(runtime.pool_metrics().stacks, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_for_a_slot_until_its_deadline() {
        let runtime = runtime(1);
        let plugin = plugin(&runtime, &guest("", ECHO));
        let taken = runtime.0.slots.of(0).acquire().await.expect("open");
        assert_eq!(runtime.pool_metrics().busy_slots, 1);
        let report = runtime.call(&plugin, call("{}")).await;
        assert_eq!(report.outcome, Err(CallError::Timeout { after_ms: 60_000, phase: Phase::Queued }));
        assert_eq!(report.queue_us, 60_000_000);
        drop(taken);
        assert!(runtime.call(&plugin, call("{}")).await.outcome.is_ok());
    }

    #[tokio::test]
    async fn more_calls_than_slots_all_get_their_turn() {
        let runtime = runtime(2);
        let plugin = plugin(&runtime, &guest("", ECHO));
        let calls = (0..50).map(|_| {
            let (runtime, plugin) = (runtime.clone(), plugin.clone());
            tokio::spawn(async move { runtime.call(&plugin, call("{}")).await.outcome })
        });
        for called in calls.collect::<Vec<_>>() {
            assert_eq!(called.await.expect("no panic"), Ok("{}".into()));
        }
    }

    #[tokio::test]
    async fn floods_of_host_calls_are_counted_and_cut() {
        let flood = |call: &str| {
            format!(
                "(loop $again {call} (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $again (i32.lt_u (local.get $i) (i32.const 300)))) {ECHO}"
            )
        };
        let sends = report(&guest(HTTP, &flood(SEND))).await;
        assert_eq!(sends.outcome, Ok("{}".into()));
        assert_eq!(sends.requests, 0, "nothing has left");
        assert!(matches!(sends.refusal, Some(EgressError::HostNotAllowed(_))), "the first refusal: {sends:?}");
        let logs = report(&guest(LOG, &flood("(call $log (i32.const 2) (i32.const 2048) (i32.const 5000))"))).await;
        assert!(matches!(logs.outcome, Err(CallError::Trap { .. })), "the text is not UTF-8: {logs:?}");
        let logs = report(&guest(LOG, &flood("(call $log (i32.const 2) (i32.const 2048) (i32.const 5))"))).await;
        assert_eq!((logs.logs.len(), logs.dropped_logs), (limits::LOG_LINES, 200));
        assert_eq!(logs.logs[0], LogLine { level: super::super::LogLevel::Warn, message: "GET /".into() });
    }

    #[tokio::test]
    async fn the_guest_sees_the_calls_own_time_settings_and_randomness() {
        let runtime = runtime(1);
        let expect = |check: &str| format!("(if (i32.eqz {check}) (then unreachable)) {ECHO}");
        let now = expect("(i64.eq (call $now) (i64.const 1000))");
        let random = format!(
            "(call $random (i32.const 100000) (i32.const 1536)) {}",
            expect("(i32.eq (i32.load (i32.const 1540)) (i32.const 1024))")
        );
        // The setting `GET /` is not there.
        let setting = format!(
            "(call $setting (i32.const 2048) (i32.const 5) (i32.const 1536)) {}",
            expect("(i32.eqz (i32.load8_u (i32.const 1536)))")
        );
        for (imports, body) in [(CLOCK, now), (RANDOM, random), (ACCOUNT, setting)] {
            let report = runtime.call(&plugin(&runtime, &guest(imports, &body)), call("{}")).await;
            assert_eq!(report.outcome, Ok("{}".into()), "{imports}");
        }
        let progress = format!("(call $progress (i64.const 1) (i64.const 2) (i32.const 2048) (i32.const 3)) {ECHO}");
        let report = runtime.call(&plugin(&runtime, &guest(PROGRESS, &progress)), call("{}")).await;
        assert_eq!(report.progress, Some(Progress { done: 1, total: 2, message: "GET".into() }));
    }

    #[test]
    fn a_setting_keeps_the_digits_of_its_number() {
        let view = call("{}").journal.account;
        assert_eq!(view.setting("big").as_deref(), Some("12345678901234567890"));
        assert_eq!(view.setting("small"), None);
    }

    #[tokio::test]
    async fn output_must_be_json_and_input_bounded() {
        for (body, expected) in [
            ("(call $ok (i32.const 2048) (i32.const 5))", "not JSON"),
            ("(call $ok (i32.const 0) (i32.const 0))", "not JSON"),
            ("(call $fail (i32.const 7) (i32.const 2048) (i32.const 3))", "internal: GET"),
            ("(call $fail (i32.const 1) (i32.const 2048) (i32.const 3))", "not found: GET"),
        ] {
            let error = report(&guest("", body)).await.outcome.expect_err("no output").to_string();
            assert!(error.contains(expected), "{error}");
        }
        let runtime = runtime(1);
        let input = format!("\"{}\"", "a".repeat(limits::INPUT_BYTES));
        let report = runtime.call(&plugin(&runtime, &guest("", ECHO)), call(&input)).await;
        assert_eq!(limit_of(&report), "input_bytes");
    }

    #[test]
    fn the_texts_of_a_failure_are_bounded() {
        use super::super::bindings::gloveport::connector::types as wit;
        let long = || "x".repeat(1 << 20);
        let error = wit::FieldError { path: long(), message: long() };
        for failure in [
            bindings::Failure::InvalidInput(vec![error; 1_000]),
            bindings::Failure::NotFound(long()),
            bindings::Failure::Denied(long()),
            bindings::Failure::AuthRequired(long()),
            bindings::Failure::RateLimited(wit::RateLimit { retry_after_ms: Some(u64::MAX), message: long() }),
            bindings::Failure::Upstream(wit::UpstreamError {
                status: 500,
                code: Some(long()),
                message: long(),
                retryable: true,
            }),
            bindings::Failure::Unsupported(long()),
            bindings::Failure::Internal(long()),
        ] {
            let bytes = format!("{:?}", failure_from_guest(failure)).len();
            assert!(bytes < limits::FIELD_ERRORS * 3_000, "{bytes}");
        }
    }
}
