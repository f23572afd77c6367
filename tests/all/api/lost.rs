//! A host ends while an outer call runs: nobody waits for its inner calls any more, and nothing of them is sent later.

use gloveport::config::Database;
use gloveport::model::{Clock, ExecutionId, ExecutionStatus, Latency, Timestamp};
use gloveport::store::{Outcome, Store};
use gloveport_tests::host::TestHost;
use gloveport_tests::postgres;
use gloveport_tests::upstream::{Gate, Recorded, Reply, Upstream};
use serde_json::{Value, json};

use super::postgres::beside;

/// A host with the probe and the relay, connected for Ada; `/slow` is held back until the gate opens.
struct Scene {
    host: TestHost,
    upstream: Upstream,
    gate: Gate,
}

impl Scene {
    async fn on(host: TestHost) -> Self {
        let gate = Gate::closed();
        let held = gate.clone();
        let upstream = Upstream::start(move |request: &Recorded| {
            let reply = Reply::json(200, &json!({ "ok": true }));
            if request.path().starts_with("/slow") { reply.after(&held) } else { reply }
        })
        .await;
        for name in ["probe", "relay"] {
            host.install(name).await;
        }
        let probe =
            json!({ "name": "probe", "connector": "probe", "auth_pattern": "bearer", "base_url": upstream.url("") });
        let relay = json!({ "name": "relay", "connector": "relay", "auth_pattern": "none" });
        for body in [probe, relay] {
            host.client().post("/v1/connections", &body).await.expect(201);
        }
        host.account("probe", "ada", &json!({ "token": host.plant().token() })).await.expect(201);
        host.account("relay", "ada", &json!({})).await.expect(201);
        let condition = "tool == 'probe_fetch' && payload.method == 'POST'";
        let ask = json!({ "name": "ask", "condition": condition, "outcome": { "outcome": "ask" } });
        host.client().post("/v1/policies", &ask).await.expect(201);
        Self { host, upstream, gate }
    }

    /// An outer call that waits for its provider, with inner calls of which two wait for a person: one of its own, and one
    /// of a call that it made. Gives the outer call and those that wait.
    async fn running(&self) -> (Value, Vec<Value>) {
        let agent = self.host.caller("agent", "agent").await;
        let post = json!({ "tool": "probe_fetch", "input": { "method": "POST", "target": "/x" } });
        let deep = json!({ "tool": "relay_call", "input": post });
        let slow = json!({ "tool": "probe_fetch", "input": { "method": "GET", "target": "/slow" } });
        let body = json!({ "identifier": "ada", "input": { "calls": [post, deep, slow] }, "timeout_ms": 120_000 });
        let headers = [("content-type", "application/json"), ("prefer", "respond-async")];
        let began = agent.send("POST", "/v1/tools/relay_all/execute", &headers, body.to_string()).await.expect(202);
        loop {
            let waiting = self.host.client().get("/v1/executions?status=waiting").await.expect(200);
            let slow = self.upstream.requests().iter().any(|request| request.path() == "/slow");
            // The one in the middle waits, too.
            if waiting["total_size"] == 3 && slow {
                return (began["execution_id"].clone(), waiting["items"].as_array().unwrap().clone());
            }
            tokio::task::yield_now().await;
        }
    }

    /// Tries to approve what waits or waited.
    async fn approve_all(&self, waiting: &[Value], approvals: &[String]) {
        for approval in approvals {
            let answer = self.host.client().post(&format!("/v1/approvals/{approval}/approve"), &json!({})).await;
            assert_eq!(answer.problem(409), "conflict");
        }
        for one in waiting {
            let path = format!("/v1/executions/{}?wait=30s", one["id"].as_str().unwrap());
            let ended = self.host.client().get(&path).await.expect(200);
            assert_eq!((&ended["status"], &ended["code"]), (&json!("cancelled"), &json!("cancelled")), "{ended}");
            let chain = format!("/v1/audit?subject={}&action=execution.cancelled", one["id"].as_str().unwrap());
            assert_eq!(self.host.client().get(&chain).await.expect(200)["total_size"], 1, "{ended}");
        }
    }

