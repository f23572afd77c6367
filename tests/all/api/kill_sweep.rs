//! The process ends at each point of a call in turn: no write is sent twice, and no call is forgotten.

use std::collections::BTreeSet;

use gloveport::config::FaultPoint;
use gloveport_tests::host::{Client, TestHost};
use gloveport_tests::postgres;
use gloveport_tests::upstream::{Reply, Upstream};
use serde_json::{Value, json};

/// What is asked of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    /// A write that waits for a person.
    Governed,
}

/// A point is passed by the start of a call, and once more by its outcome, or by what goes on with it.
const TIMES: [u32; 3] = [1, 2, 3];

struct Sweep {
    host: TestHost,
    upstream: Upstream,
    /// Hears how executions end, on PostgreSQL: on SQLite outcomes then go another way than the usual one.
    receiver: Upstream,
    options: Vec<String>,
    runs: usize,
    ended: usize,
}

impl Sweep {
    async fn start(database: Option<String>) -> Self {
        let upstream = Upstream::start(|request| match request.path() {
            "/whoami" => Reply::json(200, &json!({ "ok": true })),
            path => Reply::text(200, path),
        })
        .await;
        let options: Vec<String> = database.into_iter().flat_map(|url| ["--database".to_owned(), url]).collect();
        let host = TestHost::spawn_child_with(&as_strs(&options)).await;
        host.install("probe").await;
        let body =
            json!({ "name": "probe", "connector": "probe", "auth_pattern": "bearer", "base_url": upstream.url("") });
        host.client().post("/v1/connections", &body).await.expect(201);
        host.account("probe", "ada", &json!({ "token": host.plant().token() })).await.expect(201);
        let rule = json!({ "name": "look", "condition": "chat_id == 'governed'", "outcome": { "outcome": "ask" } });
        host.client().post("/v1/policies", &rule).await.expect(201);
        host.client().post("/v1/keys", &json!({ "role": "admin", "name": "second" })).await.expect(201);
        let receiver = Upstream::start(|_| Reply::status(204)).await;
        if !options.is_empty() {
            let webhook = json!({ "url": receiver.url("/"), "events": ["execution.finished"] });
            host.client().post("/v1/webhooks", &webhook).await.expect(201);
        }
        Self { host, upstream, receiver, options, runs: 0, ended: 0 }
    }

    async fn all(&mut self) {
        for point in FaultPoint::ALL {
            let before = self.ended;
            for times in TIMES {
                for kind in [Kind::Read, Kind::Write, Kind::Governed] {
                    self.one(&format!("{}:{times}", point.name()), kind).await;
                }
            }
            assert!(self.ended > before, "no run ended at {point:?}");
        }
    }

    /// One run: until the process ends at the point or the call is over, and then what is left in a new process.
    async fn one(&mut self, fault: &str, kind: Kind) {
        let what = format!("{fault} {kind:?}");
        self.host.kill().await;
        self.host.restart_child_until(&as_strs(&self.options), Some(fault)).await;
        let name = format!("run-{}", self.runs);
        self.runs += 1;
        let asked = call(self.host.client(), kind, &name).await;
        let asked = match (kind, asked) {
            (Kind::Governed, Some(answer)) => approve(self.host.client(), answer).await,
            (_, asked) => asked,
        };
        self.ended += usize::from(asked.is_none());
        self.host.kill().await;
        self.host.restart_child_with(&as_strs(&self.options)).await;
        self.check(&what, kind, &name, asked.as_ref()).await;
    }

