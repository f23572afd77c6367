//! Stores a named secret: checked, sealed for its hosts, and never read back.

use thiserror::Error;

use crate::config::SourceError;
use crate::model::{
    By, Clock, HostPattern, NamedSecret, ProjectId, Random, Secret, SecretId, SecretOwner, SecretSource,
};
use crate::store::{Store, StoreError};
use crate::vault::{Vault, VaultError};

/// Bytes of a value: as of a credential's field. Private keys of 8,192 bits are shorter.
const MAX_VALUE: usize = 16 * 1024;

/// Hosts of one secret: a secret that goes to more places is several secrets.
const MAX_HOSTS: usize = 32;

/// A secret to store.
#[derive(Debug)]
pub struct NewSecret {
    /// The tenant.
    pub project: ProjectId,
    /// What connections call it by.
    pub name: String,
    /// Whose it is.
    pub owner: SecretOwner,
    /// Where its value is.
    pub source: SecretSource,
    /// The value, of one that is sealed here.
    pub value: Option<Secret>,
    /// The hosts that it may be sent to, as patterns.
    pub hosts: Vec<String>,
}

/// Why a secret was not stored.
#[derive(Debug, Error)]
pub enum SecretError {
    /// Something of it makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// It is kept where this project may not read, or where nothing is.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Sealing failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database failed, or somebody else made it at the same time.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores a secret in place of the one of the same name and owner. Gives it without its value, and whether it is new.
///
/// A source outside of the database is tried now: a name that was mistyped is told to who wrote it, not to who calls.
pub async fn put_secret(
    store: &Store,
    vault: &Vault,
    (clock, random): (&Clock, &Random),
    by: &By,
    new: NewSecret,
) -> Result<(NamedSecret, bool), SecretError> {
    let invalid = |what: &str| Err(SecretError::Invalid(what.into()));
    let hosts = normal_hosts(&new.hosts)?;
    let value = match (new.value, &new.source) {
        (Some(value), SecretSource::Sealed) if value.is_empty() => return invalid("`value` is empty"),
        (Some(value), SecretSource::Sealed) if value.len() > MAX_VALUE => {
            return invalid("`value` is too long for a credential");
        }
        (Some(value), SecretSource::Sealed) => value,
        (None, SecretSource::Environment(_) | SecretSource::File(_)) => Secret::new(String::new()),
        _ => return invalid("give either `value` or `source`"),
    };
    if new.source != SecretSource::Sealed {
        vault.try_source(&store.project_name(&new.project).await?, &new.source)?;
    }
    let existing = store.secret_of(&new.project, &new.name, &new.owner).await?;
    let (id, created_at) = match existing {
        Some(row) => (row.secret.id, row.secret.created_at),
        None => (SecretId::new(clock, random), by.at),
    };
    let secret = NamedSecret {
        id,
        project: new.project,
        name: new.name,
        owner: new.owner,
        source: new.source,
        hosts,
        created_at,
        updated_at: by.at,
    };
    let sealed = vault.seal_named(&secret, &value)?;
    let is_new = store.put_secret(by, &secret, &sealed).await?;
    Ok((secret, is_new))
}

fn normal_hosts(hosts: &[String]) -> Result<Vec<String>, SecretError> {
    if hosts.is_empty() || hosts.len() > MAX_HOSTS {
        let what = format!("`hosts` says where the secret may be sent to: 1 to {MAX_HOSTS} of them");
        return Err(SecretError::Invalid(what));
    }
    let parsed = hosts.iter().map(|host| HostPattern::parse(host).map(|host| host.to_string()));
    let mut hosts =
        parsed.collect::<Result<Vec<_>, _>>().map_err(|error| SecretError::Invalid(format!("`hosts`: {error}")))?;
    hosts.sort();
    hosts.dedup();
    Ok(hosts)
}
