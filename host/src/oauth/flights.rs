//! Within a process one at a time gets a token for an account; who waited for it takes what it brought.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::OwnedMutexGuard;

use super::limits::MAX_FLIGHTS;
use crate::model::{AccountId, Timestamp};

/// All accounts for which somebody gets, or just got, a token.
#[derive(Debug)]
pub(super) struct Flights(Mutex<HashMap<AccountId, Arc<Flight>>>);

/// One account.
#[derive(Debug)]
pub(super) struct Flight {
    turn: Arc<tokio::sync::Mutex<()>>,
    failed: Mutex<Option<Failure>>,
}

/// That nothing came of the last try, and why.
#[derive(Clone, Debug)]
struct Failure {
    at: Instant,
    reason: String,
    not_before: Timestamp,
}

impl Flights {
    pub(super) fn none() -> Self {
        Self(Mutex::default())
    }

    /// That of an account.
    pub(super) fn of(&self, account: &AccountId) -> Arc<Flight> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if flights.len() >= MAX_FLIGHTS {
            flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        }
        let new = || Arc::new(Flight { turn: Arc::default(), failed: Mutex::default() });
        Arc::clone(flights.entry(account.clone()).or_insert_with(new))
    }
}

impl Flight {
    /// Waits for one's turn.
    pub(super) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// One's turn, if nobody else has it.
    pub(super) fn turn_now(&self) -> Option<OwnedMutexGuard<()>> {
        Arc::clone(&self.turn).try_lock_owned().ok()
    }

    /// Nothing came of a try, and nobody who can do without should try again before then.
    pub(super) fn fail(&self, reason: String, not_before: Timestamp) {
        *self.failed() = Some(Failure { at: Instant::now(), reason, not_before });
    }

    /// A try brought something.
    pub(super) fn succeed(&self) {
        *self.failed() = None;
    }

    /// Why nothing came of a try that ended since then: for those who waited for it.
    pub(super) fn failed_since(&self, since: Instant) -> Option<String> {
        self.failed().as_ref().filter(|failure| failure.at >= since).map(|failure| failure.reason.clone())
    }

    /// Whether the last try failed so recently that another one is for those who cannot do without.
    pub(super) fn rests(&self, now: Timestamp) -> bool {
        self.failed().as_ref().is_some_and(|failure| now < failure.not_before)
    }

    fn failed(&self) -> std::sync::MutexGuard<'_, Option<Failure>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
