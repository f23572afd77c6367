//! A browser comes with a client's request: it is held to what the client is and may, and sent to the application.

use url::Url;

use super::document::Documents;
use super::limits::{MAX_STATE, MAX_WAITING, REQUEST_LIFE};
use super::{IssuerError, SCOPES, client, config_of, refuse};
use crate::call::Host;
use crate::connect::{self, Browser};
use crate::model::{BoundProfile, McpRequest, McpRequestId, McpStep};
use crate::store::{McpConfigRow, StoreError};

/// A client's request as it came (RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 8707 section 2).
#[derive(Debug, Default)]
pub struct Asked {
    /// `code`.
    pub response_type: Option<String>,
    /// Who asks.
    pub client_id: Option<String>,
    /// Where the answer is to go.
    pub redirect_uri: Option<String>,
    /// The MCP URL that tokens are to be for.
    pub resource: Option<String>,
    /// The SHA-256 of what the client will show.
    pub code_challenge: Option<String>,
    /// `S256`.
    pub code_challenge_method: Option<String>,
    /// Names of scopes with spaces between.
    pub scope: Option<String>,
    /// What the client wants back as it is.
    pub state: Option<String>,
}

/// Takes a request; gives where this browser is to be sent: to the application, which knows who sits at it.
///
/// # Errors
///
/// [`IssuerError::Refused`]: the browser is shown why, and is sent nowhere. Anybody can register a client, so a URL of this
/// host must not lead on by itself to whatever somebody registered (RFC 9700 section 4.11.2).
pub async fn begin(host: &Host, documents: &Documents, browser: &Browser, asked: Asked) -> Result<Url, IssuerError> {
    let id = asked.client_id.as_deref().unwrap_or_default();
    let client = client::find(host, documents, id).await?;
    let redirect_uri = asked.redirect_uri.unwrap_or_default();
    if !client.may_answer_at(&redirect_uri) {
        let detail = format!("{} wants its answer at an address that it did not register.", client.name);
        return refuse("invalid_redirect_uri", detail);
    }
    let challenge = pkce(asked.response_type, asked.code_challenge, asked.code_challenge_method)?;
    check_scope(asked.scope.as_deref())?;
    // RFC 6749, appendix A.5, has it in ASCII; what some databases do not take is refused.
    let is_text = |state: &String| state.len() <= MAX_STATE && !state.chars().any(char::is_control);
    if !asked.state.as_ref().is_none_or(is_text) {
        return refuse("invalid_request", format!("`state` has at most {MAX_STATE} bytes, and no control characters."));
    }
    let config = wanted(host, asked.resource.as_deref()).await?;
    let mut url = application(host, &config)?;
    let now = host.clock.now();
    let McpConfigRow { profile, .. } = config;
    let request = McpRequest {
        id: McpRequestId::new(&host.clock, &host.random),
        project: profile.project,
        config: BoundProfile { id: profile.id, name: profile.name },
        client: client.id,
        client_name: client.name,
        redirect_uri,
        state: asked.state,
        challenge,
        browser: browser.hash(),
        step: McpStep::Begun,
        identifier: None,
        organization: None,
        vouched_by: None,
        made: None,
        created_at: now,
        expires_at: now.plus(REQUEST_LIFE),
    };
    match host.store.insert_mcp_request(&request, MAX_WAITING).await {
        Ok(()) => {}
        Err(StoreError::Conflict(_)) => return Err(IssuerError::Busy),
        Err(error) => return Err(error.into()),
    }
    url.query_pairs_mut().append_pair("auth_request_id", request.id.as_str());
    Ok(url)
}

/// The challenge of a request for a code. Nobody gets one without, and none that is its own verifier.
fn pkce(
    response_type: Option<String>,
    challenge: Option<String>,
    method: Option<String>,
) -> Result<String, IssuerError> {
    if response_type.as_deref() != Some("code") {
        return refuse("unsupported_response_type", "`response_type` must be code.");
    }
    if method.as_deref() != Some("S256") {
        return refuse("invalid_request", "`code_challenge_method` must be S256.");
    }
    match challenge.filter(|text| connect::is_unguessable(text)) {
        Some(challenge) => Ok(challenge),
        None => refuse("invalid_request", "`code_challenge` must be a SHA-256 in base64url."),
    }
}

/// There is one grant, to list tools and to call them; asking for `offline_access` is asking for what everybody gets.
fn check_scope(asked: Option<&str>) -> Result<(), IssuerError> {
    let known = |name: &str| name == "offline_access" || SCOPES.iter().any(|scope| scope.as_str() == name);
    let names = asked.unwrap_or_default().split(' ').filter(|name| !name.is_empty());
    match names.into_iter().all(known) {
        true => Ok(()),
        false => refuse("invalid_scope", "The program asks for a scope that is not given here."),
    }
}

/// The config that is asked for, by its URL.
async fn wanted(host: &Host, resource: Option<&str>) -> Result<McpConfigRow, IssuerError> {
    let Some(resource) = resource else {
        return refuse("invalid_target", "`resource` must be the URL of an MCP endpoint of this host.");
    };
    let found = match config_of(host, resource) {
        Some(id) => host.store.mcp_config(&id).await?,
        None => None,
    };
    match found {
        Some(config) => Ok(config),
        None => {
            let detail = "This is not the URL of an MCP endpoint that a program can be let use. Its operator has the right \
                          one: it ends with /mcp/c/ and an identifier.";
            refuse("invalid_target", detail)
        }
    }
}

/// Where the application says who is signed in. The operator may have taken it from the configuration since.
fn application(host: &Host, config: &McpConfigRow) -> Result<Url, IssuerError> {
    let Some(url) = &config.verify_url else {
        let detail = "Nobody can say who you are: the operator of this host has to set `user_verify_url` of the MCP config, \
                      the page of an application that its users sign in to.";
        return refuse("access_denied", detail);
    };
    match connect::check_verify_url(host, url) {
        Ok(url) => Ok(url),
        Err(_) => {
            let detail = "Nobody can say who you are: the application in `user_verify_url` of the MCP config is not, or no \
                          longer, among `connect.verify_origins` of this host's configuration. Its operator has to add it.";
            refuse("access_denied", detail)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_for_a_code_with_a_hashed_challenge() {
        let text = |text: &str| Some(text.to_owned());
        let good = "a".repeat(43);
        assert_eq!(pkce(text("code"), text(&good), text("S256")).unwrap(), good);
        for (response, challenge, method) in [
            (None, text(&good), text("S256")),
            (text("token"), text(&good), text("S256")),
            (text("code token"), text(&good), text("S256")),
            (text("CODE"), text(&good), text("S256")),
            (text("code"), None, text("S256")),
            (text("code"), text(""), text("S256")),
            (text("code"), text(&good[1..]), text("S256")),
            (text("code"), text(&format!("{good}=")), text("S256")),
            (text("code"), text(&good), None),
            (text("code"), text(&good), text("plain")),
            (text("code"), text(&good), text("s256")),
        ] {
            assert!(pkce(response.clone(), challenge.clone(), method.clone()).is_err(), "{response:?} {method:?}");
        }
    }

    #[test]
    fn only_the_scopes_of_the_endpoint_are_asked_for() {
        for scope in
            [None, Some(""), Some("tools:read"), Some("tools:execute tools:read"), Some("tools:read offline_access")]
        {
            assert!(check_scope(scope).is_ok(), "{scope:?}");
        }
        for scope in ["audit:read", "tools:read audit:read", "*", "tools:READ", "tools:read,tools:execute"] {
            assert!(check_scope(Some(scope)).is_err(), "{scope}");
        }
    }
}
