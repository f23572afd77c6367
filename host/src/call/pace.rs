//! How many calls one caller may make, and how many may run at once, before its neighbours would feel it.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{NotUntil, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::nested::Nesting;
use super::resolve::Resolved;
use crate::config::NeighbourLimits;
use crate::model::{Caller, Clock, Code, ConnectionId, Culprit, Fault, KeyId, ProjectId};

/// Calls that may wait for each one that may run: beyond that waiting takes longer than callers are patient, and a clear
/// no is better.
const WAITING_PER_RUNNING: u32 = 8;

/// How long an inner call waits for a place on another connection than those on which the calls above it have theirs.
const INNER_PATIENCE: Duration = Duration::from_secs(1);

/// How a call waits for its places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    time: Duration,
    /// However many wait already: it has begun, and a no would end it for good.
    in_any_case: bool,
}

impl Patience {
    /// Of a call that somebody has just asked for.
    pub(super) fn of_a_new_one(time: Duration) -> Self {
        Self { time, in_any_case: false }
    }

    /// Of a call that waited, and of which a part may be done.
    pub(super) fn of_one_that_goes_on(time: Duration) -> Self {
        Self { time, in_any_case: true }
    }
}

/// All limits between callers.
pub struct Pace {
    clock: Clock,
    keys: Option<Rate<KeyId>>,
    identifiers: Option<Rate<(ProjectId, String)>>,
    connections: Option<Rate<ConnectionId>>,
    connection_slots: Option<Slots<ConnectionId>>,
    project_slots: Option<Slots<ProjectId>>,
}

/// The right to run; it ends when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Places {
    _held: Vec<OwnedSemaphorePermit>,
}

type Rate<K> = RateLimiter<K, HashMapStateStore<K>, Moments, NoOpMiddleware<Nanos>>;

/// The host's clock, as the rate limiter reads it.
#[derive(Clone)]
struct Moments(Clock);

impl governor::clock::Clock for Moments {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let millis = u64::try_from(self.0.now().0).unwrap_or_default();
        Nanos::new(millis.saturating_mul(1_000_000))
    }
}

impl Pace {
    /// Limits as the operator wrote them.
    pub fn new(limits: &NeighbourLimits, clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            keys: limits.calls_per_minute_per_key.map(|most| rate(most, clock)),
            identifiers: limits.calls_per_minute_per_identifier.map(|most| rate(most, clock)),
            connections: limits.calls_per_minute_per_connection.map(|most| rate(most, clock)),
            connection_slots: limits.concurrent_calls_per_connection.map(Slots::new),
            project_slots: limits.concurrent_calls_per_project.map(Slots::new),
        }
    }

    /// Counts a call, or says when to come again. A call that one limit refuses counts for those before it.
    pub(super) fn count(
        &self,
        caller: &Caller,
        identifier: Option<&str>,
        connection: Option<&ConnectionId>,
    ) -> Result<(), Fault> {
        self.check(self.keys.as_ref(), &caller.key, "this key")?;
        if let Some(identifier) = identifier {
            let identifier = (caller.project.clone(), identifier.to_owned());
            self.check(self.identifiers.as_ref(), &identifier, "this user")?;
        }
        match connection {
            Some(connection) => self.check(self.connections.as_ref(), connection, "this connection"),
            None => Ok(()),
        }
    }

    fn check<K: Hash + Eq + Clone>(&self, rate: Option<&Rate<K>>, key: &K, whose: &str) -> Result<(), Fault> {
        let Some(rate) = rate else { return Ok(()) };
        rate.check_key(key).map_err(|not_until: NotUntil<Nanos>| {
            let wait = not_until.wait_time_from(governor::clock::Clock::now(&Moments(self.clock.clone())));
            too_many(format!("more calls than {whose} may make in a minute"), wait)
        })
    }

    /// Waits for a place in the order of arrival, at most `patience`.
    ///
    /// A call that another one makes has that one's place in the project, and its place on the connection if it is the
    /// same: it would wait for its own parent.
    pub(super) async fn places(
        &self,
        resolved: &Resolved,
        nesting: Option<&Nesting>,
        patience: Patience,
    ) -> Result<Places, Fault> {
        let held_above = nesting.is_some_and(Nesting::is_held);
        // The call above holds places while this one waits: two such would wait for each other's.
        let patience =
            if held_above { Patience { time: patience.time.min(INNER_PATIENCE), ..patience } } else { patience };
        let mut held = Vec::new();
        let connection = &resolved.context.connection;
        let above = nesting.is_some_and(|nesting| nesting.connections.contains(&connection.id));
        // Always in this order: nobody who holds the second waits for the first.
        if let Some(slots) = self.connection_slots.as_ref().filter(|_| !above) {
            held.push(slots.take(&connection.id, patience, "through this connection").await?);
        }
        if let Some(slots) = self.project_slots.as_ref().filter(|_| !held_above) {
            held.push(slots.take(&connection.project, patience, "in this project").await?);
        }
        Ok(Places { _held: held })
    }

    /// Forgets who has not called for so long that it makes no difference.
    pub(super) fn forget(&self) {
        fn shrink<K: Hash + Eq + Clone>(rate: Option<&Rate<K>>) {
            if let Some(rate) = rate {
                rate.retain_recent();
                rate.shrink_to_fit();
            }
        }
        shrink(self.keys.as_ref());
        shrink(self.identifiers.as_ref());
        shrink(self.connections.as_ref());
        self.connection_slots.as_ref().map(Slots::forget);
        self.project_slots.as_ref().map(Slots::forget);
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").finish_non_exhaustive()
    }
}

