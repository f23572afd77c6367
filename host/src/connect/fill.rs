//! Takes what a user filled in: tried at the provider, sealed, and the account is active.

use std::collections::BTreeMap;

use super::visit::Visit;
use super::{Browser, ConnectError, MAX_ATTEMPTS, Seen, look};
use crate::accounts::Candidate;
use crate::call::{self, ConnectRequest, Host};
use crate::model::{AccountEventKind, AuthFailure, AuthRequestId, AuthStep, By, Code, Fault, Secret};
use crate::store::AuthMove;

/// What became of it.
#[derive(Debug)]
pub enum Filled {
    /// The attempt has ended, one way or the other.
    Ended(AuthRequestId),
    /// It does not fit, or the provider refuses it: the same link may be used again.
    Again(Box<Visit>, Fault),
    /// The link may not be used.
    Closed(Seen),
}

/// Connects the account with what a user filled in. Goes on to its end even if the browser goes away.
///
/// # Errors
///
/// [`ConnectError`] where this host failed; the link may be used again then.
pub async fn fill(
    host: &Host,
    token: &str,
    browser: &Browser,
    values: BTreeMap<String, Secret>,
) -> Result<Filled, ConnectError> {
    let visit = match look(host, token).await? {
        Seen::Open(visit) => visit,
        other => return Ok(Filled::Closed(other)),
    };
    let browser = browser.hash();
    let change = AuthMove {
        browser: Some(&browser),
        event: Some(AccountEventKind::LinkUsed),
        ..AuthMove::between(AuthStep::Linked, AuthStep::Trying)
    };
    if !host.store.move_auth_request(&By::host(host.clock.now()), &visit.request, &change).await? {
        return Ok(Filled::Closed(Seen::Used));
    }
    let host = host.clone();
    let work = host.clone().running.spawn(async move { try_out(&host, visit, values).await });
    work.await.map_err(|_| ConnectError::Unfinished)?
}

async fn try_out(host: &Host, visit: Box<Visit>, values: BTreeMap<String, Secret>) -> Result<Filled, ConnectError> {
    let request = ConnectRequest {
        identifier: visit.account.identifier.clone(),
        organization: visit.account.organization.clone(),
        label: visit.account.label.clone(),
        shared: None,
        settings: None,
        candidate: Some(Candidate { credentials: values, fields: BTreeMap::new() }),
    };
    let connected = call::connect(host, &visit.caller(), &visit.connection, request).await;
    let by = By::host(host.clock.now());
    let Err(failed) = connected else {
        let done = AuthMove::between(AuthStep::Trying, AuthStep::Done);
        host.store.move_auth_request(&by, &visit.request, &done).await?;
        return Ok(Filled::Ended(visit.request.id));
    };
    // What does not even fit the form was not tried at the provider.
    let tried = failed.fault.code != Code::InvalidInput || failed.execution.is_some();
    let again = AuthMove { attempted: tried, ..AuthMove::between(AuthStep::Trying, AuthStep::Linked) };
    let too_often = AuthMove {
        attempted: true,
        failure: Some((AuthFailure::TooManyAttempts, None)),
        event: Some(AccountEventKind::AuthorizationFailed),
        ..AuthMove::between(AuthStep::Trying, AuthStep::Failed)
    };
    if tried && visit.request.attempts + 1 >= MAX_ATTEMPTS {
        host.store.move_auth_request(&by, &visit.request, &too_often).await?;
        return Ok(Filled::Ended(visit.request.id));
    }
    if !host.store.move_auth_request(&by, &visit.request, &again).await? {
        return Ok(Filled::Closed(Seen::Late));
    }
    Ok(Filled::Again(visit, failed.fault))
}
