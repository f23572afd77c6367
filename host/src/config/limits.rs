//! What one caller may take from its neighbours.

use std::num::NonZeroU32;

use serde::Deserialize;

/// Limits between callers, as written under `[limits]`; what is absent is not limited. Rates are counted by each host on
/// its own, so that several hosts on one database allow as many times as much.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct NeighbourLimits {
    /// Calls of one API key in a minute.
    pub calls_per_minute_per_key: Option<NonZeroU32>,
    /// Calls for one user in a minute.
    pub calls_per_minute_per_identifier: Option<NonZeroU32>,
    /// Calls through one connection in a minute.
    pub calls_per_minute_per_connection: Option<NonZeroU32>,
    /// Calls through one connection that run at the same time; more wait in the order in which they came.
    pub concurrent_calls_per_connection: Option<NonZeroU32>,
    /// Calls of one project that run at the same time; more wait in the order in which they came.
    pub concurrent_calls_per_project: Option<NonZeroU32>,
}

impl NeighbourLimits {
    /// No limits between callers: for a host of one's own.
    pub const NONE: Self = Self {
        calls_per_minute_per_key: None,
        calls_per_minute_per_identifier: None,
        calls_per_minute_per_connection: None,
        concurrent_calls_per_connection: None,
        concurrent_calls_per_project: None,
    };
}
