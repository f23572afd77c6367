//! Time and randomness as arguments: the only place that reads the ambient ones.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Timestamp;

/// Where the time comes from: the system, or a test that moves it by hand.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it. Clones move together.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.0))))
    }

    /// The current time.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the ambient clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(0).plus(since)
            }
            Source::Manual(now) => Timestamp(now.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock forward; the system's clock is not moved.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            now.store(Timestamp(now.load(Ordering::SeqCst)).plus(by).0, Ordering::SeqCst);
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::System => f.write_str("Clock(system)"),
            Source::Manual(now) => write!(f, "Clock({})", now.load(Ordering::SeqCst)),
        }
    }
}

/// Where random bytes come from: a generator for secrets, seeded by the operating system.
#[derive(Clone, Copy, Debug)]
pub struct Random(());

impl Random {
    /// The process's cryptographic generator.
    pub fn system() -> Self {
        Self(())
    }

    /// `N` unpredictable bytes.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads ambient randomness")]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        rand::fill(&mut bytes[..]);
        bytes
    }
}
