//! What a guest was answered, in order: enough to run the call again up to the same point, in another process.

mod stored;

use bytes::Bytes;
use thiserror::Error;

use super::call::AccountView;
use super::tools::{Nested, NestedFault};
use crate::egress::{EgressError, Response};
use crate::model::{ExecutionId, Random, Timestamp};

/// A call as the guest sees it from inside: what it was told, and what each of its requests was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// The time, for the whole call.
    pub now: Timestamp,
    /// What the guest's randomness comes from.
    pub seed: [u8; 32],
    /// What the guest may know of the account.
    pub account: AccountView,
    /// Requests and their answers, in order.
    pub entries: Vec<Entry>,
}

/// One thing that the guest asked for, and what it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// SHA-256 of all of it: for a request as it left, or of the reason why it did not.
    pub request: [u8; 32],
    /// What it was.
    pub demand: Demand,
    /// What the guest was told.
    pub reply: Reply,
}

/// What a guest asks the world for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// An HTTP request.
    Http {
        /// Its method; empty if it was refused before it was read.
        method: String,
        /// The whole URL, without what the host injects.
        url: String,
        /// Whether it was there to change something.
        writes: bool,
    },
    /// A call of another tool.
    Tool {
        /// The name as the guest gave it.
        name: String,
    },
    /// Something that only the user can say.
    Input,
}

/// What a guest was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A response, scrubbed.
    Response {
        /// HTTP status.
        status: u16,
        /// Names in lower case.
        headers: Vec<(String, String)>,
        /// Decoded body.
        body: Bytes,
        /// It was cut.
        truncated: bool,
    },
    /// That there is none, and why.
    Error(EgressError),
    /// The output of a tool, or what a user said: JSON text.
    Output(String),
    /// That a tool has no output, and why.
    Failed(NestedFault),
    /// Nothing yet: it waits for this execution, or for the user.
    Pending(Option<ExecutionId>),
}

/// Why bytes are no journal.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum JournalError {
    /// Written by another version of the host, or not by a host.
    #[error("these are not the bytes of a journal of this version")]
    Format,
    /// Something was changed since it was written.
    #[error("the journal was changed since it was written")]
    Changed,
    /// The content cannot be read.
    #[error("the journal cannot be read: {0}")]
    Unreadable(String),
}

impl Journal {
    /// Of a call that begins now.
    pub fn begin(account: AccountView, now: Timestamp, random: &Random) -> Self {
        Self { now, seed: random.bytes(), account, entries: Vec::new() }
    }
}

impl Entry {
    /// Whether a write may have reached a provider: it has, unless this host or the network refused it before. Of a tool
    /// that was called nothing is known here.
    pub fn may_have_written(&self) -> bool {
        let refused = matches!(
            self.reply,
            Reply::Error(
                EgressError::Invalid(_)
                    | EgressError::HostNotAllowed(_)
                    | EgressError::AddressNotAllowed(_)
                    | EgressError::RouteNotAllowed(_)
                    | EgressError::Credential(_)
            )
        );
        match self.demand {
            Demand::Http { writes, .. } => writes && !refused,
            Demand::Tool { .. } => true,
            Demand::Input => false,
        }
    }
}

impl Reply {
    pub(super) fn of(result: &Result<Response, EgressError>) -> Self {
        match result {
            Ok(Response { status, headers, body, truncated, .. }) => {
                Self::Response { status: *status, headers: headers.clone(), body: body.clone(), truncated: *truncated }
            }
            Err(error) => Self::Error(error.clone()),
        }
    }

    /// What came of a nested call.
    pub(super) fn of_nested(nested: Nested) -> Self {
        match nested {
            Nested::Done(Ok(output)) => Self::Output(output),
            Nested::Done(Err(fault)) => Self::Failed(fault),
            Nested::Waits(execution) => Self::Pending(Some(execution)),
        }
    }

    /// The answer to a request, again. Nothing was sent for it this time. `None` if this is no such answer.
    pub(super) fn response(&self) -> Option<Result<Response, EgressError>> {
        match self {
            Self::Response { status, headers, body, truncated } => Some(Ok(Response {
                status: *status,
                headers: headers.clone(),
                body: body.clone(),
                truncated: *truncated,
                scrubbed: 0,
                sent_bytes: 0,
                received_bytes: 0,
            })),
            Self::Error(error) => Some(Err(error.clone())),
            _ => None,
        }
    }

    /// What came of a nested call, or what a user said, again. `None` if this is no such answer.
    pub(super) fn output(&self) -> Option<Result<String, NestedFault>> {
        match self {
            Self::Output(output) => Some(Ok(output.clone())),
            Self::Failed(fault) => Some(Err(fault.clone())),
            _ => None,
        }
    }

    /// Bytes that it takes, nearly.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Response { headers, body, .. } => {
                body.len() + headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
            }
            Self::Output(output) => output.len(),
            Self::Error(_) | Self::Failed(_) | Self::Pending(_) => 0,
        }
    }
}
