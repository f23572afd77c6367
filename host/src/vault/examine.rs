//! Whether the keys at hand open what the database holds: for the time before a host starts on it.

use std::collections::BTreeSet;

use super::rotate::{PAGE, in_use};
use super::{Binding, Vault, VaultError};
use crate::model::AccountId;
use crate::store::Store;

/// What the keys at hand open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// Identifiers of keys that something is sealed with and that are not here.
    pub missing: Vec<String>,
    /// Accounts whose credential opens.
    pub opened: u64,
    /// Accounts whose credential does not.
    pub unreadable: Vec<AccountId>,
}

/// Tries the keys on all credentials, and looks for the keys of everything else.
///
/// # Errors
///
/// If the database cannot be read, or a text in it is not sealed.
pub async fn examine(store: &Store, vault: &Vault) -> Result<Examined, VaultError> {
    let own: BTreeSet<String> = vault.key_ids().into_iter().collect();
    let used = in_use(store).await?;
    let missing = used.into_iter().filter(|id| !own.contains(id)).collect::<BTreeSet<_>>();
    let mut examined = Examined { missing: missing.into_iter().collect(), ..Examined::default() };
    let mut after = None;
    loop {
        let rows = store.sealed_after(after.as_ref(), PAGE).await?;
        let Some(last) = rows.last() else { return Ok(examined) };
        after = Some(last.account.clone());
        for row in rows {
            let opens = row.sealed.iter().all(|(field, sealed)| {
                let hosts = row.field_hosts.get(field).unwrap_or(&row.hosts);
                let binding = Binding { project: &row.project, owner: row.account.as_str(), field, hosts };
                vault.open(&binding, sealed).is_ok()
            });
            match (row.sealed.is_empty(), opens) {
                (true, _) => {}
                (false, true) => examined.opened += 1,
                (false, false) => examined.unreadable.push(row.account),
            }
        }
    }
}

/// The identifiers of all keys that something in the database is sealed with.
pub async fn keys_needed(store: &Store) -> Result<Vec<String>, VaultError> {
    Ok(in_use(store).await?.into_iter().collect::<BTreeSet<_>>().into_iter().collect())
}
