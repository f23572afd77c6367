//! What is sealed, where it is, and that a rotation finds all of it (issue 5, point 10).

use std::collections::BTreeSet;
use std::path::Path;

use gloveport::config::Database;
use gloveport::model::{ProjectId, Random};
use gloveport::store::{SEALED_COLUMNS, SealedColumn};
use gloveport::vault::{self, Body, KeySource, Vault, VaultError};
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};

use super::fixture::{Fixture, on_both};

/// Sealed columns that go by their own ways, since what is in them may be sent somewhere.
const CREDENTIALS: [(&str, &str); 5] = [
    ("accounts", "sealed"),
    ("webhooks", "secret"),
    ("webhooks", "previous"),
    ("oauth_clients", "secret"),
    ("secrets", "sealed"),
];

/// Sealed columns that are not sealed anew: their rows are gone in a while, and keep their key until then.
const SHORT_LIVED: [(&str, &str); 2] = [("revocations", "sealed"), ("auth_requests", "kept")];

/// Columns that only speak of sealed ones.
const PLAIN: [(&str, &str); 3] = [("accounts", "field_hosts"), ("secrets", "source"), ("secrets", "hosts")];

/// More than a page of each.
const ROWS: usize = 20;

/// A connection of its own to a database, for what no method of the store does.
async fn beside(database: &Database) -> AnyConnection {
    install_default_drivers();
    let url = match database {
        Database::Sqlite(path) => {
            let escaped = path.to_str().unwrap().replace('%', "%25").replace('?', "%3F").replace('#', "%23");
            format!("sqlite://{}", escaped.replace(' ', "%20"))
        }
        Database::Postgres(url) => url.clone(),
    };
    AnyConnection::connect(&url).await.unwrap()
}

async fn texts(connection: &mut AnyConnection, sql: String) -> Vec<Vec<String>> {
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| (0..row.len()).map(|at| row.get::<String, _>(at)).collect()).collect()
}

/// Name and type of each column of a table.
async fn columns(database: &Database, connection: &mut AnyConnection, table: &str) -> Vec<(String, String)> {
    let sql = match database {
        Database::Sqlite(_) => format!("SELECT name, lower(type) FROM pragma_table_info('{table}')"),
        Database::Postgres(_) => format!(
            "SELECT column_name::text, data_type::text FROM information_schema.columns WHERE table_name = '{table}' \
             AND table_schema = current_schema()"
        ),
    };
    texts(connection, sql).await.into_iter().map(|row| (row[0].clone(), row[1].clone())).collect()
}

/// Places, as `table.column`, where some text is sealed with this key.
pub(crate) async fn places_of(database: &Database, key: &str) -> BTreeSet<String> {
    let mut connection = beside(database).await;
    let sql = match database {
        Database::Sqlite(_) => "SELECT name FROM sqlite_master WHERE type = 'table'",
        Database::Postgres(_) => {
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()"
        }
    };
    let mut found = BTreeSet::new();
    for table in texts(&mut connection, sql.into()).await {
        for (column, kind) in columns(database, &mut connection, &table[0]).await {
            if kind != "text" {
                continue;
            }
            let sql = format!("SELECT COUNT(*) FROM {} WHERE {column} LIKE '%v1.{key}.%'", table[0]);
            let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap();
            if count > 0 {
                found.insert(format!("{}.{column}", table[0]));
            }
        }
    }
    found
}

/// Puts a row into the column's table: this text in the column, and in the others what the table takes.
async fn insert(f: &Fixture, at: &SealedColumn, record: &str, text: &str) {
    let mut connection = beside(&f.database).await;
    let own = |name: &str| SEALED_COLUMNS.iter().any(|other| (other.table, other.column) == (at.table, name));
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (name, kind) in columns(&f.database, &mut connection, at.table).await {
        values.push(match name.as_str() {
            name if name == at.column => format!("'{text}'"),
            name if own(name) => "''".into(),
            "project" => format!("'{}'", f.project),
            _ if kind == "text" => format!("'{record}'"),
            _ => "1".into(),
        });
        names.push(name);
    }
    // What the row belongs to is not there.
    let unbound = match f.database {
        Database::Sqlite(_) => "PRAGMA foreign_keys = OFF",
        Database::Postgres(_) => "SET session_replication_role = replica",
    };
    sqlx::query(unbound).execute(&mut connection).await.unwrap();
    let sql = format!("INSERT INTO {} ({}) VALUES ({})", at.table, names.join(", "), values.join(", "));
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
}

