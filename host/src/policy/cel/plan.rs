//! A checked condition: names resolved, regular expressions compiled, types known to fit where they can be known.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use regex::Regex;

use super::number::Number;
use super::syntax::Operator;

/// A part of a checked condition.
#[derive(Debug)]
pub(super) enum Plan {
    Null,
    Bool(bool),
    Number(Number<'static>),
    Text(String),
    Time(Timestamp),
    Duration(SignedDuration),
    Fact(Fact),
    /// A variable of a macro, by its depth.
    Local(usize),
    List(Vec<Plan>),
    Map(Vec<(String, Plan)>),
    Field(Box<Plan>, String),
    HasField(Box<Plan>, String),
    Index(Box<[Plan; 2]>),
    Not(Box<Plan>),
    Negate(Box<Plan>),
    /// The first that equals `decides` decides; the opposite if none does.
    Chain {
        decides: bool,
        parts: Vec<Plan>,
    },
    Choose(Box<[Plan; 3]>),
    /// An operator other than `&&` and `||`.
    Binary(Operator, Box<[Plan; 2]>),
    Each(Box<Each>),
    Size(Box<Plan>),
    /// With how much a byte of text costs, against the smallest expressions.
    Matches(Box<Plan>, Regex, usize),
    Search(Search, Box<[Plan; 2]>),
    Lower(Box<Plan>),
    Upper(Box<Plan>),
    Convert(Conversion, Box<Plan>),
    Part(Part, Box<Plan>, TimeZone),
}

/// A fact, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Tool,
    ActionType,
    Connector,
    Connection,
    Effect,
    CallerId,
    CallerName,
    CallerRole,
    Identifier,
    Organization,
    Payload,
    ChatId,
    TriggerType,
    Time,
}

/// A macro over the items of a list or the keys of a map.
#[derive(Debug)]
pub(super) struct Each {
    pub(super) which: Macro,
    pub(super) range: Plan,
    /// Of `map` with three arguments: which items are taken.
    pub(super) filter: Option<Plan>,
    pub(super) body: Plan,
}

/// Which macro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Macro {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

/// A question about two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    Contains,
    StartsWith,
    EndsWith,
}

/// From one kind to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    Number,
    Whole,
    Text,
    Time,
    Duration,
}

/// A part of a timestamp in a time zone, or of a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    FullYear,
    Month,
    Date,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

impl Part {
    /// Reads the name of its method.
    pub(super) fn read(name: &str) -> Option<Self> {
        Some(match name {
            "getFullYear" => Self::FullYear,
            "getMonth" => Self::Month,
            "getDate" => Self::Date,
            "getDayOfMonth" => Self::DayOfMonth,
            "getDayOfWeek" => Self::DayOfWeek,
            "getDayOfYear" => Self::DayOfYear,
            "getHours" => Self::Hours,
            "getMinutes" => Self::Minutes,
            "getSeconds" => Self::Seconds,
            "getMilliseconds" => Self::Milliseconds,
            _ => return None,
        })
    }

    /// Whether a duration has it.
    pub(super) fn of_duration(self) -> bool {
        matches!(self, Self::Hours | Self::Minutes | Self::Seconds | Self::Milliseconds)
    }
}

impl Fact {
    /// Each that has a name of its own.
    pub(super) const NAMED: [(&'static str, Self); 11] = [
        ("tool", Self::Tool),
        ("action_type", Self::ActionType),
        ("connector", Self::Connector),
        ("connection", Self::Connection),
        ("effect", Self::Effect),
        ("identifier", Self::Identifier),
        ("organization", Self::Organization),
        ("payload", Self::Payload),
        ("chat_id", Self::ChatId),
        ("trigger_type", Self::TriggerType),
        ("time", Self::Time),
    ];

    /// Each field of `caller`.
    pub(super) const OF_CALLER: [(&'static str, Self); 3] =
        [("id", Self::CallerId), ("name", Self::CallerName), ("role", Self::CallerRole)];

    /// The only values it can have, if they are few.
    pub(super) fn words(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Effect => Some(&["read", "write", "destroy"]),
            Self::CallerRole => Some(&["admin", "agent"]),
            _ => None,
        }
    }
}
