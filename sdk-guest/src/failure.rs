//! Why a call gave no result: constructors, and what `?` turns into one.

pub use crate::bindings::gloveport::connector::types::{Failure, FieldError, RateLimit, UpstreamError};

use crate::http;

impl Failure {
    /// The caller must change the field at `path`, a JSON Pointer such as `/labels/0`; empty for the whole input.
    pub fn invalid_input(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidInput(vec![FieldError { path: path.into(), message: message.into() }])
    }

    /// What the input names does not exist, or this account cannot see it.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::NotFound(message.into())
    }

    /// The provider knows the account and refuses.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::Denied(message.into())
    }

    /// The provider does not accept the credential: the user must connect again.
    pub fn auth_required(message: impl Into<String>) -> Self {
        Self::AuthRequired(message.into())
    }

    /// Too many requests; `retry_after_ms` if the provider said how long to wait.
    pub fn rate_limited(retry_after_ms: Option<u64>, message: impl Into<String>) -> Self {
        Self::RateLimited(RateLimit { retry_after_ms, message: message.into() })
    }

    /// Any other error that the provider answered. Server errors (5xx), 408 and 425 count as retryable.
    pub fn upstream(status: u16, code: Option<String>, message: impl Into<String>) -> Self {
        let retryable = matches!(status, 408 | 425 | 500 | 502..=504);
        Self::Upstream(UpstreamError { status, code, message: message.into(), retryable })
    }

    /// The connector does not offer this.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported(message.into())
    }

    /// A mistake in the connector.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into())
    }
}

/// JSON that the connector itself made or took apart. A provider's malformed reply is told by
/// [`http::Response::json`], a malformed input by the glue.
impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(format!("JSON: {error}"))
    }
}

impl From<http::Error> for Failure {
    fn from(error: http::Error) -> Self {
        // Status 0: there was no answer.
        let unanswered =
            |message: String, retryable| Self::Upstream(UpstreamError { status: 0, code: None, message, retryable });
        match error {
            http::Error::Invalid(reason) => Self::internal(format!("malformed request: {reason}")),
            http::Error::Refused(reason) => Self::denied(format!("the host refused the request: {reason}")),
            http::Error::Timeout(reason) => unanswered(format!("no complete answer in time: {reason}"), true),
            http::Error::Unreachable(reason) => unanswered(format!("no connection: {reason}"), true),
            http::Error::Limit(reason) => Self::internal(format!("a limit of the host: {reason}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_errors_are_retryable_and_client_errors_are_not() {
        for (status, expected) in
            [(400, false), (408, true), (409, false), (422, false), (425, true), (500, true), (501, false), (503, true)]
        {
            let Failure::Upstream(error) = Failure::upstream(status, None, "x") else { panic!() };
            assert_eq!(error.retryable, expected, "{status}");
        }
    }

    #[test]
    fn a_refusal_is_not_blamed_on_the_provider() {
        assert!(matches!(Failure::from(http::Error::Refused("no route".into())), Failure::Denied(_)));
        assert!(matches!(Failure::from(http::Error::Invalid("x".into())), Failure::Internal(_)));
        assert!(matches!(
            Failure::from(http::Error::Timeout("x".into())),
            Failure::Upstream(UpstreamError { status: 0, retryable: true, .. })
        ));
    }
}
