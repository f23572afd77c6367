//! One caller cannot take the host from the others: rates and places, refused before anything runs (KO-08).

use std::num::NonZeroU32;
use std::time::Duration;

use gloveport::config::NeighbourLimits;
use gloveport::model::{Clock, Timestamp};
use gloveport_tests::host::{Client, Setup, TestHost};
use gloveport_tests::upstream::{Gate, Reply, Upstream};
use serde_json::{Value, json};

async fn host(limits: NeighbourLimits, clock: &Clock, upstream: &Upstream) -> TestHost {
    let host = TestHost::with(Setup { limits, clock: clock.clone(), ..Setup::usual() }).await;
    host.install("probe").await;
    for name in ["probe", "other"] {
        let body =
            json!({ "name": name, "connector": "probe", "auth_pattern": "bearer", "base_url": upstream.url("") });
        host.client().post("/v1/connections", &body).await.expect(201);
        for user in ["ada", "eve"] {
            host.account(name, user, &json!({ "token": host.plant().token() })).await.expect(201);
        }
    }
    host
}

async fn whoami(client: &Client, user: &str, connection: &str) -> gloveport_tests::host::Answer {
    let body = json!({ "identifier": user, "connection": connection, "input": {} });
    client.post("/v1/tools/probe_whoami/execute", &body).await
}

/// Who calls too often is told when to come again; others, and the same one a little later, are served.
#[tokio::test]
async fn rates_are_counted_for_each() {
    let two = NonZeroU32::new(2);
    let none = NeighbourLimits::NONE;
    // Of each limit: who shares it, and who does not.
    let cases = [
        (NeighbourLimits { calls_per_minute_per_key: two, ..none }, (0, "ada", "probe"), (1, "ada", "probe")),
        (NeighbourLimits { calls_per_minute_per_identifier: two, ..none }, (1, "ada", "other"), (0, "eve", "probe")),
        (NeighbourLimits { calls_per_minute_per_connection: two, ..none }, (1, "eve", "probe"), (0, "ada", "other")),
    ];
    let upstream = Upstream::start(|_| Reply::json(200, &json!({ "ok": true }))).await;
    for (limits, shares, has_its_own) in cases {
        let clock = Clock::manual(Timestamp(1_800_000_000_000));
        let host = host(limits, &clock, &upstream).await;
        let keys = [host.caller("agent", "one").await, host.caller("agent", "two").await];
        let call = async |(key, user, connection): (usize, &str, &str)| whoami(&keys[key], user, connection).await;
        for _ in 0..2 {
            call((0, "ada", "probe")).await.expect(200);
        }
        let before = (upstream.requests().len(), total(&host).await);
        let refused = call(shares).await;
        assert!(refused.header("retry-after").is_some_and(|seconds| seconds == "30"), "{refused:?}");
        let body = refused.json();
        assert_eq!(refused.problem(429), "rate_limited", "{limits:?}");
        assert_eq!((&body["culprit"], &body["retry_after_ms"]), (&json!("limit"), &json!(30_000)), "{body}");
        assert_eq!((upstream.requests().len(), total(&host).await), before, "nothing ran and nothing is on record");
        call(has_its_own).await.expect(200);
        clock.advance(Duration::from_secs(30));
        call(shares).await.expect(200);
    }
}

async fn total(host: &TestHost) -> Value {
    host.client().get("/v1/executions").await.expect(200)["total_size"].clone()
}

/// More calls than there are places wait, and run when there is room; a neighbour is not kept waiting.
#[tokio::test]
async fn places_are_shared_in_order() {
    let one = NonZeroU32::new(1);
    let (gate, clock) = (Gate::closed(), Clock::system());
    let held = gate.clone();
    let upstream = Upstream::start(move |request| match request.path() {
        "/held" => Reply::text(200, "let go").after(&held),
        _ => Reply::json(200, &json!({ "ok": true })),
    })
    .await;
    let limits = NeighbourLimits { concurrent_calls_per_connection: one, ..NeighbourLimits::NONE };
    let host = host(limits, &clock, &upstream).await;
    let before = upstream.requests().len();
    let body = json!({ "identifier": "ada", "connection": "probe", "input": { "target": "/held" } });
    let path = "/v1/tools/probe_fetch_read/execute";
    let (first, second) = (host.client().post(path, &body), host.client().post(path, &body));
    let neighbour = async {
        upstream.wait_for(before + 1).await;
        whoami(host.client(), "ada", "other").await.expect(200);
        let impatient = json!({ "identifier": "ada", "connection": "probe", "input": {}, "timeout_ms": 1 });
        let answer = host.client().post("/v1/tools/probe_whoami/execute", &impatient).await;
        assert_eq!(answer.problem(429), "rate_limited");
        let held = upstream.requests().iter().filter(|request| request.path() == "/held").count();
        assert_eq!(held, 1, "the second has no place");
        gate.open();
    };
    let (first, second, ()) = tokio::join!(first, second, neighbour);
    assert_eq!((first.expect(200)["data"]["body"].clone(), second.status), (json!("let go"), 200));
}
