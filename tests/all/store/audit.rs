//! The audit chain: every change leaves its row, no row can be changed unseen, and there is one chain whoever writes.

mod changes;
mod tampering;

use std::collections::BTreeSet;
use std::convert::Infallible;

use gloveport::config::Database;
use gloveport::identity;
use gloveport::model::{Action, Actor, By, Chain, Code, Culprit, Entry, ExecutionStatus, KeyId, Role, Timestamp};
use gloveport::store::{Act, AuditFilter, AuditWalkError, Detail, Outcome, PageRequest, Store, StoreError};
use serde_json::{Value, json};

use super::fixture::{Fixture, on_both};

type Walked = Result<Chain, AuditWalkError<Infallible>>;

/// All rows of the project, oldest first; fails if the chain is broken.
async fn rows(f: &Fixture) -> Vec<Entry> {
    let mut rows = Vec::new();
    let visit = |entry: &Entry| {
        rows.push(entry.clone());
        Ok::<_, Infallible>(())
    };
    f.store.walk_audit(f.project.as_str(), visit).await.unwrap();
    rows
}

async fn walk(f: &Fixture) -> Walked {
    f.store.walk_audit(f.project.as_str(), |_| Ok(())).await
}

fn by_key(f: &Fixture) -> By {
    By { actor: Actor::Key(KeyId::new(&f.clock, &f.random)), at: Timestamp(f.clock.now().0 + 7) }
}

/// HC-19: the start and the outcome of an execution, each with its component, in the chain's order.
#[tokio::test]
async fn an_execution_is_told_of_twice() {
    on_both(async |f: Fixture| {
        let mut execution = f.execution();
        execution.chat_id = Some("a canary of content".into());
        f.store.record_start(&execution, "host-1").await.unwrap();
        let outcome = Outcome {
            status: ExecutionStatus::Failed,
            code: Some(Code::UpstreamError),
            culprit: Some(Culprit::Upstream),
            detail: Some("a canary that the provider wrote".into()),
            ..f.outcome()
        };
        f.store.record_outcome(&execution.id, &outcome).await.unwrap();
        f.store.record_outcome(&execution.id, &f.outcome()).await.unwrap_err();
        f.store.record_start(&execution, "host-1").await.unwrap_err();
        let rows = rows(&f).await;
        let [_, start, end] = &rows[..] else { panic!("{rows:#?}") };
        assert_eq!((start.action.as_str(), end.action.as_str()), ("execution.started", "execution.failed"));
        assert_eq!((start.actor.as_str(), end.actor.as_str()), (execution.key.as_str(), "host"));
        for row in [start, end] {
            assert_eq!((row.subject.as_str(), row.component.as_deref()), (execution.id.as_str(), Some("d1")));
            assert!(!row.detail.contains("canary"), "{}", row.detail);
        }
        let detail: Value = serde_json::from_str(&start.detail).unwrap();
        assert_eq!((&detail["tool"], &detail["input"]), (&json!("acme_things_list"), &json!("00")));
        let detail: Value = serde_json::from_str(&end.detail).unwrap();
        assert_eq!(detail, json!({ "code": "upstream_error", "culprit": "upstream", "requests": 2 }));
    })
    .await;
}

/// What a crash left is told of when the host finds it.
#[tokio::test]
async fn an_unknown_outcome_is_told_of() {
    on_both(async |f: Fixture| {
        let (lost, strange) = (f.execution(), f.execution());
        f.store.record_start(&lost, "host-1").await.unwrap();
        f.store.record_start(&strange, "host-2").await.unwrap();
        assert_eq!(f.store.recover_started("host-1", Timestamp(9)).await.unwrap(), 1);
        assert_eq!(f.store.recover_started("host-1", Timestamp(9)).await.unwrap(), 0);
        f.store.record_outcome(&lost.id, &f.outcome()).await.unwrap();
        let rows = rows(&f).await;
        let told: Vec<_> = rows[3..].iter().map(|row| (row.action.as_str(), row.subject.as_str())).collect();
        let id = lost.id.as_str();
        assert_eq!(told, [("execution.unknown_outcome", id), ("execution.succeeded", id)]);
    })
    .await;
}

