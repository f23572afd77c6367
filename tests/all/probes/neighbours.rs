//! While hostile guests take all that they can, the calls of another user go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gloveport_probe::Probe;
use gloveport_tests::canary::Canary;
use gloveport_tests::host::{ADMIN_KEY, Setup};
use gloveport_tests::upstream::{Gate, Reply, Upstream};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{Case, USER};

/// Calls of a hostile tool, one after the other, until they are told to stop: how they ended.
fn again_and_again(case: &Case, probe: Probe, stop: &Arc<AtomicBool>) -> JoinHandle<Vec<String>> {
    let (client, stop) = (case.host.client().with_key(ADMIN_KEY), Arc::clone(stop));
    tokio::spawn(async move {
        let body = json!({ "identifier": USER, "connection": "probe", "input": {} });
        let mut ends = Vec::new();
        while !stop.load(Ordering::Relaxed) || ends.is_empty() {
            let answer = client.post(&format!("/v1/tools/{}/execute", probe.tool()), &body).await.json();
            ends.push(answer["code"].as_str().unwrap_or("succeeded").to_owned());
        }
        ends
    })
}

/// Waits until so many calls of a tool are under way, by their records.
async fn under_way(case: &Case, probe: Probe, n: usize) {
    let path = format!("/v1/executions?status=started&tool={}", probe.tool());
    while started(case, &path).await < n {
        tokio::task::yield_now().await;
    }
}

async fn started(case: &Case, path: &str) -> usize {
    case.host.client().get(path).await.expect(200)["items"].as_array().unwrap().len()
}

/// No clock decides: the neighbour's calls are all done while endless loops that began before them still run.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_neighbours_calls_go_on_beside_endless_loops_and_memory_hogs() {
    let case = Case::with(Probe::Echo, Setup { max_concurrent_calls: Some(16), ..Setup::usual() }).await;
    let bob = Bob::connect(&case).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut loops: Vec<_> = (0..4).map(|_| again_and_again(&case, Probe::EndlessLoop, &stop)).collect();
    loops.push(again_and_again(&case, Probe::HostcallFlood, &stop));
    let hogs: Vec<_> = (0..3).map(|_| again_and_again(&case, Probe::MemoryGrowth, &stop)).collect();
    under_way(&case, Probe::EndlessLoop, 4).await;
    for n in 0..10 {
        bob.echo(n).await;
        bob.fetch(n).await;
    }
    assert!(loops.iter().all(|hostile| !hostile.is_finished()));
    let still = started(&case, "/v1/executions?status=started&tool=probe_endless_loop").await;
    assert!(still > 0, "the loops were at it all the time");
    stop.store(true, Ordering::Relaxed);
    for hostile in loops {
        assert!(hostile.await.unwrap().iter().all(|end| end == "guest_limit"));
    }
    for hog in hogs {
        assert!(hog.await.unwrap().iter().all(|end| end == "succeeded"));
    }
    assert!(case.arrived().is_empty());
}

/// The neighbour: another user, on another connection, with another credential.
struct Bob<'a> {
    case: &'a Case,
    canary: Canary,
    upstream: Upstream,
}

impl<'a> Bob<'a> {
    async fn connect(case: &'a Case) -> Self {
        let upstream = Upstream::start(|request| Reply::json(200, &json!(request.path()))).await;
        let connection = json!({
            "name": "neighbour", "connector": "probe", "auth_pattern": "header", "base_url": upstream.url(""),
        });
        case.host.client().post("/v1/connections", &connection).await.expect(201);
        let canary = case.host.plant();
        case.host.account("neighbour", "bob", &json!({ "key": canary.token() })).await.expect(201);
        Self { case, canary, upstream }
    }

    async fn call(&self, tool: &str, input: Value) -> Value {
        let answer = self.case.host.execute(tool, "bob", &input).await;
        answer.expect(200)["data"].clone()
    }

    async fn echo(&self, n: u32) {
        assert_eq!(self.call("probe_echo", json!({ "n": n })).await, json!({ "n": n }));
    }

    async fn fetch(&self, n: u32) {
        let data = self.call("probe_fetch", json!({ "target": format!("/{n}") })).await;
        assert_eq!(data["body"], format!("\"/{n}\""));
        let request = self.upstream.requests().pop().unwrap();
        assert_eq!(request.header("x-api-key"), Some(&*format!("Token {}", self.canary.token())), "lesson 6");
    }
}

/// A call that waits for its provider holds up nobody, and gets its answer in the end.
#[tokio::test]
async fn a_call_that_waits_holds_up_nobody() {
    let case = Case::of(Probe::Fetch).await;
    let gate = Gate::closed();
    let held = gate.clone();
    case.answer(move |request| match request.path() {
        "/slow" => Reply::text(200, "slow").after(&held),
        _ => Reply::text(200, "quick"),
    });
    let slow = {
        let client = case.host.client().with_key(ADMIN_KEY);
        let body = json!({ "identifier": USER, "input": { "target": "/slow" } });
        tokio::spawn(async move { client.post("/v1/tools/probe_fetch/execute", &body).await })
    };
    case.upstream.wait_for(2).await;
    for _ in 0..20 {
        assert_eq!(case.call(&json!({ "target": "/quick" })).await.requests(1).data()["body"], "quick");
    }
    assert!(!slow.is_finished());
    gate.open();
    assert_eq!(slow.await.unwrap().expect(200)["data"]["body"], "slow");
}
