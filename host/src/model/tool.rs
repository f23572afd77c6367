//! A tool: one operation that can be called.

use super::{HostPattern, PathTemplate};

/// One operation of a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Full name, prefixed with the connector's.
    pub name: String,
    /// For people.
    pub title: String,
    /// For models.
    pub description: String,
    /// JSON Schema 2020-12 as text.
    pub input_schema: String,
    /// JSON Schema 2020-12 as text.
    pub output_schema: Option<String>,
    /// What it does to the outside world.
    pub effect: Effect,
    /// Scopes that the account must have.
    pub scopes: Vec<String>,
    /// The only requests it may send.
    pub routes: Vec<Route>,
    /// For sorting.
    pub tags: Vec<String>,
    /// Left out of lists unless asked for.
    pub deferred: bool,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// Handed to the connector with each call.
    pub binding: Option<String>,
    /// Whether a person has to approve each call of it, whatever policies say.
    pub requires_approval: bool,
    /// The name by which its MCP server has to have shown it with an account, for calls as that account; `None` where all
    /// accounts have it.
    pub shown_as: Option<String>,
}

/// What a tool, or a request, does to the outside world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Creates or changes.
    Write,
    /// Removes, or cannot be taken back.
    Destroy,
}

impl Effect {
    /// As it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destroy => "destroy",
        }
    }

    /// Reads [`Effect::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Read, Self::Write, Self::Destroy].into_iter().find(|effect| effect.as_str() == text)
    }
}

/// One kind of request that a tool may send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// In capitals.
    pub method: String,
    /// A host other than the connection's base URL.
    pub host: Option<HostPattern>,
    /// Relative to the base URL, or to the root of `host`.
    pub path: PathTemplate,
    /// What a request on it does.
    pub effect: Effect,
}

impl Route {
    /// Whether requests on it may change something: by what it says, or by its method whatever it says.
    pub fn writes(&self) -> bool {
        self.effect.max(Self::effect_of_method(&self.method)) != Effect::Read
    }

    /// What a method does where the route does not say (RFC 9110 section 9.2.1).
    pub fn effect_of_method(method: &str) -> Effect {
        match method {
            "GET" | "HEAD" | "OPTIONS" => Effect::Read,
            _ => Effect::Write,
        }
    }
}
