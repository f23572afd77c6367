//! What one call owns on the host's side: limits used up so far, and what it leaves behind for the report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wasmtime::{ResourceLimiter, Store, StoreContextMut, UpdateDeadline};

use super::call::AccountView;
use super::error::bounded;
use super::recorder::Recorder;
use super::tools::{NestedFault, Tools};
use super::wasi::{Inside, Stopped};
use super::{Shared, limits};
use crate::egress::{Egress, EgressError, Grant};
use crate::model::Timestamp;

/// What a connector wrote to the log. It may hold anything that the connector has seen, except the credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How important it is.
    pub level: LogLevel,
    /// At most [`limits::LOG_LINE_BYTES`], without control characters.
    pub message: String,
}

/// How important a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// For the connector's author.
    Debug,
    /// Worth knowing.
    Info,
    /// Odd, and handled.
    Warn,
    /// Wrong.
    Error,
}

/// How far a long call has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Steps done.
    pub done: u64,
    /// All steps; zero where not known.
    pub total: u64,
    /// For people; at most [`limits::PROGRESS_BYTES`].
    pub message: String,
}

/// What a guest can reach during a call. There is none during `describe`.
pub(super) struct Outside {
    pub(super) account: AccountView,
    pub(super) egress: Arc<Egress>,
    pub(super) grant: Arc<Grant>,
    pub(super) now: Timestamp,
    /// What all of the guest's randomness comes from.
    pub(super) seed: [u8; 32],
    /// When it is cancelled, the call stops where it stands.
    pub(super) stop: CancellationToken,
    pub(super) tools: Option<Arc<dyn Tools>>,
    /// How many calls this one is made for.
    pub(super) depth: usize,
    /// Who hears of progress.
    pub(super) progress: Option<mpsc::Sender<Progress>>,
}

/// What a call leaves behind.
#[derive(Default)]
pub(super) struct Tally {
    /// Requests that the guest asked for: what the limit counts. Those that left, the grant counts.
    pub(super) sends: u32,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
    pub(super) scrubbed: u32,
    /// Calls of other tools that the guest asked for.
    pub(super) calls: u32,
    /// The last of them that gave no result.
    pub(super) nested: Option<NestedFault>,
    pub(super) refusal: Option<EgressError>,
    pub(super) unanswered: Option<EgressError>,
    pub(super) logs: Vec<LogLine>,
    pub(super) dropped_logs: u32,
    pub(super) progress: Option<Progress>,
    /// Whether a server said that it has other tools.
    pub(super) tools_changed: bool,
    /// Time during which at least one request was under way.
    pub(super) upstream: Duration,
    /// When the current wait for the provider began.
    pub(super) waiting_since: Option<Instant>,
    /// Waits for the provider so far.
    pub(super) waits: u32,
    /// Random bytes that the guest was given.
    pub(super) random_blocks: u64,
    /// Linear memory that it had at its end.
    pub(super) memory_bytes: usize,
}

impl Tally {
    /// Whether it was the provider that used up the call's time. A request ends with the call, so that a guest may hear
    /// of the timeout in the moment in which its own time is over, too.
    pub(super) fn provider_took_it(&self) -> bool {
        self.waiting_since.is_some() || matches!(self.unanswered, Some(EgressError::Timeout(_)))
    }
}

/// The data of a `Store`: of one call, and gone with it.
pub(super) struct State {
    pub(super) outside: Option<Outside>,
    pub(super) tally: Tally,
    pub(super) recorder: Recorder,
    budget: Budget,
    /// Of guests that call WASI; the others never have one.
    wasi: Option<Box<Inside>>,
}

/// What one run may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Of its own time.
    pub(super) ticks: u32,
    /// For all of it, waiting for a slot included.
    pub(super) timeout: Duration,
    /// Linear memory.
    pub(super) memory_bytes: usize,
    /// What it may hand over at once.
    pub(super) host_call_bytes: usize,
}

impl Bounds {
    /// Of everything but imports, which alone may take more memory.
    pub(super) fn usual(ticks: u32, timeout: Duration) -> Self {
        let (memory_bytes, host_call_bytes) = (limits::GUEST_MEMORY_BYTES, limits::HOST_CALL_BYTES);
        Self { ticks, timeout, memory_bytes, host_call_bytes }
    }
}

