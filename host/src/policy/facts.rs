//! What a rule may ask about: the facts of one call.

use serde_json::Value;

use crate::model::{Effect, Role, Timestamp};

/// The facts of one call. They are borrowed: nothing is copied to decide.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The tool's full name: `tool`.
    pub tool: &'a str,
    /// The name by which it was called, an alias perhaps; the tool's name otherwise: `action_type`.
    pub action_type: &'a str,
    /// The connector's name; `None` for an action type that no connector serves: `connector`.
    pub connector: Option<&'a str>,
    /// The connection's name; `None` where there is none: `connection`.
    pub connection: Option<&'a str>,
    /// What the tool does to the outside world: `effect`.
    pub effect: Effect,
    /// Who asks: `caller.id`, `caller.name`, `caller.role`.
    pub caller: CallerFacts<'a>,
    /// As which user; `None` where no account is used: `identifier`.
    pub identifier: Option<&'a str>,
    /// The account's organization: `organization`.
    pub organization: Option<&'a str>,
    /// The input: `payload`.
    pub payload: &'a Value,
    /// The conversation that the call belongs to: `chat_id`.
    pub chat_id: Option<&'a str>,
    /// What set the call off: `trigger_type`.
    pub trigger_type: Option<&'a str>,
    /// Now: `time`.
    pub time: Timestamp,
}

/// Who asks, as far as rules may tell.
#[derive(Clone, Copy, Debug)]
pub struct CallerFacts<'a> {
    /// The key's id.
    pub id: &'a str,
    /// The key's name.
    pub name: &'a str,
    /// What it may do.
    pub role: Role,
}
