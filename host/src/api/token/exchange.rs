//! Tokens for MCP clients: for a code, and for a refresh token (RFC 6749 sections 4.1.3 and 6).

use super::{Fields, TokenBody, TokenError, invalid};
use crate::api::ApiState;
use crate::issuer::{self, ACCESS_LIFE, Given, IssuerError, Redemption, Renewal};

/// Tokens for a code.
pub(super) async fn by_code(state: &ApiState, fields: &Fields) -> Result<TokenBody, TokenError> {
    let field = |name: &str| fields.get(name).map(|value| value.as_str());
    let asked = Redemption {
        code: field("code").ok_or_else(|| invalid("`code` is missing"))?,
        client_id: client(fields)?,
        redirect_uri: field("redirect_uri"),
        verifier: field("code_verifier"),
        resource: field("resource"),
    };
    Ok(body(issuer::redeem(&state.host, &asked).await?))
}

/// Tokens for a refresh token.
pub(super) async fn by_refresh(state: &ApiState, fields: &Fields) -> Result<TokenBody, TokenError> {
    let field = |name: &str| fields.get(name).map(|value| value.as_str());
    let asked = Renewal {
        token: field("refresh_token").ok_or_else(|| invalid("`refresh_token` is missing"))?,
        client_id: client(fields)?,
        resource: field("resource"),
    };
    Ok(body(issuer::renew(&state.host, &asked).await?))
}

/// The client, which has no secret: one that comes with one takes itself for another.
pub(super) fn client(fields: &Fields) -> Result<&str, TokenError> {
    if fields.contains_key("client_secret") || fields.contains_key("client_assertion") {
        return Err(super::refused());
    }
    fields.get("client_id").map(|value| value.as_str()).ok_or_else(|| invalid("`client_id` is missing"))
}

fn body(given: Given) -> TokenBody {
    TokenBody {
        access_token: given.access,
        token_type: "Bearer",
        expires_in: ACCESS_LIFE.as_secs(),
        scope: given.scopes.names().join(" "),
        refresh_token: Some(given.refresh),
    }
}

impl From<IssuerError> for TokenError {
    fn from(error: IssuerError) -> Self {
        match error {
            IssuerError::Refused { error: "invalid_client", detail } => {
                Self { error: "invalid_client", error_description: detail, status: 401 }
            }
            IssuerError::Refused { error: "access_denied", detail } => {
                Self { error: "access_denied", error_description: detail, status: 403 }
            }
            IssuerError::Refused { error, detail } => Self { error, error_description: detail, status: 400 },
            IssuerError::Busy => Self {
                error: "temporarily_unavailable",
                error_description: "too many ask at the same time: try again in a moment".into(),
                status: 503,
            },
            error @ (IssuerError::Store(_) | IssuerError::Endpoint(_) | IssuerError::Connect(_)) => {
                tracing::error!(%error, "an MCP client cannot be served");
                let said = "the host cannot give tokens now: its log says why";
                Self { error: "temporarily_unavailable", error_description: said.into(), status: 503 }
            }
        }
    }
}