/// Decisions that change no other row are appended by themselves, with rule and approver, beside executions.
#[tokio::test]
async fn a_decision_is_appended_by_itself() {
    on_both(async |f: Fixture| {
        let (by, approver) = (by_key(&f), Actor::Key(KeyId::new(&f.clock, &f.random)));
        let action = Action::Execution(ExecutionStatus::Failed);
        let detail = Detail::default().digest("request", "what would have left").number("n", 1);
        let act = Act::new(&f.project, &by, action, "exec_1").rule("pol_1").approver(&approver).detail(detail);
        let execution = f.execution();
        let (recorded, started) = tokio::join!(f.store.record_act(act), f.store.record_start(&execution, "host-1"));
        recorded.unwrap();
        started.unwrap();
        let rows = rows(&f).await;
        assert_eq!(rows.len(), 3);
        let row = rows.iter().find(|row| row.subject == "exec_1").unwrap();
        assert_eq!((row.rule.as_deref(), row.approver.as_deref()), (Some("pol_1"), Some(approver.as_str())));
        assert!(!row.detail.contains("left"), "{}", row.detail);
    })
    .await;
}

/// A row that the database refuses leaves neither itself nor a row of the chain, and its neighbours leave theirs.
#[tokio::test]
async fn what_is_refused_is_not_told_of() {
    on_both(async |f: Fixture| {
        let known = f.execution();
        f.store.record_start(&known, "host-1").await.unwrap();
        let good: Vec<_> = (0..40).map(|_| f.execution()).collect();
        let writes = good.iter().map(|execution| f.store.record_start(execution, "host-1"));
        let again = f.store.record_start(&known, "host-1");
        let (results, bad) = tokio::join!(futures_util::future::join_all(writes), again);
        assert!(matches!(bad, Err(StoreError::Conflict(_))), "{bad:?}");
        results.into_iter().for_each(|result| result.unwrap());
        let outcome = f.outcome();
        let twice = (f.store.record_outcome(&known.id, &outcome), f.store.record_outcome(&known.id, &outcome));
        let (one, two) = tokio::join!(twice.0, twice.1);
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        let rows = rows(&f).await;
        assert_eq!(rows.len(), 1 + 1 + 40 + 1);
        let subjects: BTreeSet<_> = rows.iter().map(|row| (&row.subject, &row.action)).collect();
        assert_eq!(subjects.len(), rows.len(), "something was told of twice");
    })
    .await;
}

/// What this host takes for running was ended by another one: the outcome is refused, and neither it nor a row of it is
/// kept; and what comes after is written.
#[tokio::test]
async fn an_end_that_another_host_told_of_stays() {
    on_both(async |f: Fixture| {
        let second = Store::open(&f.database).await.unwrap();
        let (execution, next) = (f.execution(), f.execution());
        f.store.record_start(&execution, "host-1").await.unwrap();
        let other = Outcome { status: ExecutionStatus::Failed, ..f.outcome() };
        second.record_outcome(&execution.id, &other).await.unwrap();
        for _ in 0..2 {
            let refused = f.store.record_outcome(&execution.id, &f.outcome()).await;
            assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
        }
        f.store.record_start(&next, "host-1").await.unwrap();
        f.store.record_outcome(&next.id, &f.outcome()).await.unwrap();
        let stored = f.store.find_execution(&f.project, &execution.id).await.unwrap().unwrap();
        assert_eq!(stored.status, ExecutionStatus::Failed);
        let rows = rows(&f).await;
        let told: Vec<_> = rows[1..].iter().map(|row| row.action.as_str()).collect();
        assert_eq!(told, ["execution.started", "execution.failed", "execution.started", "execution.succeeded"]);
    })
    .await;
}

