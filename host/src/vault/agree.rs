//! Whether this host's master keys are those that the database's credentials are sealed with.

use super::{Vault, VaultError, seal};
use crate::store::Store;

/// Rows looked at in a database that notes no keys yet: all of them are sealed with a handful of keys.
const SAMPLE: u32 = 200;

/// Refuses keys of another database before anything is sealed with them, and notes those of this host.
///
/// A host that came with a new key of its own to a database that others share would store credentials which they cannot
/// open, and could open none of theirs.
///
/// # Errors
///
/// [`VaultError::WrongKeys`] if none of this host's keys is known to the database.
pub async fn agree(store: &Store, vault: &Vault) -> Result<(), VaultError> {
    let mut known = store.master_keys().await?;
    if known.is_empty() {
        known = sampled(store).await?;
    }
    if known.is_empty() {
        known = store.first_master_key(&vault.current_key_id()).await?;
    }
    let own = vault.key_ids();
    if !known.iter().any(|id| own.contains(id)) {
        return Err(VaultError::WrongKeys { own: own.join(", "), known: known.join(", ") });
    }
    // The older ones too: a host that has not heard of a new key yet comes with one of these.
    for id in &own {
        store.note_master_key(id).await?;
    }
    Ok(())
}

/// The keys of some credentials. One that cannot be read says nothing here; its call will say it.
async fn sampled(store: &Store) -> Result<Vec<String>, VaultError> {
    let rows = store.sealed_after(None, SAMPLE).await?;
    let sealed = rows.iter().flat_map(|row| row.sealed.values());
    let mut ids: Vec<String> =
        sealed.filter_map(|text| seal::Parts::of(text).ok()).map(|parts| parts.key_id.to_owned()).collect();
    ids.sort();
    ids.dedup();
    Ok(ids)
}
