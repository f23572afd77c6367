//! Rotation: a new key seals from now on, and what older ones sealed is sealed anew, while hosts go on.

use std::collections::{BTreeMap, HashSet};

use super::keyring::Key;
use super::{Binding, Vault, VaultError, bodies, named, seal};
use crate::model::{AccountId, By};
use crate::store::{OAuthClient, SealedRow, Secrets, Store, WebhookRow};

/// Rows read at a time: a few hundred kilobytes.
pub(super) const PAGE: u32 = 200;

/// How often a row that changes under our hands is tried: each time somebody else has just stored a credential, so
/// more than a few in a row means a fault.
const MAX_TRIES: u32 = 10;

/// How far a rotation is, or was at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Accounts whose credential was sealed anew.
    pub resealed: u64,
    /// Accounts whose credential the current key had sealed already, or that have none.
    pub kept: u64,
    /// Accounts whose credential does not open: left as they are, to be connected again.
    pub unreadable: Vec<AccountId>,
    /// Webhooks whose secrets were sealed anew.
    pub webhooks: u64,
    /// Named secrets that were sealed anew.
    pub secrets: u64,
    /// OAuth clients whose secrets were sealed anew.
    pub clients: u64,
    /// Texts that are no credentials and were sealed anew.
    pub bodies: u64,
    /// Texts that are no credentials and do not open: left as they are.
    pub unreadable_bodies: u64,
}

/// Makes a new current key and seals everything with it. Older keys stay, for hosts that still read what they sealed
/// before; [`drop_unused`] removes them.
///
/// Hosts that run meanwhile look at the key file before they seal, and when they meet a key that they do not know, so
/// they need no restart. `progress` is called after each page.
pub async fn rotate(
    store: &Store,
    vault: &Vault,
    by: &By,
    progress: impl FnMut(&Rotated),
) -> Result<Rotated, VaultError> {
    vault.change_file(|ring| ring.with_current(Key::new(&vault.random)))?;
    store.note_master_key(&vault.current_key_id()).await?;
    reseal(store, vault, by, progress).await
}

/// Seals with the current key what others sealed. For keys from the environment, after the new one was put first.
pub async fn reseal(
    store: &Store,
    vault: &Vault,
    by: &By,
    mut progress: impl FnMut(&Rotated),
) -> Result<Rotated, VaultError> {
    let mut rotated = Rotated::default();
    let mut after = None;
    loop {
        let rows = store.sealed_after(after.as_ref(), PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.account.clone());
        for row in rows {
            reseal_row(store, vault, by, row, &mut rotated).await?;
        }
        progress(&rotated);
    }
    rotated.webhooks = reseal_webhooks(store, vault, by).await?;
    rotated.secrets = named::reseal(store, vault, by, PAGE).await?;
    rotated.clients = reseal_clients(store, vault, by).await?;
    bodies::reseal(store, vault, by, &mut rotated, &mut progress).await?;
    Ok(rotated)
}

/// Removes keys from the file that nothing in the database is sealed with; gives their identifiers. The current key
/// stays. Not while a host is being stopped or started: one that has just read an old key could still use it.
pub async fn drop_unused(store: &Store, vault: &Vault) -> Result<Vec<String>, VaultError> {
    let unused: HashSet<String> = unused(store, vault).await?.into_iter().collect();
    let mut before = Vec::new();
    vault.change_file(|ring| {
        before = ring.ids();
        Ok(ring.retain(|id| !unused.contains(id)))
    })?;
    let left = vault.key_ids();
    let dropped: Vec<String> = before.into_iter().filter(|id| !left.contains(id)).collect();
    for id in &dropped {
        store.forget_master_key(id).await?;
    }
    Ok(dropped)
}

/// The older keys that nothing in the database is sealed with. The current key is none of them, nor is one that a rotation
/// makes an older one while we look.
pub async fn unused(store: &Store, vault: &Vault) -> Result<Vec<String>, VaultError> {
    vault.reload()?;
    let older: Vec<String> = vault.key_ids().into_iter().skip(1).collect();
    let in_use = in_use(store).await?;
    Ok(older.into_iter().filter(|id| !in_use.contains(id)).collect())
}

/// The keys that something in the database is sealed with.
pub(super) async fn in_use(store: &Store) -> Result<HashSet<String>, VaultError> {
    let mut in_use = HashSet::new();
    let mut after = None;
    loop {
        let rows = store.sealed_after(after.as_ref(), PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.account.clone());
        for sealed in rows.iter().flat_map(|row| row.sealed.values()) {
            in_use.insert(seal::Parts::of(sealed)?.key_id.to_owned());
        }
    }
    // Of the rest the first characters say it.
    for sealed in store.sealed_body_starts().await? {
        in_use.extend(sealed.split('.').nth(1).map(str::to_owned));
    }
    for sealed in store.sealed_revocations().await? {
        in_use.insert(seal::Parts::of(&sealed)?.key_id.to_owned());
    }
    Ok(in_use)
}

