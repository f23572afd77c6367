//! Copies of a whole SQLite database: made while hosts write to it, and made ready for the one that goes on from it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::row::Columns;
use super::{Act, Detail, Store, StoreError, pool};
use crate::config::Database;
use crate::model::{Action, By, Chain, ProjectId};

impl Store {
    /// Opens the database as it is, only to read: neither made nor brought up to date.
    ///
    /// What is of another version may not be readable; then methods fail.
    pub async fn open_as_it_is(database: &Database) -> Result<Self, StoreError> {
        let (kind, read) = pool::open_as_it_is(database).await?;
        Ok(Self::of(kind, read.clone(), read))
    }

    /// Writes a copy of a SQLite database, as it is at one moment, to a new file that only its owner can read. Whoever
    /// writes to the database meanwhile need not wait.
    ///
    /// # Errors
    ///
    /// A conflict if the file is there. The file is not complete before this has returned without an error.
    pub async fn copy_sqlite(from: &Path, to: &Path) -> Result<(), StoreError> {
        let unusable = |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", to.display()));
        if to.exists() {
            return Err(StoreError::Conflict(format!("{} is there already", to.display())));
        }
        pool::copy_sqlite(from, to).await?;
        File::open(to).and_then(|file| file.sync_all()).map_err(unusable)
    }

    /// Makes a copy the database of a host to come: calls that ran when it was made have an outcome that nobody knows, and
    /// each chain notes where it goes on. `chains` are those of the copy, as they were verified.
    pub async fn note_restored(&self, by: &By, chains: &[Chain]) -> Result<(), StoreError> {
        for host in self.hosts_that_ran().await? {
            self.recover_started(&host, by.at).await?;
        }
        let mut transaction = self.begin().await?;
        let acts = chains.iter().filter_map(|chain| {
            let project = ProjectId::parse(chain.project())?;
            let rows = u64::try_from(chain.head().seq).unwrap_or_default();
            let detail = Detail::default().number("rows", rows).with("head", &chain.head().hash);
            Some(Act::new(&project, by, Action::DatabaseRestored, project.as_str()).detail(detail))
        });
        let acts: Vec<Act> = acts.collect();
        self.inner.ledger.append(&mut transaction, &acts).await?;
        Ok(transaction.commit().await?)
    }

    /// Ends all connections to a SQLite database with everything in its one file, so that this can be moved.
    pub async fn close_sqlite(self) -> Result<(), StoreError> {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(self.write()).await?;
        self.close().await;
        Ok(())
    }

    /// Hosts that had calls running when this was written.
    async fn hosts_that_ran(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT DISTINCT host FROM executions WHERE status = 'started'";
        let rows = sqlx::query(sql).fetch_all(self.read()).await?;
        rows.iter().map(|row| Columns::of(row).text()).collect()
    }
}

/// A new file of a database that is not complete yet: gone, with what SQLite keeps beside it, unless it is moved to its
/// place.
#[derive(Debug)]
pub struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    /// Beside the place where it will be.
    ///
    /// # Errors
    ///
    /// A conflict if there is something in that place.
    pub fn beside(place: &Path) -> Result<Self, StoreError> {
        if place.exists() {
            return Err(StoreError::Conflict(format!("{} is there already", place.display())));
        }
        let mut name = place.as_os_str().to_owned();
        name.push(".unfinished");
        let unfinished = Self { path: name.into() };
        // What a process left that was ended.
        unfinished.remove();
        Ok(unfinished)
    }

    /// Where it is now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves it to its place, for good. Nothing that is there is replaced.
    pub fn finish(self, place: &Path) -> Result<(), StoreError> {
        let unusable = |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", place.display()));
        File::open(&self.path).and_then(|file| file.sync_all()).map_err(unusable)?;
        // A link, unlike a rename, never replaces.
        fs::hard_link(&self.path, place).map_err(unusable)?;
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all()).map_err(unusable)
    }

    fn remove(&self) {
        for ending in ["", "-wal", "-shm", "-journal"] {
            let mut name = self.path.as_os_str().to_owned();
            name.push(ending);
            // Most of these are not there.
            let _ = fs::remove_file(PathBuf::from(name));
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.remove();
    }
}
