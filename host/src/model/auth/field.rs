//! What a user fills in to connect an account, and what it has to look like.

use std::fmt;

use regex::{Regex, RegexBuilder};
use thiserror::Error;

/// The longest expression, in bytes: one line that an author can still read.
const EXPRESSION_MAX: usize = 1_024;

/// Bytes of a compiled expression. Classes of all of Unicode with a large repetition take more, and no key looks so.
const COMPILED_MAX: usize = 256 * 1024;

/// Something a user fills in to connect an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Key in the credential or in the account's public fields.
    pub name: String,
    /// For people.
    pub label: String,
    /// Where to find it, for people.
    pub hint: Option<String>,
    /// A secret is sealed and never shown; anything else is a public field of the account.
    pub secret: bool,
    /// Whether connecting fails without it.
    pub required: bool,
    /// A regular expression that the whole value must match: what [`FieldPattern::parse`] reads.
    pub pattern: Option<String>,
    /// What the value is where a user says nothing; never that of a secret.
    pub default: Option<String>,
}

/// A compiled [`Field::pattern`].
#[derive(Clone)]
pub struct FieldPattern(Regex);

/// Why a text is no expression.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{text}` is not a regular expression that this host uses: {reason}")]
pub struct FieldPatternError {
    /// What was read, cut.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl FieldPattern {
    /// Reads an expression; it need not say `^` and `$`. Matching takes time that is linear in the value's length.
    ///
    /// # Errors
    /// With the reason: what is not an expression, or is too large.
    pub fn parse(text: &str) -> Result<Self, FieldPatternError> {
        let refuse = |reason: String| FieldPatternError { text: text.chars().take(80).collect(), reason };
        if text.len() > EXPRESSION_MAX {
            return Err(refuse(format!("it is longer than {EXPRESSION_MAX} bytes")));
        }
        // By itself first: `a)|(?:b` is one only between the parentheses that are put around it.
        let compile = |text: &str| RegexBuilder::new(text).size_limit(COMPILED_MAX).build();
        compile(text)
            .and_then(|_| compile(&format!("^(?:{text})$")))
            .map(Self)
            .map_err(|error| refuse(error.to_string().lines().last().unwrap_or_default().trim().to_owned()))
    }

    /// Whether the whole value matches.
    pub fn fits(&self, value: &str) -> bool {
        self.0.is_match(value)
    }
}

impl fmt::Debug for FieldPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldPattern({})", self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    #[test]
    fn the_whole_value_has_to_match() {
        let rows: &[(&str, &[&str], &[&str])] = &[
            ("[a-z]+", &["a", "abc"], &["", "A", "a1", "1a", "a\n", "a\nb", " a"]),
            ("a|bc", &["a", "bc"], &["ac", "abc", "abbc"]),
            ("(?i)x", &["x", "X"], &["xx"]),
            ("\\d{3}-?\\d", &["123-4", "1234"], &["123-", "12345"]),
            ("", &[""], &["a"]),
        ];
        for (text, good, bad) in rows {
            let pattern = FieldPattern::parse(text).unwrap();
            assert!(good.iter().all(|value| pattern.fits(value)), "{text}");
            assert!(bad.iter().all(|value| !pattern.fits(value)), "{text}");
            assert!(good.iter().all(|value| Secret::new((*value).into()).fits(&pattern)), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in ["(", "a)|(?:b", "[", "a{2,1}", "(?=a)", "\\", "\\w{2000}", &"a".repeat(1_025)] {
            let error = FieldPattern::parse(text).unwrap_err();
            assert!(!error.reason.is_empty() && error.text.len() <= 80, "{error}");
        }
    }
}
