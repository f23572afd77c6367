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
    /// A write after a question to the user.
    Asking,
    /// A call of two other tools, one of which writes and waits for a person.
    Outer,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Read, Self::Write, Self::Governed, Self::Asking, Self::Outer];

    /// How often a point is passed: by the start of a call, and once more by its outcome, or by what goes on with it. A
    /// call of others has three of each.
    fn times(self) -> u32 {
        match self {
            Self::Read | Self::Write | Self::Governed => 3,
            Self::Asking => 4,
            Self::Outer => 6,
        }
    }

    fn writes(self) -> bool {
        self != Self::Read
    }
}

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
        host.install("relay").await;
        let relay =
            json!({ "name": "relay", "connector": "relay", "auth_pattern": "none", "base_url": upstream.url("") });
        host.client().post("/v1/connections", &relay).await.expect(201);
        host.account("relay", "ada", &json!({})).await.expect(201);
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
            for kind in Kind::ALL {
                for times in 1..=kind.times() {
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
        let asked = match asked {
            Some(waiting) if waiting["status"] == "waiting" => carry_on(self.host.client(), waiting).await,
            asked => asked,
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
        let all = client.get(&path).await.expect(200)["items"].as_array().unwrap().clone();
        let mut found: Vec<Value> = all.iter().filter(|found| found["parent"].is_null()).cloned().collect();
        assert!(found.len() <= 1, "{what}: {found:?}");
        if kind == Kind::Outer && found.first().is_some_and(|found| found["status"] != "waiting") {
            // If the calls that it waited for have ended, it goes on by itself; and only by itself it tells what it gave.
            let path = format!("/v1/executions/{}?wait_ms=30000", found[0]["id"].as_str().unwrap());
            found = vec![client.get(&path).await.expect(200)];
        }
        if found.first().is_some_and(|found| found["status"] == "waiting") {
            // It still waits, and can go on.
            let path = format!("/v1/executions/{}", found[0]["id"].as_str().unwrap());
            let waiting = client.get(&path).await.expect(200);
            let ended = carry_on(client, waiting).await.unwrap_or_else(|| panic!("{what}: the host is gone"));
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
                // Whether an inner call did what it was to do may not be known: then the outer one was told so.
                "succeeded" if kind == Kind::Outer && record["data"]["items"][1]["failure"].is_string() => {}
                "succeeded" => assert_eq!(written, usize::from(kind.writes()), "{what}: {record}"),
                "unknown_outcome" => {
                    assert!(told.is_none(), "{what}: {told:?}");
                    assert!(record["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{what}: {record}");
                    self.nothing_waits(what, name).await;
                }
                status => panic!("{what}: it reads {status}: {record}"),
            },
        }
        if let Some(told) = told {
            assert_eq!((&told["status"], &found[0]["status"]), (&json!("succeeded"), &json!("succeeded")), "{what}");
        }
    }

    /// No call of a run could be approved any more.
    async fn nothing_waits(&self, what: &str, name: &str) {
        for status in ["waiting", "started"] {
            let path = format!("/v1/executions?trigger_type={name}&status={status}");
            let left = self.host.client().get(&path).await.expect(200);
            assert_eq!(left["total_size"], 0, "{what}: {left}");
        }
    }
}

/// Asks; nothing if the host is gone before it answers.
async fn call(client: &Client, kind: Kind, name: &str) -> Option<Value> {
    let (read, write) =
        (json!({ "target": format!("/{name}") }), json!({ "method": "POST", "target": format!("/{name}/w") }));
    let inner = |request: &Value| json!({ "tool": "probe_fetch", "input": request });
    let (tool, input) = match kind {
        Kind::Read => ("probe_fetch_all", json!({ "requests": [read] })),
        Kind::Write | Kind::Governed => ("probe_fetch_all", json!({ "requests": [read, write] })),
        Kind::Asking => ("relay_ask_then_send", json!({ "path": format!("/{name}") })),
        Kind::Outer => ("relay_all", json!({ "calls": [inner(&read), inner(&write)] })),
    };
    let chat = if matches!(kind, Kind::Governed | Kind::Outer) { "governed" } else { "free" };
    let body = json!({ "identifier": "ada", "trigger_type": name, "chat_id": chat, "input": input });
    let headers = [("content-type", "application/json")];
    let path = format!("/v1/tools/{tool}/execute");
    let answer = client.try_send("POST", &path, &headers, body.to_string()).await.ok()?;
    assert!([200, 202].contains(&answer.status), "{answer:?}");
    Some(answer.json())
}

/// Gives a call what it waits for, until it has ended; nothing if the host goes meanwhile.
async fn carry_on(client: &Client, waiting: Value) -> Option<Value> {
    let id = waiting["execution_id"].as_str().or(waiting["id"].as_str()).unwrap();
    let path = format!("/v1/executions/{id}");
    loop {
        let now = look(client, &path).await?;
        if now["status"] == "started" {
            tokio::task::yield_now().await;
        } else if now["status"] != "waiting" {
            return Some(now);
        } else if let Some(awaited) = now["awaited"].as_array() {
            for inner in awaited {
                let inner = look(client, &format!("/v1/executions/{}", inner.as_str().unwrap())).await?;
                if let Some(approval) = inner["approval_id"].as_str() {
                    approve(client, approval).await?;
                }
            }
        } else if let Some(approval) = now["approval_id"].as_str() {
            approve(client, approval).await?;
        } else if now["input_request"].is_object() {
            let answer = json!({ "input": { "code": "1234" } }).to_string();
            let headers = [("content-type", "application/json")];
            client.try_send("POST", &format!("{path}/continue"), &headers, answer).await.ok()?.expect(202);
        }
    }
}

async fn look(client: &Client, path: &str) -> Option<Value> {
    Some(client.try_send("GET", path, &[], "").await.ok()?.expect(200))
}

/// Approves with a key that did not ask.
async fn approve(client: &Client, approval: &str) -> Option<()> {
    let headers = [("content-type", "application/json")];
    let key = client.try_send("POST", "/v1/keys", &headers, r#"{"role": "admin"}"#).await.ok()?.expect(201);
    let other = client.with_key(key["key"].as_str().unwrap());
    let path = format!("/v1/approvals/{approval}/approve");
    other.try_send("POST", &path, &headers, "{}").await.ok()?.expect(200);
    Some(())
}

fn as_strs(options: &[String]) -> Vec<&str> {
    options.iter().map(String::as_str).collect()
}

async fn sweep(database: Option<String>) {
    let mut sweep = Sweep::start(database).await;
    sweep.all().await;
    let each: u32 = Kind::ALL.iter().map(|kind| kind.times()).sum();
    assert_eq!(sweep.runs, FaultPoint::ALL.len() * usize::try_from(each).unwrap());
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
