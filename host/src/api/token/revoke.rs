//! `/oauth/revoke`: an MCP client gives back what a user let it do (RFC 7009).

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;

use super::exchange::client;
use super::{TokenError, form, invalid, is_form, no_store};
use crate::api::ApiState;
use crate::issuer;

/// A token that is to end, with the grant that it is of.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the description of a form that is read by hand: a field that comes twice is an error")]
pub(in crate::api) struct RevokeForm {
    /// An access token or a refresh token.
    token: String,
    /// Not needed: it is told by its form.
    token_type_hint: Option<String>,
    /// The client that got it.
    client_id: String,
}

/// Ends what a user let an MCP client do. One that is not known is as good as ended.
#[utoipa::path(post, path = "/oauth/revoke", tag = "mcp", security(()),
    request_body(content = RevokeForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "It opens nothing any more."), (status = "default", body = TokenError)))]
pub(in crate::api) async fn revoke(State(state): State<ApiState>, headers: HeaderMap, body: Bytes) -> Response {
    match revoked(&state, &headers, &body).await {
        Ok(()) => no_store(StatusCode::OK.into_response()),
        Err(error) => no_store(error.into_response()),
    }
}

async fn revoked(state: &ApiState, headers: &HeaderMap, body: &[u8]) -> Result<(), TokenError> {
    is_form(headers)?;
    let fields = form(body)?;
    let token = fields.get("token").ok_or_else(|| invalid("`token` is missing"))?;
    Ok(issuer::revoke(&state.host, token, client(&fields)?).await?)
}
