//! The browser comes back from the provider: checked against what was sent, before anything is believed.
//!
//! The checks are those of RFC 9700: `state` (section 4.7), the browser that asked, the address that was given to this
//! provider and to no other, and `iss` (RFC 9207, section 4.4). An answer that fails one of them uses the attempt up.

use std::collections::BTreeMap;

use url::Url;

use super::browser::{hash, is_unguessable};
use super::kept::{self, Kept, KeptTokens};
use super::visit::{Visit, about};
use super::{Browser, ConnectError, activate, lookups};
use crate::call::Host;
use crate::model::{
    AccountEventKind, AuthFailure, AuthKind, AuthRequestId, AuthStep, By, OAuth2, OAuthClientId, Secret,
};
use crate::oauth::{CodeExchange, OAuthError, Tokens};
use crate::store::AuthMove;

/// Characters of what a provider said that are kept.
const MAX_SAID: usize = 300;

/// What a provider sent with the browser.
#[derive(Debug)]
pub struct Answer {
    /// What the provider was given.
    pub state: String,
    /// What becomes tokens.
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

/// Where the browser goes next.
#[derive(Debug)]
pub enum Came {
    /// The attempt has ended, one way or the other.
    Ended(AuthRequestId),
    /// The user has to choose.
    Choose(AuthRequestId),
    /// The application has to say who it was.
    Verify(Url),
    /// Nothing was ever sent with this `state`, or its answer came already.
    Unknown,
    /// It came too late.
    Late,
    /// It came by another browser than the one that was sent.
    OtherBrowser,
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
    if !is_unguessable(&answer.state) {
        return Ok(Came::Unknown);
    }
    let Some(row) = host.store.auth_request_of_state(&hash("state", &answer.state)).await? else {
        return Ok(Came::Unknown);
    };
    if row.request.step != AuthStep::Consent {
        return Ok(Came::Unknown);
    }
    let now = host.clock.now();
    if row.request.expires_at <= now {
        return Ok(Came::Late);
    }
    let request = row.request.clone();
    let Some(visit) = about(host, row).await? else { return Ok(Came::Unknown) };
    if browser.map(Browser::hash) != request.browser || request.browser.is_none() {
        fail(host, &visit, AuthStep::Consent, AuthFailure::OtherBrowser, None).await?;
        return Ok(Came::OtherBrowser);
    }
    // What was kept stays until the code is exchanged: whoever takes this step reads it here.
    let kept = visit.kept.clone();
    let change = AuthMove { kept: kept.as_deref(), ..AuthMove::between(AuthStep::Consent, AuthStep::Trying) };
    if !host.store.move_auth_request(&By::host(now), &visit.request, &change).await? {
        return Ok(Came::Unknown);
    }
    let (host, connector) = (host.clone(), connector.to_owned());
    let work = host.clone().running.spawn(async move { go_on(&host, &connector, visit, answer).await });
    work.await.map_err(|_| ConnectError::Unfinished)?
}

async fn go_on(host: &Host, connector: &str, visit: Visit, answer: Answer) -> Result<Came, ConnectError> {
    let ended = Ok(Came::Ended(visit.request.id.clone()));
    let (failure, said) = match checked(connector, &visit, &answer) {
        Err(refused) => refused,
        Ok(pattern) => match exchanged(host, &visit, pattern, answer).await {
            Ok(kept) => return proceed(host, visit, kept).await,
            Err(ConnectError::Ended(failure, said)) => (failure, said),
            Err(error) => {
                tracing::error!(%error, "an authorization failed on this host");
                (AuthFailure::HostFailed, None)
            }
        },
    };
    fail(host, &visit, AuthStep::Trying, failure, said.as_deref()).await?;
    ended
}

/// Looks up what the account needs, asks for what only the user knows, and makes the account active.
pub(super) async fn proceed(host: &Host, visit: Visit, mut kept: Kept) -> Result<Came, ConnectError> {
    let id = visit.request.id.clone();
    let by = By::host(host.clock.now());
    let outcome = async {
        if lookups::run(host, &visit, &mut kept).await? {
            let change = AuthMove {
                kept: Some(&kept::write(host, &visit.request, &kept)?),
                expires_at: Some(by.at.plus(super::LINK_LIFETIME)),
                ..AuthMove::between(AuthStep::Trying, AuthStep::Choosing)
            };
            host.store.move_auth_request(&by, &visit.request, &change).await?;
            return Ok(Came::Choose(id.clone()));
        }
        if let Some(verify) = &visit.request.verify {
            let url = super::verify::target(verify, &id)?;
            let change = AuthMove {
                kept: Some(&kept::write(host, &visit.request, &kept)?),
                expires_at: Some(by.at.plus(super::LINK_LIFETIME)),
                event: Some(AccountEventKind::VerificationAwaited),
                ..AuthMove::between(AuthStep::Trying, AuthStep::Verifying)
            };
            host.store.move_auth_request(&by, &visit.request, &change).await?;
            return Ok(Came::Verify(url));
        }
        activate::activate(host, &visit, kept).await?;
        let done = AuthMove::between(AuthStep::Trying, AuthStep::Done);
        host.store.move_auth_request(&by, &visit.request, &done).await?;
        Ok(Came::Ended(id.clone()))
    };
    match outcome.await {
        Ok(came) => Ok(came),
        Err(error) => {
            let (failure, said) = match error {
                ConnectError::Ended(failure, said) => (failure, said),
                error => {
                    tracing::error!(%error, "an authorization failed on this host");
                    (AuthFailure::HostFailed, None)
                }
            };
            fail(host, &visit, AuthStep::Trying, failure, said.as_deref()).await?;
            Ok(Came::Ended(id))
        }
    }
}

/// Ends an attempt, and tells why.
pub(super) async fn fail(
    host: &Host,
    visit: &Visit,
    from: AuthStep,
    failure: AuthFailure,
    said: Option<&str>,
) -> Result<(), ConnectError> {
    let said = said.map(printable).filter(|said| !said.is_empty());
    tracing::info!(account = %visit.account.id, failure = failure.as_str(), "an authorization failed");
    let change = AuthMove {
        failure: Some((failure, said.as_deref())),
        event: Some(AccountEventKind::AuthorizationFailed),
        ..AuthMove::between(from, AuthStep::Failed)
    };
    host.store.move_auth_request(&By::host(host.clock.now()), &visit.request, &change).await?;
    Ok(())
}

type Refused = (AuthFailure, Option<String>);

/// Whether the answer is that of the provider that was asked, and has a code.
fn checked<'a>(connector: &str, visit: &'a Visit, answer: &Answer) -> Result<&'a OAuth2, Refused> {
    let AuthKind::OAuth2(pattern) = &visit.pattern.kind else { return Err((AuthFailure::Changed, None)) };
    if visit.connection.connector != connector {
        return Err((AuthFailure::WrongCallback, None));
    }
    // Compared as it is, without normalisation (RFC 9207 section 2.4); what a wrong one says is told to nobody.
    match (&pattern.issuer, &answer.issuer) {
        (Some(expected), Some(found)) if expected != found => return Err((AuthFailure::WrongIssuer, None)),
        (Some(_), None) if pattern.iss_required => return Err((AuthFailure::WrongIssuer, None)),
        _ => {}
    }
    if let Some(error) = &answer.error {
        return Err((failure_of(error), Some(said(error, answer.description.as_deref()))));
    }
    if answer.code.as_ref().is_none_or(Secret::is_empty) {
        return Err((AuthFailure::NoCode, None));
    }
    Ok(pattern)
}

