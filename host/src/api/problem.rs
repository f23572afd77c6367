//! Errors on the wire: problem documents (RFC 9457) with a code that an agent can act on.
//!
//! Every error answer is one of these. What a caller did is a 4xx; a 5xx means the provider, the connector or this host.
//! The detail says what to do next. It never holds a secret, a body, or a message of the database.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::Failed;
use crate::catalog::CatalogError;
use crate::identity::IdentityError;
use crate::model::{Code, Culprit, Fault, InputError};
use crate::store::StoreError;

/// An error answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// A URI for the kind of problem: `about:blank`, the code says it.
    r#type: &'static str,
    /// The HTTP status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened and what to do next.
    detail: String,
    /// What happened, for machines.
    code: &'static str,
    /// Who has to act: caller, guest, upstream, policy, limit or host.
    culprit: &'static str,
    /// Each thing wrong with the input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
    /// The record of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_id: Option<String>,
    /// What the user opens to mend it, by connecting the account, again or with more scopes. There where the caller is bound
    /// to that user, or may make such links and the account exists. It works once, for 15 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_link: Option<String>,
    /// Scopes that the account lacks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_scopes: Vec<String>,
    /// How long to wait before trying again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// There if a `tool_call` was given: what the model is to be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(super) tool_result: Option<serde_json::Value>,
}

/// One thing wrong with an input.
#[derive(Debug, Serialize, ToSchema)]
struct FieldProblem {
    /// A JSON Pointer (RFC 6901); empty for the whole.
    path: String,
    /// What is wrong there.
    message: String,
}

impl Problem {
    /// What is wrong with a part of something larger: each thing, by its place there.
    pub(super) fn within(self, place: &str, given: &[&str]) -> Vec<InputError> {
        if !self.errors.is_empty() {
            let at =
                |error: FieldProblem| InputError { path: format!("{place}{}", error.path), message: error.message };
            return self.errors.into_iter().map(at).collect();
        }
        // Details about one member begin with its name.
        let named = self.detail.strip_prefix('`').and_then(|rest| rest.split('`').next());
        let member = named.filter(|name| given.contains(name)).map(|name| format!("/{name}")).unwrap_or_default();
        vec![InputError { path: format!("{place}{member}"), message: self.detail }]
    }

    /// Whether the caller is not to blame.
    pub(super) fn is_hosts_own(&self) -> bool {
        self.status >= 500
    }

    /// The HTTP status that it is answered with.
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// With what the user opens to mend it.
    pub(super) fn with_link(self, connect_link: Option<String>) -> Self {
        Self { connect_link, ..self }
    }

    /// A malformed request, with a more precise status than 400 where HTTP has one.
    pub(super) fn invalid_request(status: StatusCode, detail: impl Into<String>) -> Self {
        let mut problem = Self::from(Fault::new(Code::InvalidRequest, Culprit::Caller, detail));
        problem.status = status.as_u16();
        problem.title = title(status);
        problem
    }

    /// A malformed request.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::invalid_request(StatusCode::BAD_REQUEST, detail)
    }

    /// Nothing there, or not for this caller.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Fault::new(Code::NotFound, Culprit::Caller, detail).into()
    }

    /// It exists already, or is in use.
    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Fault::new(Code::Conflict, Culprit::Caller, detail).into()
    }
}

fn title(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("Error").to_owned()
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let status = StatusCode::from_u16(fault.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            r#type: "about:blank",
            title: title(status),
            status: status.as_u16(),
            detail: fault.detail,
            code: fault.code.as_str(),
            culprit: fault.culprit.as_str(),
            errors: fault
                .errors
                .into_iter()
                .map(|error| FieldProblem { path: error.path, message: error.message })
                .collect(),
            execution_id: None,
            connect_link: None,
            missing_scopes: fault.missing_scopes,
            retry_after_ms: fault.retry_after_ms,
            tool_result: None,
        }
    }
}

impl From<Failed> for Problem {
    fn from(failed: Failed) -> Self {
        Self { execution_id: failed.execution.map(|id| id.to_string()), ..failed.fault.into() }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::BadCursor => return Self::bad_request("`cursor` is not one that this list gave out"),
            StoreError::Refused(_) => {
                return Self::bad_request("a value holds characters that cannot be stored, such as NUL");
            }
            _ => {}
        }
        tracing::error!(%error, "the database failed");
        Fault::new(Code::Unavailable, Culprit::Host, "the host cannot reach its database: try again").into()
    }
}

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Store(error) => error.into(),
            CatalogError::Conflict(detail) => Self::conflict(detail),
            CatalogError::NotFound(detail) => Self::not_found(detail),
            CatalogError::NoGeneric(detail) => Fault::new(Code::Unavailable, Culprit::Host, detail).into(),
            error @ (CatalogError::Document(_) | CatalogError::Fetch(_)) => {
                Fault::new(Code::InvalidInput, Culprit::Caller, error.to_string()).into()
            }
            error if error.is_hosts_own() => {
                tracing::error!(%error, "a connector cannot be installed");
                Fault::new(Code::Internal, Culprit::Host, "the host cannot install connectors; its log says why").into()
            }
            error => Fault::new(Code::InvalidInput, Culprit::Guest, error.to_string()).into(),
        }
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Store(error) => error.into(),
            error if error.is_forbidden() => Fault::new(Code::Forbidden, Culprit::Caller, error.to_string()).into(),
            error if error.is_unavailable() => {
                Fault::new(Code::Unavailable, Culprit::Upstream, error.to_string()).into()
            }
            error => Fault::new(Code::Unauthenticated, Culprit::Caller, error.to_string()).into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after_ms.map(|millis| HeaderValue::from(millis.div_ceil(1000)));
        let mut response = (status, axum::Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}
