//! Who may have a slot of the pool: those whom callers ask for, and, apart from them, those whom other calls ask for.

use tokio::sync::Semaphore;

use super::limits;

/// The slots of a pool, by how deep a call is nested.
///
/// A call that holds a slot may wait for calls that need one, too. If all took theirs from the same places, calls that
/// wait could take up all of them, and none would ever go on. So the deeper ones have places of their own.
#[derive(Debug)]
pub(super) struct Slots {
    /// By depth, from 0. Fair: who waits longest is next.
    of: Vec<Semaphore>,
    calls: u32,
    all: u32,
}

impl Slots {
    /// As many for calls that nobody nested, and some for each depth below.
    pub(super) fn new(calls: u32) -> Self {
        let nested = calls.div_ceil(limits::SLOTS_PER_NESTED);
        let sizes = || std::iter::once(calls).chain(std::iter::repeat_n(nested, limits::NESTING));
        Self { of: sizes().map(|size| Semaphore::new(size as usize)).collect(), calls, all: sizes().sum() }
    }

    /// Those for calls of this depth; the deepest for all that are deeper, which nobody lets begin.
    pub(super) fn of(&self, depth: usize) -> &Semaphore {
        &self.of[depth.min(limits::NESTING)]
    }

    /// How many there are for all depths.
    pub(super) fn all(&self) -> u32 {
        self.all
    }

    /// How many calls that nobody nested may run at the same time, and how many do.
    pub(super) fn outer(&self) -> (u32, u32) {
        let free = u32::try_from(self.of(0).available_permits()).unwrap_or(u32::MAX);
        (self.calls, self.calls.saturating_sub(free))
    }
}
