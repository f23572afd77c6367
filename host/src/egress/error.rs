//! Why nothing was sent, or nothing came back. An HTTP error status is a response, not an error.

use thiserror::Error;

/// Why a request has no response.
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
    /// No complete answer in time.
    #[error("timed out after {0} ms")]
    Timeout(u64),
    /// No connection, or it broke.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// A limit of this host, named with its number.
    #[error("limit: {0}")]
    Limit(String),
}
