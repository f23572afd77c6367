//! Lists of a table with many rows: by an index, in its order, and no further than the page.

use std::time::Duration;

use gloveport::model::{Execution, ExecutionId, ExecutionStatus, KeyId, Timestamp};
use gloveport::store::{ExecutionFilter, MAX_COUNTED, MAX_LIMIT, PageRequest};

use super::fixture::{Fixture, on_both};
use super::kept::{many_rows, raw};

/// Enough that a database reads an index rather than the table, and that reading all of it would be felt.
const ROWS: u64 = 200_000;

/// Each filter of `GET /v1/executions`, and those that come together.
fn filters(f: &Fixture) -> Vec<ExecutionFilter> {
    let none = ExecutionFilter::default;
    let key = || KeyId::parse("key_00000000000000000000000007");
    let ago = |seconds: i64| Some(Timestamp(f.clock.now().0 - 86_400_000 - seconds * 1_000));
    let mut filters: Vec<_> =
        ExecutionStatus::ALL.iter().map(|status| ExecutionFilter { status: Some(*status), ..none() }).collect();
    filters.extend([
        none(),
        ExecutionFilter { tool: Some("acme_tool_3".into()), ..none() },
        ExecutionFilter { tool: Some("nothing".into()), ..none() },
        ExecutionFilter { chat_id: Some("chat-8".into()), ..none() },
        ExecutionFilter { trigger_type: Some("type-2".into()), ..none() },
        ExecutionFilter { trigger_type: Some("nothing".into()), ..none() },
        ExecutionFilter { identifier: Some("user-7".into()), ..none() },
        ExecutionFilter { parent: ExecutionId::parse("exec_00000000000000000000000001"), ..none() },
        ExecutionFilter { since: ago(1_000), ..none() },
        ExecutionFilter { since: ago(1_000), until: ago(900), ..none() },
        ExecutionFilter { until: ago(190_000), ..none() },
        ExecutionFilter { since: Some(f.clock.now()), ..none() },
        ExecutionFilter { key: key(), ..none() },
        ExecutionFilter { key: key(), status: Some(ExecutionStatus::Failed), ..none() },
        ExecutionFilter { key: key(), tool: Some("acme_tool_7".into()), since: ago(100_000), ..none() },
        ExecutionFilter { identifier: Some("user-7".into()), since: ago(1_000), ..none() },
    ]);
    filters
}

/// Issue 4, point 5: no filter and no cursor, however deep, reads the whole table or sorts.
#[tokio::test]
async fn no_list_of_executions_scans_or_sorts() {
    on_both(async |f: Fixture| {
        raw(&f, &many_rows(&f, ROWS)).await;
        raw(&f, "ANALYZE").await;
        let list = async |filter: &ExecutionFilter, limit| {
            f.store.list_executions(&f.project, filter, &PageRequest { limit, cursor: None }).await.unwrap()
        };
        assert_eq!(list(&ExecutionFilter::default(), 1).await.total_size, u64::from(MAX_COUNTED));
        for filter in filters(&f) {
            let deep = ExecutionFilter { until: Some(deep(&f)), ..filter.clone() };
            let cursors = [None, list(&filter, 50).await.next_cursor, list(&deep, 50).await.next_cursor];
            for cursor in cursors {
                let request = PageRequest { limit: 50, cursor };
                let (count, page) = f.store.plan_of_list(&f.project, &filter, &request).await.unwrap();
                for (plan, most) in [(count, MAX_COUNTED), (page, MAX_LIMIT)] {
                    let lines: Vec<_> = plan.iter().map(|line| line.trim_start().to_lowercase()).collect();
                    let good = |line: &String| {
                        let bad = ["seq scan", "temp b-tree", "scan executions"];
                        bad.iter().all(|word| !line.contains(word)) && (!line.contains("sort  (") || few(line, most))
                    };
                    let sound = lines.iter().any(|line| line.contains("index")) && lines.iter().all(good);
                    assert!(sound, "{filter:?} {request:?} {plan:#?}");
                }
            }
        }
    })
    .await;
}

/// PostgreSQL knows how many rows a value has: where they are no more than are wanted it may take them all.
fn few(line: &str, most: u32) -> bool {
    let rows = line.split("rows=").nth(1).and_then(|rest| rest.split(' ').next()).and_then(|rows| rows.parse().ok());
    rows.is_some_and(|rows: u32| rows <= most)
}

/// A moment in the midst of the rows.
fn deep(f: &Fixture) -> Timestamp {
    Timestamp(f.clock.now().0 - 86_400_000 - 100_000 * 1_000)
}

/// Pages by time meet each row once, and only those of the time; the identifier may be older than the record.
#[tokio::test]
async fn a_time_is_met_exactly() {
    on_both(async |f: Fixture| {
        let before = f.execution();
        f.clock.advance(Duration::from_secs(120));
        // It waited for its neighbours from the moment of its identifier on.
        let waited = Execution { started_at: f.clock.now(), ..before };
        f.store.record_start(&waited, "h").await.unwrap();
        f.clock.advance(Duration::from_millis(1));
        let next = f.execution();
        f.store.record_start(&next, "h").await.unwrap();
        let at = |since: i64, until: i64| ExecutionFilter {
            since: Some(Timestamp(waited.started_at.0 + since)),
            until: Some(Timestamp(waited.started_at.0 + until)),
            ..ExecutionFilter::default()
        };
        for (filter, expected) in [
            (at(0, 1), vec![&waited.id]),
            (at(0, 2), vec![&next.id, &waited.id]),
            (at(1, 2), vec![&next.id]),
            (at(1, 1), vec![]),
            (at(2, 3), vec![]),
            (at(-1, 0), vec![]),
        ] {
            let page = f.store.list_executions(&f.project, &filter, &PageRequest::first()).await.unwrap();
            let found: Vec<_> = page.items.iter().map(|execution| &execution.id).collect();
            assert_eq!(found, expected, "{filter:?}");
        }
    })
    .await;
}
