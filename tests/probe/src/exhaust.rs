//! Attempts to use up what all calls share: time, memory, stack, and the host's patience.
//!
//! Growth of a table is missing: stable Rust has no way to say `table.grow`, so the tests of the runtime do it with a
//! module written by hand.

use std::hint::black_box;

use gloveport_sdk::log::{self, Level};
use gloveport_sdk::{Failure, account, progress, random, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often.
#[derive(Deserialize, JsonSchema)]
pub struct Times {
    /// A number of repetitions.
    times: u64,
}

/// How much.
#[derive(Deserialize, JsonSchema)]
pub struct Bytes {
    /// A number of bytes.
    bytes: usize,
}

/// What could be had of the memory.
#[derive(Serialize, JsonSchema)]
pub struct Grown {
    /// Pages of 64 KiB that the memory has in the end.
    pages: usize,
    /// Whether growing was refused, which is how this ends.
    refused: bool,
}

/// Never ends.
#[tool(effect = read)]
#[expect(clippy::infinite_loop, reason = "that is the misbehaviour")]
pub fn endless_loop() -> Result<(), Failure> {
    loop {
        black_box(());
    }
}

/// Calculates for a while and ends.
#[tool(effect = read)]
pub fn spin(input: Times) -> Result<u64, Failure> {
    Ok((0..input.times).fold(0, |sum: u64, n| black_box(sum.wrapping_mul(31).wrapping_add(n))))
}

/// Takes all memory that it can get, touches it, and answers how much that was.
#[tool(effect = read)]
pub fn memory_growth() -> Result<Grown, Failure> {
    Ok(grow())
}

/// Calls itself until there is no stack left.
#[tool(effect = read)]
pub fn deep_recursion() -> Result<u64, Failure> {
    Ok(descend(0))
}

/// Asks the host for a field for ever.
#[tool(effect = read)]
#[expect(clippy::infinite_loop, reason = "that is the misbehaviour")]
pub fn hostcall_flood() -> Result<(), Failure> {
    loop {
        black_box(account::field("domain"));
    }
}

/// Logs many lines.
#[tool(effect = read)]
pub fn log_flood(input: Times) -> Result<(), Failure> {
    (0..input.times).for_each(|n| log::info!("line {n}"));
    Ok(())
}

/// Logs one line of many bytes.
#[tool(effect = read)]
pub fn gigantic_log(input: Bytes) -> Result<(), Failure> {
    log::write(Level::Info, &"x".repeat(input.bytes));
    Ok(())
}

/// Reports progress many times.
#[tool(effect = read)]
pub fn progress_flood(input: Times) -> Result<(), Failure> {
    (0..input.times).for_each(|n| progress::report(n, input.times, "flood"));
    Ok(())
}

/// Asks for four billion random bytes many times, and answers how many came.
#[tool(effect = read)]
pub fn random_flood(input: Times) -> Result<u64, Failure> {
    Ok((0..input.times).map(|_| random::bytes(u32::MAX).len() as u64).sum())
}

#[expect(unconditional_recursion, reason = "that is the misbehaviour")]
fn descend(depth: u64) -> u64 {
    black_box(descend(black_box(depth) + 1)).wrapping_add(depth)
}

#[cfg(target_arch = "wasm32")]
fn grow() -> Grown {
    use core::arch::wasm32::{memory_grow, memory_size};

    // What `memory.grow` answers where it fails.
    const REFUSED: usize = usize::MAX;
    while memory_grow::<0>(16) != REFUSED {
        black_box(vec![1u8; 1024]);
    }
    Grown { pages: memory_size::<0>(), refused: true }
}

#[cfg(not(target_arch = "wasm32"))]
fn grow() -> Grown {
    Grown { pages: 0, refused: false }
}
