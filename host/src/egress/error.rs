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

    /// The names of all kinds, as [`EgressError::parts`] gives them.
    pub const KINDS: [&str; 10] = [
        "invalid",
        "host_not_allowed",
        "address_not_allowed",
        "route_not_allowed",
        "credential",
        "timeout",
        "unreachable",
        "broken",
        "limit",
        "setup",
    ];

    /// The kind's name and its text, for a record that [`EgressError::from_parts`] reads.
    pub fn parts(&self) -> (&'static str, String) {
        let (at, text) = match self {
            Self::Invalid(text) => (0, text),
            Self::HostNotAllowed(text) => (1, text),
            Self::AddressNotAllowed(text) => (2, text),
            Self::RouteNotAllowed(text) => (3, text),
            Self::Credential(text) => (4, text),
            Self::Timeout(millis) => (5, &millis.to_string()),
            Self::Unreachable(text) => (6, text),
            Self::Broken(text) => (7, text),
            Self::Limit(text) => (8, text),
            Self::Setup(text) => (9, text),
        };
        (Self::KINDS[at], text.clone())
    }

    /// Reads [`EgressError::parts`] back; `None` for a kind that is not one.
    pub fn from_parts(kind: &str, text: String) -> Option<Self> {
        Some(match kind {
            "invalid" => Self::Invalid(text),
            "host_not_allowed" => Self::HostNotAllowed(text),
            "address_not_allowed" => Self::AddressNotAllowed(text),
            "route_not_allowed" => Self::RouteNotAllowed(text),
            "credential" => Self::Credential(text),
            "timeout" => Self::Timeout(text.parse().ok()?),
            "unreachable" => Self::Unreachable(text),
            "broken" => Self::Broken(text),
            "limit" => Self::Limit(text),
            "setup" => Self::Setup(text),
            _ => return None,
        })
    }
}
