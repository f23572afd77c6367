//! Sends a browser to the provider: `state` and PKCE, or temporary credentials, and the form's fields kept until it comes
//! back.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::advance::printable;
use super::browser::{hash, unguessable};
use super::kept::{self, Kept};
use super::legs;
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
        if !oauth::is_consented(&self.pattern.kind) {
            return None;
        }
        let (offered, scopes): (&[Scope], _) = match &self.pattern.kind {
            AuthKind::OAuth2(pattern) => (&pattern.scopes, self.scopes()),
            _ => (&[], Vec::new()),
        };
        let known = |name: &String| {
            let found = offered.iter().find(|scope| scope.name == *name);
            found.cloned().unwrap_or_else(|| Scope {
                name: name.clone(),
                title: name.clone(),
                description: None,
                required: false,
            })
        };
        let url = authorize_url(&self.pattern.kind, &self.account.fields).ok();
        let host = url.and_then(|url| url.host_str().map(str::to_owned));
        Some(Asked { host, scopes: scopes.iter().map(known).collect() })
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
    if !oauth::is_consented(&visit.pattern.kind) {
        return Ok(Begun::Closed(Seen::Unknown));
    }
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
    let target = match authorize_url(&visit.pattern.kind, &fields) {
        Ok(url) => url,
        Err(fault) => return Ok(Begun::Again(visit, fault)),
    };
    match departure(host, &visit, target, (fields, secrets)).await {
        Ok(departure) => leave(host, visit, browser, departure).await,
        Err(ConnectError::Ended(failure, said)) => end(host, visit, browser, (failure, said)).await,
        Err(error) => Err(error),
    }
}

/// Where a browser goes, and how what comes back is told from everything else.
struct Departure {
    url: Url,
    /// Hash of what the answer has to carry.
    state_hash: String,
    kept: Kept,
}

async fn departure(host: &Host, visit: &Visit, target: Url, sorted: Sorted) -> Result<Departure, ConnectError> {
    let client = match visit.pattern.needs_client() {
        true => Some(host.oauth.client(&visit.connection).await.map_err(|error| {
            // It was there when the link was made.
            tracing::warn!(%error, connection = visit.connection.name, "a user could not be sent to a provider");
            ConnectError::Ended(AuthFailure::Misconfigured, None)
        })?),
        false => None,
    };
    let mut kept = kept_for(host, visit, client.as_ref(), sorted)?;
    let seal = |field, secret| kept::seal(host, &visit.request, field, &Secret::new(secret));
    let AuthKind::OAuth2(pattern) = &visit.pattern.kind else {
        return temporary(host, visit, target, kept).await;
    };
    let state = unguessable(&host.random);
    let verifier = pattern.pkce.then(|| unguessable(&host.random));
    let challenge = verifier.as_deref().map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
    let url = complete(target, pattern, &kept, (&state, challenge.as_deref()));
    kept.verifier = verifier.map(|verifier| seal(kept::VERIFIER, verifier)).transpose()?;
    Ok(Departure { url, state_hash: hash("state", &state), kept })
}

/// OAuth 1.0a asks the provider first: what it gives is in place of `state` and verifier (RFC 5849 section 2.2).
async fn temporary(host: &Host, visit: &Visit, mut url: Url, mut kept: Kept) -> Result<Departure, ConnectError> {
    let consumer = legs::consumer(host, visit, &kept).await?;
    let given = host.oauth.temporary(&visit.pattern.kind, consumer, &kept.redirect_uri).await?;
    let long = || ConnectError::Ended(AuthFailure::ProviderFailed, Some("its token is too long".into()));
    let state_hash = legs::found_by(&visit.connection.connector, &given.token).ok_or_else(long)?;
    kept.verifier = Some(kept::seal(host, &visit.request, kept::TEMPORARY, &given.secret)?);
    url.query_pairs_mut().append_pair("oauth_token", &given.token);
    if let AuthKind::OAuth1a(pattern) = &visit.pattern.kind {
        url.query_pairs_mut().extend_pairs(&pattern.authorize_parameters);
    }
    Ok(Departure { url, state_hash, kept })
}

/// Ends an attempt before its browser has left.
async fn end(
    host: &Host,
    visit: Box<Visit>,
    browser: &Browser,
    (failure, said): (AuthFailure, Option<String>),
) -> Result<Begun, ConnectError> {
    let (hashed, said) = (browser.hash(), said.as_deref().map(printable));
    let change = AuthMove {
        browser: Some(&hashed),
        failure: Some((failure, said.as_deref())),
        event: Some(AccountEventKind::AuthorizationFailed),
        ..AuthMove::between(AuthStep::Linked, AuthStep::Failed)
    };
    let moved = host.store.move_auth_request(&By::host(host.clock.now()), &visit.request, &change).await?;
    Ok(if moved { Begun::Ended(visit.request.id) } else { Begun::Closed(Seen::Used) })
}

/// What is needed when the browser comes back, but for what goes with its answer.
fn kept_for(
    host: &Host,
    visit: &Visit,
    client: Option<&OAuthClient>,
    (fields, secrets): Sorted,
) -> Result<Kept, ConnectError> {
    let request = &visit.request;
    let sealed = |(name, secret): (&String, &Secret)| Ok((name.clone(), kept::seal(host, request, name, secret)?));
    Ok(Kept {
        fields,
        secrets: secrets.iter().map(sealed).collect::<Result<_, ConnectError>>()?,
        verifier: None,
        client: client.map(|client| client.id.to_string()).unwrap_or_default(),
        client_id: client.map(|client| client.client_id.clone()).unwrap_or_default(),
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
    Departure { url, state_hash, kept }: Departure,
) -> Result<Begun, ConnectError> {
    let (request, by) = (&visit.request, By::host(host.clock.now()));
    let hashed = browser.hash();
    let change = AuthMove {
        browser: Some(&hashed),
        state_hash: Some(&state_hash),
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

fn authorize_url(kind: &AuthKind, fields: &BTreeMap<String, String>) -> Result<Url, Fault> {
    let template = match kind {
        AuthKind::OAuth2(pattern) => pattern.authorize_url.as_str(),
        AuthKind::OAuth1a(pattern) => pattern.authorize_url.as_deref().unwrap_or_default(),
        _ => "",
    };
    let rendered = UrlTemplate::parse(template).and_then(|template| template.render(fields));
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
