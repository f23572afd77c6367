//! The first admin key: from the environment, or made once and shown once.

use super::AppError;
use crate::identity;
use crate::model::{By, Clock, KeyId, ProjectId, Random, Role, Secret};
use crate::store::{ApiKey, Store, StoreError};

/// Makes sure of an admin key. The clear text, if one was made and has to be shown.
pub(super) async fn ensure(
    store: &Store,
    project: &ProjectId,
    given: Option<Secret>,
    clock: &Clock,
    random: &Random,
) -> Result<Option<String>, AppError> {
    let (clear, hash) = match given {
        Some(given) => {
            let given = given.into_public();
            let hash = identity::hash_key(&given).ok_or_else(|| {
                AppError::AdminKey("it must be `gp_` and at least 32 letters, digits, `-` or `_`".into())
            })?;
            if store.find_key(&hash).await?.is_some() {
                return Ok(None);
            }
            (None, hash)
        }
        None if store.count_admin_keys(project).await? > 0 => return Ok(None),
        None => {
            let (clear, hash) = identity::new_key(random);
            (Some(clear), hash)
        }
    };
    let key = ApiKey {
        id: KeyId::new(clock, random),
        project: project.clone(),
        role: Role::Admin,
        identifier: None,
        profile: None,
        scopes: None,
        name: "first admin key".into(),
        created_at: clock.now(),
    };
    match store.insert_key(&By::host(key.created_at), &key, &hash).await {
        // Another host on the same database, with the same environment, was faster by a moment.
        Err(StoreError::Conflict(_)) => Ok(None),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(clear),
    }
}
