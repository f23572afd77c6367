//! Fields of a credential that named secrets fill: looked up for whoever calls, anew for each call (SI-12, SI-13).

use std::collections::BTreeMap;

use super::{Host, faults};
use crate::accounts::{self, NewSecret, SecretError};
use crate::model::{Caller, Code, Culprit, Fault, NamedSecret, Secret, SecretOwner};
use crate::store::{CallContext, SecretRow, StoreError};
use crate::vault::{NamedError, Vault};

/// The secrets of one call, sealed: by the field that each fills.
#[derive(Clone, Debug, Default)]
pub(super) struct Filled(BTreeMap<String, SecretRow>);

/// Stores a named secret; gives it without its value, and whether it is new.
pub async fn put_secret(host: &Host, caller: &Caller, new: NewSecret) -> Result<(NamedSecret, bool), Fault> {
    let by = caller.by(host.clock.now());
    let done = accounts::put_secret(&host.store, &host.vault, (&host.clock, &host.random), &by, new).await;
    done.map_err(|error| match error {
        SecretError::Invalid(detail) => Fault::new(Code::InvalidRequest, Culprit::Caller, detail),
        SecretError::Source(error) => Fault::new(Code::InvalidRequest, Culprit::Caller, error.to_string()),
        SecretError::Vault(error) => faults::vault(&error),
        SecretError::Store(StoreError::Conflict(detail)) => {
            Fault::new(Code::Conflict, Culprit::Caller, format!("{detail}: try again"))
        }
        SecretError::Store(error) => faults::store(error),
    })
}

/// Finds the secrets that the connection names and the account does not hold itself.
pub(super) async fn filled(host: &Host, context: &CallContext) -> Result<Filled, Fault> {
    let (connection, account) = (&context.connection, &context.account);
    let mut found = BTreeMap::new();
    if connection.demo {
        return Ok(Filled::default());
    }
    let caller = SecretOwner { identifier: account.identifier.clone(), organization: account.organization.clone() };
    for (field, name) in &connection.credentials {
        if context.sealed.contains_key(field) {
            continue;
        }
        let row = host.store.secret_for(&connection.project, name, &caller).await.map_err(faults::store)?;
        let row = row.ok_or_else(|| {
            let detail = format!(
                "connection `{}` takes `{field}` from the secret `{name}`, and there is none for `{}`: an \
                 administrator stores it with PUT /v1/secrets/{name}",
                connection.name, account.identifier
            );
            Fault::new(Code::AccountNotActive, Culprit::Caller, detail)
        })?;
        found.insert(field.clone(), row);
    }
    Ok(Filled(found))
}

impl Filled {
    /// Of an account's hosts those that all secrets of the call may be sent to.
    pub(super) fn hosts(&self, of_account: &[String]) -> Vec<String> {
        let covered = |host: &&String| self.0.values().all(|row| row.secret.covers(host));
        of_account.iter().filter(covered).cloned().collect()
    }

    /// The value of a field, for requests of an account with these hosts; `None` if no secret fills it.
    pub(super) fn open(&self, vault: &Vault, field: &str, of_account: &[String]) -> Option<Result<Secret, Fault>> {
        let row = self.0.get(field)?;
        // With none in common it says of the first one that it may not be sent there.
        let hosts = Some(self.hosts(of_account)).filter(|hosts| !hosts.is_empty());
        Some(vault.open_named(row, &hosts.unwrap_or_else(|| of_account.to_vec())).map_err(fault))
    }
}

fn fault(error: NamedError) -> Fault {
    let detail = error.to_string();
    match error {
        NamedError::Host { .. } => Fault::new(Code::HostNotAllowed, Culprit::Policy, detail),
        NamedError::Source { .. } => {
            tracing::warn!(error = detail, "a secret could not be read");
            Fault::new(Code::Unavailable, Culprit::Host, detail)
        }
        NamedError::Vault(error) => faults::vault(&error),
    }
}
