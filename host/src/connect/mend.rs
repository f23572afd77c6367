//! A link for whoever's call was refused for its account (AK-405): who may have one, and for which account.

use super::{ConnectError, Link, LinkRequest, offer};
use crate::call::{self, About, Host, Lack};
use crate::model::{Caller, CallerScope, Fault};

/// A link with which the user of a refused call mends it; `None` where none would help or may be given. It asks for the
/// scopes that were missing, besides those of the connection and those that the account has: who consents to more does not
/// lose what they consented to before.
///
/// A caller who is bound to one user has that user's links. Others need the scope of the route that makes links, and an
/// account that is there: a mistyped name must not become an account.
pub async fn mend(host: &Host, caller: &Caller, about: &About, fault: &Fault) -> Option<Link> {
    let lack = call::lacking(host, caller, about, fault).await.ok()??;
    let bound = caller.identifier.as_deref() == Some(lack.identifier.as_str());
    let may_link = caller.may(CallerScope::AccountsWrite) && lack.account.is_some();
    if !bound && !may_link {
        return None;
    }
    let Lack { connection, account, identifier, organization } = lack;
    let mut scopes = fault.missing_scopes.clone();
    if let Some(account) = account.as_ref().filter(|_| !scopes.is_empty()) {
        let lost = account.scopes.iter().filter(|scope| !fault.missing_scopes.contains(scope));
        scopes.splice(0..0, lost.cloned());
    }
    let wanted = LinkRequest {
        identifier,
        organization,
        label: account.map(|account| account.label).unwrap_or_default(),
        verify: None,
        scopes,
    };
    match offer(host, caller, &connection, wanted).await {
        Ok(link) => Some(link),
        // A link takes more than is known here, such as a URL that confirms who it was, or a client.
        Err(ConnectError::Refused(_)) => None,
        Err(error) => {
            tracing::warn!(connection = connection.name, %error, "no link can be made for a refused call");
            None
        }
    }
}
