//! Rows that somebody changes, removes, moves or adds in the database itself: found, and named.

use std::convert::Infallible;

use gloveport::config::Database;
use gloveport::identity;
use gloveport::model::{Flaw, GENESIS, Role};
use gloveport::store::AuditWalkError;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection};

use super::super::fixture::{Fixture, on_both};
use super::{is_postgres, rows, walk};

/// Statements run one after another by somebody who has the database, and not this program.
async fn raw(f: &Fixture, sql: &str) {
    let sql = AssertSqlSafe(sql.replace("$project", f.project.as_str()));
    match &f.database {
        Database::Sqlite(path) => {
            let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
            connection.execute(sqlx::raw_sql(sql)).await.unwrap();
            connection.close().await.unwrap();
        }
        Database::Postgres(url) => {
            let mut connection = PgConnection::connect(url).await.unwrap();
            connection.execute(sqlx::raw_sql(sql)).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

/// A chain of six rows: the project and five keys.
async fn six_rows(f: &Fixture) {
    for _ in 0..5 {
        f.store.insert_key(&f.by(), &f.key(Role::Agent), &identity::new_key(&f.random).1).await.unwrap();
    }
}

/// What is done to the chain, the row that is named, and why.
type Attack = (&'static str, String, i64, Flaw);

/// Each column of a row, changed.
fn changes() -> Vec<Attack> {
    let columns = [
        "at = at + 1",
        "actor = 'cli'",
        "action = 'key.deleted'",
        "subject = subject || 'x'",
        "component = 'd1'",
        "component = ''",
        "rule = 'pol_1'",
        "approver = 'host'",
        "detail = '{}'",
        "hash = previous",
    ];
    let change = |column: &str| format!("UPDATE audit SET {column} WHERE project = '$project' AND seq = 4");
    columns.into_iter().map(|column| (column, change(column), 4, Flaw::Changed)).collect()
}

/// `UP` moves the rows from the fifth on out of the way.
const MOVES: [(&str, &str, i64, Flaw); 11] = [
    ("another previous hash", "UPDATE audit SET previous = hash WHERE ROW = 4", 4, Flaw::Unlinked),
    ("the first deleted", "DELETE FROM audit WHERE ROW = 1", 1, Flaw::Missing { next: 2 }),
    ("deleted", "DELETE FROM audit WHERE ROW = 4", 4, Flaw::Missing { next: 5 }),
    ("the last deleted", "DELETE FROM audit WHERE ROW = 6", 6, Flaw::Cut { rows: 6 }),
    ("all deleted", "DELETE FROM audit WHERE ROW > 0", 1, Flaw::Cut { rows: 6 }),
    (
        "deleted, and the rest moved up",
        "DELETE FROM audit WHERE ROW = 4; UP; UPDATE audit SET seq = -seq - 1 WHERE ROW < 0",
        4,
        Flaw::Unlinked,
    ),
    (
        "reordered",
        "UPDATE audit SET seq = -3 WHERE ROW = 3; UPDATE audit SET seq = 3 WHERE ROW = 4; \
         UPDATE audit SET seq = 4 WHERE ROW = -3",
        3,
        Flaw::Unlinked,
    ),
    (
        "inserted at the end",
        "INSERT INTO audit COPY 7, FIELDS, previous, hash FROM audit WHERE ROW = 4",
        7,
        Flaw::Unlinked,
    ),
    (
        "inserted between",
        "UP; INSERT INTO audit COPY 5, FIELDS, hash, hash FROM audit WHERE ROW = 4; \
         UPDATE audit SET seq = 1 - seq WHERE ROW < 0",
        5,
        Flaw::Changed,
    ),
    (
        "inserted before the first",
        "INSERT INTO audit COPY 0, FIELDS, previous, hash FROM audit WHERE ROW = 1",
        0,
        Flaw::OutOfPlace { after: 0 },
    ),
    ("of another project", "UPDATE audit SET project = 'proj_z' WHERE ROW = 4", 4, Flaw::Missing { next: 5 }),
];

const HEADS: [(&str, &str, i64, Flaw); 3] = [
    ("the head deleted", "DELETE FROM audit_heads WHERE project = '$project'", 1, Flaw::BehindHead { rows: 0 }),
    (
        "the head moved back",
        "UPDATE audit_heads SET seq = 5 WHERE project = '$project'",
        6,
        Flaw::BehindHead { rows: 5 },
    ),
    ("another head", "UPDATE audit_heads SET hash = 'x' WHERE project = '$project'", 6, Flaw::NotTheHead),
];

fn attacks() -> Vec<Attack> {
    let full = |sql: &str| {
        sql.replace("UP;", "UPDATE audit SET seq = -seq WHERE ROW > 4;")
            .replace("ROW", "project = '$project' AND seq")
            .replace("COPY", "SELECT project,")
            .replace("FIELDS", "at, actor, action, subject, component, rule, approver, detail")
    };
    let others = MOVES.into_iter().chain(HEADS).map(|(what, sql, row, flaw)| (what, full(sql), row, flaw));
    changes().into_iter().chain(others).collect()
}

#[tokio::test]
async fn every_attack_is_found_and_names_its_row() {
    on_both(async |f: Fixture| {
        six_rows(&f).await;
        raw(&f, "CREATE TABLE kept AS SELECT * FROM audit; CREATE TABLE kept_heads AS SELECT * FROM audit_heads").await;
        for (what, sql, row, flaw) in attacks() {
            raw(&f, &sql).await;
            match walk(&f).await {
                Err(AuditWalkError::Broken(broken)) => {
                    assert_eq!((broken.seq, &broken.flaw), (row, &flaw), "{what}: {broken}");
                    assert_eq!(broken.project, f.project.as_str());
                    assert!(broken.to_string().starts_with(&format!("row {row} of ")), "{broken}");
                }
                other => panic!("{what}: {other:?}"),
            }
            // Nobody else's chain is touched by that.
            f.store.walk_audit(f.stranger.as_str(), |_| Ok::<_, Infallible>(())).await.unwrap();
            raw(
                &f,
                "DELETE FROM audit; DELETE FROM audit_heads; INSERT INTO audit SELECT * FROM kept; \
                 INSERT INTO audit_heads SELECT * FROM kept_heads",
            )
            .await;
            assert_eq!(walk(&f).await.unwrap().head().seq, 6, "{what}");
        }
    })
    .await;
}

/// What is appended after somebody tampered does not mend the chain, and goes on.
#[tokio::test]
async fn a_broken_chain_stays_broken_and_the_host_goes_on() {
    on_both(async |f: Fixture| {
        six_rows(&f).await;
        raw(&f, "UPDATE audit SET subject = 'key_other' WHERE project = '$project' AND seq = 3").await;
        six_rows(&f).await;
        match walk(&f).await {
            Err(AuditWalkError::Broken(broken)) => assert_eq!((broken.seq, broken.flaw), (3, Flaw::Changed)),
            other => panic!("{other:?}"),
        }
        // A head that was moved behind a running host's back: it goes on from there, and the break shows.
        raw(&f, "UPDATE audit_heads SET seq = 5 WHERE project = '$project'").await;
        let refused = f.store.insert_key(&f.by(), &f.key(Role::Agent), &identity::new_key(&f.random).1).await;
        assert!(refused.is_err(), "a second row of the same number");
    })
    .await;
}

/// A value of another type, which only SQLite takes, is said where it is.
#[tokio::test]
async fn an_unreadable_row_is_located() {
    on_both(async |f: Fixture| {
        six_rows(&f).await;
        if is_postgres(&f) {
            return;
        }
        raw(&f, "UPDATE audit SET at = 'noon' WHERE project = '$project' AND seq = 4").await;
        match walk(&f).await {
            Err(error @ AuditWalkError::Store { rows: 3, .. }) => {
                assert!(error.to_string().contains("after 3 rows of "), "{error}");
            }
            other => panic!("{other:?}"),
        }
    })
    .await;
}

#[tokio::test]
async fn an_empty_chain_is_no_failure_and_the_first_row_begins_it() {
    on_both(async |f: Fixture| {
        assert_eq!(f.store.walk_audit("proj_none", |_| Ok::<_, Infallible>(())).await.unwrap().head().seq, 0);
        let all = rows(&f).await;
        assert_eq!((all.len(), all[0].seq, all[0].previous.as_str()), (1, 1, GENESIS));
    })
    .await;
}
