//! The log lines of the hosts that run in this process, kept in memory.

use std::io;
use std::sync::{Mutex, Once, PoisonError};

use tracing_subscriber::EnvFilter;

/// What is listened to: all of the host, and what its HTTP libraries say of requests, which hold the credential.
const FILTER: &str =
    "info,gloveport=trace,guest=trace,hyper=debug,hyper_util=debug,h2=debug,reqwest=debug,rustls=debug";

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Starts to keep log lines, for as long as the process lives. All its hosts share them: a canary is its host's own.
pub fn capture() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let subscriber =
            tracing_subscriber::fmt().json().with_env_filter(EnvFilter::new(FILTER)).with_writer(|| Lines).finish();
        // Another subscriber would keep the lines from us, and the canary's search would prove nothing.
        tracing::subscriber::set_global_default(subscriber).expect("nobody else listens to the log in this process");
    });
}

/// The log so far.
pub fn lines() -> Vec<u8> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

struct Lines;

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
