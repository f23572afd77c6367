//! Executions: what is acknowledged is there, whatever happens beside it.

use std::collections::BTreeSet;

use gloveport::model::{Clock, Code, Culprit, Execution, ExecutionId, ExecutionStatus, KeyId, Random, Timestamp};
use gloveport::store::{ExecutionFilter, Outcome, PageRequest, Store, StoreError};

use super::fixture::{Fixture, on_both};

const HOST: &str = "host-1";

async fn all(fixture: &Fixture, filter: &ExecutionFilter) -> Vec<Execution> {
    let request = PageRequest { limit: 200, cursor: None };
    fixture.store.list_executions(&fixture.project, filter, &request).await.unwrap().items
}

/// HC-19, SI-18: every field of the record reads back.
#[tokio::test]
async fn an_execution_reads_back_as_it_was_recorded() {
    on_both(async |f: Fixture| {
        let mut execution = f.execution();
        execution.tool_call_id = Some("call_1".into());
        execution.parent = Some(ExecutionId::new(&f.clock, &f.random));
        execution.chat_id = Some("chat' OR 1=1 --".into());
        execution.trigger_type = Some("schedule".into());
        execution.simulated = true;
        f.store.record_start(&execution, HOST).await.unwrap();
        let stored = f.store.find_execution(&f.project, &execution.id).await.unwrap();
        assert_eq!(stored.as_ref(), Some(&execution));

        let outcome = Outcome {
            status: ExecutionStatus::Failed,
            code: Some(Code::UpstreamError),
            culprit: Some(Culprit::Upstream),
            detail: Some("the provider answered 500".into()),
            ..f.outcome()
        };
        f.store.record_outcome(&execution.id, &outcome).await.unwrap();
        let stored = f.store.find_execution(&f.project, &execution.id).await.unwrap().unwrap();
        let expected = Execution {
            status: outcome.status,
            code: outcome.code,
            culprit: outcome.culprit,
            detail: outcome.detail.clone(),
            finished_at: Some(outcome.finished_at),
            latency: outcome.latency,
            requests: 2,
            bytes: (10, i64::MAX as u64),
            scrubbed: 1,
            ..execution
        };
        assert_eq!(stored, expected);
    })
    .await;
}

