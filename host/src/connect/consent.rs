//! Sends a browser to the provider: `state`, PKCE, and the form's fields kept until it comes back.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::browser::{hash, unguessable};
use super::kept::{self, Kept};
use super::visit::Visit;
use super::{Browser, ConnectError, LINK_LIFETIME, Seen, look, page};
use crate::accounts::{self, Candidate, Sorted};
use crate::call::Host;
use crate::model::{
    AccountEventKind, AuthFailure, AuthKind, AuthRequestId, AuthStep, By, Code, Culprit, Fault, OAuth2, Scope, Secret,
    UrlTemplate,
};
use crate::oauth;
use crate::store::{AuthMove, OAuthClient};

/// What became of the form before the provider.
#[derive(Debug)]
pub enum Begun {
    /// The browser goes to the provider.
    Leave {
        /// Where to.
        url: Url,
        /// What it is about.
        visit: Box<Visit>,
    },
    /// The attempt has ended without.
    Ended(AuthRequestId),
    /// It does not fit: the same link may be used again.
    Again(Box<Visit>, Fault),
    /// The link may not be used.
    Closed(Seen),
}

/// What a user is asked to consent to.
#[derive(Debug)]
pub struct Asked {
    /// The host of the page that the browser is sent to; `None` where a field decides it.
    pub host: Option<String>,
    /// The scopes, with what the connector says of them.
    pub scopes: Vec<Scope>,
}

impl Visit {
    /// What a user is asked to consent to at the provider; `None` where the page's form is all there is.
    pub fn asks(&self) -> Option<Asked> {
        let AuthKind::OAuth2(pattern) = &self.pattern.kind else { return None };
        let known = |name: &String| {
            let found = pattern.scopes.iter().find(|scope| scope.name == *name);
            found.cloned().unwrap_or_else(|| Scope {
                name: name.clone(),
                title: name.clone(),
                description: None,
                required: false,
            })
        };
        let host = authorize_url(pattern, &self.account.fields).ok().and_then(|url| url.host_str().map(str::to_owned));
        Some(Asked { host, scopes: self.scopes().iter().map(known).collect() })
    }

    /// The scopes to ask for: those of the pattern and the connection, and those of this attempt.
    fn scopes(&self) -> Vec<String> {
        let all = [self.connection.scopes.clone(), self.request.scopes.clone()].concat();
        oauth::asked_scopes(&self.pattern.kind, &all)
    }
}

/// Uses the link up and sends the browser to the provider.
///
/// # Errors
///
/// [`ConnectError`] where this host failed.
pub async fn begin(
    host: &Host,
    token: &str,
    browser: &Browser,
    values: BTreeMap<String, Secret>,
) -> Result<Begun, ConnectError> {
    let visit = match look(host, token).await? {
        Seen::Open(visit) => visit,
        other => return Ok(Begun::Closed(other)),
    };
    let AuthKind::OAuth2(pattern) = &visit.pattern.kind else { return Ok(Begun::Closed(Seen::Unknown)) };
    let candidate = Candidate { credentials: values, fields: BTreeMap::new() };
    let preset = |field: &str| visit.connection.credentials.contains_key(field);
    let (public, secrets) = match accounts::sort_fields(&visit.pattern, candidate, preset) {
        Ok(sorted) => sorted,
        Err(errors) => {
            let detail = "what was filled in does not fit the auth pattern";
            let fault = Fault { errors, ..Fault::new(Code::InvalidInput, Culprit::Caller, detail) };
            return Ok(Begun::Again(visit, fault));
        }
    };
    let mut fields = visit.account.fields.clone();
    fields.extend(public);
    let target = match authorize_url(pattern, &fields) {
        Ok(url) => url,
        Err(fault) => return Ok(Begun::Again(visit, fault)),
    };
    let kept = match host.oauth.client(&visit.connection).await {
        Ok(client) => kept_for(host, &visit, &client, (fields, secrets))?,
        // It was there when the link was made.
        Err(error) => {
            tracing::warn!(%error, connection = visit.connection.name, "a user could not be sent to a provider");
            let hashed = browser.hash();
            let change = AuthMove {
                browser: Some(&hashed),
                failure: Some((AuthFailure::Misconfigured, None)),
                event: Some(AccountEventKind::AuthorizationFailed),
                ..AuthMove::between(AuthStep::Linked, AuthStep::Failed)
            };
            let moved = host.store.move_auth_request(&By::host(host.clock.now()), &visit.request, &change).await?;
            return Ok(if moved { Begun::Ended(visit.request.id) } else { Begun::Closed(Seen::Used) });
        }
    };
    let pattern = pattern.clone();
    leave(host, visit, browser, (&pattern, target), kept).await
}

