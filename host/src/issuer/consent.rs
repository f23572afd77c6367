//! The page on which a user says yes or no: for the browser that came with the client's request, and no other.

use url::Url;

use super::limits::CODE_LIFE;
use super::vouch::between;
use super::{IssuerError, redirect};
use crate::call::Host;
use crate::connect::{self, Browser};
use crate::endpoints;
pub use crate::endpoints::ConnectionState;
use crate::model::{By, McpRequest, McpStep, Timestamp};
use crate::store::McpMove;

/// What a user is asked.
#[derive(Debug)]
pub struct Consent {
    /// The request.
    pub request: McpRequest,
    /// What the client would reach, and how the user stands with it.
    pub reaches: Vec<ConnectionState>,
}

/// What is there to be seen.
#[derive(Debug)]
pub enum Seen {
    /// The user may decide.
    Open(Box<Consent>),
    /// This is not the browser that came with the client's request.
    OtherBrowser,
    /// The user did decide.
    Used,
    /// Its time is over.
    Late,
    /// There is no such page.
    Unknown,
}

impl Consent {
    /// Who asks, as far as anybody vouches for it: where the client describes itself, or where its answer goes.
    pub fn host(&self) -> String {
        match Url::parse(&self.request.client).ok().as_ref().and_then(Url::host_str) {
            Some(host) => host.to_owned(),
            None => self.answers_at(),
        }
    }

    /// Where the answer goes, in words.
    pub fn answers_at(&self) -> String {
        redirect::shown(&self.request.redirect_uri)
    }

    /// The user.
    pub fn identifier(&self) -> &str {
        self.request.identifier.as_deref().unwrap_or_default()
    }

    /// Until when the user may decide.
    pub fn until(&self) -> Timestamp {
        self.request.expires_at
    }
}

/// What this page's URL opens in this browser. Looking changes nothing.
///
/// # Errors
///
/// Those of the database.
pub async fn look(host: &Host, browser: Option<&Browser>, page: &str) -> Result<Seen, IssuerError> {
    if !connect::is_unguessable(page) {
        return Ok(Seen::Unknown);
    }
    let found = host.store.mcp_request_of_page(&connect::hash("mcp-page", page)).await?;
    let Some(request) = found else { return Ok(Seen::Unknown) };
    if browser.map(Browser::hash).as_ref() != Some(&request.browser) {
        return Ok(Seen::OtherBrowser);
    }
    if request.step != McpStep::Vouched {
        return Ok(Seen::Used);
    }
    if request.expires_at <= host.clock.now() {
        return Ok(Seen::Late);
    }
    let (project, config) = (&request.project, &request.config.name);
    let identifier = request.identifier.as_deref().unwrap_or_default();
    let reaches = endpoints::auth_state(host, project, config, (identifier, request.organization.as_deref())).await?;
    Ok(Seen::Open(Box::new(Consent { request, reaches })))
}

/// Takes the user's answer, once; gives where the browser is to be sent with it (RFC 6749 section 4.1.2, RFC 9207). `None` if
/// it was given already, or it is too late.
///
/// # Errors
///
/// Those of the database.
pub async fn decide(host: &Host, consent: &Consent, allows: bool) -> Result<Option<Url>, IssuerError> {
    let request = &consent.request;
    let now = host.clock.now();
    let code = connect::unguessable(&host.random);
    let hash = connect::hash("mcp-code", &code);
    let change = match allows {
        true => McpMove {
            code: Some(&hash),
            expires_at: Some(now.plus(CODE_LIFE)),
            ..between(McpStep::Vouched, McpStep::Allowed)
        },
        false => between(McpStep::Vouched, McpStep::Denied),
    };
    if !host.store.move_mcp_request(&By::host(now), request, &change).await? {
        return Ok(None);
    }
    // It was read when the request came.
    let Ok(mut url) = Url::parse(&request.redirect_uri) else { return Ok(None) };
    let mut pairs = url.query_pairs_mut();
    match allows {
        true => pairs.append_pair("code", &code),
        false => pairs.append_pair("error", "access_denied"),
    };
    if let Some(state) = &request.state {
        pairs.append_pair("state", state);
    }
    pairs.append_pair("iss", host.identity.issuer());
    drop(pairs);
    Ok(Some(url))
}
