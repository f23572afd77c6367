//! The token of a call's account: one that holds before the guest runs, and another where the provider refuses it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::connect::parts;
use super::resolve::Resolved;
use super::{Host, credential, faults, oauth_fault};
use crate::accounts::{Prepared, rendered_base_url};
use crate::egress::{Injection, Renewal};
use crate::model::{Account, AccountId, AuthPattern, By, Code, Connection, Culprit, Fault};
use crate::oauth::{self, OAuthError, Parting, Want};
use crate::store::CallContext;

/// The call with a token that holds, where its account has one. It is waited for as long as the call may take; whoever
/// gets it goes on, for the next call.
pub(super) async fn fresh(host: &Host, resolved: &Resolved, timeout: Duration) -> Result<Resolved, Fault> {
    let Some(pattern) = pattern(resolved) else { return Ok(resolved.clone()) };
    let by = By::host(host.clock.now());
    let token = host.oauth.token(&resolved.context, pattern, Want::Usable, by);
    let got = tokio::time::timeout(timeout, token).await.unwrap_or_else(|_| {
        let reason = format!("it did not answer within {} ms", timeout.as_millis());
        Err(OAuthError::Transient { reason, retry_after: None })
    });
    Ok(Resolved { context: got.map_err(oauth_fault)?, ..resolved.clone() })
}

/// A new account with its first token, where the host gets one by what was filled in.
pub(super) async fn first(
    host: &Host,
    connection: &Connection,
    pattern: &AuthPattern,
    prepared: Prepared,
) -> Result<Prepared, Fault> {
    if oauth::is_consented(&pattern.kind) {
        let detail = "accounts of this connection are authorized by their users, and not with credentials";
        return Err(Fault::new(Code::Conflict, Culprit::Caller, detail));
    }
    if !oauth::gets_tokens(&pattern.kind) {
        return Ok(prepared);
    }
    let got = host.oauth.first(connection, pattern, (prepared.account, prepared.sealed)).await;
    let (account, sealed) = got.map_err(|error| match error {
        OAuthError::Expired { reason } | OAuthError::Revoked { reason } | OAuthError::Configuration { reason } => {
            let detail = format!("the provider refused this credential; nothing was stored. {reason}");
            Fault::new(Code::InvalidInput, Culprit::Caller, detail)
        }
        error => oauth_fault(error),
    })?;
    let (installed, _) = parts(host, connection).await?;
    // A base URL that this answer was to fill in is to be known now.
    rendered_base_url(&installed.connector, connection, &account.fields).map_err(|reason| {
        let detail = format!("the provider's answer does not say where the account is; nothing was stored. {reason}");
        Fault::new(Code::UpstreamError, Culprit::Upstream, detail)
    })?;
    Ok(Prepared { account, sealed })
}

/// A new token for an account, because somebody asks for one (HC-08).
///
/// # Errors
/// [`Code::Conflict`] where the host gets no tokens for accounts of this kind; else what the provider says.
pub async fn refresh(host: &Host, by: By, connection: &Connection, account: &Account) -> Result<Account, Fault> {
    let (_, pattern) = parts(host, connection).await?;
    if !oauth::gets_tokens(&pattern.kind) {
        let detail = format!("with auth pattern `{}` there is nothing to refresh", connection.auth_pattern);
        return Err(Fault::new(Code::Conflict, Culprit::Caller, detail));
    }
    let found = host.store.credential(&account.project, &account.id).await.map_err(faults::store)?;
    let found = found.ok_or_else(|| Fault::new(Code::NotFound, Culprit::Caller, "there is no such account"))?;
    let context = CallContext { connection: connection.clone(), account: found.account, sealed: found.sealed };
    let got = host.oauth.token(&Arc::new(context), &pattern, Want::New, by).await.map_err(oauth_fault)?;
    Ok(got.account.clone())
}

/// Removes an account, and lets its provider end its tokens (X17). `None` if there is none such.
///
/// # Errors
/// Those of the database. A provider that cannot be told is no error: it is told again later.
pub async fn remove(
    host: &Host,
    by: &By,
    connection: &Connection,
    account: &AccountId,
) -> Result<Option<Parting>, Fault> {
    let project = &connection.project;
    let Some(found) = host.store.credential(project, account).await.map_err(faults::store)? else { return Ok(None) };
    let context = CallContext { connection: connection.clone(), account: found.account, sealed: found.sealed };
    let installed = host.catalog.find_connector(&host.store, project, &connection.connector).await;
    // A connector that cannot be used must not keep an account from being removed.
    let installed = installed.ok().flatten();
    let pattern = installed.as_ref().and_then(|found| found.connector.auth_pattern(&connection.auth_pattern));
    let parting = match pattern {
        Some(pattern) => host.oauth.parting(&context, pattern).await.map_err(oauth_fault)?,
        None => None,
    };
    let removed = host.store.delete_account_revoking(by, project, account, parting.as_ref()).await;
    if !removed.map_err(faults::store)? {
        return Ok(None);
    }
    Ok(Some(if parting.is_some() { host.oauth.part(account).await } else { Parting::Nothing }))
}

/// What brings a call another credential where the provider refuses the one that it began with (HC-09).
pub(super) struct Renew {
    host: Host,
    resolved: Resolved,
}

impl Renew {
    /// `None` where the host gets no tokens for the account.
    pub(super) fn of(host: &Host, resolved: &Resolved) -> Option<Arc<dyn Renewal>> {
        let pattern = pattern(resolved)?;
        oauth::can_renew(&pattern.kind, &resolved.context.sealed)
            .then(|| Arc::new(Self { host: host.clone(), resolved: resolved.clone() }) as Arc<dyn Renewal>)
    }

    async fn another(&self) -> Result<Injection, Fault> {
        let Self { host, resolved } = self;
        let gone = || OAuthError::Configuration { reason: "the connector no longer has the auth pattern".into() };
        let pattern = pattern(resolved).ok_or_else(gone).map_err(oauth_fault)?;
        let by = By::host(host.clock.now());
        let context = host.oauth.token(&resolved.context, pattern, Want::Another, by).await.map_err(oauth_fault)?;
        credential::known(host, &Resolved { context, ..resolved.clone() })
    }
}

impl Renewal for Renew {
    fn renew(&self) -> Pin<Box<dyn Future<Output = Option<Injection>> + Send + '_>> {
        Box::pin(async {
            match self.another().await {
                Ok(injection) => Some(injection),
                Err(fault) => {
                    tracing::info!(detail = fault.detail, "a refused token was not replaced");
                    None
                }
            }
        })
    }
}

impl fmt::Debug for Renew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Renew({})", self.resolved.context.account.id)
    }
}

/// The pattern by which the account's token is got, if it is a stored one's.
fn pattern(resolved: &Resolved) -> Option<&AuthPattern> {
    if !resolved.stored {
        return None;
    }
    resolved.installed.connector.auth_pattern(&resolved.context.connection.auth_pattern)
}
