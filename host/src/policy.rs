//! Whether a call may run: ordered rules with conditions in CEL, decided without any I/O.

mod cel;
mod decide;
mod facts;
mod limits;
mod rule;
#[cfg(test)]
mod tests;
mod written;

pub use cel::{Condition, ConditionError, Failure, NumberError};
pub use decide::{Decision, Tried, Why, decide, explain};
pub use facts::{CallerFacts, Facts};
pub use limits::{
    APPROVERS_MAX, CONDITION_MAX, DECISION_COST_MAX, EXPIRY_MAX_MS, EXPIRY_MIN_MS, NAME_MAX, REASON_MAX, RULE_COST_MAX,
    RULES_MAX,
};
pub use rule::{Approver, Ask, At, Fallback, Outcome, Rule, RuleError, Rules};
