//! The browser comes back from the provider: checked against what was sent, before anything is believed.
//!
//! The checks are those of RFC 9700: `state` (section 4.7), the browser that asked, the address that was given to this
//! provider and to no other, and `iss` (RFC 9207, section 4.4). An answer that fails one of them uses the attempt up.

use std::collections::BTreeMap;

use super::advance::{Came, advance, fail, printable, settled};
use super::browser::{hash, is_unguessable};
use super::kept::{self, Kept, KeptTokens};
use super::legs;
use super::visit::{Visit, about};
use super::{Browser, ConnectError};
use crate::call::Host;
use crate::model::{AuthFailure, AuthKind, AuthStep, By, OAuth2, OAuthClientId, Secret, TextTemplate};
use crate::oauth::{CodeExchange, Temporary, Tokens};
use crate::store::AuthMove;

/// What a provider sent with the browser.
#[derive(Debug)]
pub struct Answer {
    /// What the provider was given; `None` in answers of OAuth 1.0a.
    pub state: Option<String>,
    /// What it gave in place of one: OAuth 1.0a's temporary token.
    pub temporary: Option<String>,
    /// What becomes tokens: a code, or OAuth 1.0a's verifier.
    pub code: Option<Secret>,
    /// Who the provider says it is.
    pub issuer: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// The same in words.
    pub description: Option<String>,
    /// All parameters but these.
    pub others: BTreeMap<String, String>,
}

/// Takes what a provider sent with the browser. Goes on to its end even if the browser goes away.
///
/// # Errors
///
/// [`ConnectError`] where this host failed.
pub async fn come_back(
    host: &Host,
    connector: &str,
    browser: Option<&Browser>,
    answer: Answer,
) -> Result<Came, ConnectError> {
    let Some(found_by) = found_by(connector, &answer) else { return Ok(Came::Unknown) };
    let found = host.store.auth_request_of_state(&found_by).await?;
    let Some(row) = found.filter(|row| row.request.step == AuthStep::Consent) else { return Ok(Came::Unknown) };
    let now = host.clock.now();
    if row.request.expires_at <= now {
        return Ok(Came::Late);
    }
    let Some(visit) = about(host, row).await? else { return Ok(Came::Unknown) };
    if visit.request.browser.is_none() || browser.map(Browser::hash) != visit.request.browser {
        fail(host, &visit, AuthStep::Consent, AuthFailure::OtherBrowser, None).await?;
        return Ok(Came::OtherBrowser);
    }
    // Of two answers with the same `state` one gets past here.
    let change = AuthMove::between(AuthStep::Consent, AuthStep::Trying);
    if !host.store.move_auth_request(&By::host(now), &visit.request, &change).await? {
        return Ok(Came::Unknown);
    }
    let (host, connector) = (host.clone(), connector.to_owned());
    let work = host.clone().running.spawn(async move { go_on(&host, &connector, &visit, answer).await });
    work.await.map_err(|_| ConnectError::Unfinished)?
}

async fn go_on(host: &Host, connector: &str, visit: &Visit, answer: Answer) -> Result<Came, ConnectError> {
    match exchanged(host, connector, visit, answer).await {
        Ok(kept) => advance(host, visit, kept).await,
        Err(error) => settled(host, visit, Err(error)).await,
    }
}

/// What the attempt is found by that an answer is for; `None` where it cannot be one.
fn found_by(connector: &str, answer: &Answer) -> Option<String> {
    match (&answer.state, &answer.temporary) {
        (Some(state), _) => is_unguessable(state).then(|| hash("state", state)),
        (None, Some(token)) => legs::found_by(connector, token),
        (None, None) => None,
    }
}

/// Whether the answer is that of the provider that was asked, and has a code.
fn check(connector: &str, visit: &Visit, kept: &Kept, answer: &Answer) -> Result<(), ConnectError> {
    let refuse = |failure| Err(ConnectError::Ended(failure, None));
    if visit.connection.connector != connector {
        return refuse(AuthFailure::WrongCallback);
    }
    // Compared as it is, without normalisation (RFC 9207 section 2.4); what a wrong one says is told to nobody.
    if let AuthKind::OAuth2(pattern) = &visit.pattern.kind {
        match (&pattern.issuer, &answer.issuer) {
            (Some(expected), Some(found)) if filled(expected, &kept.fields) != *found => {
                return refuse(AuthFailure::WrongIssuer);
            }
            (Some(_), None) if pattern.iss_required => return refuse(AuthFailure::WrongIssuer),
            _ => {}
        }
    }
    if let Some(error) = &answer.error {
        let said = said(error, answer.description.as_deref());
        return Err(ConnectError::Ended(failure_of(error), Some(said)));
    }
    if answer.code.as_ref().is_none_or(Secret::is_empty) {
        return refuse(AuthFailure::NoCode);
    }
    Ok(())
}

/// A text with public fields in its gaps.
fn filled(text: &str, fields: &BTreeMap<String, String>) -> String {
    TextTemplate::parse(text).map_or_else(|_| text.to_owned(), |template| template.with_fields(fields))
}

