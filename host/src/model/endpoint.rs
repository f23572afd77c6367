//! MCP endpoints: profiles that are served, and the URLs of users.

use super::{BoundProfile, KeyId, McpInstanceId, ProjectId, Timestamp};

/// How an MCP config shows its tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolsShown {
    /// In lists, but for those that are deferred.
    Listed,
    /// Not at all: tools for searching, describing and calling them are listed instead.
    Search,
    /// Listed, with those for searching beside them: what is deferred is found.
    Both,
}

impl ToolsShown {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Listed, Self::Search, Self::Both];

    /// As it is written in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Search => "search",
            Self::Both => "both",
        }
    }

    /// Reads [`ToolsShown::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shown| shown.as_str() == text)
    }

    /// Whether the tools themselves are listed.
    pub fn lists(self) -> bool {
        self != Self::Search
    }

    /// Whether those for searching are listed.
    pub fn searches(self) -> bool {
        self != Self::Listed
    }
}

/// What an MCP config shows of its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shows {
    /// How tools are shown.
    pub tools: ToolsShown,
    /// Whether the connectors' prompts are offered.
    pub prompts: bool,
    /// Whether the connectors' resources are.
    pub resources: bool,
}

impl Shows {
    /// Tools, and nothing else.
    pub const TOOLS: Self = Self { tools: ToolsShown::Listed, prompts: false, resources: false };
}

/// An MCP config for one user: an unguessable URL, which is a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpInstance {
    /// Its identifier.
    pub id: McpInstanceId,
    /// The tenant.
    pub project: ProjectId,
    /// What its config offers.
    pub profile: BoundProfile,
    /// The user.
    pub identifier: String,
    /// For people.
    pub name: String,
    /// What its calls are made with.
    pub key: KeyId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it got the URL that it has.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::ToolsShown;

    #[test]
    fn each_is_read_back_and_lists_or_searches() {
        for shown in ToolsShown::ALL {
            assert_eq!(ToolsShown::parse(shown.as_str()), Some(shown));
            assert!(shown.lists() || shown.searches());
        }
        for text in ["", "Listed", "list", "search "] {
            assert_eq!(ToolsShown::parse(text), None, "{text}");
        }
    }
}
