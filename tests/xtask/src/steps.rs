//! The lines a person reads while a command works: one per step, with its time, and what to do when it fails.
#![expect(clippy::print_stderr, reason = "this file is the terminal output of the commands")]

use std::fmt;
use std::time::{Duration, Instant};

/// Why a command stopped, and what its user can do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What went wrong.
    pub(crate) what: String,
    /// The next thing to try, as a sentence or a command line.
    pub(crate) remedy: String,
}

impl Failure {
    /// A failure with its remedy.
    pub(crate) fn new(what: impl fmt::Display, remedy: impl Into<String>) -> Self {
        Self { what: what.to_string(), remedy: remedy.into() }
    }
}

/// A run of numbered steps.
pub(crate) struct Steps {
    total: usize,
    done: usize,
    started: Instant,
}

impl Steps {
    /// A run that will have `total` steps.
    pub(crate) fn new(total: usize) -> Self {
        Self { total, done: 0, started: Instant::now() }
    }

    /// Announces a step, does it, and says how long it took.
    pub(crate) fn step<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        self.done += 1;
        eprintln!("[{}/{}] {name}", self.done, self.total);
        let started = Instant::now();
        let result = work();
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        eprintln!("[{}/{}] {name}: {verdict} ({})", self.done, self.total, seconds(started.elapsed()));
        result
    }

    /// The line at the end.
    pub(crate) fn finish(self, summary: &str) {
        eprintln!("{summary} ({} in all)", seconds(self.started.elapsed()));
    }
}

/// A line below the current step.
pub(crate) fn note(line: &str) {
    eprintln!("      {line}");
}

/// The last lines of a command that stopped.
pub(crate) fn fail(failure: &Failure) {
    eprintln!("\nfailed: {}\n    do: {}", failure.what, failure.remedy);
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
