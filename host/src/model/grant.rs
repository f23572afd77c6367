//! What users let MCP clients do in their name, and the requests that lead to it.

use super::{BoundProfile, KeyId, McpGrantId, McpInstanceId, McpRequestId, ProjectId, Timestamp};

/// Where a request of an MCP client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum McpStep {
    /// The browser is on its way to the application.
    Begun,
    /// The application said who the user is; the user has to decide.
    Vouched,
    /// The user said yes; the client may fetch a grant for its code.
    Allowed,
    /// It did.
    Redeemed,
    /// The user said no.
    Denied,
    /// The application said something that cannot be, or somebody came with the code who may not.
    Failed,
}

impl McpStep {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Begun, Self::Vouched, Self::Allowed, Self::Redeemed, Self::Denied, Self::Failed];

    /// As it is written in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Vouched => "vouched",
            Self::Allowed => "allowed",
            Self::Redeemed => "redeemed",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }

    /// Reads [`McpStep::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == text)
    }
}

/// A request of an MCP client for a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpRequest {
    /// Its identifier.
    pub id: McpRequestId,
    /// The tenant.
    pub project: ProjectId,
    /// What is asked for.
    pub config: BoundProfile,
    /// Who asks: an identifier of ours, or the URL of the client's document.
    pub client: String,
    /// What the client calls itself.
    pub client_name: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// What the client gets back as it is.
    pub state: Option<String>,
    /// The SHA-256 that the client's verifier must have, base64url.
    pub challenge: String,
    /// The hash of the cookie of the browser that came with it.
    pub browser: String,
    /// Where it is.
    pub step: McpStep,
    /// The user, as the application said.
    pub identifier: Option<String>,
    /// The user's organization, as the application said.
    pub organization: Option<String>,
    /// The key that the application came with.
    pub vouched_by: Option<KeyId>,
    /// What its code was exchanged for.
    pub made: Option<McpGrantId>,
    /// When it came.
    pub created_at: Timestamp,
    /// From when on it is too late for the next step.
    pub expires_at: Timestamp,
}

/// What a user lets an MCP client do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpGrant {
    /// Its identifier.
    pub id: McpGrantId,
    /// The tenant.
    pub project: ProjectId,
    /// The user's instance, whose calls its calls are.
    pub instance: McpInstanceId,
    /// What may be used.
    pub config: BoundProfile,
    /// The user.
    pub identifier: String,
    /// The user's organization.
    pub organization: Option<String>,
    /// Who may: an identifier of ours, or the URL of the client's document.
    pub client: String,
    /// What the client calls itself.
    pub client_name: String,
    /// The key with which an application said who the user is.
    pub vouched_by: KeyId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it got the tokens that it has.
    pub refreshed_at: Timestamp,
    /// From when on it cannot be refreshed.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::McpStep;

    #[test]
    fn each_step_is_read_back() {
        for step in McpStep::ALL {
            assert_eq!(McpStep::parse(step.as_str()), Some(step));
        }
        for text in ["", "Begun", "begun ", "used"] {
            assert_eq!(McpStep::parse(text), None, "{text}");
        }
    }
}
