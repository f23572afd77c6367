//! Limits of rules and of what evaluating them may cost.

/// Bytes of a condition: about a screen of text. Longer ones are read by nobody, and are better several rules.
pub const CONDITION_MAX: usize = 4 * 1024;

/// How deeply a condition may be nested. People nest to about 10; 64 levels fit many times over into the 2 MiB of stack
/// that a thread of the server has.
pub(super) const DEPTH_MAX: usize = 64;

/// How deeply what two values are compared by may be nested: the depth at which the JSON reader stops, too.
pub(super) const VALUE_DEPTH_MAX: usize = 128;

/// Rules of one project. A hundred is a large set; a thousand simple ones still decide within a millisecond.
pub const RULES_MAX: usize = 1_000;

/// Bytes of a rule's name: one line on a screen.
pub const NAME_MAX: usize = 200;

/// Bytes of the reason that a rule gives to the agent: a few sentences.
pub const REASON_MAX: usize = 1_000;

/// Approvers that a rule may name: more people than that are a role, not a list.
pub const APPROVERS_MAX: usize = 50;

/// The shortest time that people are given to decide: less is a rule that always expires.
pub const EXPIRY_MIN_MS: u64 = 10_000;

/// The longest time that a call may wait for people: 30 days, after which nobody knows why it was asked.
pub const EXPIRY_MAX_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// What evaluating one condition may cost. A step costs 1, and steps over text cost 1 per [`TEXT_UNIT`] or
/// [`SEARCH_UNIT`] bytes: enough to look at some 10,000 items of a payload, or to search the longest input (4 MiB) for
/// a word, and a few milliseconds at most.
pub const RULE_COST_MAX: u64 = 100_000;

/// What all conditions of one decision may cost together: ten that use their limit up, some tens of milliseconds.
pub const DECISION_COST_MAX: u64 = 1_000_000;

/// Bytes of text that are copied or compared for 1: what takes about as long as a step.
pub(super) const TEXT_UNIT: usize = 32;

/// Bytes of text that are searched for another text for 1: searching goes several times faster than copying.
pub(super) const SEARCH_UNIT: usize = 128;

/// Bytes of text that a small regular expression reads for 1.
pub(super) const REGEX_UNIT: usize = 16;

/// Bytes of compiled regular expressions, and how much dearer each size makes a byte of text. A match takes at worst as
/// many steps per byte as the expression has states. The largest holds a few Unicode classes such as `\w`; counted
/// repeats of repeats go beyond it, and are refused.
pub(super) const REGEX_SIZES: [(usize, usize); 3] = [(16 * 1024, 1), (64 * 1024, 4), (256 * 1024, 16)];
