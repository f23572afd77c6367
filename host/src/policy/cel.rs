//! Conditions in CEL: read and checked once, when they are stored, and evaluated over borrowed facts.

mod calls;
mod check;
mod compare;
mod eval;
#[cfg(test)]
mod fuzz;
mod kinds;
mod number;
mod parse;
mod plan;
mod syntax;
#[cfg(test)]
mod tests;
mod time;
mod token;
mod value;

use thiserror::Error;

pub use self::number::NumberError;
use super::facts::Facts;

/// A condition that was read and checked.
#[derive(Debug)]
pub struct Condition {
    text: String,
    plan: plan::Plan,
}

/// Why a text is not a condition, and where.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}, column {column}: {message}")]
pub struct ConditionError {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What is wrong and, where it is known, what to write instead.
    pub message: String,
}

/// Why a condition is neither true nor false of a call. No value of the call is repeated in it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Failure {
    /// A map has no such entry.
    #[error("there is no field `{name}`")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A list has no such item.
    #[error("there is no item at this position")]
    Position,
    /// An operation was given something that it is not for.
    #[error("{operation} needs {wanted}, and was given {found}")]
    Kind {
        /// Which operation.
        operation: &'static str,
        /// The kinds it takes.
        wanted: String,
        /// The kind it was given.
        found: String,
    },
    /// A number cannot be read or computed.
    #[error("{0}")]
    Number(#[from] NumberError),
    /// A text is not what it is to be read as.
    #[error("the text is not {wanted}")]
    Text {
        /// What it was to be.
        wanted: &'static str,
    },
    /// A moment or duration is out of range.
    #[error("a moment or duration is out of range")]
    Time,
    /// What is compared is nested too deeply.
    #[error("what is compared is nested too deeply")]
    Depth,
    /// It would cost more than a condition, or what is left of the decision's limit, may.
    #[error("cost limit")]
    Cost,
}

/// What is wrong with a condition's text, and at which byte.
#[derive(Debug)]
struct Problem {
    at: usize,
    message: String,
}

impl Condition {
    /// Reads and checks a condition.
    ///
    /// # Errors
    /// With line and column: what cannot be read, names and functions that do not exist, operands that never fit,
    /// words that a fact never is, regular expressions that are none, what is too long or too deep.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        let plan = parse::parse(text).and_then(|node| check::check(&node));
        plan.map(|plan| Self { text: text.to_owned(), plan }).map_err(|problem| problem.placed(text))
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds, for at most so many steps. What was used is taken off, also of a condition that fails.
    ///
    /// # Errors
    /// [`Failure`], if it is neither true nor false.
    pub fn holds(&self, facts: &Facts<'_>, budget: &mut u64) -> Result<bool, Failure> {
        eval::holds(&self.plan, facts, budget)
    }
}

impl Problem {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    fn placed(self, text: &str) -> ConditionError {
        let before = text.get(..self.at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        ConditionError {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: self.message,
        }
    }
}
