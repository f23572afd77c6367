//! An account becomes active with tokens that a provider gave for it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::connect::{parts, raced};
use super::{Host, faults, servers};
use crate::accounts::{allowed_hosts, rendered_base_url};
use crate::model::{Account, By, Code, Connection, Culprit, Fault, Secret};
use crate::oauth::{self, OAuthError, Tokens};
use crate::vault::Binding;

/// Stores tokens on an account, new or as it was, and makes it active. Its identifier stays (AK-209), as do its other
/// sealed fields, but for `secrets`, which the user filled in anew. Public fields that came with the tokens are put to its
/// own.
///
/// # Errors
/// [`Code::Conflict`] if the connector or its pattern is gone; [`Code::InvalidInput`] if a public field that a URL or a
/// host takes is missing or does not fit; those of vault and database.
pub async fn activate(
    host: &Host,
    by: &By,
    connection: &Connection,
    mut account: Account,
    mut tokens: Tokens,
    secrets: BTreeMap<String, Secret>,
) -> Result<Account, Fault> {
    let (installed, pattern) = parts(host, connection).await?;
    let found = host.store.credential(&account.project, &account.id).await.map_err(faults::store)?;
    let mut sealed = found.map(|found| found.sealed).unwrap_or_default();
    let mut fields = account.fields.clone();
    fields.extend(tokens.fields.clone());
    let misfit = |detail: String| Fault::new(Code::InvalidInput, Culprit::Caller, detail);
    let hosts = allowed_hosts(&installed.connector, connection, &fields).map_err(misfit)?;
    rendered_base_url(&installed.connector, connection, &fields).map_err(misfit)?;
    let endpoint_hosts = oauth::endpoint_hosts(&pattern.kind, &fields).map_err(misfit)?;
    // What is not said to be less is what was asked for (RFC 6749 section 5.1).
    let asked = || oauth::asked_scopes(&pattern.kind, &connection.scopes);
    tokens.scopes = Some(tokens.scopes.unwrap_or_else(asked));
    host.oauth.seal(&mut account, &mut sealed, tokens, (hosts, &endpoint_hosts)).map_err(oauth_fault)?;
    for (field, secret) in secrets {
        let hosts = account.hosts_of(&field);
        let binding = Binding { project: &account.project, owner: account.id.as_str(), field: &field, hosts };
        let text = host.vault.seal(&binding, &secret).map_err(|error| faults::vault(&error))?;
        sealed.insert(field, text);
    }
    let put = host.store.put_account(by, &account, &sealed).await.map_err(raced)?;
    servers::connected(host, (&installed, &put.0), None).await?;
    Ok(put.0)
}

/// What a caller is told where there is no token.
pub fn oauth_fault(error: OAuthError) -> Fault {
    match error {
        OAuthError::Transient { reason, retry_after } => {
            let wait = retry_after.unwrap_or(RETRY_AFTER).as_millis();
            let detail = format!("the provider gives no token now, and nothing was sent: {reason}. Try again later");
            let retry_after_ms = Some(u64::try_from(wait).unwrap_or(u64::MAX));
            Fault { retry_after_ms, ..Fault::new(Code::UpstreamError, Culprit::Upstream, detail) }
        }
        OAuthError::Expired { reason } => {
            let detail = format!("the account's authorization is over: {reason}. Connect it again");
            Fault::new(Code::AccountNotActive, Culprit::Caller, detail)
        }
        OAuthError::Revoked { reason } => {
            let detail = format!("the account's authorization was withdrawn: {reason}. Connect it again");
            Fault::new(Code::AccountNotActive, Culprit::Caller, detail)
        }
        OAuthError::Configuration { reason } => {
            let detail = format!("the connection's authorization is not set up right: {reason}. Tell its operator");
            Fault::new(Code::AccountNotActive, Culprit::Policy, detail)
        }
        OAuthError::Vault(error) => faults::vault(&error),
        OAuthError::Store(error) => faults::store(error),
    }
}

/// When a caller may try again where the provider does not say: as long as it takes to restart a service.
const RETRY_AFTER: Duration = Duration::from_secs(10);
