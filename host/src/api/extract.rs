//! Reads requests strictly, and says in a problem document what does not fit.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tracing::Instrument;

use super::{ApiState, Problem, scopes};
use crate::identity;
use crate::model::{Caller, Code, Culprit, Fault, Secret, Timestamp};

/// A caller with the scope that [`super::scopes`] names for the route: on routes that agents' keys may use.
pub(super) struct Authenticated(pub(super) Caller);

/// The same, on routes that only administrators' keys may use unless a key was made for it.
pub(super) struct Admin(pub(super) Caller);

impl FromRequestParts<ApiState> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let span = tracing::debug_span!("identity");
        let caller = state.host.identity.authenticate(header).instrument(span).await?;
        identity::require(&caller, scopes::needed(parts)?)?;
        Ok(Self(caller))
    }
}

impl FromRequestParts<ApiState> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let Authenticated(caller) = Authenticated::from_request_parts(parts, state).await?;
        Ok(Self(caller))
    }
}

/// The parts of the path.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<ApiState> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::bad_request(format!("the path cannot be read: {}", rejection.body_text()))),
        }
    }
}

/// The query string. Unknown parameters are errors.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<ApiState> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::bad_request(format!("the query cannot be read: {}", rejection.body_text()))),
        }
    }
}

/// A JSON body. Unknown fields are errors where the type says so.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<ApiState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        let bytes = json_bytes(request, state).await?;
        let value = serde_json::from_slice(&bytes)
            .map_err(|error| Problem::bad_request(format!("the body is not what this route takes: {error}")))?;
        Ok(Self(value))
    }
}

impl<T: DeserializeOwned> OptionalFromRequest<ApiState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Option<Self>, Problem> {
        if request.headers().get(header::CONTENT_TYPE).is_none() {
            let bytes = body(request, state).await?;
            return if bytes.is_empty() { Ok(None) } else { Err(wrong_content_type("application/json")) };
        }
        <Self as FromRequest<ApiState>>::from_request(request, state).await.map(Some)
    }
}

/// A JSON body that may hold secrets: what is wrong with it is said by position, without quoting it.
pub(super) struct SecretJson<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<ApiState> for SecretJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        let bytes = json_bytes(request, state).await?;
        let value = serde_json::from_slice(&bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Problem::bad_request(format!(
                "the body is not what this route takes, at line {line} column {column}: GET /openapi.json describes it"
            ))
        })?;
        Ok(Self(value))
    }
}

/// A secret on its way in.
pub(super) struct Hidden(pub(super) Secret);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

/// A component.
pub(super) struct Wasm(pub(super) Bytes);

impl FromRequest<ApiState> for Wasm {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        if media_type(request.headers()) != Some("application/wasm".into()) {
            return Err(wrong_content_type("application/wasm"));
        }
        Ok(Self(body(request, state).await?))
    }
}

/// Reads the time that a caller gave under this name.
pub(super) fn time(name: &str, text: &str) -> Result<Timestamp, Problem> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| Problem::bad_request(format!("`{name}` must be a time as in RFC 3339")))
}

async fn json_bytes(request: Request, state: &ApiState) -> Result<Bytes, Problem> {
    match media_type(request.headers()) {
        Some(media) if media == "application/json" || media.ends_with("+json") => body(request, state).await,
        _ => Err(wrong_content_type("application/json")),
    }
}

async fn body(request: Request, state: &ApiState) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Fault::new(Code::PayloadTooLarge, Culprit::Caller, "the body is larger than this route takes").into()
        }
        _ => Problem::bad_request("the body could not be read to its end"),
    })
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn wrong_content_type(expected: &str) -> Problem {
    Problem::invalid_request(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        format!("this route takes a body with `content-type: {expected}`"),
    )
}
