//! What every call reads and hardly anything writes, kept in memory while this process is the only writer.
//!
//! Exact, not merely recent: a change empties it before the change is answered, and a read that began before a change
//! is not kept. It is off until [`super::Store::claim`] has made sure of the only writer, so never on PostgreSQL, where
//! other hosts write too. What is kept is as the database has it: credentials are sealed.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{ApiKey, CallContext, ContextQuery, StoreError, Subject};
use crate::model::{AccountId, ProjectId};

/// Entries of each kind, after which it is emptied: a context has about two kilobytes, so these are some ten megabytes.
const MAX_ENTRIES: usize = 4_096;

/// Everything that the answer depends on, the account's user among it (lesson 6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ContextKey {
    pub(super) project: ProjectId,
    pub(super) connector: String,
    pub(super) connection: Option<String>,
    pub(super) identifier: Option<String>,
    pub(super) organization: Option<String>,
    pub(super) account: Option<AccountId>,
}

impl ContextKey {
    pub(super) fn of(project: &ProjectId, wanted: &ContextQuery<'_>) -> Self {
        Self {
            project: project.clone(),
            connector: wanted.connector.to_owned(),
            connection: wanted.connection.map(str::to_owned),
            identifier: wanted.identifier.map(str::to_owned),
            organization: wanted.organization.map(str::to_owned),
            account: wanted.account.cloned(),
        }
    }
}

#[derive(Default)]
pub(super) struct Cache(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// The lock on the data; nothing is kept without it.
    claim: Option<File>,
    generation: u64,
    keys: HashMap<String, ApiKey>,
    contexts: HashMap<ContextKey, Vec<Arc<CallContext>>>,
    revisions: HashMap<(Subject, ProjectId), i64>,
}

/// A read under way: what it brings is kept only if nothing has changed since.
#[derive(Clone, Copy)]
pub(super) struct Reading(u64);

/// A change under way: when it ends, however it ends, what was kept is forgotten.
pub(super) struct Changing<'a>(&'a Cache);

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        let mut kept = self.0.lock();
        kept.generation += 1;
        kept.keys.clear();
        kept.contexts.clear();
        kept.revisions.clear();
    }
}

impl Cache {
    /// Takes the lock on a SQLite file. It goes with the process, however that ends.
    pub(super) fn claim(&self, database: &Path) -> Result<(), StoreError> {
        let path = database.with_extension("lock");
        let unusable = |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
        let file = File::create(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {
                self.lock().claim = Some(file);
                Ok(())
            }
            Err(TryLockError::WouldBlock) => Err(StoreError::Conflict(
                "another host runs on this data folder: stop it, or use another folder".into(),
            )),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// Lets others claim the data; nothing is kept any more.
    pub(super) fn release(&self) {
        let _forgets = self.changing();
        self.lock().claim = None;
    }

    pub(super) fn changing(&self) -> Changing<'_> {
        Changing(self)
    }

    /// The key if it is kept, or else what keeping it later takes.
    pub(super) fn key(&self, hash: &str) -> Result<ApiKey, Reading> {
        let kept = self.lock();
        kept.keys.get(hash).cloned().ok_or(Reading(kept.generation))
    }

    pub(super) fn keep_key(&self, reading: Reading, hash: &str, key: &ApiKey) {
        let mut kept = self.lock();
        if kept.still(reading) {
            make_room(&mut kept.keys);
            kept.keys.insert(hash.to_owned(), key.clone());
        }
    }

    /// The contexts if they are kept, or else what keeping them later takes.
    pub(super) fn contexts(&self, wanted: &ContextKey) -> Result<Vec<Arc<CallContext>>, Reading> {
        let kept = self.lock();
        kept.contexts.get(wanted).cloned().ok_or(Reading(kept.generation))
    }

    pub(super) fn keep_contexts(&self, reading: Reading, wanted: ContextKey, found: &[Arc<CallContext>]) {
        let mut kept = self.lock();
        if kept.still(reading) {
            make_room(&mut kept.contexts);
            kept.contexts.insert(wanted, found.to_vec());
        }
    }

    /// The revision of a project's policies or profiles if it is kept, or else what keeping it later takes.
    pub(super) fn revision(&self, of: Subject, project: &ProjectId) -> Result<i64, Reading> {
        let kept = self.lock();
        kept.revisions.get(&(of, project.clone())).copied().ok_or(Reading(kept.generation))
    }

    pub(super) fn keep_revision(&self, reading: Reading, of: Subject, project: &ProjectId, revision: i64) {
        let mut kept = self.lock();
        if kept.still(reading) {
            make_room(&mut kept.revisions);
            kept.revisions.insert((of, project.clone()), revision);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nobody panics with the lock held; and if, what is kept is whole at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn still(&self, reading: Reading) -> bool {
        self.claim.is_some() && self.generation == reading.0
    }
}

fn make_room<K, V>(map: &mut HashMap<K, V>) {
    if map.len() >= MAX_ENTRIES {
        map.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Clock, KeyId, Random, Role, Timestamp};

    fn key() -> ApiKey {
        let (clock, random) = (Clock::system(), Random::system());
        ApiKey {
            id: KeyId::new(&clock, &random),
            project: ProjectId::new(&clock, &random),
            role: Role::Agent,
            identifier: None,
            profile: None,
            scopes: None,
            name: String::new(),
            created_at: Timestamp(0),
        }
    }

    #[test]
    fn nothing_is_kept_without_the_claim_or_across_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, key) = (Cache::default(), key());
        let reading = cache.key("h").unwrap_err();
        cache.keep_key(reading, "h", &key);
        assert!(cache.key("h").is_err(), "without the claim");

        cache.claim(&folder.path().join("a.db")).unwrap();
        cache.keep_key(reading, "h", &key);
        assert_eq!(cache.key("h").ok(), Some(key.clone()));

        drop(cache.changing());
        let reading = cache.key("h").unwrap_err();
        let change = cache.changing();
        drop(change);
        cache.keep_key(reading, "h", &key);
        assert!(cache.key("h").is_err(), "the read began before the change");
    }

    #[test]
    fn one_host_claims_the_data_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let (first, second) = (Cache::default(), Cache::default());
        first.claim(&path).unwrap();
        assert!(matches!(second.claim(&path), Err(StoreError::Conflict(_))));
        first.release();
        second.claim(&path).unwrap();
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, key) = (Cache::default(), key());
        cache.claim(&folder.path().join("a.db")).unwrap();
        for number in 0..=MAX_ENTRIES {
            let hash = number.to_string();
            let reading = cache.key(&hash).unwrap_err();
            cache.keep_key(reading, &hash, &key);
        }
        assert_eq!(cache.lock().keys.len(), 1);
    }
}
