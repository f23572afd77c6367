//! Tokens in clear (X6): off, unless the connection and the key were both made for it.

use axum::extract::State;
use axum::http::{HeaderName, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::extract::{Admin, Path};
use super::super::{ApiState, Problem};
use super::by_id::find;
use crate::call;
use crate::model::Timestamp;

/// A token in clear.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct RevealedBody {
    /// The account.
    account_id: String,
    /// The token. Nothing that this host checks holds for requests with it.
    access_token: String,
    /// From when on the provider takes it no more, as far as that is known: ask again then.
    expires_at: Option<String>,
    /// What the provider granted.
    scopes: Vec<String>,
}

/// Tells an account's access token in clear, refreshed where it is about to end.
///
/// It needs `reveals_tokens` on the connection, and a key with the scope `accounts:tokens`, which no role has. Each time is
/// a row of the audit chain. Refresh tokens are never told.
#[utoipa::path(post, path = "/v1/accounts/{id}/token", tag = "accounts", params(("id" = String, Path)),
    responses((status = 200, body = RevealedBody), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = "default", body = Problem)))]
pub(in super::super) async fn reveal(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<([(HeaderName, &'static str); 1], axum::Json<RevealedBody>), Problem> {
    let (connection, account) = find(&state, &caller, &id).await?;
    let revealed = call::reveal(&state.host, &caller, &connection, &account).await?;
    let body = RevealedBody {
        account_id: revealed.account.id.to_string(),
        access_token: revealed.access_token,
        expires_at: revealed.account.token.expires_at.map(Timestamp::to_rfc3339),
        scopes: revealed.account.scopes,
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(body)))
}
