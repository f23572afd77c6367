//! Delivery: again and again until it is taken or given up, each receiver by itself, each notice by one host.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gloveport_tests::host::log;
use gloveport_tests::upstream::Gate;

use super::super::postgres::beside;
use super::*;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The specification's waits, in milliseconds.
const WAITS: [u64; 9] =
    [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];

/// A receiver that takes notices from when it is told to, and answers 500 before.
async fn learning() -> (Arc<AtomicBool>, Upstream) {
    let takes = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&takes);
    let status = move || if asked.load(Ordering::SeqCst) { 200 } else { 500 };
    (takes, Upstream::start(move |_| Reply::status(status())).await)
}

fn started_at(start: i64) -> (Clock, Setup) {
    let clock = Clock::manual(Timestamp(start));
    (clock.clone(), Setup { clock, ..Setup::usual() })
}

/// A notice that nobody takes is sent ten times, always under its own identifier, and is then there to be seen and to be
/// sent again.
#[tokio::test]
async fn what_is_not_taken_is_sent_again_until_it_is_given_up() {
    let (clock, setup) = started_at(1_800_000_000_000);
    let host = TestHost::with(setup).await;
    let (takes, receiver) = learning().await;
    let hook = Hook::of(&host, &receiver.url("/"), &[]).await;
    let notice = hook.test().await;
    for (n, wait) in WAITS.into_iter().enumerate() {
        let tried = hook.tried(n + 1).await;
        assert_eq!((&tried["state"], receiver.requests().len()), (&json!("pending"), n + 1), "{tried}");
        clock.advance(Duration::from_millis(wait - 1));
        host.deliver().await;
        assert_eq!(receiver.requests().len(), n + 1, "before its time");
        // Waits are up to a fifth longer.
        clock.advance(Duration::from_millis(1 + wait / 5));
        host.deliver().await;
    }
    let dead = hook.until("dead", 1).await.remove(0);
    assert_eq!((&dead["id"], dead["attempts"].as_array().unwrap().len()), (&json!(notice), 10));
    assert!(dead["due_at"].is_null(), "{dead}");
    clock.advance(Duration::from_millis(48 * HOUR));
    host.deliver().await;
    let requests = receiver.requests();
    assert_eq!(requests.len(), 10);
    for request in &requests {
        assert_eq!((request.header("webhook-id"), &request.body), (Some(notice.as_str()), &requests[0].body));
        check_signed(request, &[&hook.secret]);
    }
    let times: std::collections::BTreeSet<_> =
        requests.iter().map(|request| request.header("webhook-timestamp")).collect();
    assert_eq!(times.len(), 10, "each says when it was sent");
    let log = String::from_utf8(log::lines()).unwrap();
    assert!(log.lines().any(|line| line.contains("a notice was given up") && line.contains(&notice)), "no line");

    takes.store(true, Ordering::SeqCst);
    hook.client.post(&hook.path(&format!("/deliveries/{notice}/retry")), &json!({})).await.expect(202);
    let delivered = hook.until("delivered", 1).await.remove(0);
    assert_eq!(delivered["attempts"].as_array().unwrap().len(), 11);
    assert_eq!(receiver.requests()[10].header("webhook-id"), Some(notice.as_str()));
    let metrics = host.client().get("/metrics").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    for outcome in ["delivered", "failed", "dead"] {
        assert!(metrics.contains(&format!("gloveport_notices_total{{outcome=\"{outcome}\"}}")), "{outcome}: {metrics}");
    }
    assert!(metrics.contains("# TYPE gloveport_notices_oldest_pending_seconds gauge"), "{metrics}");
}

/// One that was given up is counted anew when it is sent again, and what is old is gone.
#[tokio::test]
async fn what_ended_long_ago_is_gone() {
    let (clock, setup) = started_at(1_800_000_000_000);
    let host = TestHost::with(setup).await;
    let (takes, receiver) = learning().await;
    takes.store(true, Ordering::SeqCst);
    let hook = Hook::of(&host, &receiver.url("/"), &[]).await;
    hook.test().await;
    hook.until("delivered", 1).await;
    clock.advance(Duration::from_millis(7 * 24 * HOUR - 1));
    host.sweep().await;
    hook.until("delivered", 1).await;
    clock.advance(Duration::from_millis(1));
    host.sweep().await;
    hook.until("delivered", 0).await;
}

