//! Lesson 18: limits live in the configuration and in code, never in rows, so that a better number needs no migration.

use gloveport::config::Database;
use gloveport_tests::host::TestHost;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use super::fixture::{Fixture, on_both};

/// Words of a column's name that make it a limit.
const LIMITS: [&str; 10] =
    ["limit", "max", "min", "timeout", "quota", "budget", "ttl", "retention", "concurrency", "capacity"];

/// Columns with a default, and their tables: counters, which begin at nothing.
const COUNTERS: [(&str, &str); 8] = [
    ("declarations", "revision"),
    ("executions", "total_us"),
    ("executions", "guest_us"),
    ("executions", "upstream_us"),
    ("executions", "requests"),
    ("executions", "bytes_sent"),
    ("executions", "bytes_received"),
    ("executions", "scrubbed"),
];

/// Table, column, and its default as the database has it.
type Column = (String, String, Option<String>);

/// Asks SQLite for all columns of our tables.
const OF_SQLITE: &str = "SELECT t.name, c.name, c.dflt_value FROM sqlite_master t, pragma_table_info(t.name) c \
    WHERE t.type = 'table' AND t.name NOT LIKE '%sqlx%' AND t.name NOT LIKE 'sqlite%'";

/// Asks PostgreSQL for them.
const OF_POSTGRES: &str = "SELECT table_name::text, column_name::text, column_default::text \
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '%sqlx%'";

/// Every column of our tables.
async fn columns(database: &Database) -> Vec<Column> {
    match database {
        Database::Sqlite(path) => {
            let mut connection = SqliteConnectOptions::new().filename(path).read_only(true).connect().await.unwrap();
            sqlx::query_as(OF_SQLITE).fetch_all(&mut connection).await.unwrap()
        }
        Database::Postgres(url) => {
            let mut connection = PgConnection::connect(url).await.unwrap();
            sqlx::query_as(OF_POSTGRES).fetch_all(&mut connection).await.unwrap()
        }
    }
}

#[tokio::test]
async fn no_row_holds_a_limit_and_no_column_has_one_as_its_default() {
    on_both(async |fixture: Fixture| {
        let columns = columns(&fixture.database).await;
        assert!(columns.iter().any(|(table, column, _)| table == "executions" && column == "status"), "{columns:?}");
        for (table, column, default) in &columns {
            assert!(!column.split('_').any(|word| LIMITS.contains(&word)), "{table}.{column} looks like a limit");
            let Some(default) = default else { continue };
            assert!(COUNTERS.contains(&(table, column)), "{table}.{column} has {default}");
            assert!(matches!(default.as_str(), "0" | "'0'::bigint"), "{table}.{column} begins at {default}");
        }
        let with_default = columns.iter().filter(|(_, _, default)| default.is_some()).count();
        assert_eq!(with_default, COUNTERS.len());
    })
    .await;
}

/// The operator's number holds from the next start on, on the data of the last one.
#[tokio::test]
async fn a_new_limit_needs_a_restart_and_no_migration() {
    let mut host = TestHost::spawn_child_with(&["--max-concurrent-calls", "3"]).await;
    for (limit, expected) in [(None, "3"), (Some("7"), "7"), (Some("2"), "2")] {
        if let Some(limit) = limit {
            host.terminate().await;
            assert_eq!(host.exit_code().await, Some(0));
            host.restart_child_with(&["--max-concurrent-calls", limit]).await;
        }
        let answer = host.client().get("/metrics").await;
        let figures = String::from_utf8(answer.body.to_vec()).unwrap();
        let slots = figures.lines().find(|line| line.starts_with("gloveport_pool_slots ")).unwrap();
        assert_eq!(slots.split(' ').next_back(), Some(expected), "{slots}");
    }
}
