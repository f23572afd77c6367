//! Host patterns: `api.github.com`, `*.example.com`, `localhost:8080`.

use std::fmt;

use thiserror::Error;

/// A set of hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    suffix: bool,
    host: String,
    port: Option<u16>,
}

/// Why a text is not a host pattern.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{text}` is not a host pattern: {reason}")]
pub struct HostPatternError {
    /// What was read.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl HostPattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, HostPatternError> {
        let _ = text;
        Err(HostPatternError { text: text.into(), reason: "not written yet" })
    }

    /// Whether `host` (as the URL standard normalises it) on `port` is in the set.
    pub fn matches(&self, host: &str, port: u16) -> bool {
        !self.suffix && self.host == host && self.port == Some(port)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)
    }
}
