//! Rotation of what is sealed and no credential: what calls were asked, told and answered, and what signs tokens.

use super::rotate::Rotated;
use super::{Body, Vault, VaultError, seal};
use crate::model::By;
use crate::store::{SEALED_COLUMNS, SealedColumn, Store};

/// Texts read at a time: each may have some megabytes.
const PAGE: u32 = 16;

/// Seals with the current key what others sealed. `progress` is called after each page.
///
/// A text that changes meanwhile is left: whoever changed it sealed it with the current key, or just before there was one,
/// and going over all of it once more finds that.
pub(super) async fn reseal(
    store: &Store,
    vault: &Vault,
    by: &By,
    rotated: &mut Rotated,
    progress: &mut impl FnMut(&Rotated),
) -> Result<(), VaultError> {
    for column in &SEALED_COLUMNS {
        let mut after = String::new();
        while page(store, vault, by, (column, &mut after), rotated).await? {
            progress(rotated);
        }
    }
    Ok(())
}

/// Seals the next texts of a column; whether there were some.
async fn page(
    store: &Store,
    vault: &Vault,
    by: &By,
    (column, after): (&SealedColumn, &mut String),
    rotated: &mut Rotated,
) -> Result<bool, VaultError> {
    let start = seal::start(&vault.current_key_id());
    let bodies = store.sealed_bodies_after(column, &start, after, PAGE).await?;
    let Some(last) = bodies.last() else { return Ok(false) };
    after.clone_from(&last.record);
    let sealing = vault.sealing()?;
    let mut anew = Vec::with_capacity(bodies.len());
    for body in bodies {
        let whose = Body { project: &body.project, record: &body.record, part: column.part };
        match vault.open_body(&whose, &body.sealed) {
            Ok(clear) => {
                let sealed = sealing.seal(&whose, &clear)?;
                anew.push((body, sealed));
            }
            Err(VaultError::Tampered | VaultError::Malformed | VaultError::UnknownKey { .. }) => {
                rotated.unreadable_bodies += 1;
            }
            Err(error) => return Err(error),
        }
    }
    rotated.bodies += store.reseal_bodies(by, column, &anew).await?;
    Ok(true)
}
