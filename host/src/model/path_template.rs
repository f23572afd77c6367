//! Path templates: `/repos/{owner}/{repo}`, `/files/{path+}`.

use std::fmt;

use thiserror::Error;

/// A set of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    text: String,
}

/// Why a text is not a path template.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{text}` is not a path template: {reason}")]
pub struct PathTemplateError {
    /// What was read.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl PathTemplate {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, PathTemplateError> {
        Ok(Self { text: text.into() })
    }

    /// Whether `path` (percent-encoded, as the URL standard normalises it) is in the set.
    pub fn matches(&self, path: &str) -> bool {
        self.text == path
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
