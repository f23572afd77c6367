//! What comes after the tokens: lookups, the user's choice, the application's confirmation, and the active account.

use std::collections::BTreeMap;

use url::Url;

use super::kept::{self, Kept};
use super::visit::Visit;
use super::{ConnectError, LINK_LIFETIME, lookups, verify};
use crate::call::{self, Host};
use crate::model::{
    AccountEventKind, AuthFailure, AuthRequestId, AuthStep, By, Culprit, OAuthClientId, Secret, Timestamp,
};
use crate::oauth::Tokens;
use crate::store::AuthMove;

/// Characters of what a provider said that are kept.
const MAX_SAID: usize = 300;

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

/// Goes as far as it can without asking anybody. An attempt that cannot go on ends.
pub(super) async fn advance(host: &Host, visit: &Visit, kept: Kept) -> Result<Came, ConnectError> {
    settled(host, visit, next(host, visit, kept).await).await
}

/// Makes the account active and the attempt done; an attempt for which that is not possible ends.
pub(super) async fn finish(host: &Host, visit: &Visit, kept: Kept) -> Result<Came, ConnectError> {
    settled(host, visit, done(host, visit, kept).await).await
}

/// Ends an attempt where a step of it failed: `Ok` then, because its user is told on the page of its end.
pub(super) async fn settled(
    host: &Host,
    visit: &Visit,
    outcome: Result<Came, ConnectError>,
) -> Result<Came, ConnectError> {
    let (failure, said) = match outcome {
        Ok(came) => return Ok(came),
        Err(ConnectError::Ended(failure, said)) => (failure, said),
        Err(error) => {
            tracing::error!(%error, "an authorization failed on this host");
            (AuthFailure::HostFailed, None)
        }
    };
    fail(host, visit, AuthStep::Trying, failure, said.as_deref()).await?;
    Ok(Came::Ended(visit.request.id.clone()))
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

/// Somebody else's words, short and without what steers a terminal.
pub(super) fn printable(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(MAX_SAID).collect::<String>().trim().to_owned()
}

async fn next(host: &Host, visit: &Visit, mut kept: Kept) -> Result<Came, ConnectError> {
    let (id, by) = (&visit.request.id, By::host(host.clock.now()));
    let chooses = lookups::run(host, visit, &mut kept).await?;
    let (step, event, came) = match &visit.request.verify {
        _ if chooses => (AuthStep::Choosing, None, Came::Choose(id.clone())),
        Some(verify) => {
            let event = Some(AccountEventKind::VerificationAwaited);
            (AuthStep::Verifying, event, Came::Verify(verify::target(verify, id)?))
        }
        None => return done(host, visit, kept).await,
    };
    let change = AuthMove {
        kept: Some(&kept::write(host, &visit.request, &kept)?),
        expires_at: Some(by.at.plus(LINK_LIFETIME)),
        event,
        ..AuthMove::between(AuthStep::Trying, step)
    };
    host.store.move_auth_request(&by, &visit.request, &change).await?;
    Ok(came)
}

/// Puts tokens, fields and secrets on the account, and makes it active. Its identifier stays (AK-209).
async fn done(host: &Host, visit: &Visit, kept: Kept) -> Result<Came, ConnectError> {
    let changed = || ConnectError::Ended(AuthFailure::Changed, None);
    let Kept { fields, secrets, client, tokens, .. } = kept;
    let tokens = tokens.ok_or_else(changed)?;
    let mut opened = BTreeMap::new();
    for (field, sealed) in &tokens.secrets {
        let name = kept::token_field(field).ok_or_else(changed)?;
        opened.insert(name, kept::open(host, &visit.request, field, sealed)?);
    }
    let open =
        |(field, sealed): (&String, &String)| Ok((field.clone(), kept::open(host, &visit.request, field, sealed)?));
    let secrets: BTreeMap<String, Secret> = secrets.iter().map(open).collect::<Result<_, ConnectError>>()?;
    let tokens = Tokens {
        secrets: opened,
        expires_at: tokens.expires_at.map(Timestamp),
        scopes: Some(tokens.scopes),
        fields,
        client: OAuthClientId::parse(&client),
    };
    let now = host.clock.now();
    let by = visit.caller().by(now);
    let activated = call::activate(host, &by, &visit.connection, visit.account.clone(), tokens, secrets).await;
    if let Err(fault) = activated {
        return Err(match fault.culprit {
            Culprit::Host => fault.into(),
            _ => ConnectError::Ended(AuthFailure::LookupFailed, Some(fault.detail)),
        });
    }
    let step = AuthMove::between(AuthStep::Trying, AuthStep::Done);
    host.store.move_auth_request(&By::host(now), &visit.request, &step).await?;
    Ok(Came::Ended(visit.request.id.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_says_is_short_and_printable() {
        assert_eq!(printable(" a\u{1b}[31m\nb "), "a [31m b");
        assert_eq!(printable(&"é".repeat(1_000)).chars().count(), MAX_SAID);
    }
}
