//! The token of an account in clear, for programs that have to call a provider themselves (X6): off, unless two people said yes.

use std::sync::Arc;

use super::connect::parts;
use super::resolve::{identifier_for, usable};
use super::{Host, faults, oauth_fault};
use crate::model::{Account, Caller, Code, Connection, Culprit, Fault};
use crate::oauth::{self, ACCESS_TOKEN, Want};
use crate::store::CallContext;
use crate::vault::Binding;

/// An access token that holds, and whose it is.
pub struct Revealed {
    /// The token. Whoever gets it is outside of all that this host checks.
    pub access_token: String,
    /// The account, as it is after a refresh.
    pub account: Account,
}

/// A token that holds, of an account whose connection lets it be read. That it was read is on disk before it is told, in
/// the audit chain. The refresh token stays here: a second holder of it would end the account.
///
/// # Errors
/// [`Code::Forbidden`] where the connection does not let it be read, or the caller is bound to another user;
/// [`Code::Conflict`] where the host gets no tokens for accounts of this kind; what a call would be told of an account that
/// cannot be used.
pub async fn reveal(
    host: &Host,
    caller: &Caller,
    connection: &Connection,
    account: &Account,
) -> Result<Revealed, Fault> {
    identifier_for(caller, Some(&account.identifier))?;
    if !connection.reveals_tokens {
        let detail = format!("connection `{}` does not let tokens be read: `reveals_tokens` is off", connection.name);
        return Err(Fault::new(Code::Forbidden, Culprit::Policy, detail));
    }
    usable(connection, Some(account))?;
    let (_, pattern) = parts(host, connection).await?;
    if !oauth::gets_tokens(&pattern.kind) {
        let detail = format!("accounts of auth pattern `{}` have no token that this host got", pattern.name);
        return Err(Fault::new(Code::Conflict, Culprit::Caller, detail));
    }
    let found = host.store.credential(&account.project, &account.id).await.map_err(faults::store)?;
    let found = found.ok_or_else(|| Fault::new(Code::NotFound, Culprit::Caller, "there is no such account"))?;
    let context = CallContext { connection: connection.clone(), account: found.account, sealed: found.sealed };
    let by = caller.by(host.clock.now());
    let got = host.oauth.token(&Arc::new(context), &pattern, Want::Usable, by.clone()).await.map_err(oauth_fault)?;
    let CallContext { account, sealed, .. } = &*got;
    let sealed = sealed.get(ACCESS_TOKEN).ok_or_else(|| {
        Fault::new(Code::AccountNotActive, Culprit::Caller, "the account has no token: connect it again")
    })?;
    let (owner, hosts) = (account.id.as_str(), account.hosts_of(ACCESS_TOKEN));
    let binding = Binding { project: &account.project, owner, field: ACCESS_TOKEN, hosts };
    let token = host.vault.open(&binding, sealed).map_err(|error| faults::vault(&error))?;
    host.store.note_token_read(&by, account).await.map_err(faults::store)?;
    host.used.note(&account.id, by.at);
    Ok(Revealed { access_token: token.into_public(), account: account.clone() })
}
