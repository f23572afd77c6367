//! Opens the pools of connections and brings the tables up to date.

use std::fs::OpenOptions;
use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::migrate::Migrator;
use sqlx::{Any, AnyConnection, AnyPool, Connection as _, Executor as _, Transaction};

use super::{Kind, StoreError};
use crate::config::Database;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Threads that read a SQLite file. A read takes some ten microseconds, so a few serve thousands of calls per second.
const SQLITE_READERS: u32 = 4;

/// Connections to PostgreSQL per host: six hosts stay below its default limit of 100.
const POSTGRES_CONNECTIONS: u32 = 16;

/// How long a statement waits for a connection: longer than any of ours takes, shorter than a caller's patience.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to PostgreSQL that was idle for this long is tried before it is used: it may have been cut.
const IDLE_BEFORE_PING: Duration = Duration::from_secs(5);

/// What every connection to SQLite is set to. `synchronous = FULL` makes each commit wait for the disk, so that a
/// call of which a provider already knows is not forgotten in a power failure: see decisions/0003-durability.md.
/// `busy_timeout` (milliseconds) is for another process that writes, such as a command beside a running host.
pub(super) const SQLITE_PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
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

/// Opens a pool that only reads a database that exists, as it is.
pub(super) async fn open_as_it_is(database: &Database) -> Result<(Kind, AnyPool), StoreError> {
    install_default_drivers();
    let (kind, url, settings) = match database {
        Database::Sqlite(path) => (Kind::Sqlite, sqlite_url(path)?, SQLITE_READER_PRAGMAS),
        Database::Postgres(url) => (Kind::Postgres, url.clone(), "SET default_transaction_read_only = on"),
    };
    let options = AnyConnectOptions::from_str(&url)?;
    let pool = AnyPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE_TIMEOUT);
    let pool = pool.after_connect(move |connection, _| {
        Box::pin(async move {
            connection.execute(settings).await?;
            Ok(())
        })
    });
    Ok((kind, pool.connect_with(options).await?))
}

/// Copies a SQLite database as it is at one moment. SQLite reads it as any reader does, so nobody waits.
pub(super) async fn copy_sqlite(from: &Path, to: &Path) -> Result<(), StoreError> {
    install_default_drivers();
    let Some(target) = to.to_str() else {
        return Err(StoreError::Unavailable(format!("{} is not UTF-8", to.display())));
    };
    let mut connection = AnyConnection::connect_with(&AnyConnectOptions::from_str(&sqlite_url(from)?)?).await?;
    connection.execute("PRAGMA busy_timeout = 5000").await?;
    // SQLite would make it readable by others; it takes an empty file for none.
    make_private(to)?;
    sqlx::query("VACUUM INTO $1").bind(target).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// Looks at a database that exists, without changing it.
pub(super) async fn examine(database: &Database) -> Result<(), StoreError> {
    install_default_drivers();
    match database {
        Database::Sqlite(path) => {
            let options = AnyConnectOptions::from_str(&sqlite_url(path)?)?;
            let mut connection = AnyConnection::connect_with(&options).await?;
            connection.execute(SQLITE_READER_PRAGMAS).await?;
            let found: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut connection).await?;
            connection.close().await?;
            if found == "ok" { Ok(()) } else { Err(StoreError::Corrupt(found)) }
        }
        Database::Postgres(url) => {
            let options = AnyConnectOptions::from_str(url)?;
            let connect = AnyConnection::connect_with(&options);
            let no_answer = || StoreError::Unavailable("it does not answer in time".into());
            let mut connection = tokio::time::timeout(ACQUIRE_TIMEOUT, connect).await.map_err(|_| no_answer())??;
            connection.ping().await?;
            Ok(connection.close().await?)
        }
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
    migrate_sqlite(&options).await?;
    let write = sqlite_pool(1, SQLITE_PRAGMAS).connect_with(options.clone()).await?;
    let read = sqlite_pool(SQLITE_READERS, SQLITE_READER_PRAGMAS).connect_with(options).await?;
    Ok((Kind::Sqlite, read, write))
}

async fn open_postgres(url: &str) -> Result<(Kind, AnyPool, AnyPool), StoreError> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(StoreError::Unavailable("its URL does not begin with postgres://".into()));
    }
    let options = AnyConnectOptions::from_str(url)?;
    migrate_postgres(&options).await?;
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
    Ok((Kind::Postgres, pool.clone(), pool))
}

