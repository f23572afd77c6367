//! The wasmtime engine: compiler flags, the pool of instances, and the thread that ticks the epoch.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;

use wasmtime::{Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::RuntimeError;
use super::limits;

/// An engine for as many `calls`, with as many `slots`: those for nested calls besides.
pub(super) fn build(calls: u32, slots: u32) -> Result<Engine, RuntimeError> {
    if calls == 0 || calls > limits::CONCURRENT_CALLS_MAX {
        return Err(RuntimeError::Config {
            reason: format!("concurrent calls: 1 to {}", limits::CONCURRENT_CALLS_MAX),
        });
    }
    let mut config = Config::new();
    deterministic(&mut config);
    bounded(&mut config);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(slots, Enabled::Auto)));
    Engine::new(&config).map_err(|error| RuntimeError::Engine { reason: format!("{error:#}") })
}

/// Whether the kernel can tell which pages of a slot were touched (`PAGEMAP_SCAN`, Linux 6.7). Without it all of a slot
/// that stays resident is wiped after each call.
pub(super) fn has_pagemap_scan() -> bool {
    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(1, Enabled::Yes)));
    Engine::new(&config).is_ok()
}

/// Ticks the engine's epoch until the engine or the other end of `stop` is gone.
pub(super) fn start_ticker(engine: EngineWeak, stop: Receiver<()>) -> Result<(), RuntimeError> {
    let tick = move || {
        while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(limits::TICK) {
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
        }
    };
    let ticker = thread::Builder::new().name("epoch".into()).spawn(tick);
    ticker.map(drop).map_err(|error| RuntimeError::Engine { reason: format!("no thread for the epoch: {error}") })
}

/// The same component with the same replies does the same thing, on every machine.
fn deterministic(config: &mut Config) {
    config.cranelift_nan_canonicalization(true);
    config.relaxed_simd_deterministic(true);
    config.shared_memory(false);
    // No guest runs two things at once: the contract is synchronous.
    config.concurrency_support(false);
}

fn bounded(config: &mut Config) {
    config.epoch_interruption(true);
    config.max_wasm_stack(limits::GUEST_STACK_BYTES);
    config.async_stack_size(limits::FIBRE_STACK_BYTES);
    config.memory_reservation(limits::MEMORY_RESERVATION_BYTES);
    config.memory_guard_size(limits::MEMORY_GUARD_BYTES);
    config.memory_init_cow(true);
    // Only native debuggers read it, and registering it makes loading a component slower. Windows' ABI needs it.
    config.native_unwind_info(cfg!(windows));
}

fn pool(calls: u32, pagemap_scan: Enabled) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    // Sized so that as many components as there are calls fit even if each takes all it may: who holds a permit of the
    // semaphore never meets an empty pool.
    pool.total_component_instances(calls)
        .total_stacks(calls)
        .total_core_instances(calls.saturating_mul(limits::CORE_INSTANCES))
        .total_memories(calls.saturating_mul(limits::MEMORIES))
        .total_tables(calls.saturating_mul(limits::TABLES))
        .max_core_instances_per_component(limits::CORE_INSTANCES)
        .max_memories_per_component(limits::MEMORIES)
        .max_tables_per_component(limits::TABLES)
        .max_memories_per_module(limits::MEMORIES)
        .max_tables_per_module(limits::TABLES)
        .max_component_instance_size(limits::INSTANCE_METADATA_BYTES)
        .max_core_instance_size(limits::INSTANCE_METADATA_BYTES)
        .table_elements(limits::TABLE_ELEMENTS)
        // What imports may have; each run's own limiter keeps calls at less.
        .max_memory_size(limits::IMPORT_MEMORY_BYTES);
    pool.pagemap_scan(pagemap_scan)
        .linear_memory_keep_resident(limits::MEMORY_KEEP_RESIDENT_BYTES)
        .table_keep_resident(limits::TABLE_KEEP_RESIDENT_BYTES)
        .max_unused_warm_slots(limits::WARM_SLOTS)
        .decommit_batch_size(limits::DECOMMIT_BATCH);
    pool
}
