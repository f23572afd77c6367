//! Rules: a condition, and what happens to the calls of which it holds.

use std::collections::HashSet;

use thiserror::Error;

use super::cel::{Condition, ConditionError};
use super::limits::{APPROVERS_MAX, EXPIRY_MAX_MS, EXPIRY_MIN_MS, NAME_MAX, REASON_MAX, RULES_MAX};
use crate::model::{Effect, PolicyId};

/// A rule of a project.
#[derive(Debug)]
pub struct Rule {
    id: PolicyId,
    name: String,
    condition: Condition,
    outcome: Outcome,
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It runs.
    Allow,
    /// It does not run.
    Deny {
        /// For the agent: what it may do instead.
        reason: String,
    },
    /// It waits for a person.
    Ask(Ask),
}

/// How a call waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Any one of them decides. The key that asks never does, whoever is named here.
    pub approvers: Vec<Approver>,
    /// When it waits.
    pub at: At,
    /// How long, in milliseconds, until it is too late.
    pub expires_after_ms: u64,
    /// Whether each further write of the same call waits again; if not, one approval covers them.
    pub each_write: bool,
}

/// Who may decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approver {
    /// Any key with the role `admin`.
    Admin,
    /// The key with this id or name.
    Key(String),
}

/// When a call waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Before anything runs.
    Before,
    /// At its first request that writes: reads go out before.
    AtWrite,
}

/// What happens to calls of which no rule's condition holds, by the tool's effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// For tools that change nothing.
    pub read: Outcome,
    /// For tools that create or change.
    pub write: Outcome,
    /// For tools that remove, or whose work cannot be taken back.
    pub destroy: Outcome,
}

/// The rules of a project in their order. The first whose condition holds decides.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    fallback: Fallback,
}

/// Why there is no such rule, or no such set of rules.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RuleError {
    /// The condition is none.
    #[error("condition: {0}")]
    Condition(#[from] ConditionError),
    /// The name cannot be shown.
    #[error("name: it must have 1 to {NAME_MAX} bytes and no control characters")]
    Name,
    /// The reason cannot be shown.
    #[error("reason: it must have 1 to {REASON_MAX} bytes")]
    Reason,
    /// Nobody, or a crowd, may decide.
    #[error("approvers: there must be 1 to {APPROVERS_MAX}, each \"admin\" or the id or name of a key")]
    Approvers,
    /// People get too little or too much time.
    #[error("expires_after_ms: it must be from {EXPIRY_MIN_MS} to {EXPIRY_MAX_MS}")]
    Expiry,
    /// There are too many.
    #[error("there may be at most {RULES_MAX} rules")]
    TooMany,
    /// One is there twice.
    #[error("rule {id} is there twice")]
    Twice {
        /// Which.
        id: PolicyId,
    },
}

impl Rule {
    /// Checks a rule; the condition is read and checked once, here.
    ///
    /// # Errors
    /// [`RuleError`], naming the field.
    pub fn new(id: PolicyId, name: &str, condition: &str, outcome: Outcome) -> Result<Self, RuleError> {
        if name.trim().is_empty() || name.len() > NAME_MAX || name.chars().any(char::is_control) {
            return Err(RuleError::Name);
        }
        outcome.check()?;
        Ok(Self { id, name: name.to_owned(), condition: Condition::parse(condition)?, outcome })
    }

    /// Its identifier.
    pub fn id(&self) -> &PolicyId {
        &self.id
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Of which calls it speaks.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// What happens to them.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

impl Outcome {
    /// Whether it can be carried out.
    ///
    /// # Errors
    /// [`RuleError`], naming the field.
    pub fn check(&self) -> Result<(), RuleError> {
        match self {
            Self::Allow => Ok(()),
            Self::Deny { reason } if reason.trim().is_empty() || reason.len() > REASON_MAX => Err(RuleError::Reason),
            Self::Deny { .. } => Ok(()),
            Self::Ask(ask) => {
                let named = |approver: &Approver| match approver {
                    Approver::Admin => true,
                    Approver::Key(name) => !name.trim().is_empty() && name.len() <= NAME_MAX,
                };
                if ask.approvers.is_empty() || ask.approvers.len() > APPROVERS_MAX || !ask.approvers.iter().all(named) {
                    return Err(RuleError::Approvers);
                }
                let expiry = EXPIRY_MIN_MS..=EXPIRY_MAX_MS;
                if expiry.contains(&ask.expires_after_ms) { Ok(()) } else { Err(RuleError::Expiry) }
            }
        }
    }
}

impl Ask {
    /// An administrator, at each write, within a day.
    pub fn standard() -> Self {
        Self {
            approvers: vec![Approver::Admin],
            at: At::AtWrite,
            expires_after_ms: 24 * 60 * 60 * 1_000,
            each_write: true,
        }
    }

    /// Whether a key may decide what another key asked: only if it is named, and is not the one that asks.
    pub fn admits(&self, asking: &str, id: &str, name: &str, admin: bool) -> bool {
        asking != id
            && self.approvers.iter().any(|approver| match approver {
                Approver::Admin => admin,
                Approver::Key(named) => named == id || named == name,
            })
    }
}

impl At {
    /// As it is written in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::AtWrite => "at_write",
        }
    }

    /// Reads [`At::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Before, Self::AtWrite].into_iter().find(|at| at.as_str() == text)
    }
}

impl Fallback {
    /// What holds until the operator says otherwise: reads and writes run; what destroys waits at its first write, a
    /// day long, for an administrator, who sees the exact request. Each further write is another decision.
    pub fn standard() -> Self {
        Self { read: Outcome::Allow, write: Outcome::Allow, destroy: Outcome::Ask(Ask::standard()) }
    }

    /// What happens to calls of tools with this effect.
    pub fn of(&self, effect: Effect) -> &Outcome {
        match effect {
            Effect::Read => &self.read,
            Effect::Write => &self.write,
            Effect::Destroy => &self.destroy,
        }
    }
}

impl Rules {
    /// Rules in their order.
    ///
    /// # Errors
    /// [`RuleError`]: too many, one twice, or a fallback that cannot be carried out.
    pub fn new(rules: Vec<Rule>, fallback: Fallback) -> Result<Self, RuleError> {
        if rules.len() > RULES_MAX {
            return Err(RuleError::TooMany);
        }
        let mut seen = HashSet::new();
        if let Some(twice) = rules.iter().find(|rule| !seen.insert(&rule.id)) {
            return Err(RuleError::Twice { id: twice.id.clone() });
        }
        for outcome in [&fallback.read, &fallback.write, &fallback.destroy] {
            outcome.check()?;
        }
        Ok(Self { rules, fallback })
    }

    /// Each, the first first.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// What happens where no condition holds.
    pub fn fallback(&self) -> &Fallback {
        &self.fallback
    }
}
