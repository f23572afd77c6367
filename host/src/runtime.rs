//! Compiles, caches and runs components: a fresh instance per call, bounded in time, memory and in what it may ask for.

mod bindings;
mod cache;
mod call;
mod component;
mod describe;
mod engine;
mod error;
mod hint;
mod importer;
mod journal;
pub mod limits;
mod modifier;
mod recorder;
mod slots;
mod state;
#[cfg(test)]
mod test_guests;
mod tools;
mod view;
mod wasi;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use tokio::sync::Semaphore;
use wasmtime::Engine;

use crate::model::Random;
use slots::Slots;

pub use call::{AccountView, Call, Report};
pub use component::{Compiled, Plugin};
pub use error::{CallError, Failure, Phase, RuntimeError};
pub use importer::{Imported, ImportedTool, ImporterPlugin, Skipped};
pub use journal::{Demand, Entry, Journal, JournalError, Reply};
pub use modifier::ModifierPlugin;
pub use recorder::{Gate, Question, Waiting};
pub use state::{LogLevel, LogLine, Progress};
pub use tools::{Invocation, Nested, NestedFault, Tools};

/// The operator's choices. There is no `Default`: each is made on purpose.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Where compiled components are kept between starts; `None` compiles anew at each start.
    pub cache_dir: Option<PathBuf>,
    /// Makes the cache's key.
    pub random: Random,
    /// Calls that run at the same time; the rest wait in the order they came. 1 to
    /// [`limits::CONCURRENT_CALLS_MAX`].
    pub max_concurrent_calls: u32,
}

/// The engine, its pool and its cache. Clones share them.
#[derive(Clone, Debug)]
pub struct Runtime(Arc<Shared>);

/// Of one process, shared by all calls.
#[derive(Debug)]
struct Shared {
    engine: Engine,
    cache: Option<cache::Cache>,
    slots: Slots,
    /// Imports run one or two at a time, besides their slots.
    imports: Semaphore,
    pagemap_scan: bool,
    /// Dropped with the runtime, which ends the ticker.
    _ticker: Sender<()>,
}

/// How full the pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOccupancy {
    /// Slots for calls that no other call makes: as many as may run at the same time.
    pub slots: u32,
    /// Those of them that are in use.
    pub busy_slots: u32,
    /// Linear memories in use.
    pub memories: u64,
    /// Fibre stacks in use.
    pub stacks: u64,
    /// Memories that wait, wiped, for the component that used them last.
    pub warm_memories: u64,
    /// Bytes that those keep resident.
    pub warm_memory_bytes: u64,
    /// Whether slots are wiped page by page (`PAGEMAP_SCAN`), or whole because the kernel is older than 6.7.
    pub pagemap_scan: bool,
}

impl Runtime {
    /// Starts the engine, its pool and the thread that ticks the epoch.
    ///
    /// Fails on numbers out of range, on a machine that cannot reserve the pool's address space, and on a cache
    /// directory that cannot be made or whose key others can read.
    pub fn new(config: RuntimeConfig) -> Result<Self, RuntimeError> {
        let slots = Slots::new(config.max_concurrent_calls);
        let engine = engine::build(config.max_concurrent_calls, slots.all())?;
        let cache = match &config.cache_dir {
            Some(dir) => Some(cache::Cache::open(dir, &engine, &config.random)?),
            None => None,
        };
        let (ticker, stop) = channel();
        engine::start_ticker(engine.weak(), stop)?;
        let (imports, pagemap_scan) = (Semaphore::new(limits::IMPORTS), engine::has_pagemap_scan());
        Ok(Self(Arc::new(Shared { engine, cache, slots, imports, pagemap_scan, _ticker: ticker })))
    }

    /// How full the pool is.
    pub fn pool_metrics(&self) -> PoolOccupancy {
        let (slots, busy_slots) = self.0.slots.outer();
        let pool = self.0.engine.pooling_allocator_metrics();
        let of = |count: Option<usize>| count.unwrap_or_default() as u64;
        PoolOccupancy {
            slots,
            busy_slots,
            memories: of(pool.as_ref().map(|pool| pool.memories())),
            stacks: of(pool.as_ref().map(|pool| pool.stacks())),
            warm_memories: pool.as_ref().map_or(0, |pool| u64::from(pool.unused_warm_memories())),
            warm_memory_bytes: of(pool.as_ref().map(|pool| pool.unused_memory_bytes_resident())),
            pagemap_scan: self.0.pagemap_scan,
        }
    }
}
