//! Looks through the guest's own memory, and tries to keep something from one call to the next.

use std::sync::atomic::{AtomicU64, Ordering};

use gloveport_sdk::{Failure, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fetch::{self, Described};

/// Survives only where an instance serves more than one call.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// What to look for. The needle comes masked, so that the search does not find its own input.
#[derive(Deserialize, JsonSchema)]
pub struct Scan {
    /// The bytes of the needle, each combined with `mask` by exclusive or.
    masked: Vec<u8>,
    /// The mask; not zero.
    mask: u8,
    /// A request to send before.
    request: Option<Described>,
}

/// What was found.
#[derive(Serialize, JsonSchema)]
pub struct Found {
    /// How often the needle is in the memory.
    count: u64,
    /// How many bytes were looked through.
    scanned: usize,
}

/// Sends a request if there is one, then counts how often a needle is in the whole memory of this instance.
#[tool(
    effect = write,
    routes = ["GET /", "GET /{path+}", "POST /", "POST /{path+}"],
)]
pub fn scan_memory(input: Scan) -> Result<Found, Failure> {
    if input.mask == 0 || input.masked.is_empty() {
        return Err(Failure::invalid_input("/mask", "the needle must be masked and not empty"));
    }
    let answer = input.request.map(fetch::send);
    let (count, scanned) = count(&input.masked, input.mask);
    // The reply lives until here: what it brought in is among what was looked through.
    std::hint::black_box(answer);
    Ok(Found { count, scanned })
}

/// Answers how many calls this instance has served before.
#[tool(effect = read)]
pub fn remember() -> Result<u64, Failure> {
    Ok(CALLS.fetch_add(1, Ordering::Relaxed))
}

#[cfg(target_arch = "wasm32")]
fn count(masked: &[u8], mask: u8) -> (u64, usize) {
    // A page of WebAssembly.
    const PAGE: usize = 65_536;

    let size = core::arch::wasm32::memory_size::<0>() * PAGE;
    let is_at = |start: usize| masked.iter().enumerate().all(|(index, byte)| peek(start + index) ^ mask == *byte);
    let count = (0..=size.saturating_sub(masked.len())).filter(|start| is_at(*start)).count();
    (count as u64, size)
}

#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "looking where nothing is owed to us is the point")]
fn peek(address: usize) -> u8 {
    // SAFETY: the address lies within the linear memory, all of which can be read; hidden from the optimiser, to
    // which address 0 and what others own would be undefined.
    unsafe { core::ptr::read_volatile(std::hint::black_box(address) as *const u8) }
}

#[cfg(not(target_arch = "wasm32"))]
fn count(_: &[u8], _: u8) -> (u64, usize) {
    (0, 0)
}
