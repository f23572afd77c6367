//! Several changes as one: a store within one transaction, whose own transactions are savepoints of it.
//!
//! What is written through it is seen by nobody else until [`Joint::commit`], and never if it is dropped, or its process
//! ends, before that. See decisions/0032-apply.md.

use std::sync::{Arc, Mutex};

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool, Connection as _, Executor as _};

use super::pool::{self, ACQUIRE_TIMEOUT};
use super::{Inner, Kind, Store, StoreError, cache};
use crate::config::fault::FaultPoint;

/// A transaction, and a store within it.
///
/// On SQLite nobody else writes while it is open, calls included: what takes long is done before it is begun.
pub struct Joint {
    store: Store,
    outer: Store,
    /// Keeps this process's other writers in their queue; otherwise SQLite would tell them that it is busy.
    ///
    /// Nobody looks into it: the lock only lets references to a joint be sent between threads.
    _place: Mutex<Option<PoolConnection<Any>>>,
}

impl Store {
    /// Begins a transaction, with a store within it.
    pub async fn join(&self) -> Result<Joint, StoreError> {
        let place = match self.inner.kind {
            Kind::Sqlite => Some(self.inner.write.acquire().await?),
            Kind::Postgres => None,
        };
        let pool = self.one_connection().await?;
        let mut connection = pool.acquire().await?;
        let begun = match self.inner.kind {
            Kind::Sqlite => connection.begin_with("BEGIN IMMEDIATE").await?,
            Kind::Postgres => connection.begin().await?,
        };
        // It stays open on the connection, which goes back into its pool of one: from now on whoever begins a transaction
        // there gets a savepoint. It borrows the connection, so nothing is lost with it.
        std::mem::forget(begun);
        drop(connection);
        let inner = Inner {
            kind: self.inner.kind,
            read: pool.clone(),
            write: pool,
            journal: self.inner.journal.clone(),
            ledger: Arc::clone(&self.inner.ledger),
            // Nobody claims it, so it keeps nothing of what may be undone.
            cache: cache::Cache::default(),
            noticed: Arc::clone(&self.inner.noticed),
            is_joint: true,
        };
        Ok(Joint { store: Store { inner: Arc::new(inner) }, outer: self.clone(), _place: Mutex::new(place) })
    }

    async fn one_connection(&self) -> Result<AnyPool, StoreError> {
        let options = AnyConnectOptions::clone(&self.inner.write.connect_options());
        let pool = match self.inner.kind {
            Kind::Sqlite => pool::sqlite_pool(1, pool::SQLITE_PRAGMAS),
            Kind::Postgres => AnyPoolOptions::new()
                .max_connections(1)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .test_before_acquire(false)
                .idle_timeout(None)
                .max_lifetime(None),
        };
        Ok(pool.connect_with(options).await?)
    }
}

impl Joint {
    /// The store within the transaction. What is read through it is what was written through it.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Marks a place to come back to with [`Joint::undo`], until [`Joint::keep`].
    pub async fn mark(&self) -> Result<(), StoreError> {
        self.execute("SAVEPOINT one_of_joint").await
    }

    /// Takes back what was written since the mark.
    pub async fn undo(&self) -> Result<(), StoreError> {
        self.execute("ROLLBACK TO SAVEPOINT one_of_joint").await?;
        self.keep().await
    }

    /// Keeps what was written since the mark, as part of the transaction.
    pub async fn keep(&self) -> Result<(), StoreError> {
        self.execute("RELEASE SAVEPOINT one_of_joint").await
    }

    /// Makes all of it true at once.
    pub async fn commit(self) -> Result<(), StoreError> {
        let outer = self.outer.clone();
        {
            let _changing = outer.inner.cache.changing();
            FaultPoint::Joining.pass();
            self.execute("COMMIT").await?;
            FaultPoint::Joined.pass();
        }
        self.store.inner.write.close().await;
        drop(self);
        outer.inner.noticed.notify_one();
        // What was to be true is true: whoever asked must not be told that it is not.
        if let Err(error) = outer.sweep_components().await {
            tracing::warn!(%error, "components that nothing uses could not be removed");
        }
        Ok(())
    }

    /// Takes all of it back.
    pub async fn cancel(self) -> Result<(), StoreError> {
        self.execute("ROLLBACK").await?;
        self.store.inner.write.close().await;
        Ok(())
    }

    async fn execute(&self, statement: &'static str) -> Result<(), StoreError> {
        self.store.inner.write.execute(statement).await?;
        Ok(())
    }
}

impl std::fmt::Debug for Joint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Joint")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Database;
    use crate::model::{By, Clock, PolicyId, ProjectId, Random};
    use crate::store::PolicyRow;

    async fn add(store: &Store, project: &ProjectId, name: &str) {
        let (clock, random) = (Clock::system(), Random::system());
        let row = PolicyRow {
            id: PolicyId::new(&clock, &random),
            project: project.clone(),
            position: 1,
            name: name.into(),
            condition: "true".into(),
            outcome: "{}".into(),
            created_at: clock.now(),
            updated_at: clock.now(),
        };
        store.put_policy(&By::host(clock.now()), &row).await.unwrap();
    }

    async fn names(store: &Store, project: &ProjectId) -> Vec<String> {
        store.policies(project).await.unwrap().rules.into_iter().map(|rule| rule.name).collect()
    }

    #[tokio::test]
    async fn it_is_there_at_once_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Database::Sqlite(folder.path().join("gloveport.db"))).await.unwrap();
        let project = store.default_project(&Clock::system(), &Random::system()).await.unwrap();
        for (end, expected) in [("drop", vec![]), ("cancel", vec![]), ("commit", vec!["a", "c"])] {
            let joint = store.join().await.unwrap();
            add(joint.store(), &project, "a").await;
            joint.mark().await.unwrap();
            add(joint.store(), &project, "b").await;
            assert_eq!(names(joint.store(), &project).await.len(), 2, "it reads what it wrote");
            joint.undo().await.unwrap();
            joint.mark().await.unwrap();
            add(joint.store(), &project, "c").await;
            joint.keep().await.unwrap();
            assert_eq!(names(&store, &project).await, Vec::<String>::new(), "{end}: others see nothing of it");
            match end {
                "drop" => drop(joint),
                "cancel" => joint.cancel().await.unwrap(),
                _ => joint.commit().await.unwrap(),
            }
            assert_eq!(names(&store, &project).await, expected, "{end}");
        }
        // The chain was appended to within all three, and goes on from what is there.
        add(&store, &project, "d").await;
        assert_eq!(names(&store, &project).await, ["a", "c", "d"]);
    }

    #[tokio::test]
    async fn who_writes_meanwhile_waits() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Database::Sqlite(folder.path().join("gloveport.db"))).await.unwrap();
        let project = store.default_project(&Clock::system(), &Random::system()).await.unwrap();
        let joint = store.join().await.unwrap();
        add(joint.store(), &project, "first").await;
        let other = tokio::spawn({
            let (store, project) = (store.clone(), project.clone());
            async move { add(&store, &project, "second").await }
        });
        tokio::task::yield_now().await;
        assert!(!other.is_finished());
        joint.commit().await.unwrap();
        other.await.unwrap();
        assert_eq!(names(&store, &project).await.len(), 2);
    }
}
