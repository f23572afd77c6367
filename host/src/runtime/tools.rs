//! Calls of other tools: what a guest asks for, and how it is answered.

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use sha2::{Digest as _, Sha256};

use super::{Failure, limits};
use crate::model::{Code, Culprit, ExecutionId};

/// A tool that a guest wants to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Name or alias of the tool.
    pub tool: String,
    /// JSON text.
    pub input: String,
    /// Name of the connection.
    pub connection: Option<String>,
    /// Id of the account.
    pub account: Option<String>,
}

/// Why a nested call gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NestedFault {
    /// What the guest is told.
    pub failure: Failure,
    /// What a caller would have been told.
    pub code: Code,
    /// Who has to act.
    pub culprit: Culprit,
}

impl NestedFault {
    /// In place of an output for which there is no room. The call was made.
    pub fn too_much() -> Self {
        let allowed = limits::CALL_ALL_BYTES;
        let detail = format!("the tool has run; its output and those before it are more than {allowed} bytes");
        Self { failure: Failure::Internal(detail), code: Code::GuestLimit, culprit: Culprit::Limit }
    }
}

/// What comes of a nested call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nested {
    /// JSON text, or why there is none.
    Done(Result<String, NestedFault>),
    /// It waits; this is its record.
    Waits(ExecutionId),
}

/// Calls tools for a guest.
pub trait Tools: Debug + Send + Sync {
    /// Calls one.
    fn call(&self, invocation: Invocation) -> BoxFuture<'_, Nested>;
}

impl Invocation {
    /// SHA-256 of all of it. Two with the same digest ask for the same.
    pub(super) fn digest(&self) -> [u8; 32] {
        digest("tool", [Some(&self.tool), Some(&self.input), self.connection.as_ref(), self.account.as_ref()])
    }
}

/// SHA-256 of texts, none of which can be taken for a part of another.
pub(super) fn digest<'a>(kind: &str, texts: impl IntoIterator<Item = Option<&'a String>>) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(kind);
    for text in texts {
        digest.update([u8::from(text.is_some())]);
        let text = text.map(String::as_str).unwrap_or_default();
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text);
    }
    digest.finalize().into()
}