/// RFC 6749 section 4.1.2.1.
fn failure_of(error: &str) -> AuthFailure {
    match error {
        "access_denied" => AuthFailure::AccessDenied,
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

/// A provider's words, short and without what steers a terminal.
fn printable(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(MAX_SAID).collect::<String>().trim().to_owned()
}

/// Exchanges the code for tokens, which are kept sealed.
async fn exchanged(host: &Host, visit: &Visit, pattern: &OAuth2, answer: Answer) -> Result<Kept, ConnectError> {
    let request = &visit.request;
    let mut kept = kept::read(host, request, visit.kept.as_deref())?;
    let changed = || ConnectError::Ended(AuthFailure::Changed, None);
    let client = OAuthClientId::parse(&kept.client).ok_or_else(changed)?;
    let client = host.store.oauth_client(&request.project, &client).await?.ok_or_else(changed)?;
    let verifier = kept.verifier.take();
    let verifier = verifier.map(|sealed| kept::open(host, request, "code_verifier", &sealed)).transpose()?;
    for (parameter, field) in &pattern.callback_fields {
        if let Some(value) = answer.others.get(parameter) {
            kept.fields.insert(field.clone(), printable(value));
        }
    }
    let asked = CodeExchange {
        client: &client,
        fields: &kept.fields,
        code: answer.code.ok_or(ConnectError::Ended(AuthFailure::NoCode, None))?,
        verifier,
        redirect_uri: &kept.redirect_uri,
    };
    let tokens = host.oauth.exchange_code(pattern, asked).await.map_err(refused)?;
    let Tokens { secrets, expires_at, scopes, fields, .. } = tokens;
    kept.fields.extend(fields);
    let sealed = |(field, secret): (&'static str, Secret)| {
        Ok((field.to_owned(), kept::seal(host, request, field, &secret)?))
    };
    kept.tokens = Some(KeptTokens {
        secrets: secrets.into_iter().map(sealed).collect::<Result<_, ConnectError>>()?,
        expires_at: expires_at.map(|at| at.0),
        // What is not said to be less is what was asked for (RFC 6749 section 5.1).
        scopes: scopes.unwrap_or_else(|| kept.scopes.clone()),
    });
    Ok(kept)
}

/// Why a provider gave no tokens for a code.
fn refused(error: OAuthError) -> ConnectError {
    match error {
        OAuthError::Transient { reason, .. } => ConnectError::Ended(AuthFailure::ProviderFailed, Some(reason)),
        OAuthError::Expired { reason } | OAuthError::Revoked { reason } => {
            ConnectError::Ended(AuthFailure::ExchangeRefused, Some(reason))
        }
        OAuthError::Configuration { reason } => ConnectError::Ended(AuthFailure::Misconfigured, Some(reason)),
        OAuthError::Vault(error) => error.into(),
        OAuthError::Store(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_standard_are_told_apart() {
        for (error, failure) in [
            ("access_denied", AuthFailure::AccessDenied),
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
    }

    #[test]
    fn what_a_provider_says_is_short_and_printable() {
        assert_eq!(printable(" a\u{1b}[31m\nb "), "a [31m b");
        assert_eq!(printable(&"é".repeat(1_000)).chars().count(), MAX_SAID);
        assert_eq!(said("e", Some("d")), "e: d");
        assert_eq!(said("e", None), "e");
    }
}
