//! An execution: the record of one attempt to call a tool.

use super::{AccountId, Code, ConnectionId, Culprit, ExecutionId, KeyId, PolicyId, ProjectId, Surface, Timestamp};

/// The record of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Its identifier.
    pub id: ExecutionId,
    /// The tenant.
    pub project: ProjectId,
    /// Who asked.
    pub key: KeyId,
    /// The tool's full name, or the action type that no tool has.
    pub tool: String,
    /// Where it goes; `None` of an action type that no tool has, which goes nowhere.
    pub through: Option<Through>,
    /// The user it is for; an action type that no tool has may be for none.
    pub identifier: Option<String>,
    /// The caller's own id of the call.
    pub tool_call_id: Option<String>,
    /// The execution that this one was made for.
    pub parent: Option<ExecutionId>,
    /// The conversation it belongs to.
    pub chat_id: Option<String>,
    /// What set it off.
    pub trigger_type: Option<String>,
    /// SHA-256 of the input, in hex: bodies are not recorded.
    pub input_digest: String,
    /// Whether nothing leaves for it, because its connection is in demo mode.
    pub simulated: bool,
    /// How it was caused; `None` of calls from before that was written down.
    pub surface: Option<Surface>,
    /// The rule that decided on it as it began; `None` if none spoke of it.
    pub rule: Option<PolicyId>,
    /// How it stands.
    pub status: ExecutionStatus,
    /// Why it failed.
    pub code: Option<Code>,
    /// Who has to act.
    pub culprit: Option<Culprit>,
    /// One sentence for people; never a body.
    pub detail: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When its outcome was known.
    pub finished_at: Option<Timestamp>,
    /// Where the time went.
    pub latency: Latency,
    /// Requests that left.
    pub requests: u32,
    /// Bytes sent and received in bodies.
    pub bytes: (u64, u64),
    /// How often the credential was removed from what came back.
    pub scrubbed: u32,
}

/// What a call goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Through {
    /// Digest of the component.
    pub component: String,
    /// The connection.
    pub connection: ConnectionId,
    /// As whom.
    pub account: AccountId,
}

impl Execution {
    /// How it was caused. The API was the only way before that was written down.
    pub fn surface(&self) -> Surface {
        self.surface.unwrap_or(Surface::Execute)
    }

    /// Digest of the component that runs, if one does.
    pub fn component(&self) -> Option<&str> {
        self.through.as_ref().map(|through| through.component.as_str())
    }
}

/// Where the time of a call went, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// From the request to the answer.
    pub total_us: u64,
    /// Spent by the guest itself.
    pub guest_us: u64,
    /// Spent waiting for the provider.
    pub upstream_us: u64,
}

/// How an execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionStatus {
    /// Recorded; a request may have left.
    Started,
    /// Done, with a result.
    Succeeded,
    /// Done, without one.
    Failed,
    /// It waits for a person. Nothing of it runs.
    Waiting,
    /// A policy said no. Nothing of it ran.
    Denied,
    /// A person said no.
    Rejected,
    /// Nobody said yes in time.
    Expired,
    /// Somebody stopped it before it came to its end.
    Cancelled,
    /// It may be done, and no tool does it. Nothing was sent.
    NotDispatched,
    /// It ended while a write was under way: whether that reached the provider is not known.
    UnknownOutcome,
}

impl ExecutionStatus {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Started,
        Self::Succeeded,
        Self::Failed,
        Self::Waiting,
        Self::Denied,
        Self::Rejected,
        Self::Expired,
        Self::Cancelled,
        Self::NotDispatched,
        Self::UnknownOutcome,
    ];

    /// As it is written in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Waiting => "waiting",
            Self::Denied => "denied",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::NotDispatched => "not_dispatched",
            Self::UnknownOutcome => "unknown_outcome",
        }
    }

    /// Reads [`ExecutionStatus::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}