fn rate<K: Hash + Eq + Clone>(most: NonZeroU32, clock: &Clock) -> Rate<K> {
    RateLimiter::new(Quota::per_minute(most), HashMapStateStore::default(), Moments(clock.clone()))
}

fn too_many(detail: String, wait: Duration) -> Fault {
    let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    Fault {
        retry_after_ms: Some(retry_after_ms),
        ..Fault::new(Code::RateLimited, Culprit::Limit, format!("{detail}: try again in {retry_after_ms} ms"))
    }
}

/// Places for those who have the same key.
struct Slots<K> {
    most: u32,
    of: Mutex<HashMap<K, Arc<Line>>>,
}

/// The places of one key, and how many wait for one.
struct Line {
    places: Arc<Semaphore>,
    waiting: AtomicU32,
}

/// Counts one who waits, until it does not.
struct InLine<'a>(&'a Line);

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<K: Hash + Eq + Clone> Slots<K> {
    fn new(most: NonZeroU32) -> Self {
        Self { most: most.get(), of: Mutex::default() }
    }

    async fn take(&self, key: &K, patience: Patience, whose: &str) -> Result<OwnedSemaphorePermit, Fault> {
        let line = self.line(key);
        let places = Arc::clone(&line.places);
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            return Ok(place);
        }
        let waiting = line.waiting.fetch_add(1, Ordering::Relaxed);
        let _in_line = InLine(&line);
        if !patience.in_any_case && waiting >= self.most.saturating_mul(WAITING_PER_RUNNING) {
            return Err(too_many(format!("{waiting} calls {whose} wait already"), Duration::from_secs(1)));
        }
        match tokio::time::timeout(patience.time, places.acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            // The semaphore is never closed: this is the end of patience.
            _ => {
                let detail = format!("no place among {} calls {whose} became free in time", self.most);
                Err(too_many(detail, Duration::from_secs(1)))
            }
        }
    }

    fn line(&self, key: &K) -> Arc<Line> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let places = Arc::new(Semaphore::new(self.most as usize));
            Arc::new(Line { places, waiting: AtomicU32::new(0) })
        };
        Arc::clone(of.entry(key.clone()).or_insert_with(new))
    }

    /// Forgets those of whom nobody runs or waits.
    fn forget(&self) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let free = |line: &Arc<Line>| line.places.available_permits() == self.most as usize;
        of.retain(|_, line| Arc::strong_count(line) > 1 || !free(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(time: Duration) -> Patience {
        Patience::of_a_new_one(time)
    }

    const NEVER: Duration = Duration::ZERO;

    #[tokio::test(start_paused = true)]
    async fn places_are_taken_in_order_and_given_back() {
        let slots = Arc::new(Slots::new(NonZeroU32::MIN));
        let held = slots.take(&"a", new(NEVER), "x").await.expect("a place");
        drop(slots.take(&"b", new(NEVER), "x").await.expect("another key has its own"));
        assert_eq!(slots.take(&"a", new(NEVER), "x").await.expect_err("taken").code, Code::RateLimited);
        let order = Arc::new(Mutex::new(Vec::new()));
        let waiting: Vec<_> = (0..3)
            .map(|number| {
                let (slots, order) = (Arc::clone(&slots), Arc::clone(&order));
                tokio::spawn(async move {
                    let _place = slots.take(&"a", new(Duration::from_secs(60)), "x").await.expect("in time");
                    order.lock().expect("not poisoned").push(number);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        drop(held);
        for one in waiting {
            one.await.expect("ended");
        }
        assert_eq!(*order.lock().expect("not poisoned"), [0, 1, 2]);
        slots.forget();
        assert!(slots.of.lock().expect("not poisoned").is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_has_an_end() {
        let slots = Arc::new(Slots::new(NonZeroU32::MIN));
        let _held = slots.take(&"a", new(NEVER), "x").await.expect("a place");
        for _ in 0..WAITING_PER_RUNNING {
            let slots = Arc::clone(&slots);
            tokio::spawn(async move { slots.take(&"a", new(Duration::from_secs(60)), "x").await.map(drop) });
        }
        tokio::task::yield_now().await;
        let refused = slots.take(&"a", new(Duration::from_secs(60)), "x").await.expect_err("too many wait");
        assert_eq!((refused.code, refused.culprit), (Code::RateLimited, Culprit::Limit));
        assert!(refused.retry_after_ms.is_some());
    }
}
