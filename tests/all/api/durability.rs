//! What was begun is on record, whatever happens to the host, the caller or the disk.

use gloveport::config::Database;
use gloveport::model::ExecutionStatus;
use gloveport::store::{ExecutionFilter, PageRequest, Store};
use gloveport_tests::host::{Client, TestHost};
use gloveport_tests::upstream::{Gate, Recorded, Reply, Upstream};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, SqliteConnection};

/// Holds writes back until the gate opens.
async fn gated() -> (Gate, Upstream) {
    let gate = Gate::closed();
    let held = gate.clone();
    let upstream = Upstream::start(move |request: &Recorded| match request.method.as_str() {
        "POST" => Reply::text(200, "written").after(&held),
        _ => Reply::json(200, &json!({ "ok": true })),
    })
    .await;
    (gate, upstream)
}

async fn connected(host: &TestHost, upstream: &Upstream) {
    let canary = host.plant();
    host.install("probe").await;
    let body = json!({ "name": "probe", "connector": "probe", "auth_pattern": "bearer", "base_url": upstream.url("") });
    host.client().post("/v1/connections", &body).await.expect(201);
    host.account("probe", "ada", &json!({ "token": canary.token() })).await.expect(201);
}

fn write_body() -> Value {
    json!({ "identifier": "ada", "tool_call_id": "the-write",
        "input": { "method": "POST", "target": "/things", "body": { "kind": "json", "text": "{}" } } })
}

/// A caller in a task of its own, whose call can be left alone.
fn write(host: &TestHost) -> tokio::task::JoinHandle<Option<u16>> {
    let client = host.client().with_key(gloveport_tests::host::ADMIN_KEY);
    tokio::spawn(async move {
        let headers = [("content-type", "application/json")];
        let sent = client.try_send("POST", "/v1/tools/probe_fetch/execute", &headers, write_body().to_string()).await;
        sent.ok().map(|answer| answer.status)
    })
}

async fn executions(client: &Client) -> Vec<Value> {
    client.get("/v1/executions?tool=probe_fetch").await.expect(200)["items"].as_array().unwrap().clone()
}

/// The power goes while a provider works on a write: the execution reads `unknown_outcome`, the write arrived once and is
/// not repeated, and what had ended before is all there.
#[tokio::test]
async fn a_killed_host_neither_forgets_nor_repeats() {
    let (gate, upstream) = gated().await;
    let mut host = TestHost::spawn_child().await;
    connected(&host, &upstream).await;
    for _ in 0..20 {
        host.execute("probe_say_nothing", "ada", &json!({})).await.expect(200);
    }
    let caller = write(&host);
    upstream.wait_for(2).await;
    host.kill().await;
    assert_eq!(caller.await.unwrap(), None, "the caller got no answer");
    gate.open();
    host.restart_child().await;
    let found = executions(host.client()).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["status"], &found[0]["tool_call_id"]), (&json!("unknown_outcome"), &json!("the-write")));
    let unknown = host.client().get("/v1/executions?status=unknown_outcome").await.expect(200);
    assert_eq!(unknown["total_size"], 1);
    let ended = host.client().get("/v1/executions?status=succeeded").await.expect(200);
    assert_eq!(ended["total_size"], 21, "the test call and twenty others");
    assert_eq!(host.client().get("/v1/executions?status=started").await.expect(200)["total_size"], 0);
    let posts = upstream.requests().iter().filter(|request| request.method == "POST").count();
    assert_eq!(posts, 1);
    host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
}

/// A caller that goes away does not stop a call half-way.
#[tokio::test]
async fn a_call_outlives_its_caller() {
    let (gate, upstream) = gated().await;
    let mut host = TestHost::start().await;
    connected(&host, &upstream).await;
    let caller = write(&host);
    upstream.wait_for(2).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    gate.open();
    // Stopping waits for the calls that run.
    host.stop().await;
    assert_eq!(recorded(&host).await, [ExecutionStatus::Succeeded]);
}

