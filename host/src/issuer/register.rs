//! Clients that register by themselves (RFC 7591), where the operator lets them.

use super::client::{are_redirects, readable, takes_codes};
use super::limits::{MAX_CLIENTS, MAX_REDIRECTS};
use super::{IssuerError, refuse};
use crate::call::Host;
use crate::model::McpClientId;
use crate::store::{McpClientRow, StoreError};

/// What a client says of itself.
#[derive(Debug)]
pub struct Registration {
    /// Where its answers may go.
    pub redirect_uris: Vec<String>,
    /// What it calls itself.
    pub name: Option<String>,
    /// What it wants to get tokens for; all that there is if `None`.
    pub grant_types: Option<Vec<String>>,
    /// How it wants to be answered.
    pub response_types: Option<Vec<String>>,
}

/// Registers a client. It gets no secret: whoever can read the program has what is in it.
///
/// # Errors
///
/// [`IssuerError::Refused`] where it asks for what is not there, and where nobody registers by themselves.
pub async fn register(host: &Host, wanted: Registration) -> Result<McpClientRow, IssuerError> {
    if !host.client_registration {
        let detail = "this host registers no clients: use the URL of a client metadata document as `client_id`, or ask its \
                      operator for `mcp.client_registration`";
        return refuse("access_denied", detail);
    }
    let uris = wanted.redirect_uris;
    if !are_redirects(&uris) {
        let detail = format!(
            "`redirect_uris` are 1 to {MAX_REDIRECTS} URIs of https, of http on a loopback address, or of a scheme of the \
             program's own, without fragments"
        );
        return refuse("invalid_redirect_uri", detail);
    }
    if !takes_codes(wanted.grant_types.as_deref(), wanted.response_types.as_deref()) {
        return refuse(
            "invalid_client_metadata",
            "clients get their tokens for codes: `authorization_code` and `code`",
        );
    }
    let name = wanted.name.as_deref().and_then(readable);
    let client = McpClientRow {
        id: McpClientId::new(&host.clock, &host.random),
        name: name.unwrap_or_else(|| "A program without a name".into()),
        redirect_uris: uris,
        created_at: host.clock.now(),
    };
    match host.store.insert_mcp_client(&client, MAX_CLIENTS).await {
        Ok(()) => Ok(client),
        Err(StoreError::Conflict(_)) => Err(IssuerError::Busy),
        Err(error) => Err(error.into()),
    }
}