    /// Each execution that has ended was told of, with the status that it has.
    async fn check_notices(&self) {
        let mut expected = BTreeSet::new();
        for status in ["succeeded", "unknown_outcome"] {
            let path = format!("/v1/executions?limit=200&status={status}");
            let found = self.host.client().get(&path).await.expect(200);
            // The test call was before the webhook.
            let items =
                found["items"].as_array().unwrap().iter().filter(|item| item["trigger_type"] != "connection_test");
            expected.extend(items.map(|item| (item["id"].to_string(), status.to_owned())));
        }
        assert!(expected.len() > self.runs / 2, "{} of {} runs", expected.len(), self.runs);
        loop {
            let told = self.receiver.requests().into_iter().map(|request| {
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                (body["data"]["execution_id"].to_string(), body["data"]["status"].as_str().unwrap().to_owned())
            });
            if expected.is_subset(&told.collect()) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// What the caller was told is so; what nobody was told is on record with a reason, or never began.
    async fn check(&self, what: &str, kind: Kind, name: &str, told: Option<&Value>) {
        let client = self.host.client();
        let path = format!("/v1/executions?trigger_type={name}");
        let mut found = client.get(&path).await.expect(200)["items"].as_array().unwrap().clone();
        assert!(found.len() <= 1, "{what}: {found:?}");
        if found.first().is_some_and(|found| found["status"] == "waiting") {
            // It still waits, and can go on.
            let id = found[0]["id"].as_str().unwrap().to_owned();
            let waiting = client.get(&format!("/v1/executions/{id}")).await.expect(200);
            let waiting = json!({ "execution_id": id, "approval_id": waiting["approval_id"] });
            let ended = approve(client, waiting).await.unwrap_or_else(|| panic!("{what}: the host is gone"));
            assert_eq!(ended["status"], "succeeded", "{what}: {ended}");
            found = vec![ended];
        }
        let arrived = self.upstream.requests().iter().filter(|request| request.path() == format!("/{name}")).count();
        let written = self.upstream.requests().iter().filter(|request| request.path() == format!("/{name}/w")).count();
        assert!(written <= 1, "{what}: a write was sent {written} times");
        assert!(arrived <= 1, "{what}: a read was sent {arrived} times");
        match found.first() {
            None => assert!(told.is_none() && arrived + written == 0, "{what}: a call without a record"),
            Some(record) => match record["status"].as_str().unwrap() {
                "succeeded" => assert_eq!(written, usize::from(kind != Kind::Read), "{what}: {record}"),
                "unknown_outcome" => {
                    assert!(told.is_none(), "{what}: {told:?}");
                    assert!(record["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{what}: {record}");
                }
                status => panic!("{what}: it reads {status}: {record}"),
            },
        }
        if let Some(told) = told {
            assert_eq!((&told["status"], &found[0]["status"]), (&json!("succeeded"), &json!("succeeded")), "{what}");
        }
    }
}

/// Asks; nothing if the host is gone before it answers.
async fn call(client: &Client, kind: Kind, name: &str) -> Option<Value> {
    let write = json!({ "method": "POST", "target": format!("/{name}/w") });
    let requests = match kind {
        Kind::Read => json!([{ "target": format!("/{name}") }]),
        Kind::Write | Kind::Governed => json!([{ "target": format!("/{name}") }, write]),
    };
    let chat = if kind == Kind::Governed { "governed" } else { "free" };
    let body = json!({ "identifier": "ada", "trigger_type": name, "chat_id": chat, "input": { "requests": requests } });
    let headers = [("content-type", "application/json")];
    let answer = client.try_send("POST", "/v1/tools/probe_fetch_all/execute", &headers, body.to_string()).await.ok()?;
    assert!([200, 202].contains(&answer.status), "{answer:?}");
    Some(answer.json())
}

/// Approves with a key that did not ask, and waits for the end; nothing if the host goes meanwhile.
async fn approve(client: &Client, waiting: Value) -> Option<Value> {
    let headers = [("content-type", "application/json")];
    let key = client.try_send("POST", "/v1/keys", &headers, r#"{"role": "admin"}"#).await.ok()?.expect(201);
    let other = client.with_key(key["key"].as_str().unwrap());
    let path = format!("/v1/approvals/{}/approve", waiting["approval_id"].as_str().unwrap());
    other.try_send("POST", &path, &headers, "{}").await.ok()?.expect(200);
    let path = format!("/v1/executions/{}?wait_ms=30000", waiting["execution_id"].as_str().unwrap());
    Some(other.try_send("GET", &path, &[], "").await.ok()?.expect(200))
}

fn as_strs(options: &[String]) -> Vec<&str> {
    options.iter().map(String::as_str).collect()
}

async fn sweep(database: Option<String>) {
    let mut sweep = Sweep::start(database).await;
    sweep.all().await;
    assert_eq!(sweep.runs, FaultPoint::ALL.len() * TIMES.len() * 3);
    if !sweep.options.is_empty() {
        sweep.check_notices().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_ends_at_any_point_neither_forgets_nor_repeats_on_sqlite() {
    sweep(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_ends_at_any_point_neither_forgets_nor_repeats_on_postgresql() {
    let Some(database) = postgres::new_database() else { return };
    sweep(Some(database)).await;
}
