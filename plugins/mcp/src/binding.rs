//! What a call needs to know of its server: found once, and kept with the tool.

use serde::{Deserialize, Serialize};

/// What a tool does. Kept with it as JSON text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Binding {
    /// Asks the server which revision it speaks and which tools it has.
    Discover {
        /// Below the base URL.
        path: String,
    },
    /// Calls a tool of the server.
    Call(Call),
    /// Gets one of its prompts.
    Prompt(Server),
    /// Reads one of its resources.
    Resource(Server),
}

/// Where a server is, and how it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Below the base URL.
    pub path: String,
    /// The revision of the protocol that was agreed on.
    pub revision: String,
    /// Whether the server keeps sessions: then each call begins with one of its own, and ends it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub session: bool,
}

/// A tool of the server, and how it is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// As the server calls it.
    pub tool: String,
    /// Below the base URL.
    pub path: String,
    /// The revision of the protocol that was agreed on.
    pub revision: String,
    /// Whether the server keeps sessions: then each call begins with one of its own, and ends it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub session: bool,
    /// Inputs that go along as headers too: a JSON Pointer to the input, and the header's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Whether the server says what its output is: then that is all there is of the result.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub structured: bool,
}
