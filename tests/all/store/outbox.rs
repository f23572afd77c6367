//! The outbox: a notice is there if and only if what it tells of is, and of two hosts one has it at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gloveport::model::{
    AccountState, Delivery, DeliveryState, Event, ExecutionStatus, MessageId, Timestamp, Webhook, WebhookId,
};
use gloveport::store::{Claimed, Outcome, PageRequest, Secrets, Settled, Settlement, Store, WebhookRow};
use serde_json::{Value, json};

use super::fixture::{Fixture, on_both, sealed};

async fn hook_of(f: &Fixture, project: &gloveport::model::ProjectId, events: &[Event]) -> Webhook {
    let now = f.clock.now();
    let webhook = Webhook {
        id: WebhookId::new(&f.clock, &f.random),
        project: project.clone(),
        url: "https://hooks.example.com/canary".into(),
        events: events.to_vec(),
        disabled: false,
        overlap_until: None,
        created_at: now,
        updated_at: now,
    };
    let secrets = Secrets { current: "sealed".into(), previous: None };
    let row = WebhookRow { webhook, secrets };
    assert!(f.store.insert_webhook(&f.by(), &row, 9).await.unwrap());
    assert_eq!(f.store.find_webhook(project, &row.webhook.id).await.unwrap().as_ref(), Some(&row));
    row.webhook
}

async fn hook(f: &Fixture, events: &[Event]) -> Webhook {
    hook_of(f, &f.project, events).await
}

async fn deliveries(f: &Fixture, webhook: &Webhook) -> Vec<Delivery> {
    let all = PageRequest { limit: 200, cursor: None };
    f.store.list_deliveries(&webhook.project, &webhook.id, None, &all).await.unwrap().items
}

async fn settle(f: &Fixture, claimed: &Claimed, settled: Settled, attempts: &str, now: Timestamp) -> bool {
    let (id, attempts) = (claimed.id.clone(), attempts.to_owned());
    let done =
        f.store.settle_notices(&[Settlement { id, lease: claimed.lease, settled, attempts }], now).await.unwrap();
    assert_eq!(done.len(), 1);
    done[0]
}

/// Runs an execution to this end.
async fn run(f: &Fixture, status: ExecutionStatus) -> gloveport::model::Execution {
    let execution = f.execution();
    f.store.record_start(&execution, "host-1").await.unwrap();
    f.store.record_outcome(&execution.id, &Outcome { status, ..f.outcome() }).await.unwrap();
    execution
}

/// Who does not want to hear of something has no row, and where nobody does there is none.
#[tokio::test]
async fn only_who_wants_to_hear_has_a_row() {
    on_both(async |f: Fixture| {
        run(&f, ExecutionStatus::Succeeded).await;
        assert_eq!(f.store.oldest_pending_notice().await.unwrap(), None);
        let none = hook(&f, &[Event::ApprovalWaiting, Event::AccountRecovered]).await;
        let stranger = hook_of(&f, &f.stranger, &[]).await;
        let off = hook(&f, &[]).await;
        assert!(f.store.switch_webhook_off(&f.by(), &off).await.unwrap());
        assert!(!f.store.switch_webhook_off(&f.by(), &off).await.unwrap());
        for status in [ExecutionStatus::Succeeded, ExecutionStatus::Failed, ExecutionStatus::UnknownOutcome] {
            run(&f, status).await;
        }
        assert_eq!(f.store.oldest_pending_notice().await.unwrap(), None);
        let (all, one) = (hook(&f, &[]).await, hook(&f, &[Event::ExecutionFinished]).await);
        let execution = run(&f, ExecutionStatus::Failed).await;
        // From the first one on, and not after it has gone.
        for webhook in [&all, &one] {
            let [told] = &deliveries(&f, webhook).await[..] else { panic!("not one") };
            assert_eq!((told.event, told.at), (Event::ExecutionFinished, f.clock.now()));
            let claimed = f.store.claim_notices(&webhook.id, "a", told.at, Timestamp(i64::MAX), 9).await.unwrap();
            let data: Value = serde_json::from_str(&claimed[0].data).unwrap();
            assert_eq!((&data["execution_id"], &data["status"]), (&json!(execution.id.as_str()), &json!("failed")));
            assert_eq!(data["connection"], Value::Null, "the connection is gone");
        }
        for webhook in [&none, &stranger, &off] {
            assert_eq!(deliveries(&f, webhook).await, []);
        }
        assert!(f.store.delete_webhook(&f.by(), &f.project, &all.id).await.unwrap());
        assert!(f.store.delete_webhook(&f.by(), &f.project, &one.id).await.unwrap());
        assert_eq!(f.store.oldest_pending_notice().await.unwrap(), None);
        run(&f, ExecutionStatus::Succeeded).await;
        assert_eq!(f.store.oldest_pending_notice().await.unwrap(), None);
    })
    .await;
}

