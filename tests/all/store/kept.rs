//! What is kept of calls: written with their records, gone with their time, on both databases.

use std::time::Duration;

use gloveport::model::{Execution, ExecutionStatus, Timestamp};
use gloveport::store::{Beginning, Bodies, KeptEnd, KeptStart, Outcome, PageRequest, Reservation, StoreError};
use sqlx::AssertSqlSafe;

use super::fixture::{Fixture, on_both};

const HOST: &str = "host-1";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn kept_with(once: Option<Reservation>, kept: KeptStart) -> Beginning {
    Beginning { once, kept: Some(kept), timeline: None }
}

fn start(text: &str) -> KeptStart {
    KeptStart { request: format!("sealed {text}"), input_seen: None, to_collect: false }
}

fn end(text: &str) -> KeptEnd {
    KeptEnd {
        journal: Some(format!("journal {text}")),
        output: Some(format!("output {text}")),
        input_seen: Some(String::new()),
        output_seen: Some("seen".into()),
        to_collect: true,
    }
}

fn read(text: &str) -> Bodies {
    Bodies {
        request: format!("sealed {text}"),
        journal: Some(format!("journal {text}")),
        output: Some(format!("output {text}")),
        input_seen: Some(String::new()),
        output_seen: Some("seen".into()),
        to_collect: true,
    }
}

async fn bodies(f: &Fixture, execution: &Execution) -> Option<Bodies> {
    f.store.bodies(&f.project, &execution.id).await.unwrap()
}

/// With a record that begins alone and with ones that begin at once, with keys and without, with bodies and without: each
/// has its own, and nobody another's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_are_written_with_their_records() {
    on_both(async |f: Fixture| {
        for (round, at_once) in [1, 2, 3, 7, 40, 70].into_iter().enumerate() {
            let executions: Vec<_> = (0..at_once).map(|_| f.execution()).collect();
            let starts = executions.iter().enumerate().map(|(n, execution)| {
                let once = Reservation {
                    key: format!("{round} {n}"),
                    request: "r".into(),
                    kept_until: f.clock.now().plus(DAY),
                };
                let kept = start(execution.id.as_str());
                let store = f.store.clone();
                async move {
                    match (n % 5, at_once) {
                        (1, _) => store.record_start(execution, HOST).await,
                        (2, _) => {
                            store.record_start_with(execution, HOST, kept_with(Some(once.clone()), kept.clone())).await
                        }
                        _ => store.record_start_with(execution, HOST, kept_with(None, kept.clone())).await,
                    }
                }
            });
            for started in futures_util::future::join_all(starts).await {
                started.unwrap();
            }
            let outcomes: Vec<_> = executions
                .iter()
                .enumerate()
                .map(|(n, execution)| Outcome { kept: (n % 5 != 3).then(|| end(execution.id.as_str())), ..f.outcome() })
                .collect();
            let ends = executions
                .iter()
                .zip(&outcomes)
                .map(|(execution, outcome)| f.store.record_outcome(&execution.id, outcome));
            for ended in futures_util::future::join_all(ends).await {
                ended.unwrap();
            }
            for (n, execution) in executions.iter().enumerate() {
                let expected = match n % 5 {
                    // What was not kept as it began is not kept as it ends.
                    1 => None,
                    3 => Some(Bodies {
                        journal: None,
                        output: None,
                        input_seen: None,
                        output_seen: None,
                        to_collect: false,
                        ..read(execution.id.as_str())
                    }),
                    _ => Some(read(execution.id.as_str())),
                };
                assert_eq!(bodies(&f, execution).await, expected, "{n} of {at_once}");
                let found = f.store.find_execution(&f.project, &execution.id).await.unwrap().unwrap();
                assert_eq!(found.status, ExecutionStatus::Succeeded);
                assert_eq!(f.store.bodies(&f.stranger, &execution.id).await.unwrap(), None);
            }
        }
    })
    .await;
}

