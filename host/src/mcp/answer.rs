//! Answers as HTTP.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::message::RpcError;
use super::names::code;

/// A request that no method was looked at for.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: RpcError,
    id: Value,
    /// Whether the caller could have the scope that it lacks.
    lacks_scope: bool,
}

/// Refuses a request.
pub(super) fn refusal(status: StatusCode, reason: impl Into<String>) -> Refusal {
    Refusal { status, error: RpcError::new(code::REFUSED, reason), id: Value::Null, lacks_scope: false }
}

/// Refuses a request of nobody that is known.
pub(super) fn unauthenticated(reason: impl Into<String>) -> Refusal {
    refusal(StatusCode::UNAUTHORIZED, reason)
}

/// Refuses a request of somebody who may do too little.
pub(super) fn lacks_scope(reason: impl Into<String>) -> Refusal {
    Refusal { lacks_scope: true, ..refusal(StatusCode::FORBIDDEN, reason) }
}

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn lacks_scope(&self) -> bool {
        self.lacks_scope
    }

    /// For an error that says something about the request as a whole.
    pub(super) fn of(id: &Value, error: RpcError, modern: bool) -> Self {
        let status = match error.code {
            code::NO_SUCH_METHOD if modern => StatusCode::NOT_FOUND,
            code::PARSE
            | code::INVALID_REQUEST
            | code::HEADER_MISMATCH
            | code::MISSING_CAPABILITY
            | code::UNSUPPORTED_VERSION => StatusCode::BAD_REQUEST,
            code::TOO_MANY => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::OK,
        };
        Self { status, error, id: id.clone(), lacks_scope: false }
    }

    /// The same with a status of 400 where it would be 200: the request cannot be read.
    pub(super) fn unreadable(self) -> Self {
        let status = if self.status == StatusCode::OK { StatusCode::BAD_REQUEST } else { self.status };
        Self { status, ..self }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.error.written(&self.id))).into_response();
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}