/// What was not written is not told, and what is told twice is there once.
#[tokio::test]
async fn what_did_not_happen_is_not_told() {
    on_both(async |f: Fixture| {
        let webhook = hook(&f, &[]).await;
        let execution = run(&f, ExecutionStatus::Succeeded).await;
        f.store.record_outcome(&execution.id, &f.outcome()).await.unwrap_err();
        f.store.record_outcome(&f.execution().id, &f.outcome()).await.unwrap_err();
        f.store.record_start(&execution, "host-1").await.unwrap_err();
        assert_eq!(deliveries(&f, &webhook).await.len(), 1);
        let (lost, second) = (f.execution(), f.execution());
        f.store.record_start(&lost, "host-1").await.unwrap();
        f.store.record_start(&second, "host-2").await.unwrap();
        assert_eq!(f.store.recover_started("host-1", Timestamp(9)).await.unwrap(), 1);
        assert_eq!(f.store.recover_started("host-1", Timestamp(9)).await.unwrap(), 0);
        assert_eq!(deliveries(&f, &webhook).await.len(), 2);
        // The host was taken for dead, and reports after all.
        f.store.record_outcome(&lost.id, &f.outcome()).await.unwrap();
        assert_eq!(deliveries(&f, &webhook).await.len(), 3);
    })
    .await;
}

/// Many calls at once, in batches of all sizes: each is told once to each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_ends_at_once_are_told_once_each() {
    const CALLS: usize = 150;
    on_both(async |f: Fixture| {
        let hooks = [hook(&f, &[]).await, hook(&f, &[Event::ExecutionFinished]).await];
        let executions: Vec<_> = (0..CALLS).map(|_| f.execution()).collect();
        let one = async |execution: &gloveport::model::Execution| {
            f.store.record_start(execution, "host-1").await.unwrap();
            f.store.record_outcome(&execution.id, &f.outcome()).await.unwrap();
        };
        futures_util::future::join_all(executions.iter().map(one)).await;
        let expected: BTreeSet<_> = executions.iter().map(|execution| execution.id.to_string()).collect();
        for webhook in hooks {
            let now = f.clock.now();
            let claimed = f.store.claim_notices(&webhook.id, "a", now, now, 1_000).await.unwrap();
            let told = claimed.iter().map(|claimed| serde_json::from_str::<Value>(&claimed.data).unwrap());
            let told: Vec<_> = told.map(|data| data["execution_id"].as_str().unwrap().to_owned()).collect();
            assert_eq!((told.len(), told.into_iter().collect::<BTreeSet<_>>()), (CALLS, expected.clone()));
        }
    })
    .await;
}