/// What the guest has used of its own limits.
struct Budget {
    bounds: Bounds,
    ticks: u32,
    waits_seen: u32,
    memory_bytes: usize,
    memory_refused: bool,
    table_refused: bool,
}

/// The guest used up its own time.
#[derive(Debug, Error)]
#[error("the guest used up its {allowed_ms} ms")]
pub(super) struct OutOfTime {
    pub(super) allowed_ms: u64,
}

impl State {
    /// A store for one run, with all limits set.
    pub(super) fn store(shared: &Shared, outside: Option<Outside>, recorder: Recorder, bounds: Bounds) -> Store<Self> {
        let budget =
            Budget { bounds, ticks: 0, waits_seen: 0, memory_bytes: 0, memory_refused: false, table_refused: false };
        let mut store =
            Store::new(&shared.engine, Self { outside, tally: Tally::default(), recorder, budget, wasi: None });
        store.limiter(|state| &mut state.budget);
        store.set_hostcall_fuel(bounds.host_call_bytes);
        store.set_max_component_handles(limits::HANDLES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(tick);
        store
    }

    /// What lies behind WASI, made at its first use. While there is no call its randomness is the same for all: a
    /// descriptor depends on its component alone.
    pub(super) fn wasi(&mut self) -> &mut Inside {
        let Self { wasi, outside, .. } = self;
        wasi.get_or_insert_with(|| Box::new(Inside::new(outside.as_ref().map_or([0; 32], |outside| outside.seed))))
    }

    /// Takes what the guest writes by way of WASI.
    pub(super) fn write_output(&mut self, is_error: bool, bytes: &[u8]) -> Result<(), Stopped> {
        self.wasi();
        let Self { wasi, tally, .. } = self;
        wasi.as_mut().map_or(Ok(()), |wasi| wasi.write(is_error, bytes, tally))
    }

    /// Ends the call's state; only what it leaves behind is kept.
    pub(super) fn into_parts(mut self) -> (Tally, Recorder) {
        if let Some(wasi) = self.wasi.take() {
            wasi.flush(&mut self.tally);
        }
        self.tally.memory_bytes = self.budget.memory_bytes;
        (self.tally, self.recorder)
    }

    /// What this run may use.
    pub(super) fn bounds(&self) -> Bounds {
        self.budget.bounds
    }

    /// Whether the guest was refused memory; it usually aborts then, which looks like any other trap.
    pub(super) fn memory_refused(&self) -> bool {
        self.budget.memory_refused
    }

    /// Whether the guest was refused a longer table.
    pub(super) fn table_refused(&self) -> bool {
        self.budget.table_refused
    }
}

impl Tally {
    /// Keeps a line, or counts it if there are enough.
    pub(super) fn log(&mut self, level: LogLevel, message: &str) {
        if self.logs.len() >= limits::LOG_LINES {
            self.dropped_logs = self.dropped_logs.saturating_add(1);
            return;
        }
        self.logs.push(LogLine { level, message: bounded(message, limits::LOG_LINE_BYTES) });
    }
}

/// Called each time the guest has run through an epoch tick: other tasks get the thread, and the tick is counted.
///
/// While a guest waits for the provider the epoch goes on without it, so that the first tick after a wait says nothing
/// about the guest's own time and is not counted. A guest cannot live on that: it has [`limits::SENDS`] waits.
fn tick(mut store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    let State { tally, budget, .. } = store.data_mut();
    if tally.waits == budget.waits_seen {
        budget.ticks += 1;
    }
    budget.waits_seen = tally.waits;
    if budget.ticks > budget.bounds.ticks {
        let allowed_ms = limits::TICK.as_millis() as u64 * u64::from(budget.bounds.ticks);
        return Err(OutOfTime { allowed_ms }.into());
    }
    Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
}

impl ResourceLimiter for Budget {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if total > self.bounds.memory_bytes {
            self.memory_refused = true;
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = desired <= limits::TABLE_ELEMENTS && maximum.is_none_or(|maximum| desired <= maximum);
        self.table_refused |= desired > limits::TABLE_ELEMENTS;
        Ok(allowed)
    }

    fn instances(&self) -> usize {
        limits::CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        limits::TABLES as usize
    }

    fn memories(&self) -> usize {
        limits::MEMORIES as usize
    }
}