async fn stored(f: &Fixture, at: &SealedColumn, record: &str) -> String {
    let mut connection = beside(&f.database).await;
    let sql = format!("SELECT {} FROM {} WHERE {} = '{record}'", at.column, at.table, at.record);
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap()
}

fn vault_in(folder: &Path) -> Vault {
    Vault::load(KeySource::File(folder.join("master.key")), Random::system()).unwrap()
}

fn body<'a>(project: &'a ProjectId, at: &SealedColumn, record: &'a str) -> Body<'a> {
    Body { project, record, part: at.part }
}

/// Every such column is sealed anew, all of it, and then nothing needs the old key.
#[tokio::test]
async fn a_rotation_seals_each_column_anew() {
    on_both(async |f: Fixture| {
        let vault = vault_in(f.folder.path());
        let old = vault.current_key_id();
        for (number, at) in SEALED_COLUMNS.iter().enumerate() {
            for row in 0..ROWS {
                let record = format!("rec-{number}-{row:02}");
                let sealed = vault.seal_body(&body(&f.project, at, &record), record.as_bytes()).unwrap();
                insert(&f, at, &record, &sealed).await;
            }
        }
        let all: BTreeSet<String> = SEALED_COLUMNS.iter().map(|at| format!("{}.{}", at.table, at.column)).collect();
        assert_eq!(places_of(&f.database, &old).await, all);
        assert_eq!(vault::keys_needed(&f.store).await.unwrap(), std::slice::from_ref(&old));

        let mut told = Vec::new();
        let rotated = vault::rotate(&f.store, &vault, &f.by(), |done| told.push(done.bodies)).await.unwrap();
        let count = (SEALED_COLUMNS.len() * ROWS) as u64;
        assert_eq!((rotated.bodies, rotated.unreadable_bodies), (count, 0));
        assert_eq!((told.len(), told.last()), (2 * SEALED_COLUMNS.len(), Some(&count)), "{told:?}");
        assert_eq!(vault::reseal(&f.store, &vault, &f.by(), |_| {}).await.unwrap().bodies, 0);
        assert_eq!(places_of(&f.database, &old).await, BTreeSet::new());
        assert_eq!(places_of(&f.database, &vault.current_key_id()).await, all);
        assert_eq!(vault::unused(&f.store, &vault).await.unwrap(), std::slice::from_ref(&old));
        assert_eq!(vault::drop_unused(&f.store, &vault).await.unwrap(), [old]);
        let fresh = vault_in(f.folder.path());
        for (number, at) in SEALED_COLUMNS.iter().enumerate() {
            for row in 0..ROWS {
                let record = format!("rec-{number}-{row:02}");
                let sealed = stored(&f, at, &record).await;
                assert_eq!(fresh.open_body(&body(&f.project, at, &record), &sealed).unwrap(), record.as_bytes());
            }
        }
    })
    .await;
}

