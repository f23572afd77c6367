//! An approval: a call that waits for a person.

use super::{ApprovalId, ExecutionId, KeyId, PolicyId, ProjectId, Timestamp};

/// A call that waits for a person, or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Its identifier.
    pub id: ApprovalId,
    /// The tenant.
    pub project: ProjectId,
    /// The call.
    pub execution: ExecutionId,
    /// How it stands.
    pub state: ApprovalState,
    /// `before` or `at_write`.
    pub at: String,
    /// The tool's full name.
    pub tool: String,
    /// Who asked: that key decides nothing here.
    pub asked_by: KeyId,
    /// The rule that wants a person; `None` where it was the outcome for the tool's effect.
    pub rule: Option<PolicyId>,
    /// For the record: which rule, or why.
    pub why: String,
    /// Who may decide and what an approval covers, as JSON text.
    pub ask: String,
    /// Digest of the request that waits, in hex; `None` where nothing has run yet.
    pub request: Option<String>,
    /// When it was asked.
    pub created_at: Timestamp,
    /// When it is too late.
    pub expires_at: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// By whom.
    pub decided_by: Option<KeyId>,
    /// What the person said.
    pub reason: Option<String>,
}

/// How an approval stands. Only one that is pending changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalState {
    /// Nobody has decided.
    Pending,
    /// The call went on.
    Approved,
    /// The call ended.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// The call was cancelled while it waited.
    Cancelled,
}

impl ApprovalState {
    const ALL: [Self; 5] = [Self::Pending, Self::Approved, Self::Rejected, Self::Expired, Self::Cancelled];

    /// As it is written in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads [`ApprovalState::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}