/// A redirect is an answer like any other that is not 2xx: what was signed goes to whom it was addressed, and nowhere
/// else.
#[tokio::test]
async fn no_redirect_is_followed() {
    let elsewhere = receiver().await;
    for status in [301, 302, 303, 307, 308] {
        for own in [true, false] {
            let target = elsewhere.url("/other");
            let moved = Upstream::start(move |request| {
                let location = if own { "/other".to_owned() } else { target.clone() };
                if request.path() == "/other" { Reply::status(204) } else { Reply::redirect(status, &location) }
            })
            .await;
            let host = TestHost::start().await;
            let hook = Hook::of(&host, &moved.url("/"), &[]).await;
            hook.test().await;
            let tried = hook.tried(1).await;
            assert_eq!(tried["attempts"][0]["status"], status, "{tried}");
            assert_eq!((&tried["state"], moved.requests().len()), (&json!("pending"), 1));
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// A receiver that does not answer holds up nobody but itself.
#[tokio::test]
async fn a_slow_receiver_holds_up_nobody_else() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let gate = Gate::closed();
    let held = gate.clone();
    let slow = Upstream::start(move |_| Reply::status(200).after(&held)).await;
    let quick = receiver().await;
    let first = Hook::of(&bed.host, &slow.url("/"), &[]).await;
    let second = Hook::of(&bed.host, &quick.url("/"), &[]).await;
    for _ in 0..12 {
        bed.host.execute("probe_say_nothing", "ada", &json!({})).await.expect(200);
    }
    second.until("delivered", 12).await;
    assert!(slow.requests().len() <= 8, "a few at a time: {}", slow.requests().len());
    assert_eq!(first.until("delivered", 0).await.len(), 0);
    gate.open();
    first.until("delivered", 12).await;
    assert_eq!((slow.requests().len(), quick.requests().len()), (12, 12));
}

/// A body without an end is cut, and what was answered counts.
#[tokio::test]
async fn a_long_answer_is_cut() {
    let host = TestHost::start().await;
    let long = Upstream::start(|_| Reply::repeated("text/plain", vec![b'x'; 64 * 1024], 1_000)).await;
    let hook = Hook::of(&host, &long.url("/"), &[]).await;
    hook.test().await;
    hook.until("delivered", 1).await;
}

/// How often each notice arrived.
fn arrivals(receiver: &Upstream) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for request in receiver.requests() {
        *times.entry(request.header("webhook-id").unwrap().to_owned()).or_insert(0) += 1;
    }
    times
}

/// Two hosts on one database, and both send at the same time what is due: each notice leaves once, and once more after it
/// was not taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_send_each_notice_once() {
    let Some(database) = postgres::new_database() else { return };
    let clock = Clock::manual(Timestamp(1_800_000_000_000));
    let bed = Bed::with(Setup { clock: clock.clone(), ..beside(&database) }).await;
    let canary = bed.connect("ada").await;
    let other = TestHost::with(Setup { clock: clock.clone(), ..beside(&database) }).await;
    other.search_for(canary);
    let (takes, receiver) = learning().await;
    let hook = Hook::of(&bed.host, &receiver.url("/"), &[]).await;
    other.search_for(super::canary(&hook.secret));
    let agent = bed.host.caller("agent", "agent").await;
    let there = other.client().with_key(gloveport_tests::host::ADMIN_KEY);
    let body = json!({ "identifier": "ada", "input": {} });
    for _ in 0..20 {
        let (one, two) = tokio::join!(
            agent.post("/v1/tools/probe_say_nothing/execute", &body),
            there.post("/v1/tools/probe_say_nothing/execute", &body)
        );
        one.expect(200);
        two.expect(200);
    }
    receiver.wait_for(40).await;
    hook.until("pending", 40).await;
    assert_eq!(arrivals(&receiver).values().copied().collect::<Vec<_>>(), [1; 40]);
    takes.store(true, Ordering::SeqCst);
    // Until all attempts are settled, some would not be due yet.
    loop {
        let list = hook.client.get(&hook.path("/deliveries?limit=200")).await.expect(200);
        if list["items"].as_array().unwrap().iter().all(|one| one["attempts"].as_array().unwrap().len() == 1) {
            break;
        }
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_millis(6 * SECOND));
    tokio::join!(bed.host.deliver(), other.deliver());
    hook.until("delivered", 40).await;
    assert_eq!(arrivals(&receiver).values().copied().collect::<Vec<_>>(), [2; 40]);
}