/// What does not open is counted and left, and its key stays where it is known.
#[tokio::test]
async fn what_does_not_open_is_left_with_its_key() {
    on_both(async |f: Fixture| {
        let vault = vault_in(f.folder.path());
        let elsewhere = tempfile::tempdir().unwrap();
        let other = vault_in(elsewhere.path());
        let at = &SEALED_COLUMNS[0];
        let seal = |vault: &Vault, record: &str| vault.seal_body(&body(&f.project, at, record), b"x").unwrap();
        insert(&f, at, "good", &seal(&vault, "good")).await;
        insert(&f, at, "moved", &seal(&vault, "good")).await;
        insert(&f, at, "foreign", &seal(&other, "foreign")).await;
        insert(&f, at, "junk", "not sealed").await;
        let old = vault.current_key_id();
        let rotated = vault::rotate(&f.store, &vault, &f.by(), |_| {}).await.unwrap();
        assert_eq!((rotated.bodies, rotated.unreadable_bodies), (1, 3));
        assert_eq!(vault::drop_unused(&f.store, &vault).await.unwrap(), Vec::<String>::new(), "one still names it");
        assert_eq!(vault.key_ids().len(), 2);
        assert_eq!(stored(&f, at, "junk").await, "not sealed");
        assert_eq!(vault.open_body(&body(&f.project, at, "moved"), &seal(&vault, "good")), Err(VaultError::Tampered));
        assert!(vault::examine(&f.store, &vault).await.unwrap().missing.contains(&other.current_key_id()));
        assert!(!vault::examine(&f.store, &vault).await.unwrap().missing.contains(&old));
    })
    .await;
}

/// A host that goes on has in memory what the dropped key sealed; it opens until the host ends, and nothing is sealed with
/// it.
#[tokio::test]
async fn a_running_host_keeps_the_keys_that_it_knew() {
    on_both(async |f: Fixture| {
        let (running, command) = (vault_in(f.folder.path()), vault_in(f.folder.path()));
        let whose = Body { project: &f.project, record: "r", part: "p" };
        let in_memory = running.seal_body(&whose, b"x").unwrap();
        vault::rotate(&f.store, &command, &f.by(), |_| {}).await.unwrap();
        assert_eq!(vault::drop_unused(&f.store, &command).await.unwrap().len(), 1);
        let new = running.seal_body(&whose, b"y").unwrap();
        assert!(new.starts_with(&format!("v1.{}.", command.current_key_id())));
        assert_eq!(running.open_body(&whose, &in_memory).unwrap(), b"x");
        assert_eq!(running.key_ids().len(), 1);
        assert!(matches!(command.open_body(&whose, &in_memory), Err(VaultError::UnknownKey { .. })));
    })
    .await;
}

/// A column that a migration calls sealed is known to the rotation. Else its old key would be dropped under it.
#[test]
fn every_sealed_column_is_known() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut found = BTreeSet::new();
    for file in files {
        found.extend(said_sealed(&std::fs::read_to_string(file).unwrap()));
    }
    let listed = SEALED_COLUMNS.iter().map(|at| (at.table, at.column));
    let known = listed.chain(CREDENTIALS).chain(SHORT_LIVED).chain(PLAIN);
    let known: BTreeSet<_> = known.map(|(table, column)| (table.to_owned(), column.to_owned())).collect();
    let unknown: Vec<_> = found.difference(&known).collect();
    assert!(unknown.is_empty(), "say in store/sealed_bodies.rs how these are sealed anew: {unknown:?}");
    assert!(found.len() > 8, "the migrations are read: {found:?}");
}

/// Columns that are called `sealed`, or that the comment before them says this of.
fn said_sealed(sql: &str) -> BTreeSet<(String, String)> {
    let (mut table, mut comment, mut found) = (String::new(), String::new(), BTreeSet::new());
    for line in sql.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("--") {
            comment.push_str(text);
            continue;
        }
        let words: Vec<&str> = line.split([' ', '(', ',']).filter(|word| !word.is_empty()).collect();
        let column = match words.as_slice() {
            ["CREATE", "TABLE", name, ..] => {
                table = (*name).to_owned();
                None
            }
            ["ALTER", "TABLE", name, "ADD", "COLUMN", column, ..] => {
                table = (*name).to_owned();
                Some(*column)
            }
            [column, "TEXT", ..] => Some(*column),
            _ => None,
        };
        if let Some(column) = column
            && (column == "sealed" || comment.to_lowercase().contains("sealed"))
        {
            found.insert((table.clone(), column.to_owned()));
        }
        comment.clear();
    }
    found
}
