//! Why nothing was sent, or nothing came back. An HTTP error status is a response, not an error.

use thiserror::Error;

/// Why a request has no response. No text holds a path, a query, a body or a credential.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EgressError {
    /// The request is malformed.
    #[error("invalid request: {0}")]
    Invalid(String),
    /// The host is outside of the grant.
    #[error("host not allowed: {0}")]
    HostNotAllowed(String),
    /// The host resolves to an address that is not public.
    #[error("address not allowed: {0}")]
    AddressNotAllowed(String),
    /// The tool did not declare this request.
    #[error("route not allowed: {0}")]
    RouteNotAllowed(String),
    /// The credential cannot be put where the auth pattern wants it.
    #[error("credential unusable: {0}")]
    Credential(String),
    /// No complete answer in time, in milliseconds. The request may have been carried out.
    #[error("timed out after {0} ms")]
    Timeout(u64),
    /// No connection was made, so nothing was sent.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The connection broke, or what came back is not HTTP. The request may have been carried out.
    #[error("connection broken: {0}")]
    Broken(String),
    /// A limit of this host, named with its number.
    #[error("limit: {0}")]
    Limit(String),
    /// The way out could not be prepared: only from `Egress::new`.
    #[error("cannot prepare the way out: {0}")]
    Setup(String),
}

impl EgressError {
    /// The same error with its text changed: what an upstream had a say in is scrubbed before anyone reads it.
    pub(super) fn map_text(self, change: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Invalid(text) => Self::Invalid(change(&text)),
            Self::HostNotAllowed(text) => Self::HostNotAllowed(change(&text)),
            Self::AddressNotAllowed(text) => Self::AddressNotAllowed(change(&text)),
            Self::RouteNotAllowed(text) => Self::RouteNotAllowed(change(&text)),
            Self::Credential(text) => Self::Credential(change(&text)),
            Self::Unreachable(text) => Self::Unreachable(change(&text)),
            Self::Broken(text) => Self::Broken(change(&text)),
            Self::Limit(text) => Self::Limit(change(&text)),
            Self::Setup(text) => Self::Setup(change(&text)),
            Self::Timeout(millis) => Self::Timeout(millis),
        }
    }
}