async fn reseal_row(
    store: &Store,
    vault: &Vault,
    by: &By,
    row: SealedRow,
    rotated: &mut Rotated,
) -> Result<(), VaultError> {
    let mut row = row;
    for _ in 0..MAX_TRIES {
        match sealed_anew(vault, &row) {
            Ok(None) => {
                rotated.kept += 1;
                return Ok(());
            }
            Ok(Some(sealed)) => {
                if store.replace_sealed(by, &row, &sealed).await? {
                    rotated.resealed += 1;
                    return Ok(());
                }
            }
            Err(VaultError::Tampered | VaultError::Malformed | VaultError::UnknownKey { .. }) => {
                rotated.unreadable.push(row.account);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        // Somebody stored another credential, or removed the account, since it was read.
        row = match store.sealed_row(&row.account).await? {
            Some(row) => row,
            None => return Ok(()),
        };
    }
    Err(VaultError::Busy { account: row.account })
}

/// Seals the secrets of all webhooks with the current key; gives how many it changed. One that does not open is told in the
/// log: its webhook has to be rotated.
async fn reseal_webhooks(store: &Store, vault: &Vault, by: &By) -> Result<u64, VaultError> {
    let (mut resealed, mut after) = (0, None);
    loop {
        let rows = store.webhooks_after(after.as_ref(), PAGE).await?;
        let Some(last) = rows.last() else { return Ok(resealed) };
        after = Some(last.webhook.id.clone());
        for row in rows {
            match webhook_sealed_anew(vault, &row) {
                Ok(None) => {}
                Ok(Some(anew)) => resealed += u64::from(store.reseal_webhook(by, &row, &anew).await?),
                Err(error) => tracing::warn!(webhook = %row.webhook.id, %error, "a webhook's secret does not open"),
            }
        }
    }
}

/// Seals the secrets of all OAuth clients with the current key; gives how many it changed. One that does not open is told
/// in the log: its connection has to be given its client again.
async fn reseal_clients(store: &Store, vault: &Vault, by: &By) -> Result<u64, VaultError> {
    let (mut resealed, mut after) = (0, None);
    loop {
        let clients = store.oauth_clients_after(after.as_ref(), PAGE).await?;
        let Some(last) = clients.last() else { return Ok(resealed) };
        after = Some(last.id.clone());
        for client in clients {
            match client_sealed_anew(vault, &client) {
                Ok(None) => {}
                Ok(Some(anew)) => resealed += u64::from(store.reseal_oauth_client(by, &client, &anew).await?),
                Err(error) => tracing::warn!(client = %client.id, %error, "an OAuth client's secret does not open"),
            }
        }
    }
}

/// The same secret sealed with the current key; `None` if it is, or there is none.
fn client_sealed_anew(vault: &Vault, client: &OAuthClient) -> Result<Option<String>, VaultError> {
    let Some(sealed) = &client.secret else { return Ok(None) };
    if seal::Parts::of(sealed)?.key_id == vault.current_key_id() {
        return Ok(None);
    }
    let binding = Binding::of_oauth_client(client);
    vault.seal(&binding, &vault.open(&binding, sealed)?).map(Some)
}

/// The same secrets sealed with the current key; `None` if they are.
fn webhook_sealed_anew(vault: &Vault, row: &WebhookRow) -> Result<Option<Secrets>, VaultError> {
    let (current, binding) = (vault.current_key_id(), Binding::of_webhook(&row.webhook));
    let anew = |sealed: &String| match seal::Parts::of(sealed)?.key_id == current {
        true => Ok(sealed.clone()),
        false => vault.seal(&binding, &vault.open(&binding, sealed)?),
    };
    let previous = row.secrets.previous.as_ref().map(anew).transpose()?;
    let secrets = Secrets { current: anew(&row.secrets.current)?, previous };
    Ok((secrets != row.secrets).then_some(secrets))
}

/// The same fields sealed with the current key; `None` if they are.
fn sealed_anew(vault: &Vault, row: &SealedRow) -> Result<Option<BTreeMap<String, String>>, VaultError> {
    let current = vault.current_key_id();
    let mut stale = false;
    for sealed in row.sealed.values() {
        stale |= seal::Parts::of(sealed)?.key_id != current;
    }
    if !stale {
        return Ok(None);
    }
    let mut anew = BTreeMap::new();
    for (field, sealed) in &row.sealed {
        let hosts = row.field_hosts.get(field).unwrap_or(&row.hosts);
        let binding = Binding { project: &row.project, owner: row.account.as_str(), field, hosts };
        anew.insert(field.clone(), vault.seal(&binding, &vault.open(&binding, sealed)?)?);
    }
    Ok(Some(anew))
}
