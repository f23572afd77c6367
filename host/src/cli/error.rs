//! How a command fails: wrong usage exits with 2, anything else with 1, and a closed pipe is no failure at all.

use std::io::{self, Write};
use std::path::PathBuf;

use thiserror::Error;

use super::problem::Problem;

/// Exit code of a command that did what it was asked.
pub(super) const DONE: u8 = 0;
/// Exit code of a command that could not.
pub(super) const FAILED: u8 = 1;
/// Exit code of a command that was called in a wrong way.
pub(super) const USAGE: u8 = 2;

/// A command that failed.
#[derive(Debug, Error)]
pub enum CliError {
    /// The command was called in a wrong way.
    #[error("{0}")]
    Usage(String),
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The host does not answer.
    #[error("no answer from {server}: {reason}")]
    Unreachable {
        /// Its address.
        server: String,
        /// Why, down to the first cause.
        reason: String,
    },
    /// The host answered with a problem document.
    #[error("{}", .0.title)]
    Problem(Box<Problem>),
    /// The host answered something that is not of its contract.
    #[error("{server} gave an answer that is not of this API: {reason}")]
    Answer {
        /// Its address.
        server: String,
        /// What was wrong.
        reason: String,
    },
    /// The command ran and its result is bad: it was shown already.
    #[error("{0}")]
    Failed(String),
    /// A standard stream failed.
    #[error("standard streams: {0}")]
    Stream(#[from] io::Error),
}

impl CliError {
    /// Tells a person what happened and what to do, and gives the exit code.
    pub(super) fn report(&self, err: &mut dyn Write) -> u8 {
        let code = self.exit_code();
        if code != DONE {
            // Nobody is left to be told if standard error is closed.
            let _ = self.write(err).and_then(|()| err.flush());
        }
        code
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Stream(error) if error.kind() == io::ErrorKind::BrokenPipe => DONE,
            _ => FAILED,
        }
    }

    fn write(&self, err: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Problem(problem) => problem.write(err),
            Self::Unreachable { .. } => {
                writeln!(err, "Error: {self}")?;
                writeln!(
                    err,
                    "  next       start it with `gloveport serve`, or name another with --server or GLOVEPORT_SERVER"
                )
            }
            Self::Answer { .. } => {
                writeln!(err, "Error: {self}")?;
                writeln!(err, "  next       check that --server names a gloveport host of this version")
            }
            _ => writeln!(err, "Error: {self}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_tell_usage_from_failure_and_a_closed_pipe_from_both() {
        let pipe = || io::Error::from(io::ErrorKind::BrokenPipe);
        let cases = [
            (CliError::Usage("no".into()), 2),
            (CliError::Failed("no".into()), 1),
            (CliError::Unreachable { server: "s".into(), reason: "r".into() }, 1),
            (CliError::Answer { server: "s".into(), reason: "r".into() }, 1),
            (CliError::File { path: "x".into(), source: pipe() }, 1),
            (CliError::Stream(io::ErrorKind::StorageFull.into()), 1),
            (CliError::Stream(pipe()), 0),
        ];
        for (error, code) in cases {
            let mut err = Vec::new();
            assert_eq!(error.report(&mut err), code, "{error}");
            assert_eq!(err.is_empty(), code == 0, "{error}");
        }
    }
}
