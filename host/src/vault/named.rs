//! Named secrets: sealed with the hosts that they may go to, or read from where an operator keeps them.

use thiserror::Error;

use super::{Binding, Vault, VaultError, seal};
use crate::config::SourceError;
use crate::model::{By, NamedSecret, Secret, SecretSource};
use crate::store::{SecretRow, Store};

/// Why a named secret has no value for a request.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NamedError {
    /// It would go to a host that it was not stored for (lesson 5).
    #[error("the secret `{name}` may not be sent to `{host}`: store it again with that host, or use another one there")]
    Host {
        /// Which secret.
        name: String,
        /// A host, or a pattern of hosts, that its own do not cover.
        host: String,
    },
    /// It cannot be read where it is.
    #[error("the secret `{name}`: {source}")]
    Source {
        /// Which secret.
        name: String,
        /// Why.
        source: SourceError,
    },
    /// It does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Vault {
    /// Seals the value of a named secret; of one that is kept elsewhere nothing, with what it belongs to. `value` is not
    /// looked at then.
    pub fn seal_named(&self, secret: &NamedSecret, value: &Secret) -> Result<String, VaultError> {
        let owner = owner(secret);
        let binding = binding(secret, &owner);
        match secret.source {
            SecretSource::Sealed => self.seal(&binding, value),
            SecretSource::Environment(_) | SecretSource::File(_) => self.seal(&binding, &Secret::new(String::new())),
        }
    }

    /// The value of a named secret, for requests to `hosts` (patterns) and nowhere else.
    ///
    /// What is kept elsewhere is read each time, so a value that changes there is the next one used.
    pub fn open_named(&self, row: &SecretRow, hosts: &[String]) -> Result<Secret, NamedError> {
        let secret = &row.secret;
        if let Some(host) = hosts.iter().find(|host| !secret.covers(host)) {
            return Err(NamedError::Host { name: secret.name.clone(), host: host.clone() });
        }
        let owner = owner(secret);
        let sealed = self.open(&binding(secret, &owner), &row.sealed)?;
        match secret.source {
            SecretSource::Sealed => Ok(sealed),
            SecretSource::Environment(_) | SecretSource::File(_) => {
                let read = self.sources.read(&row.project_name, &secret.source);
                read.map_err(|source| NamedError::Source { name: secret.name.clone(), source })
            }
        }
    }

    /// Whether a project may read a source, and finds a value there now.
    pub fn try_source(&self, project_name: &str, source: &SecretSource) -> Result<(), SourceError> {
        match source {
            SecretSource::Sealed => Ok(()),
            source => self.sources.read(project_name, source).map(|_| ()),
        }
    }
}

/// All that a value belongs to but its hosts. None of these texts has a control character, so that no two are one.
fn owner(secret: &NamedSecret) -> String {
    let NamedSecret { id, name, owner, .. } = secret;
    [id.as_str(), name, &owner.identifier, &owner.organization, &secret.source.text()].join("\n")
}

fn binding<'a>(secret: &'a NamedSecret, owner: &'a str) -> Binding<'a> {
    Binding { project: &secret.project, owner, field: "secret", hosts: &secret.hosts }
}

/// Seals all named secrets with the current key; gives how many it changed. One that does not open is told in the log: it
/// has to be stored again.
pub(super) async fn reseal(store: &Store, vault: &Vault, by: &By, page: u32) -> Result<u64, VaultError> {
    let (mut resealed, mut after) = (0, None);
    loop {
        let rows = store.secrets_after(after.as_ref(), page).await?;
        let Some(last) = rows.last() else { return Ok(resealed) };
        after = Some(last.secret.id.clone());
        for row in rows {
            match sealed_anew(vault, &row) {
                Ok(None) => {}
                Ok(Some(anew)) => resealed += u64::from(store.reseal_secret(by, &row, &anew).await?),
                Err(error) => tracing::warn!(secret = %row.secret.id, %error, "a named secret does not open"),
            }
        }
    }
}

/// The same value sealed with the current key; `None` if it is.
fn sealed_anew(vault: &Vault, row: &SecretRow) -> Result<Option<String>, VaultError> {
    if seal::Parts::of(&row.sealed)?.key_id == vault.current_key_id() {
        return Ok(None);
    }
    let owner = owner(&row.secret);
    let binding = binding(&row.secret, &owner);
    vault.seal(&binding, &vault.open(&binding, &row.sealed)?).map(Some)
}