/// What is needed when the browser comes back, but for the verifier.
fn kept_for(host: &Host, visit: &Visit, client: &OAuthClient, (fields, secrets): Sorted) -> Result<Kept, ConnectError> {
    let request = &visit.request;
    let sealed = |(name, secret): (&String, &Secret)| Ok((name.clone(), kept::seal(host, request, name, secret)?));
    Ok(Kept {
        fields,
        secrets: secrets.iter().map(sealed).collect::<Result<_, ConnectError>>()?,
        verifier: None,
        client: client.id.to_string(),
        client_id: client.client_id.clone(),
        redirect_uri: redirect_uri(host, &visit.connection.connector),
        scopes: visit.scopes(),
        tokens: None,
        lookups: 0,
        choices: Vec::new(),
    })
}

/// Uses the link up, for this browser.
async fn leave(
    host: &Host,
    visit: Box<Visit>,
    browser: &Browser,
    (pattern, target): (&OAuth2, Url),
    mut kept: Kept,
) -> Result<Begun, ConnectError> {
    let (request, by) = (&visit.request, By::host(host.clock.now()));
    let (state, hashed) = (unguessable(&host.random), browser.hash());
    let verifier = pattern.pkce.then(|| unguessable(&host.random));
    let challenge = verifier.as_deref().map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
    let url = complete(target, pattern, &kept, (&state, challenge.as_deref()));
    let seal = |verifier: String| kept::seal(host, request, kept::VERIFIER, &Secret::new(verifier));
    kept.verifier = verifier.map(seal).transpose()?;
    let change = AuthMove {
        browser: Some(&hashed),
        state_hash: Some(&hash("state", &state)),
        kept: Some(&kept::write(host, request, &kept)?),
        expires_at: Some(by.at.plus(LINK_LIFETIME)),
        event: Some(AccountEventKind::LinkUsed),
        ..AuthMove::between(AuthStep::Linked, AuthStep::Consent)
    };
    let moved = host.store.move_auth_request(&by, request, &change).await?;
    Ok(if moved { Begun::Leave { url, visit } } else { Begun::Closed(Seen::Used) })
}

/// What is registered at the provider (HC-05, AK-306): of the connector, so that an answer of one provider cannot come in
/// by the address of another.
pub fn redirect_uri(host: &Host, connector: &str) -> String {
    page(&host.public_url, &["oauth", "callback", connector]).into()
}

fn authorize_url(pattern: &OAuth2, fields: &BTreeMap<String, String>) -> Result<Url, Fault> {
    let rendered = UrlTemplate::parse(&pattern.authorize_url).and_then(|template| template.render(fields));
    rendered.map_err(|error| Fault::new(Code::InvalidInput, Culprit::Caller, error.to_string()))
}

/// The authorization request (RFC 6749 section 4.1.1, RFC 7636 section 4.3).
fn complete(mut url: Url, pattern: &OAuth2, kept: &Kept, (state, challenge): (&str, Option<&str>)) -> Url {
    let scopes = kept.scopes.join(&pattern.scope_separator);
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("response_type", "code");
        query.append_pair("client_id", &kept.client_id);
        query.append_pair("redirect_uri", &kept.redirect_uri);
        query.append_pair("state", state);
        if let Some(challenge) = challenge {
            query.append_pair("code_challenge", challenge).append_pair("code_challenge_method", "S256");
        }
        if !scopes.is_empty() {
            query.append_pair(&pattern.scope_parameter, &scopes);
        }
        for (name, value) in &pattern.authorize_parameters {
            query.append_pair(name, value);
        }
    }
    url
}
