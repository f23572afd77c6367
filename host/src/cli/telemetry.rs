//! Where log lines go, and which: those of this program, never those of the libraries that see requests in clear.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::CliError;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What an operator has to act on.
    Error,
    /// What an operator may have to act on.
    Warn,
    /// Also failed calls.
    Info,
    /// Also each call, and its steps.
    Debug,
}

/// Sends the lines of this program to standard error.
///
/// The HTTP and database libraries are held at `warn` whatever the operator asks for: at their debug level some of them
/// write headers or statements with values (AK-016).
///
/// # Errors
///
/// [`CliError::Failed`] if the process has a subscriber already.
pub fn start(format: LogFormat, level: LogLevel) -> Result<(), CliError> {
    // A line as each step of a call ends, with its time; the spans around it name the request.
    let steps = if level == LogLevel::Debug { FmtSpan::CLOSE } else { FmtSpan::NONE };
    let lines = tracing_subscriber::fmt::layer()
        .with_span_events(steps)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(targets(level)))
        .try_init()
        .map_err(|error| CliError::Failed(format!("logging does not start: {error}")))
}

/// Which lines pass at a level.
pub fn targets(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    Targets::new()
        .with_default(LevelFilter::WARN.min(level))
        .with_target("gloveport", level)
        .with_target("guest", level)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_stay_quiet_at_debug() {
        let targets = targets(LogLevel::Debug);
        assert!(targets.would_enable("gloveport::call", &Level::DEBUG));
        for library in ["hyper", "reqwest::connect", "h2::proto", "sqlx::query", "rustls"] {
            assert!(!targets.would_enable(library, &Level::DEBUG), "{library}");
            assert!(targets.would_enable(library, &Level::WARN), "{library}");
        }
    }
}