/// RFC 6749 section 4.1.2.1.
fn failure_of(error: &str) -> AuthFailure {
    match error {
        "access_denied" | "user_refused" | "permission_denied" => AuthFailure::AccessDenied,
        "invalid_scope" => AuthFailure::InvalidScope,
        "invalid_request" | "unauthorized_client" | "unsupported_response_type" => AuthFailure::Misconfigured,
        "server_error" | "temporarily_unavailable" => AuthFailure::ProviderFailed,
        _ => AuthFailure::ProviderRefused,
    }
}

fn said(error: &str, description: Option<&str>) -> String {
    match description {
        Some(description) => format!("{error}: {description}"),
        None => error.to_owned(),
    }
}

/// Exchanges what came for tokens, which are kept sealed.
async fn exchanged(host: &Host, connector: &str, visit: &Visit, answer: Answer) -> Result<Kept, ConnectError> {
    let request = &visit.request;
    let mut kept = kept::read(host, request, visit.kept.as_deref())?;
    check(connector, visit, &kept, &answer)?;
    let tokens = match &visit.pattern.kind {
        AuthKind::OAuth2(pattern) => of_code(host, visit, (pattern, &mut kept), answer).await?,
        AuthKind::OAuth1a(pattern) => {
            keep_fields(&mut kept, &pattern.callback_fields, &answer);
            of_verifier(host, visit, &mut kept, answer).await?
        }
        _ => return Err(changed()),
    };
    let Tokens { secrets, expires_at, scopes, fields, .. } = tokens;
    kept.fields.extend(fields);
    let sealed =
        |(field, secret): (&'static str, Secret)| Ok((field.to_owned(), kept::seal(host, request, field, &secret)?));
    kept.tokens = Some(KeptTokens {
        secrets: secrets.into_iter().map(sealed).collect::<Result<_, ConnectError>>()?,
        expires_at: expires_at.map(|at| at.0),
        // What is not said to be less is what was asked for (RFC 6749 section 5.1).
        scopes: scopes.unwrap_or_else(|| kept.scopes.clone()),
    });
    Ok(kept)
}

async fn of_code(
    host: &Host,
    visit: &Visit,
    (pattern, kept): (&OAuth2, &mut Kept),
    answer: Answer,
) -> Result<Tokens, ConnectError> {
    let request = &visit.request;
    let client = OAuthClientId::parse(&kept.client).ok_or_else(changed)?;
    let client = host.store.oauth_client(&request.project, &client).await?.ok_or_else(changed)?;
    let verifier = kept.verifier.take();
    let verifier = verifier.map(|sealed| kept::open(host, request, kept::VERIFIER, &sealed)).transpose()?;
    keep_fields(kept, &pattern.callback_fields, &answer);
    let asked = CodeExchange {
        client: &client,
        fields: &kept.fields,
        code: answer.code.ok_or(ConnectError::Ended(AuthFailure::NoCode, None))?,
        verifier,
        redirect_uri: &kept.redirect_uri,
    };
    Ok(host.oauth.exchange_code(pattern, asked).await?)
}

/// The last leg of OAuth 1.0a.
async fn of_verifier(host: &Host, visit: &Visit, kept: &mut Kept, answer: Answer) -> Result<Tokens, ConnectError> {
    let sealed = kept.verifier.take().ok_or_else(changed)?;
    let secret = kept::open(host, &visit.request, kept::TEMPORARY, &sealed)?;
    let temporary = Temporary { token: answer.temporary.ok_or_else(changed)?, secret };
    let verifier = answer.code.ok_or(ConnectError::Ended(AuthFailure::NoCode, None))?;
    let consumer = legs::consumer(host, visit, kept).await?;
    Ok(host.oauth.token_credentials(&visit.pattern.kind, consumer, (temporary, verifier)).await?)
}

/// What the provider says of the account in the callback itself.
fn keep_fields(kept: &mut Kept, wanted: &[(String, String)], answer: &Answer) {
    for (parameter, field) in wanted {
        if let Some(value) = answer.others.get(parameter) {
            kept.fields.insert(field.clone(), printable(value));
        }
    }
}

/// What the attempt was about is not what it was.
fn changed() -> ConnectError {
    ConnectError::Ended(AuthFailure::Changed, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_standard_are_told_apart() {
        for (error, failure) in [
            ("access_denied", AuthFailure::AccessDenied),
            ("user_refused", AuthFailure::AccessDenied),
            ("invalid_scope", AuthFailure::InvalidScope),
            ("invalid_request", AuthFailure::Misconfigured),
            ("unauthorized_client", AuthFailure::Misconfigured),
            ("unsupported_response_type", AuthFailure::Misconfigured),
            ("server_error", AuthFailure::ProviderFailed),
            ("temporarily_unavailable", AuthFailure::ProviderFailed),
            ("consent_required", AuthFailure::ProviderRefused),
            ("", AuthFailure::ProviderRefused),
        ] {
            assert_eq!(failure_of(error), failure, "{error}");
        }
        assert_eq!(said("e", Some("d")), "e: d");
        assert_eq!(said("e", None), "e");
    }

    #[test]
    fn an_issuer_may_be_of_a_tenant() {
        let fields = BTreeMap::from([("tenant".to_owned(), "acme".to_owned())]);
        assert_eq!(filled("https://{{tenant}}.example.com", &fields), "https://acme.example.com");
        assert_eq!(filled("https://login.example.com/", &fields), "https://login.example.com/");
        assert_eq!(filled("https://{{other}}.example.com", &fields), "https://.example.com");
    }
}
