//! `/oauth/token` and `/keys`: short-lived tokens for clients (RFC 6749 section 4.4), and those of MCP clients for users.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{ApiState, Problem};
use crate::identity::TOKEN_LIFE;
use crate::issuing::{Asked, IssuingError};

mod exchange;
pub(super) mod register;
pub(super) mod revoke;

type Fields = BTreeMap<String, Zeroizing<String>>;

/// What a client asks for. The secret may come in the header `Authorization: Basic` instead.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the description of a form that is read by hand: a field that comes twice is an error")]
pub(super) struct TokenForm {
    /// `client_credentials`; of MCP clients `authorization_code` or `refresh_token`.
    grant_type: String,
    /// Id of the client, such as client_…; of MCP clients what they registered, or the URL of their document.
    client_id: Option<String>,
    /// Its secret.
    client_secret: Option<String>,
    /// Names of scopes with spaces between, if it wants no more than these.
    scope: Option<String>,
    /// The only user that the token is to be for.
    identifier: Option<String>,
    /// Where it is to be good (RFC 8707): the URL of this host, or of its MCP endpoint alone; of MCP clients the URL that the
    /// user was asked for.
    resource: Option<String>,
    /// With `authorization_code`: the code.
    code: Option<String>,
    /// With `authorization_code`: where the code went.
    redirect_uri: Option<String>,
    /// With `authorization_code`: what `code_challenge` is the hash of.
    code_verifier: Option<String>,
    /// With `refresh_token`: the token, which is good once.
    refresh_token: Option<String>,
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenBody {
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    /// What it may do.
    scope: String,
    /// With what an MCP client gets new ones, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// Why there is no token (RFC 6749 section 5.2).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenError {
    error: &'static str,
    error_description: String,
    #[serde(skip)]
    #[schema(ignore)]
    status: u16,
}

/// Public keys (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeySet {
    #[schema(value_type = Vec<serde_json::Value>)]
    keys: Vec<Value>,
}

/// Gives a client a token for its secret; an MCP client one for a code or a refresh token.
#[utoipa::path(post, path = "/oauth/token", tag = "callers", security(()),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = TokenBody), (status = "default", body = TokenError)))]
pub(super) async fn give(State(state): State<ApiState>, headers: HeaderMap, body: Bytes) -> Response {
    match asked(&state, &headers, &body).await {
        Ok(body) => no_store((StatusCode::OK, axum::Json(body)).into_response()),
        Err(error) => no_store(error.into_response()),
    }
}

/// The keys that this host's tokens are signed with.
#[utoipa::path(get, path = "/keys", tag = "callers", security(()),
    responses((status = 200, body = KeySet), (status = "default", body = Problem)))]
pub(super) async fn keys(State(state): State<ApiState>) -> Result<axum::Json<KeySet>, Problem> {
    Ok(axum::Json(KeySet { keys: state.issuing.published().await? }))
}

async fn asked(state: &ApiState, headers: &HeaderMap, body: &[u8]) -> Result<TokenBody, TokenError> {
    is_form(headers)?;
    let form = form(body)?;
    let field = |name: &str| form.get(name).map(|value| value.as_str());
    match field("grant_type") {
        Some("client_credentials") => {}
        Some("authorization_code" | "refresh_token") if headers.contains_key(header::AUTHORIZATION) => {
            return Err(refused());
        }
        Some("authorization_code") => return exchange::by_code(state, &form).await,
        Some("refresh_token") => return exchange::by_refresh(state, &form).await,
        None => return Err(invalid("`grant_type` is missing")),
        Some(_) => {
            let said = "`grant_type` must be client_credentials, authorization_code or refresh_token";
            return Err(TokenError { error: "unsupported_grant_type", error_description: said.into(), status: 400 });
        }
    }
    let basic = headers.get(header::AUTHORIZATION).map(basic).transpose()?;
    let (id, secret) = match (&basic, field("client_id"), field("client_secret")) {
        (Some(_), _, Some(_)) => return Err(invalid("send the secret in the header or in the form, not in both")),
        (Some((id, _)), Some(named), None) if id.as_str() != named => {
            return Err(invalid("`client_id` and the header name two clients"));
        }
        (Some((id, secret)), _, None) => (id.as_str(), secret.as_str()),
        (None, Some(id), Some(secret)) => (id, secret),
        (None, _, _) => return Err(refused()),
    };
    let asked = Asked {
        client_id: id,
        client_secret: secret,
        scope: field("scope"),
        identifier: field("identifier"),
        resource: field("resource"),
    };
    let given = state.issuing.give(&asked).await?;
    Ok(TokenBody {
        access_token: given.token,
        token_type: "Bearer",
        expires_in: TOKEN_LIFE.as_secs(),
        scope: given.scopes.names().join(" "),
        refresh_token: None,
    })
}

fn is_form(headers: &HeaderMap) -> Result<(), TokenError> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    match media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        true => Ok(()),
        false => Err(invalid("the body is a form: `content-type: application/x-www-form-urlencoded`")),
    }
}

/// Fields by name; one that is empty counts as absent, and one that comes twice is an error (RFC 6749 section 3.2).
fn form(body: &[u8]) -> Result<Fields, TokenError> {
    let mut fields = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        if !value.is_empty() && fields.insert(name.into_owned(), Zeroizing::new(value.into_owned())).is_some() {
            return Err(invalid("a field comes twice"));
        }
    }
    Ok(fields)
}

/// Identifier and secret, each encoded as in a form before they were joined (RFC 6749 section 2.3.1).
fn basic(header: &HeaderValue) -> Result<(String, Zeroizing<String>), TokenError> {
    let decoded = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8().map(|text| text.into_owned()).ok()
    };
    let read = || {
        let (scheme, rest) = header.to_str().ok()?.trim().split_once(' ')?;
        let clear = Zeroizing::new(STANDARD.decode(rest.trim()).ok()?);
        let (id, secret) = std::str::from_utf8(&clear).ok()?.split_once(':')?;
        let pair = (decoded(id)?, Zeroizing::new(decoded(secret)?));
        scheme.eq_ignore_ascii_case("basic").then_some(pair)
    };
    read().ok_or_else(refused)
}

fn invalid(said: &str) -> TokenError {
    TokenError { error: "invalid_request", error_description: said.into(), status: 400 }
}

fn refused() -> TokenError {
    let said = IssuingError::Client.to_string();
    TokenError { error: "invalid_client", error_description: said, status: 401 }
}

fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl From<IssuingError> for TokenError {
    fn from(error: IssuingError) -> Self {
        match error {
            IssuingError::Client => refused(),
            IssuingError::Scope => Self { error: "invalid_scope", error_description: error.to_string(), status: 400 },
            IssuingError::Resource => {
                Self { error: "invalid_target", error_description: error.to_string(), status: 400 }
            }
            IssuingError::Identifier => invalid(&error.to_string()),
            IssuingError::Given(_) | IssuingError::Store(_) | IssuingError::Vault(_) | IssuingError::Key(_) => {
                tracing::error!(%error, "a token cannot be given");
                let said = "the host cannot give tokens now: its log says why";
                Self { error: "temporarily_unavailable", error_description: said.into(), status: 503 }
            }
        }
    }
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        }
        response
    }
}