/// A host that is asked to stop refuses new calls, and lets the running ones end and be recorded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_host_ends_what_it_began() {
    let (gate, upstream) = gated().await;
    let mut host = TestHost::start().await;
    connected(&host, &upstream).await;
    let caller = write(&host);
    upstream.wait_for(2).await;
    let other = host.client().with_key(gloveport_tests::host::ADMIN_KEY);
    let (stopped, ()) = tokio::join!(host.stop(), async {
        while other.get("/readyz").await.status == 200 {
            tokio::task::yield_now().await;
        }
        assert_eq!(other.get("/readyz").await.problem(503), "unavailable");
        let body = json!({ "identifier": "ada", "input": {} });
        let refused = other.post("/v1/tools/probe_say_nothing/execute", &body).await;
        assert_eq!(refused.problem(503), "unavailable");
        gate.open();
    });
    let () = stopped;
    assert_eq!(caller.await.unwrap(), Some(200));
    assert_eq!(recorded(&host).await, [ExecutionStatus::Succeeded]);
    assert_eq!(upstream.requests().len(), 2);
}

/// The same as an operator does it, to a process of its own: SIGTERM while a call runs. New calls are refused, the running
/// one ends, its caller gets the answer, the exit code is 0, and the outcome is on disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminated_host_ends_what_it_began() {
    let (gate, upstream) = gated().await;
    let mut host = TestHost::spawn_child().await;
    connected(&host, &upstream).await;
    let caller = write(&host);
    upstream.wait_for(2).await;
    host.terminate().await;
    while host.client().get("/readyz").await.status == 200 {
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        let refused = host.execute("probe_say_nothing", "ada", &json!({})).await;
        assert_eq!(refused.problem(503), "unavailable");
    }
    assert!(!caller.is_finished());
    gate.open();
    assert_eq!(caller.await.unwrap(), Some(200));
    assert_eq!(host.exit_code().await, Some(0));
    assert_eq!(recorded(&host).await, [ExecutionStatus::Succeeded]);
    assert_eq!(upstream.requests().len(), 2, "what was refused did not leave");
    let said = String::from_utf8(host.output()).unwrap();
    assert!(said.contains("new calls are refused"), "{said}");
}

/// An outcome that cannot be written is told to the caller, with what to do; the execution still reads `started`, and
/// `unknown_outcome` once the host has started again. Nothing is lost, and nothing runs without a record.
#[tokio::test]
async fn an_outcome_that_cannot_be_recorded_is_reported() {
    let (gate, upstream) = gated().await;
    let mut host = TestHost::spawn_child().await;
    connected(&host, &upstream).await;
    let path = host.data().join("gloveport.db");
    let mut beside = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let client = host.client().with_key(gloveport_tests::host::ADMIN_KEY);
    let caller = tokio::spawn(async move { client.post("/v1/tools/probe_fetch/execute", &write_body()).await });
    upstream.wait_for(2).await;
    beside.execute("ALTER TABLE executions RENAME TO executions_away").await.unwrap();
    gate.open();
    let problem = caller.await.unwrap().expect(500);
    assert_eq!((&problem["code"], &problem["culprit"]), (&json!("internal"), &json!("host")));
    let detail = problem["detail"].as_str().unwrap();
    for part in ["has run", "succeeded", "could not be recorded", "Do not repeat a write"] {
        assert!(detail.contains(part), "{detail}");
    }
    // No row, no call: nothing leaves as long as nothing can be recorded.
    assert_eq!(host.execute("probe_whoami", "ada", &json!({})).await.problem(503), "unavailable");
    assert_eq!(upstream.requests().len(), 2);
    beside.execute("ALTER TABLE executions_away RENAME TO executions").await.unwrap();
    beside.close().await.unwrap();
    let path = format!("/v1/executions/{}", problem["execution_id"].as_str().unwrap());
    assert_eq!(host.client().get(&path).await.expect(200)["status"], "started");
    host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
    host.kill().await;
    host.restart_child().await;
    assert_eq!(host.client().get(&path).await.expect(200)["status"], "unknown_outcome");
}

/// Statuses of the gated tool's executions, read from the database of a host that has ended.
async fn recorded(host: &TestHost) -> Vec<ExecutionStatus> {
    let store = Store::open(&Database::Sqlite(host.data().join("gloveport.db"))).await.unwrap();
    let (clock, random) = (gloveport::model::Clock::system(), gloveport::model::Random::system());
    let project = store.default_project(&clock, &random).await.unwrap();
    let filter = ExecutionFilter { tool: Some("probe_fetch".into()), ..ExecutionFilter::default() };
    let found = store.list_executions(&project, &filter, &PageRequest::first()).await.unwrap();
    store.close().await;
    found.items.iter().map(|execution| execution.status).collect()
}