    async fn approvals(&self) -> Vec<String> {
        let found = self.host.client().get("/v1/approvals?status=pending").await.expect(200);
        found["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }

    fn posts(&self) -> usize {
        self.upstream.requests().iter().filter(|request| request.method == "POST").count()
    }
}

async fn killed(database: Option<String>) {
    let mut scene = Scene::on(TestHost::spawn_child_on(database).await).await;
    let (outer, waiting) = scene.running().await;
    let approvals = scene.approvals().await;
    assert_eq!(approvals.len(), 2);
    scene.host.kill().await;
    scene.gate.open();
    scene.host.restart_child().await;
    let path = format!("/v1/executions/{}", outer.as_str().unwrap());
    assert_eq!(scene.host.client().get(&path).await.expect(200)["status"], "unknown_outcome");
    assert_eq!(scene.approvals().await, Vec::<String>::new());
    scene.approve_all(&waiting, &approvals).await;
    assert_eq!(scene.posts(), 0);
    // What an application made for a call that is lost, without that call's doing, goes on waiting.
    let agent = scene.host.caller("agent", "second").await;
    let input = json!({ "method": "POST", "target": "/own" });
    let body = json!({ "identifier": "ada", "input": input, "parent": outer });
    let own = agent.post("/v1/tools/probe_fetch/execute", &body).await.expect(202);
    scene.host.kill().await;
    scene.host.restart_child().await;
    let path = format!("/v1/approvals/{}/approve", own["approval_id"].as_str().unwrap());
    scene.host.client().post(&path, &json!({})).await.expect(200);
    let path = format!("/v1/executions/{}?wait=30s", own["execution_id"].as_str().unwrap());
    assert_eq!(scene.host.client().get(&path).await.expect(200)["status"], "succeeded");
    assert_eq!(scene.posts(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inner_calls_end_with_a_host_that_was_killed() {
    killed(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inner_calls_end_with_a_host_that_was_killed_on_postgresql() {
    let Some(database) = postgres::new_database() else { return };
    killed(Some(database)).await;
}

/// Approved in the moment in which the outer call ends: it finds out, and sends nothing.
#[tokio::test]
async fn an_inner_call_that_goes_on_too_late_sends_nothing() {
    let Some(database) = postgres::new_database() else { return };
    let scene = Scene::on(TestHost::with(beside(&database)).await).await;
    let (outer, waiting) = scene.running().await;
    let store = Store::open(&Database::Postgres(database)).await.unwrap();
    let lost = Outcome {
        status: ExecutionStatus::UnknownOutcome,
        code: None,
        culprit: None,
        detail: None,
        rule: None,
        finished_at: Timestamp(Clock::system().now().0),
        latency: Latency::default(),
        requests: 0,
        bytes: (0, 0),
        scrubbed: 0,
        timeline: None,
        answer: None,
        kept: None,
    };
    store.record_outcome(&ExecutionId::parse(outer.as_str().unwrap()).unwrap(), &lost).await.unwrap();
    let inner = waiting.iter().find(|one| one["parent"] == outer && one["tool"] == "probe_fetch").unwrap();
    let path = format!("/v1/executions/{}", inner["id"].as_str().unwrap());
    let approval = scene.host.client().get(&path).await.expect(200)["approval_id"].as_str().unwrap().to_owned();
    scene.host.client().post(&format!("/v1/approvals/{approval}/approve"), &json!({})).await.expect(200);
    let ended = scene.host.client().get(&format!("{path}?wait=30s")).await.expect(200);
    assert_eq!((&ended["status"], &ended["code"]), (&json!("cancelled"), &json!("cancelled")), "{ended}");
    assert_eq!(scene.posts(), 0);
    scene.gate.open();
}