/// Two hosts on one database, each with calls and changes at once: one chain, without a gap or a fork.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_leave_one_unbroken_chain() {
    on_both(async |f: Fixture| {
        let second = Store::open(&f.database).await.unwrap();
        let mut writers = Vec::new();
        for writer in 0..16 {
            let store = if writer % 2 == 0 { f.store.clone() } else { second.clone() };
            let executions: Vec<_> = (0..10).map(|_| f.execution()).collect();
            let keys: Vec<_> = (0..5).map(|_| (f.key(Role::Agent), identity::new_key(&f.random).1)).collect();
            let (by, outcome) = (f.by(), f.outcome());
            writers.push(tokio::spawn(async move {
                for (at, execution) in executions.iter().enumerate() {
                    store.record_start(execution, "host").await.unwrap();
                    if let Some((key, hash)) = keys.get(at) {
                        store.insert_key(&by, key, hash).await.unwrap();
                    }
                    store.record_outcome(&execution.id, &outcome).await.unwrap();
                }
            }));
        }
        for writer in writers {
            writer.await.unwrap();
        }
        let rows = rows(&f).await;
        assert_eq!(rows.len(), 1 + 16 * (10 * 2 + 5));
        let mut started = BTreeSet::new();
        for row in &rows {
            match row.action.as_str() {
                "execution.started" => assert!(started.insert(&row.subject)),
                "execution.succeeded" => assert!(started.remove(&row.subject), "an end before its start"),
                _ => {}
            }
        }
        assert_eq!(started.len(), 0);
        // The stranger's chain is its own.
        assert_eq!(f.store.walk_audit(f.stranger.as_str(), |_| Ok::<_, Infallible>(())).await.unwrap().head().seq, 1);
        assert_eq!(f.store.audit_projects().await.unwrap().len(), 2);
    })
    .await;
}

/// Each filter narrows, pages follow each other, and a project sees its own rows only.
#[tokio::test]
async fn the_list_is_paged_and_filtered() {
    on_both(async |f: Fixture| {
        let mut ids = Vec::new();
        for _ in 0..12 {
            f.clock.advance(std::time::Duration::from_secs(1));
            let (key, hash) = (f.key(Role::Agent), identity::new_key(&f.random).1);
            f.store.insert_key(&f.by(), &key, &hash).await.unwrap();
            ids.insert(0, key.id.to_string());
        }
        f.store.delete_key(&f.by(), &f.project, &KeyId::parse(&ids[3]).unwrap()).await.unwrap();
        let list = async |filter: AuditFilter, request: PageRequest| {
            f.store.list_audit(&f.project, &filter, &request).await.unwrap()
        };
        let created = AuditFilter { action: Some(Action::KeyCreated), ..AuditFilter::default() };
        let (mut found, mut request) = (Vec::new(), PageRequest { limit: 5, cursor: None });
        loop {
            let page = list(created.clone(), request.clone()).await;
            assert_eq!(page.total_size, 12);
            found.extend(page.items.into_iter().map(|entry| entry.subject));
            match page.next_cursor {
                Some(cursor) => request.cursor = Some(cursor),
                None => break,
            }
        }
        assert_eq!(found, ids, "newest first, also where numbers get another digit");
        let subject = AuditFilter { subject: Some(ids[3].clone()), ..AuditFilter::default() };
        let actions: Vec<_> =
            list(subject, PageRequest::first()).await.items.into_iter().map(|entry| entry.action).collect();
        assert_eq!(actions, ["key.deleted", "key.created"]);
        let since = AuditFilter { since: Some(f.clock.now()), ..AuditFilter::default() };
        assert_eq!(list(since, PageRequest::first()).await.total_size, 2);
        let strange = f.store.list_audit(&f.stranger, &AuditFilter::default(), &PageRequest::first()).await.unwrap();
        assert_eq!(strange.items.len(), 1);
        for cursor in ["", "x", "MXg"] {
            let request = PageRequest { limit: 3, cursor: Some(cursor.into()) };
            let page = f.store.list_audit(&f.project, &AuditFilter::default(), &request).await;
            assert_eq!(page.unwrap_err(), StoreError::BadCursor, "{cursor}");
        }
    })
    .await;
}

fn is_postgres(f: &Fixture) -> bool {
    matches!(f.database, Database::Postgres(_))
}