pub(super) fn sqlite_pool(connections: u32, pragmas: &'static str) -> AnyPoolOptions {
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

/// Migrates over a connection of its own: a pool would try again until its timeout, and then not say why it failed.
/// SQLite has no advisory lock: one transaction around all migrations makes processes that start together wait.
async fn migrate_sqlite(options: &AnyConnectOptions) -> Result<(), StoreError> {
    let mut connection = AnyConnection::connect_with(options).await?;
    connection.execute(SQLITE_PRAGMAS).await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    MIGRATIONS.run(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(connection.close().await?)
}

/// Hosts that start together wait for each other at an advisory lock.
async fn migrate_postgres(options: &AnyConnectOptions) -> Result<(), StoreError> {
    let mut connection = AnyConnection::connect_with(options).await?;
    MIGRATIONS.run(&mut connection).await?;
    Ok(connection.close().await?)
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

#[cfg(test)]
mod tests {
    use super::super::{ApiKey, Store};
    use super::*;
    use crate::model::{By, Clock, KeyId, Random, Role};

    async fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(&Database::Sqlite(folder.path().join("gloveport.db"))).await.unwrap()
    }

    #[tokio::test]
    async fn connections_are_set_as_documented() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        for (pool, synchronous) in [(store.write(), Some(2)), (store.read(), None)] {
            let number =
                async |pragma: &'static str| sqlx::query_scalar::<_, i64>(pragma).fetch_one(pool).await.unwrap();
            assert_eq!(number("PRAGMA foreign_keys").await, 1);
            assert_eq!(number("PRAGMA busy_timeout").await, 5_000);
            if let Some(synchronous) = synchronous {
                assert_eq!(number("PRAGMA synchronous").await, synchronous, "FULL");
            }
            let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(pool).await.unwrap();
            assert_eq!(mode, "wal");
        }
        let write = sqlx::query("DELETE FROM projects").execute(store.read()).await;
        assert!(write.is_err(), "a reader wrote");
    }

    #[tokio::test]
    async fn a_full_disk_is_said_so_and_nothing_else_breaks() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let (clock, random) = (Clock::system(), Random::system());
        let project = store.default_project(&clock, &random).await.unwrap();
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(store.write()).await.unwrap();
        let limit = format!("PRAGMA max_page_count = {}", pages + 20);
        sqlx::query(sqlx::AssertSqlSafe(limit)).execute(store.write()).await.unwrap();
        let mut written = 0;
        let error = loop {
            let key = ApiKey {
                id: KeyId::new(&clock, &random),
                project: project.clone(),
                role: Role::Agent,
                identifier: None,
                profile: None,
                scopes: None,
                name: "x".repeat(10_000),
                created_at: clock.now(),
            };
            match store.insert_key(&By::host(clock.now()), &key, key.id.as_str()).await {
                Ok(()) => written += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error, StoreError::Full);
        assert!(written > 0);
        let row = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM api_keys").fetch_one(store.read()).await;
        assert_eq!(row.unwrap(), written);
    }

    #[tokio::test]
    async fn a_row_of_somebody_else_is_corrupt_and_its_value_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let project = store.default_project(&Clock::system(), &Random::system()).await.unwrap();
        sqlx::query("INSERT INTO api_keys VALUES ('key_canary', $1, 'hash', 'root', NULL, 'n', 0, NULL, NULL)")
            .bind(project.as_str())
            .execute(store.write())
            .await
            .unwrap();
        assert_eq!(store.find_key("hash").await, Err(StoreError::Corrupt("column `id` cannot be read".into())));
    }

    #[test]
    fn a_path_becomes_one_url() {
        let url = sqlite_url(Path::new("/a b/c?d#e%20/f.db")).unwrap();
        assert_eq!(url, "sqlite:///a%20b/c%3Fd%23e%2520/f.db?mode=rw");
    }
}
