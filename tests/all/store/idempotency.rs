//! Idempotency keys in rows: one start takes a key, its neighbours in the same batch are not disturbed.

use std::time::Duration;

use gloveport::model::{Execution, KeyId};
use gloveport::store::{Beginning, KeptAnswer, Outcome, Reservation, StoreError};

use super::fixture::{Fixture, on_both};

const HOST: &str = "host-1";

fn reservation(f: &Fixture, key: &str) -> Reservation {
    Reservation { key: key.into(), request: "r".into(), kept_until: f.clock.now().plus(Duration::from_secs(60)) }
}

/// Many start at once with few keys: of each key one, and all that came without.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_each_key_one_starts() {
    on_both(async |f: Fixture| {
        let api_key = KeyId::new(&f.clock, &f.random);
        let mut writers = Vec::new();
        for n in 0..120 {
            let (store, execution) = (f.store.clone(), Execution { key: api_key.clone(), ..f.execution() });
            let once = (n % 4 != 0).then(|| reservation(&f, &format!("k{}", n % 5)));
            writers.push(tokio::spawn(async move {
                let result = match &once {
                    Some(once) => {
                        store
                            .record_start_with(
                                &execution,
                                HOST,
                                Beginning { once: Some(once.clone()), ..Beginning::default() },
                            )
                            .await
                    }
                    None => store.record_start(&execution, HOST).await,
                };
                (execution, once, result)
            }));
        }
        let mut started = 0;
        for writer in writers {
            let (execution, once, result) = writer.await.unwrap();
            let found = f.store.find_execution(&f.project, &execution.id).await.unwrap();
            assert_eq!(found.is_some(), result.is_ok(), "{result:?}");
            match (&once, result) {
                (_, Ok(())) => started += 1,
                (Some(once), Err(StoreError::Conflict(_))) => {
                    let reserved = f.store.reserved(&f.project, &api_key, &once.key, f.clock.now()).await.unwrap();
                    assert_ne!(reserved.unwrap().execution, execution.id);
                }
                (_, result) => panic!("{result:?}"),
            }
        }
        assert_eq!(started, 30 + 5, "thirty without a key, and one of each of five");
    })
    .await;
}

/// The answer comes with the outcome; a key is free when its time is over and its call has ended, not before.
#[tokio::test]
async fn a_key_lives_as_long_as_its_call_and_its_time() {
    on_both(async |f: Fixture| {
        let execution = f.execution();
        f.store
            .record_start_with(&execution, HOST, Beginning { once: Some(reservation(&f, "k")), ..Beginning::default() })
            .await
            .unwrap();
        let reserved = async || f.store.reserved(&f.project, &execution.key, "k", f.clock.now()).await.unwrap();
        let found = reserved().await.unwrap();
        assert_eq!((found.execution, found.answer, found.request.as_str()), (execution.id.clone(), None, "r"));
        let stranger = f.store.reserved(&f.stranger, &execution.key, "k", f.clock.now()).await.unwrap();
        assert_eq!(stranger, None);
        f.clock.advance(Duration::from_secs(3_600));
        assert_eq!(f.store.forget_reservations(f.clock.now()).await.unwrap(), 0, "its call still runs");
        assert!(reserved().await.is_some());
        let until = f.clock.now().plus(Duration::from_secs(60));
        let answer = Some(KeptAnswer { sealed: "sealed".into(), until });
        f.store.record_outcome(&execution.id, &Outcome { answer, ..f.outcome() }).await.unwrap();
        assert_eq!(reserved().await.unwrap().answer.as_deref(), Some("sealed"));
        // A second outcome is refused, and so is its answer.
        let late = Some(KeptAnswer { sealed: "late".into(), until });
        f.store.record_outcome(&execution.id, &Outcome { answer: late, ..f.outcome() }).await.unwrap_err();
        assert_eq!(reserved().await.unwrap().answer.as_deref(), Some("sealed"));
        f.clock.advance(Duration::from_secs(60));
        assert_eq!(reserved().await, None);
        f.store
            .record_start_with(
                &Execution { key: execution.key.clone(), ..f.execution() },
                HOST,
                Beginning { once: Some(reservation(&f, "k")), ..Beginning::default() },
            )
            .await
            .unwrap();
        let other = f.execution();
        f.store
            .record_start_with(&other, HOST, Beginning { once: Some(reservation(&f, "k")), ..Beginning::default() })
            .await
            .unwrap();
        f.store.record_outcome(&other.id, &f.outcome()).await.unwrap();
        f.clock.advance(Duration::from_secs(61));
        assert_eq!(f.store.forget_reservations(f.clock.now()).await.unwrap(), 1, "the one that has ended");
    })
    .await;
}
