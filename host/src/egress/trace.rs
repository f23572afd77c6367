//! What became of each request of a call: kept outside of the guest, for the call's record.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::limits::TRACED;

/// One request on its way to the provider, or one more attempt at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which request of the call, from 1.
    pub request: u32,
    /// Which attempt at it, from 1.
    pub attempt: u32,
    /// HTTP method.
    pub method: String,
    /// When it began, from the grant's beginning.
    pub began: Duration,
    /// The answer's status; `None` if there was none.
    pub status: Option<u16>,
    /// How long was waited before it was sent again; `None` if it was not.
    pub again_after: Option<Duration>,
}

/// The attempts of one grant.
#[derive(Debug)]
pub(super) struct Trace {
    began: Instant,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    requests: u32,
    attempts: Vec<Attempt>,
}

impl Trace {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), kept: Mutex::default() }
    }

    /// How long ago the grant began.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The number of the next request.
    pub(super) fn next_request(&self) -> u32 {
        let mut kept = self.kept();
        kept.requests += 1;
        kept.requests
    }

    /// Notes that an attempt begins; gives its place. Beyond the limit there is none.
    pub(super) fn begins(&self, request: u32, attempt: u32, method: &str) -> Option<usize> {
        let began = self.elapsed();
        let mut kept = self.kept();
        if kept.attempts.len() >= TRACED {
            return None;
        }
        let method = method.to_owned();
        kept.attempts.push(Attempt { request, attempt, method, began, status: None, again_after: None });
        Some(kept.attempts.len() - 1)
    }

    /// Notes how an attempt ended.
    pub(super) fn ends(&self, place: Option<usize>, status: Option<u16>, again_after: Option<Duration>) {
        let mut kept = self.kept();
        if let Some(attempt) = place.and_then(|place| kept.attempts.get_mut(place)) {
            attempt.status = status;
            attempt.again_after = again_after;
        }
    }

    pub(super) fn attempts(&self) -> Vec<Attempt> {
        self.kept().attempts.clone()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
