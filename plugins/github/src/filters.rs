//! What several lists can be narrowed and sorted by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of an issue or a pull request.
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    #[default]
    Open,
    Closed,
    All,
}

impl State {
    /// As GitHub writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::All => "all",
        }
    }
}

/// Upwards or downwards.
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    Asc,
    #[default]
    Desc,
}

impl Direction {
    /// As GitHub writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        }
    }
}