/// CX-36 and lesson 8: an account that stops to work is told of, and so is one that works again; other changes are not.
#[tokio::test]
async fn accounts_that_stop_and_work_again_are_told_of() {
    on_both(async |f: Fixture| {
        let webhook = hook(&f, &[Event::AccountNeedsAttention, Event::AccountRecovered]).await;
        let connection = f.connection("main").await;
        let account = f.account(&connection, "ann");
        f.store.put_account(&f.by(), &account, &sealed("v1")).await.unwrap();
        f.store.put_account(&f.by(), &account, &sealed("v2")).await.unwrap();
        f.store.put_account(&f.by(), &f.account(&connection, "ann"), &BTreeMap::new()).await.unwrap();
        f.store.set_account_disabled(&f.by(), &f.project, &account.id, true).await.unwrap();
        assert_eq!(deliveries(&f, &webhook).await, []);
        let set = async |from, to| {
            f.clock.advance(Duration::from_secs(1));
            f.store.set_account_state(&f.by(), &f.project, &account.id, from, to).await.unwrap()
        };
        use AccountState::{Active, Error, Expired, Pending, Revoked};
        let mut expected = Vec::new();
        for state in [Expired, Revoked, Error] {
            assert!(set(Active, state).await);
            assert!(!set(Active, state).await, "it is not in that state");
            expected.push((Event::AccountNeedsAttention, "active", state.as_str()));
            assert!(set(state, Active).await);
            expected.push((Event::AccountRecovered, state.as_str(), "active"));
        }
        assert!(set(Active, Error).await && set(Error, Expired).await && set(Expired, Pending).await);
        assert!(set(Pending, Error).await);
        expected.push((Event::AccountNeedsAttention, "active", "error"));
        // Connected again by a person.
        f.clock.advance(Duration::from_secs(1));
        f.store.put_account(&f.by(), &account, &sealed("v3")).await.unwrap();
        expected.push((Event::AccountRecovered, "error", "active"));
        let now = f.clock.now();
        let claimed = f.store.claim_notices(&webhook.id, "a", now, now, 100).await.unwrap();
        let mut told: Vec<_> = claimed
            .iter()
            .map(|claimed| (claimed.at, claimed.event, serde_json::from_str::<Value>(&claimed.data).unwrap()))
            .collect();
        told.sort_by_key(|(at, ..)| *at);
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for ((_, event, data), (expected, from, to)) in told.iter().zip(expected) {
            assert_eq!((*event, &data["status_before"], &data["status"]), (expected, &json!(from), &json!(to)));
            assert_eq!((&data["identifier"], &data["connection"]), (&json!("ann"), &json!("main")));
            assert!(!data.to_string().contains("v3"), "{data}");
        }
    })
    .await;
}

/// A lease is one host's until it ends; who had it before says nothing any more.
#[tokio::test]
async fn a_notice_is_one_hosts_at_a_time() {
    on_both(async |f: Fixture| {
        let webhook = hook(&f, &[]).await;
        let id = MessageId::new(&f.clock, &f.random);
        let (start, minute) = (f.clock.now(), Duration::from_secs(60));
        f.store.insert_test_notice(&webhook, &id, start).await.unwrap();
        let claim = async |host: &str| {
            let now = f.clock.now();
            f.store.claim_notices(&webhook.id, host, now, now.plus(minute), 9).await.unwrap()
        };
        let now = || f.clock.now();
        assert_eq!(f.store.due_webhooks(Timestamp(start.0 - 1)).await.unwrap(), []);
        assert_eq!(f.store.due_webhooks(start).await.unwrap(), std::slice::from_ref(&webhook.id));
        let first = claim("a").await.remove(0);
        assert_eq!((&first.id, first.event, first.failures), (&id, Event::WebhookTest, 0));
        assert_eq!((claim("b").await, f.store.due_webhooks(now()).await.unwrap()), (vec![], vec![]));
        assert!(!f.store.retry_notice(&f.project, &webhook.id, &id, now()).await.unwrap(), "it is on its way");
        // Host a ends; after the lease it is anybody's.
        f.clock.advance(minute);
        let second = claim("b").await.remove(0);
        assert_eq!(second.id, id);
        for settled in [Settled::Delivered, Settled::Again(now()), Settled::Dead] {
            assert!(!settle(&f, &first, settled, "[1]", now()).await, "{settled:?}");
        }
        // Host b starts again, and need not wait for itself; host c is not it.
        assert_eq!(f.store.release_notices("c", now()).await.unwrap(), 0);
        assert_eq!(f.store.release_notices("b", now()).await.unwrap(), 1);
        let third = claim("b").await.remove(0);
        let later = now().plus(minute);
        assert!(settle(&f, &third, Settled::Again(later), "[3]", now()).await);
        assert!(!settle(&f, &third, Settled::Delivered, "[3]", now()).await, "once");
        assert_eq!(claim("a").await, vec![]);
        f.clock.advance(minute);
        let fourth = claim("a").await.remove(0);
        assert_eq!((fourth.failures, fourth.attempts.as_str()), (1, "[3]"));
        assert!(settle(&f, &fourth, Settled::Dead, "[3,4]", now()).await);
        let dead = deliveries(&f, &webhook).await.remove(0);
        assert_eq!((dead.state, dead.due_at, dead.ended_at), (DeliveryState::Dead, None, Some(now())));
        assert!(!f.store.retry_notice(&f.stranger, &webhook.id, &id, now()).await.unwrap());
        assert!(f.store.retry_notice(&f.project, &webhook.id, &id, now()).await.unwrap());
        let fifth = claim("a").await.remove(0);
        assert_eq!((fifth.failures, fifth.attempts.as_str()), (0, "[3,4]"));
        assert!(settle(&f, &fifth, Settled::Delivered, "[5]", now()).await);
        assert!(!f.store.retry_notice(&f.project, &webhook.id, &id, now()).await.unwrap(), "it was delivered");
    })
    .await;
}

