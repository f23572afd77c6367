//! `decide`: the first rule whose condition holds, or the fallback; a rule that cannot be evaluated denies.

use std::fmt;

use super::cel::Failure;
use super::facts::Facts;
use super::limits::{DECISION_COST_MAX, RULE_COST_MAX};
use super::rule::{Outcome, Rule, Rules};
use crate::model::{Effect, PolicyId};

/// What happens to a call, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What happens.
    pub outcome: Outcome,
    /// The rule that decided; `None` if it was the fallback.
    pub rule: Option<PolicyId>,
    /// For the record.
    pub why: Why,
}

/// Why a decision fell as it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The rule's condition holds.
    Rule {
        /// The rule's name.
        name: String,
    },
    /// No rule's condition holds: the tool's effect decides.
    Fallback(Effect),
    /// The rule's condition is neither true nor false of this call.
    Failed {
        /// The rule's name.
        name: String,
        /// What went wrong.
        failure: Failure,
    },
    /// The rule's condition is too expensive for this call.
    CostLimit {
        /// The rule's name.
        name: String,
    },
}

/// What a rule said, for a dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Which rule.
    pub rule: PolicyId,
    /// Whether its condition holds.
    pub held: Result<bool, Failure>,
    /// How many steps that took.
    pub cost: u64,
}

/// Decides on a call.
pub fn decide(rules: &Rules, facts: &Facts<'_>) -> Decision {
    walk(rules, facts, |_, _, _| {})
}

/// Decides, and tells what each rule said up to the one that decided.
pub fn explain(rules: &Rules, facts: &Facts<'_>) -> (Decision, Vec<Tried>) {
    let mut tried = Vec::new();
    let decision = walk(rules, facts, |rule, held, cost| {
        tried.push(Tried { rule: rule.id().clone(), held: held.clone(), cost });
    });
    (decision, tried)
}

fn walk(rules: &Rules, facts: &Facts<'_>, mut tell: impl FnMut(&Rule, &Result<bool, Failure>, u64)) -> Decision {
    let mut left = DECISION_COST_MAX;
    for rule in rules.iter() {
        let granted = left.min(RULE_COST_MAX);
        let mut budget = granted;
        let held = rule.condition().holds(facts, &mut budget);
        let cost = granted - budget;
        left -= cost;
        tell(rule, &held, cost);
        let name = || rule.name().to_owned();
        let (outcome, why) = match held {
            Ok(false) => continue,
            Ok(true) => (rule.outcome().clone(), Why::Rule { name: name() }),
            Err(failure) => {
                let reason =
                    format!("the policy rule \"{}\" cannot be evaluated for this call: {failure}", rule.name());
                let why = match failure {
                    Failure::Cost => Why::CostLimit { name: name() },
                    failure => Why::Failed { name: name(), failure },
                };
                (Outcome::Deny { reason }, why)
            }
        };
        return Decision { outcome, rule: Some(rule.id().clone()), why };
    }
    let outcome = rules.fallback().of(facts.effect).clone();
    Decision { outcome, rule: None, why: Why::Fallback(facts.effect) }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule { name } => write!(f, "rule \"{name}\""),
            Self::Fallback(effect) => write!(f, "no rule; default for {}", effect.as_str()),
            Self::Failed { name, failure } => write!(f, "rule \"{name}\" failed: {failure}"),
            Self::CostLimit { name } => write!(f, "rule \"{name}\" failed: cost limit"),
        }
    }
}