/// An outcome that comes too late changes nothing of what is kept, a record that does not begin keeps nothing, and what
/// is not looked at anew stays as it was seen.
#[tokio::test]
async fn what_is_not_recorded_is_not_kept() {
    on_both(async |f: Fixture| {
        let execution = f.execution();
        let seen = KeptStart { input_seen: Some("hidden".into()), ..start("1") };
        f.store.record_start_with(&execution, HOST, kept_with(None, seen.clone())).await.unwrap();
        let again = f.store.record_start_with(&execution, HOST, kept_with(None, start("2"))).await;
        assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
        let first = KeptEnd { input_seen: None, ..end("1") };
        f.store.record_outcome(&execution.id, &Outcome { kept: Some(first), ..f.outcome() }).await.unwrap();
        let late = Outcome { kept: Some(end("2")), ..f.outcome() };
        let late = f.store.record_outcome(&execution.id, &late).await;
        assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
        let expected = Bodies { input_seen: Some("hidden".into()), ..read("1") };
        assert_eq!(bodies(&f, &execution).await, Some(expected));

        let key = Reservation { key: "k".into(), request: "r".into(), kept_until: f.clock.now().plus(DAY) };
        let (one, two) = (f.execution(), Execution { key: execution.key.clone(), ..f.execution() });
        let one = Execution { key: execution.key.clone(), ..one };
        f.store.record_start_with(&one, HOST, kept_with(Some(key.clone()), start("1"))).await.unwrap();
        let taken = f.store.record_start_with(&two, HOST, kept_with(Some(key.clone()), start("2"))).await;
        assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
        assert_eq!((bodies(&f, &one).await.is_some(), bodies(&f, &two).await), (true, None));
    })
    .await;
}

/// Issue 4, point 5: what ended long ago goes with all that is kept with it, in many bounded steps; what runs, waits or
/// ended only lately stays, and the audit chain is whole.
#[tokio::test]
async fn records_go_when_their_time_is_over() {
    on_both(async |f: Fixture| {
        let many = 1_234;
        raw(&f, &many_rows(&f, many)).await;
        let mut kept = Vec::new();
        for status in [ExecutionStatus::Started, ExecutionStatus::Waiting] {
            let execution = Execution { status, ..f.execution() };
            f.store.record_start_with(&execution, HOST, kept_with(None, start("1"))).await.unwrap();
            kept.push(execution);
        }
        // Made long ago, and ended just now.
        let slow = f.execution();
        f.store.record_start_with(&slow, HOST, kept_with(None, start("1"))).await.unwrap();
        kept.push(slow.clone());
        let key = Reservation { key: "k".into(), request: "r".into(), kept_until: f.clock.now().plus(DAY * 100) };
        let old = Execution { key: slow.key.clone(), ..f.execution() };
        f.store.record_start_with(&old, HOST, kept_with(Some(key.clone()), start("1"))).await.unwrap();
        f.store.record_outcome(&old.id, &Outcome { kept: Some(end("1")), ..f.outcome() }).await.unwrap();
        let ended = f.clock.now();
        assert_eq!(f.store.forget_executions(Timestamp(ended.0 - 1)).await.unwrap(), many);
        f.clock.advance(DAY * 10);
        f.store.record_outcome(&slow.id, &f.outcome()).await.unwrap();
        let rows = async || {
            f.store.list_executions(&f.project, &Default::default(), &PageRequest::first()).await.unwrap().total_size
        };
        assert_eq!(rows().await, 4);
        let reserved = async || f.store.reserved(&f.project, &old.key, "k", f.clock.now()).await.unwrap();
        assert!(reserved().await.is_some());
        assert_eq!(f.store.forget_executions(ended).await.unwrap(), 1);
        assert_eq!(f.store.forget_executions(ended).await.unwrap(), 0);
        assert_eq!((bodies(&f, &old).await, reserved().await), (None, None));
        for execution in &kept {
            assert!(f.store.find_execution(&f.project, &execution.id).await.unwrap().is_some(), "{execution:?}");
            assert!(bodies(&f, execution).await.is_some(), "{execution:?}");
        }
        // Bodies of what has ended go before their records do: by when it ended, and not by when it was made.
        let ended = f.clock.now();
        assert_eq!(f.store.forget_bodies(Timestamp(ended.0 - 1)).await.unwrap(), 0);
        assert_eq!(f.store.forget_bodies(ended).await.unwrap(), 1);
        assert_eq!((rows().await, bodies(&f, &slow).await), (3, None));
    })
    .await;
}