#[tokio::test]
async fn an_outcome_is_recorded_once_and_only_for_what_began() {
    on_both(async |f: Fixture| {
        let execution = f.execution();
        let unknown = f.store.record_outcome(&execution.id, &f.outcome()).await;
        assert!(matches!(unknown, Err(StoreError::Conflict(_))), "{unknown:?}");
        f.store.record_start(&execution, HOST).await.unwrap();
        f.store.record_outcome(&execution.id, &f.outcome()).await.unwrap();
        let other = Outcome { status: ExecutionStatus::Failed, ..f.outcome() };
        let again = f.store.record_outcome(&execution.id, &other).await;
        assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
        // At once, in one batch: one of them wins.
        let second = f.execution();
        f.store.record_start(&second, HOST).await.unwrap();
        let outcome = f.outcome();
        let (one, two) =
            tokio::join!(f.store.record_outcome(&second.id, &outcome), f.store.record_outcome(&second.id, &other));
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        let stored = f.store.find_execution(&f.project, &execution.id).await.unwrap().unwrap();
        assert_eq!(stored.status, ExecutionStatus::Succeeded);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_is_acknowledged_to_64_writers_is_there() {
    on_both(async |f: Fixture| {
        let writers: Vec<_> = (0..64)
            .map(|_| {
                let (store, mut batch) = (f.store.clone(), (0..10).map(|_| f.execution()).collect::<Vec<_>>());
                let outcome = f.outcome();
                tokio::spawn(async move {
                    for execution in &batch {
                        store.record_start(execution, HOST).await.unwrap();
                        store.record_outcome(&execution.id, &outcome).await.unwrap();
                    }
                    batch.drain(..).map(|execution| execution.id).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut acknowledged = BTreeSet::new();
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }
        let mut found = BTreeSet::new();
        let mut request = PageRequest { limit: 200, cursor: None };
        loop {
            let page = f.store.list_executions(&f.project, &ExecutionFilter::default(), &request).await.unwrap();
            assert_eq!(page.total_size, 640);
            for execution in page.items {
                assert_eq!(execution.status, ExecutionStatus::Succeeded);
                assert!(found.insert(execution.id));
            }
            match page.next_cursor {
                Some(cursor) => request.cursor = Some(cursor),
                None => break,
            }
        }
        assert_eq!(found, acknowledged);
    })
    .await;
}

#[tokio::test]
async fn a_bad_row_fails_alone() {
    on_both(async |f: Fixture| {
        let known = f.execution();
        f.store.record_start(&known, HOST).await.unwrap();
        let good: Vec<Execution> = (0..40).map(|_| f.execution()).collect();
        let writes = good.iter().map(|execution| f.store.record_start(execution, HOST));
        let (results, bad) = tokio::join!(futures_util::future::join_all(writes), f.store.record_start(&known, HOST));
        assert!(matches!(bad, Err(StoreError::Conflict(_))), "{bad:?}");
        for (execution, result) in good.iter().zip(results) {
            result.unwrap();
            assert!(f.store.find_execution(&f.project, &execution.id).await.unwrap().is_some());
        }
    })
    .await;
}

#[tokio::test]
async fn a_text_that_postgresql_cannot_hold_is_refused_and_the_journal_goes_on() {
    on_both(async |f: Fixture| {
        let mut nul = f.execution();
        nul.chat_id = Some("a\0b".into());
        let result = f.store.record_start(&nul, HOST).await;
        match f.database {
            gloveport::config::Database::Postgres(_) => {
                assert!(matches!(result, Err(StoreError::Refused(_))), "{result:?}");
            }
            gloveport::config::Database::Sqlite(_) => assert_eq!(result, Ok(())),
        }
        f.store.record_start(&f.execution(), HOST).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn only_what_this_host_was_running_becomes_unknown() {
    on_both(async |f: Fixture| {
        let (mine, done, theirs) = (f.execution(), f.execution(), f.execution());
        f.store.record_start(&mine, HOST).await.unwrap();
        f.store.record_start(&done, HOST).await.unwrap();
        f.store.record_outcome(&done.id, &f.outcome()).await.unwrap();
        f.store.record_start(&theirs, "host-2").await.unwrap();
        f.store.close().await;

        let reopened = Store::open(&f.database).await.unwrap();
        assert_eq!(reopened.recover_started(HOST, f.clock.now()).await.unwrap(), 1);
        assert_eq!(reopened.recover_started(HOST, f.clock.now()).await.unwrap(), 0);
        let status = async |id: &ExecutionId| reopened.find_execution(&f.project, id).await.unwrap().unwrap().status;
        assert_eq!(status(&mine.id).await, ExecutionStatus::UnknownOutcome);
        assert_eq!(status(&done.id).await, ExecutionStatus::Succeeded);
        assert_eq!(status(&theirs.id).await, ExecutionStatus::Started);
        // A host that was taken for dead reports: what happened is better than "not known".
        reopened.record_outcome(&mine.id, &f.outcome()).await.unwrap();
        assert_eq!(status(&mine.id).await, ExecutionStatus::Succeeded);
    })
    .await;
}

/// SI-17: each filter narrows, and a project sees only its own.
#[tokio::test]
async fn each_filter_narrows() {
    on_both(async |f: Fixture| {
        let key = KeyId::new(&f.clock, &f.random);
        let parent = ExecutionId::new(&f.clock, &f.random);
        let mut special = f.execution();
        special.key = key.clone();
        special.tool = "acme_things_get".into();
        special.chat_id = Some("chat-1".into());
        special.trigger_type = Some("manual".into());
        special.identifier = Some("bob".into());
        special.parent = Some(parent.clone());
        special.started_at = Timestamp(f.clock.now().0 + 1_000);
        f.store.record_start(&special, HOST).await.unwrap();
        f.store.record_start(&f.execution(), HOST).await.unwrap();
        f.store.record_outcome(&special.id, &f.outcome()).await.unwrap();
        let mut strange = f.execution();
        strange.project = f.stranger.clone();
        f.store.record_start(&strange, HOST).await.unwrap();

        assert_eq!(all(&f, &ExecutionFilter::default()).await.len(), 2);
        let none = ExecutionFilter::default;
        let filters = [
            ExecutionFilter { status: Some(ExecutionStatus::Succeeded), ..none() },
            ExecutionFilter { tool: Some("acme_things_get".into()), ..none() },
            ExecutionFilter { chat_id: Some("chat-1".into()), ..none() },
            ExecutionFilter { trigger_type: Some("manual".into()), ..none() },
            ExecutionFilter { identifier: Some("bob".into()), ..none() },
            ExecutionFilter { parent: Some(parent), ..none() },
            ExecutionFilter { since: Some(special.started_at), ..none() },
            ExecutionFilter { key: Some(key), ..none() },
        ];
        for filter in filters {
            let found = all(&f, &filter).await;
            assert_eq!(found.len(), 1, "{filter:?}");
            assert_eq!(found[0].id, special.id, "{filter:?}");
        }
        let nobody = ExecutionFilter { identifier: Some("' OR '1'='1".into()), ..none() };
        assert_eq!(all(&f, &nobody).await, []);
        assert_eq!(f.store.find_execution(&f.stranger, &special.id).await.unwrap(), None);
        assert_eq!(f.store.find_execution(&f.project, &strange.id).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn pages_stand_still_while_rows_come() {
    on_both(async |f: Fixture| {
        let mut expected = Vec::new();
        for _ in 0..7 {
            f.clock.advance(std::time::Duration::from_millis(1));
            let execution = f.execution();
            f.store.record_start(&execution, HOST).await.unwrap();
            expected.insert(0, execution.id);
        }
        let mut found = Vec::new();
        let mut request = PageRequest { limit: 3, cursor: None };
        loop {
            let filter = ExecutionFilter::default();
            let page = f.store.list_executions(&f.project, &filter, &request).await.unwrap();
            assert!(page.items.len() <= 3);
            found.extend(page.items.into_iter().map(|execution| execution.id));
            f.clock.advance(std::time::Duration::from_millis(1));
            f.store.record_start(&f.execution(), HOST).await.unwrap();
            match page.next_cursor {
                Some(cursor) => request.cursor = Some(cursor),
                None => break,
            }
        }
        assert_eq!(found, expected);

        let wrong_list = f.store.list_keys(&f.project, &request).await;
        assert_eq!(wrong_list.unwrap_err(), StoreError::BadCursor);
        for cursor in ["", "x", "1", "%", "MWV4ZWNf"] {
            let request = PageRequest { limit: 3, cursor: Some(cursor.into()) };
            let page = f.store.list_executions(&f.project, &ExecutionFilter::default(), &request).await;
            assert_eq!(page.unwrap_err(), StoreError::BadCursor, "{cursor}");
        }
    })
    .await;
}

/// A call that is cancelled while it waits leaves its row, and nobody else's is lost.
#[tokio::test]
async fn one_who_gives_up_waiting_disturbs_nobody() {
    on_both(async |f: Fixture| {
        let (left, stays) = (f.execution(), f.execution());
        // One poll puts the job into the queue; then the caller is gone.
        tokio::select! {
            biased;
            _ = f.store.record_start(&left, HOST) => unreachable!("the disk was faster than one poll"),
            () = std::future::ready(()) => {}
        }
        f.store.record_start(&stays, HOST).await.unwrap();
        assert!(f.store.find_execution(&f.project, &left.id).await.unwrap().is_some());
        assert!(f.store.find_execution(&f.project, &stays.id).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn nothing_is_acknowledged_once_the_database_is_gone() {
    on_both(async |f: Fixture| {
        f.store.close().await;
        let execution = Execution { id: ExecutionId::new(&Clock::system(), &Random::system()), ..f.execution() };
        let started = f.store.record_start(&execution, HOST).await;
        assert!(matches!(started, Err(StoreError::Unavailable(_))), "{started:?}");
        let ended = f.store.record_outcome(&execution.id, &f.outcome()).await;
        assert!(matches!(ended, Err(StoreError::Unavailable(_))), "{ended:?}");
        assert!(f.store.ping().await.is_err());
    })
    .await;
}
