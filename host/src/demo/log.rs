//! The host's log, kept in memory to be searched: far more of it than `serve` ever writes.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// Lines so far. Clones are the same log.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Starts to keep all lines of the host, and what its HTTP libraries say of requests that hold the credential.
    pub(super) fn capture() -> Result<Self, TryInitError> {
        let log = Self::default();
        let writer = log.clone();
        let mut targets = Targets::new().with_default(LevelFilter::INFO);
        for own in ["gloveport", "guest"] {
            targets = targets.with_target(own, LevelFilter::TRACE);
        }
        for library in ["hyper", "hyper_util", "h2", "reqwest", "rustls"] {
            targets = targets.with_target(library, LevelFilter::DEBUG);
        }
        let lines = tracing_subscriber::fmt::layer().json().with_writer(move || writer.clone());
        tracing_subscriber::registry().with(lines.with_filter(targets)).try_init()?;
        Ok(log)
    }

    /// All lines so far.
    pub(super) fn lines(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