/// Two processes that claim at the same time share the notices out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_claim_different_notices() {
    const NOTICES: usize = 60;
    on_both(async |f: Fixture| {
        let webhook = hook(&f, &[]).await;
        for _ in 0..NOTICES {
            let id = MessageId::new(&f.clock, &f.random);
            f.store.insert_test_notice(&webhook, &id, f.clock.now()).await.unwrap();
        }
        let other = Store::open(&f.database).await.unwrap();
        let (now, until) = (f.clock.now(), f.clock.now().plus(Duration::from_secs(60)));
        let all = async |store: &Store, host: &str| {
            let mut claimed = Vec::new();
            // The other host may have taken what this one found: that is not the end.
            while !store.due_webhooks(now).await.unwrap().is_empty() {
                let some = store.claim_notices(&webhook.id, host, now, until, 3).await.unwrap();
                claimed.extend(some.into_iter().map(|claimed| claimed.id.to_string()));
            }
            claimed
        };
        let (one, two) = tokio::join!(all(&f.store, "a"), all(&other, "b"));
        let both: BTreeSet<_> = one.iter().chain(&two).cloned().collect();
        assert_eq!((one.len() + two.len(), both.len()), (NOTICES, NOTICES));
    })
    .await;
}

/// What ended is kept for its time, and what waits for nobody is not kept.
#[tokio::test]
async fn old_notices_are_forgotten() {
    on_both(async |f: Fixture| {
        let webhook = hook(&f, &[]).await;
        let start = f.clock.now();
        let new = async |settled: Option<Settled>| {
            let id = MessageId::new(&f.clock, &f.random);
            f.store.insert_test_notice(&webhook, &id, start).await.unwrap();
            let claimed =
                f.store.claim_notices(&webhook.id, "a", start, Timestamp(i64::MAX), 1).await.unwrap().remove(0);
            if let Some(settled) = settled {
                assert!(settle(&f, &claimed, settled, "[]", start).await);
            }
            id
        };
        let (delivered, dead, waits) =
            (new(Some(Settled::Delivered)).await, new(Some(Settled::Dead)).await, new(None).await);
        let left =
            async || deliveries(&f, &webhook).await.into_iter().map(|delivery| delivery.id).collect::<BTreeSet<_>>();
        let before = Timestamp(start.0 - 1);
        assert_eq!(f.store.forget_notices(before, before).await.unwrap(), 0);
        assert_eq!(left().await, BTreeSet::from([delivered, dead.clone(), waits.clone()]));
        assert_eq!(f.store.forget_notices(start, before).await.unwrap(), 1);
        assert_eq!(left().await, BTreeSet::from([dead, waits]));
        assert_eq!(f.store.forget_notices(start, start).await.unwrap(), 2);
        assert_eq!(left().await, BTreeSet::new());
    })
    .await;
}
