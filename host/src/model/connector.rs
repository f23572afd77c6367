//! A connector as its manifest declares it.

use super::{AuthPattern, Prompts, Resources};

/// The static facts of a connector version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connector {
    /// Unique in the project; the prefix of its tools' names.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// For people.
    pub title: String,
    /// One or two sentences.
    pub description: String,
    /// Who answers for it.
    pub publisher: String,
    /// For sorting a catalogue.
    pub categories: Vec<String>,
    /// URL of an icon.
    pub icon: Option<String>,
    /// Hosts that it may reach, as patterns; `{{field}}` stands for a public field of the account.
    pub hosts: Vec<String>,
    /// What relative targets are joined to; `{{field}}` stands for a public field of the account.
    pub base_url: String,
    /// The ways to authorize it.
    pub auth: Vec<AuthPattern>,
    /// The imports it wants.
    pub imports: Vec<Import>,
    /// The call that shows whether a credential works and changes nothing.
    pub test: Option<TestCall>,
    /// What it offers to MCP clients besides tools.
    pub prompts: Option<Prompts>,
    /// What they can read of it.
    pub resources: Option<Resources>,
    /// Request header in which the provider takes an idempotency key for writes.
    pub idempotency_header: Option<String>,
    /// Version of `gloveport:connector` that it was built for.
    pub wit: String,
    /// Name and version of the SDK that built it.
    pub sdk: Option<String>,
}

impl Connector {
    /// The auth pattern of this name.
    pub fn auth_pattern(&self, name: &str) -> Option<&AuthPattern> {
        self.auth.iter().find(|pattern| pattern.name == name)
    }
}

/// A tool and an input for trying a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestCall {
    /// Name of a tool with effect `read`.
    pub tool: String,
    /// JSON text.
    pub input: String,
}

/// An interface that a connector can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Import {
    /// Mediated HTTP.
    Http,
    /// Public fields and settings.
    Account,
    /// Bounded log lines.
    Log,
    /// The time.
    Clock,
    /// Random bytes.
    Random,
    /// Progress notices.
    Progress,
    /// Calls of other tools.
    Tools,
    /// What only the user can say.
    Input,
    /// WASI 0.2 with nothing behind it, for toolchains that cannot do without.
    Wasi,
}

impl Import {
    /// All that this host offers.
    pub const ALL: [Self; 9] = [
        Self::Http,
        Self::Account,
        Self::Log,
        Self::Clock,
        Self::Random,
        Self::Progress,
        Self::Tools,
        Self::Input,
        Self::Wasi,
    ];

    /// The name in a manifest: of an interface of `gloveport:connector`, or `wasi` for all of that.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Account => "account",
            Self::Log => "log",
            Self::Clock => "clock",
            Self::Random => "random",
            Self::Progress => "progress",
            Self::Tools => "tools",
            Self::Input => "input",
            Self::Wasi => "wasi",
        }
    }

    /// Reads [`Import::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|import| import.as_str() == text)
    }
}
