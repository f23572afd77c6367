//! `/oauth/register`: MCP clients register by themselves, where the operator lets them (RFC 7591).

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{TokenError, no_store};
use crate::api::ApiState;
use crate::issuer::{self, Registration};

/// What a client says of itself; what is not named here is not looked at.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::api) struct NewMcpClient {
    /// Where its answers may go: https, http on a loopback address (of any port later), or a scheme of its own.
    redirect_uris: Vec<String>,
    /// Shown to users, as what the client says.
    client_name: Option<String>,
    /// With `authorization_code`, if at all.
    grant_types: Option<Vec<String>>,
    /// With `code`, if at all.
    response_types: Option<Vec<String>>,
}

/// A client that registered. It has no secret.
#[derive(Debug, Serialize, ToSchema)]
struct McpClientBody {
    client_id: String,
    /// Seconds since 1970.
    client_id_issued_at: i64,
    client_name: String,
    redirect_uris: Vec<String>,
    /// `none`.
    token_endpoint_auth_method: &'static str,
    grant_types: [&'static str; 2],
    response_types: [&'static str; 1],
}

/// Registers an MCP client, if the operator lets clients do so (`mcp.client_registration`).
#[utoipa::path(post, path = "/oauth/register", tag = "mcp", security(()), request_body = NewMcpClient,
    responses((status = 201, body = McpClientBody), (status = "default", body = TokenError)))]
pub(in crate::api) async fn register(State(state): State<ApiState>, body: Bytes) -> Response {
    let registered = registered(&state, &body).await;
    no_store(match registered {
        Ok(body) => (StatusCode::CREATED, axum::Json(body)).into_response(),
        Err(error) => error.into_response(),
    })
}

async fn registered(state: &ApiState, body: &[u8]) -> Result<McpClientBody, TokenError> {
    let new: NewMcpClient = serde_json::from_slice(body).map_err(|_| TokenError {
        error: "invalid_client_metadata",
        error_description: "the body has to be a JSON object with `redirect_uris`, a list of texts".into(),
        status: 400,
    })?;
    let wanted = Registration {
        redirect_uris: new.redirect_uris,
        name: new.client_name,
        grant_types: new.grant_types,
        response_types: new.response_types,
    };
    let client = issuer::register(&state.host, wanted).await?;
    Ok(McpClientBody {
        client_id: client.id.to_string(),
        client_id_issued_at: client.created_at.0 / 1000,
        client_name: client.name,
        redirect_uris: client.redirect_uris,
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
    })
}
