//! Opens the pools of connections and brings the tables up to date.

use std::fs::OpenOptions;
use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::migrate::Migrator;
use sqlx::{Any, AnyPool, Connection as _, Executor as _, Transaction};

use super::{Kind, StoreError};
use crate::config::Database;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Threads that read a SQLite file. A read takes some ten microseconds, so a few serve thousands of calls per second.
const SQLITE_READERS: u32 = 4;

/// Connections to PostgreSQL per host: six hosts stay below its default limit of 100.
const POSTGRES_CONNECTIONS: u32 = 16;

/// How long a statement waits for a connection: longer than any of ours takes, shorter than a caller's patience.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to PostgreSQL that was idle for this long is tried before it is used: it may have been cut.
const IDLE_BEFORE_PING: Duration = Duration::from_secs(5);

/// What every connection to SQLite is set to. `synchronous = FULL` makes each commit wait for the disk, so that a
/// call of which a provider already knows is not forgotten in a power failure: see decisions/0003-durability.md.
/// `busy_timeout` (milliseconds) is for another process that writes, such as a command beside a running host.
const SQLITE_PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                              PRAGMA foreign_keys = ON;";

const SQLITE_READER_PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; PRAGMA query_only = ON;";

/// Opens the pools for reading and writing, with all migrations applied.
pub(super) async fn open(database: &Database) -> Result<(Kind, AnyPool, AnyPool), StoreError> {
    install_default_drivers();
    match database {
        Database::Sqlite(path) => open_sqlite(path).await,
        Database::Postgres(url) => open_postgres(url).await,
    }
}

/// Begins a transaction that writes.
pub(super) async fn begin(kind: Kind, write: &AnyPool) -> Result<Transaction<'static, Any>, StoreError> {
    Ok(match kind {
        // Takes the write lock at once: a transaction that reads first and then finds another process writing could
        // not wait, only fail.
        Kind::Sqlite => write.begin_with("BEGIN IMMEDIATE").await?,
        Kind::Postgres => write.begin().await?,
    })
}

async fn open_sqlite(path: &Path) -> Result<(Kind, AnyPool, AnyPool), StoreError> {
    make_private(path)?;
    let options = AnyConnectOptions::from_str(&sqlite_url(path)?)?;
    let write = sqlite_pool(1, SQLITE_PRAGMAS).connect_with(options.clone()).await?;
    migrate_sqlite(&write).await?;
    let read = sqlite_pool(SQLITE_READERS, SQLITE_READER_PRAGMAS).connect_with(options).await?;
    Ok((Kind::Sqlite, read, write))
}

async fn open_postgres(url: &str) -> Result<(Kind, AnyPool, AnyPool), StoreError> {
    let options = AnyConnectOptions::from_str(url)?;
    let pool = AnyPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for > IDLE_BEFORE_PING {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await?;
    // Hosts that start together wait for each other at an advisory lock.
    MIGRATIONS.run(&pool).await?;
    Ok((Kind::Postgres, pool.clone(), pool))
}

fn sqlite_pool(connections: u32, pragmas: &'static str) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A file cannot hang up, and reopening it would only lose the prepared statements.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(pragmas).await?;
                Ok(())
            })
        })
}

/// SQLite has no advisory lock: one transaction around all migrations makes processes that start together wait.
async fn migrate_sqlite(write: &AnyPool) -> Result<(), StoreError> {
    let mut transaction = begin(Kind::Sqlite, write).await?;
    MIGRATIONS.run(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

/// Makes the file readable by its owner only; SQLite gives its side files the same mode.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Unavailable(format!("cannot make {}: {error}", path.display()))),
    }
}

/// Anything but these would have a meaning in a URL.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

fn sqlite_url(path: &Path) -> Result<String, StoreError> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let Some(text) = absolute.to_str() else {
        return Err(StoreError::Unavailable(format!("{} is not UTF-8", path.display())));
    };
    Ok(format!("sqlite://{}?mode=rw", utf8_percent_encode(text, ESCAPED)))
}
