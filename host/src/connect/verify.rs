//! The application says who it was that authorized an account (AK-310 to AK-313): only then the account is active.

use url::Url;

use super::advance::{fail, finish};
use super::visit::about;
use super::{ConnectError, kept, page};
use crate::call::Host;
use crate::model::{AuthFailure, AuthRequestId, AuthStep, By, Caller, Code, Culprit, Fault, Verify};
use crate::store::AuthMove;

/// Where a browser is sent to have its person confirmed.
pub(super) fn target(verify: &Verify, id: &AuthRequestId) -> Result<Url, ConnectError> {
    let mut url = Url::parse(&verify.url).map_err(|_| ConnectError::Ended(AuthFailure::Changed, None))?;
    url.query_pairs_mut().append_pair("auth_request_id", id.as_str());
    if let Some(state) = &verify.state {
        url.query_pairs_mut().append_pair("state", state);
    }
    Ok(url)
}

/// Confirms that it was this user, once; gives where the browser is to be sent then. Somebody else ends the attempt: what
/// they authorized is thrown away.
///
/// # Errors
///
/// [`ConnectError::Refused`]: 404 for an attempt of nobody's or another project's, 409 for one that waits for no
/// confirmation (any more), 403 for another user.
pub async fn verify(host: &Host, caller: &Caller, id: &AuthRequestId, identifier: &str) -> Result<Url, ConnectError> {
    let refuse = |code, detail: &str| Err(Fault::new(code, Culprit::Caller, detail).into());
    let row = host.store.auth_request(id).await?.filter(|row| row.request.project == caller.project);
    let Some(row) = row else { return refuse(Code::NotFound, "there is no such authorization") };
    let now = host.clock.now();
    if row.request.step != AuthStep::Verifying || row.request.expires_at <= now {
        return refuse(Code::Conflict, "this authorization does not wait to be confirmed: it was, or is too old");
    }
    let Some(visit) = about(host, row).await? else {
        return refuse(Code::NotFound, "the account or its connection is gone");
    };
    if visit.account.identifier != identifier {
        fail(host, &visit, AuthStep::Verifying, AuthFailure::OtherPerson, None).await?;
        return refuse(Code::Forbidden, "the link was made for somebody else: nothing was connected");
    }
    let change = AuthMove::between(AuthStep::Verifying, AuthStep::Trying);
    if !host.store.move_auth_request(&By::host(now), &visit.request, &change).await? {
        return refuse(Code::Conflict, "this authorization was confirmed already");
    }
    let url = page(&host.public_url, &["connect", "result", id.as_str()]);
    let host = host.clone();
    let work = host.clone().running.spawn(async move {
        let kept = kept::read(&host, &visit.request, visit.kept.as_deref())?;
        finish(&host, &visit, kept).await
    });
    work.await.map_err(|_| ConnectError::Unfinished)??;
    Ok(url)
}