/// Hosts that remove records at the same time may leave what was kept with one: it goes with the next that go.
#[tokio::test]
async fn what_is_kept_of_no_record_goes() {
    on_both(async |f: Fixture| {
        let key = Reservation { key: "k".into(), request: "r".into(), kept_until: f.clock.now().plus(DAY * 100) };
        let gone = f.execution();
        f.store.record_start_with(&gone, HOST, kept_with(Some(key), start("1"))).await.unwrap();
        raw(&f, &format!("DELETE FROM executions WHERE id = '{}'", gone.id)).await;
        let reserved = async || f.store.reserved(&f.project, &gone.key, "k", f.clock.now()).await.unwrap();
        assert_eq!(f.store.forget_executions(Timestamp(f.clock.now().0 - 1)).await.unwrap(), 0);
        assert!(bodies(&f, &gone).await.is_some() && reserved().await.is_some(), "it is of now");
        assert_eq!(f.store.forget_executions(f.clock.now()).await.unwrap(), 0);
        assert_eq!((bodies(&f, &gone).await, reserved().await), (None, None));
    })
    .await;
}

/// Statements run by somebody who has the database, and not this program.
pub(super) async fn raw(f: &Fixture, sql: &str) {
    use gloveport::config::Database;
    use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection};
    let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    match &f.database {
        Database::Sqlite(path) => {
            let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
            connection.execute(sql).await.unwrap();
            connection.close().await.unwrap();
        }
        Database::Postgres(url) => {
            let mut connection = PgConnection::connect(url).await.unwrap();
            connection.execute(sql).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

/// Adds so many records that have ended, a second apart, the last a day ago: of ten tools, a hundred users and keys, and a
/// thousand conversations; one in a hundred failed, one in a thousand is a child.
pub(super) fn many_rows(f: &Fixture, rows: u64) -> String {
    let last = f.clock.now().0 - 86_400_000;
    // Crockford's base 32 of the time, as identifiers have it, and digits of the number after it.
    let digit = |at: u32| {
        format!("substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', CAST((t / {}) % 32 AS INTEGER) + 1, 1)", 32_i64.pow(at))
    };
    let time: Vec<String> = (0..10).rev().map(digit).collect();
    let time = time.join(" || ");
    let project = f.project.as_str();
    format!(
        "INSERT INTO executions (id, project, host, api_key, tool, component, connection, account, identifier, parent, \
         chat_id, trigger_type, input_digest, status, started_at, finished_at) \
         WITH RECURSIVE numbers (n, t) AS (SELECT CAST(0 AS BIGINT), CAST({last} AS BIGINT) \
         UNION ALL SELECT n + 1, t - 1000 FROM numbers WHERE n + 1 < {rows}) \
         SELECT 'exec_' || {time} || substr('0000000000000000' || CAST(n AS TEXT), length(CAST(n AS TEXT)) + 1, 16), \
         '{project}', 'h', 'key_' || substr('00000000000000000000000000' || CAST(n % 100 AS TEXT), length(CAST(n % 100 AS TEXT)) + 1, 26), \
         'acme_tool_' || CAST(n % 10 AS TEXT), 'd1', 'conn_00000000000000000000000001', \
         'acc_00000000000000000000000001', 'user-' || CAST(n % 100 AS TEXT), \
         CASE WHEN n % 1000 = 0 THEN 'exec_00000000000000000000000001' END, \
         CASE WHEN n % 2 = 0 THEN 'chat-' || CAST(n % 1000 AS TEXT) END, \
         CASE WHEN n % 3 = 0 THEN 'type-' || CAST(n % 7 AS TEXT) END, '00', \
         CASE WHEN n % 100 = 0 THEN 'failed' ELSE 'succeeded' END, t, t FROM numbers"
    )
}
