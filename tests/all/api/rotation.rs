//! The master key is replaced under a host that goes on, however often that is interrupted (issue 5, point 10).

use std::collections::BTreeSet;
use std::process::Stdio;

use gloveport::config::Database;
use gloveport_tests::host::{Client, TestHost};
use gloveport_tests::programs;
use gloveport_tests::upstream::{Recorded, Reply, Upstream};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::super::store::places_of;
use super::cli::run;

const JSON: (&str, &str) = ("content-type", "application/json");

/// What stood in the middle of something when the key was replaced.
pub(super) struct Left {
    approval: String,
    waiting: String,
    asked: String,
    token: String,
    again: Value,
    record: (String, Value),
}

/// An upstream that takes notices, and answers everything else.
pub(super) async fn upstream() -> Upstream {
    Upstream::start(|_: &Recorded| Reply::json(200, &json!({ "ok": true }))).await
}

/// A host with something sealed of each kind that the surface makes, and calls that are in the middle of something.
pub(super) async fn busy(host: &TestHost, upstream: &Upstream) -> Left {
    let client = host.client();
    host.install("probe").await;
    host.install("relay").await;
    let probe =
        json!({ "name": "probe", "connector": "probe", "auth_pattern": "bearer", "base_url": upstream.url("") });
    client.post("/v1/connections", &probe).await.expect(201);
    let relay = json!({ "name": "relay", "connector": "relay", "auth_pattern": "none" });
    client.post("/v1/connections", &relay).await.expect(201);
    host.account("probe", "ada", &json!({ "token": host.plant().token() })).await.expect(201);
    host.account("relay", "ada", &json!({})).await.expect(201);
    let rule = json!({ "name": "look", "condition": "chat_id == 'governed'", "outcome": { "outcome": "ask" } });
    client.post("/v1/policies", &rule).await.expect(201);
    // Answers with secrets in them are not to be searched for them.
    let quiet = Client::new(client.base(), gloveport_tests::host::ADMIN_KEY);
    let hook = json!({ "url": upstream.url("/hook"), "events": ["execution.finished"] });
    let hook = quiet.post("/v1/webhooks", &hook).await.expect(201);
    let rotate = format!("/v1/webhooks/{}/rotate", hook["id"].as_str().unwrap());
    quiet.post(&rotate, &json!({})).await.expect(200);
    let made = json!({ "name": "crm", "scopes": ["tools:read"] });
    let made = quiet.post("/v1/clients", &made).await.expect(201);
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        made["id"].as_str().unwrap(),
        made["client_secret"].as_str().unwrap()
    );
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let token = quiet.with_key("").send("POST", "/oauth/token", &headers, form).await.expect(200);
    for _ in 0..20 {
        host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
    }
    let record = executed(client, "probe_whoami", json!({ "input": {} }), 200).await;
    let record = record["execution_id"].as_str().unwrap().to_owned();
    let shown = client.get(&format!("/v1/executions/{record}")).await.expect(200);
    let waiting = json!({ "chat_id": "governed",
        "input": { "method": "POST", "target": "/governed", "body": { "kind": "json", "text": "{}" } } });
    let waiting = executed(client, "probe_fetch", waiting, 202).await;
    let asked = executed(client, "relay_ask", json!({ "input": { "question": "Which code?" } }), 202).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Left {
        approval: text(&waiting["approval_id"]),
        waiting: text(&waiting["execution_id"]),
        asked: text(&asked["execution_id"]),
        token: text(&token["access_token"]),
        again: once(client).await,
        record: (record, shown),
    }
}

async fn executed(client: &Client, tool: &str, mut body: Value, status: u16) -> Value {
    body["identifier"] = "ada".into();
    client.post(&format!("/v1/tools/{tool}/execute"), &body).await.expect(status)
}

/// A write that is asked for under a key, and done the first time only.
async fn once(client: &Client) -> Value {
    let body = json!({ "identifier": "ada",
        "input": { "method": "POST", "target": "/once", "body": { "kind": "json", "text": "{}" } } });
    let headers = [JSON, ("idempotency-key", "k-1")];
    client.send("POST", "/v1/tools/probe_fetch/execute", &headers, body.to_string()).await.expect(200)
}

impl Left {
    /// Everything goes on where it stood.
    pub(super) async fn goes_on(&self, host: &TestHost, upstream: &Upstream) {
        let client = host.client();
        host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
        assert_eq!(once(client).await, self.again);
        let count = |path: &str| upstream.requests().iter().filter(|request| request.path() == path).count();
        assert_eq!(count("/once"), 1);
        let (record, shown) = &self.record;
        assert_eq!(&client.get(&format!("/v1/executions/{record}")).await.expect(200), shown);
        client.with_key(&self.token).get("/v1/tools").await.expect(200);
        let key = client.post("/v1/keys", &json!({ "role": "admin" })).await.expect(201);
        let second = client.with_key(key["key"].as_str().unwrap());
        let approval = format!("/v1/approvals/{}", self.approval);
        assert!(second.get(&approval).await.expect(200).to_string().contains("/governed"));
        second.post(&format!("{approval}/approve"), &json!({})).await.expect(200);
        assert_eq!(self.ended(client, &self.waiting).await["status"], "succeeded");
        assert_eq!(count("/governed"), 1);
        let answer = json!({ "input": { "code": "first" } });
        let path = format!("/v1/executions/{}/continue", self.asked);
        client.post(&path, &answer).await.expect(202);
        let told = async || loop {
            let shown = client.get(&format!("/v1/executions/{}", self.asked)).await.expect(200);
            if shown["status"] != "started" {
                return shown;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(told().await["input_request"]["question"], "Which code? Once more, after first");
        client.post(&path, &answer).await.expect(202);
        assert_eq!(self.ended(client, &self.asked).await["status"], "succeeded");
    }

    async fn ended(&self, client: &Client, execution: &str) -> Value {
        client.get(&format!("/v1/executions/{execution}?wait_ms=30000")).await.expect(200)
    }
}

/// Begins a rotation, and ends the process when it has told of its progress so often; `false` if it was done before.
async fn interrupted(host: &TestHost, lines: usize) -> bool {
    let mut process = Command::new(programs::gloveport())
        .args(["key", "rotate", "--data"])
        .arg(host.data())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut told = BufReader::new(process.stderr.take().unwrap()).lines();
    for _ in 0..lines {
        if told.next_line().await.unwrap().is_none() {
            break;
        }
    }
    // It may have ended by itself in this moment.
    let _ = process.start_kill();
    !process.wait().await.unwrap().success()
}

fn keys(host: &TestHost) -> Vec<String> {
    let text = std::fs::read_to_string(host.data().join("master.key")).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(':').next().unwrap().to_owned()).collect()
}

/// Ended at several points and begun anew, a rotation loses nothing, and when it is done nothing needs an old key: neither
/// the host that went on, nor one that starts with the new key alone.
#[tokio::test]
async fn a_rotation_may_be_interrupted() {
    let upstream = upstream().await;
    let mut host = TestHost::spawn_child().await;
    let left = busy(&host, &upstream).await;
    let database = Database::Sqlite(host.data().join("gloveport.db"));
    let first = keys(&host).remove(0);
    let sealed: BTreeSet<String> = places_of(&database, &first).await;
    for place in [
        "accounts.sealed",
        "webhooks.previous",
        "signing_keys.sealed",
        "approvals.shown",
        "input_requests.shown",
        "idempotency_keys.answer",
        "execution_bodies.output",
        "execution_bodies.journal",
    ] {
        assert!(sealed.contains(place), "{place} is not among {sealed:?}");
    }
    let data = host.data().to_str().unwrap().to_owned();
    let mut cut = 0;
    for lines in [1, 2, 4, 7] {
        cut += usize::from(interrupted(&host, lines).await);
        host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
        // Nothing that is in use is dropped half-way.
        let unused = run(&host, &["key", "rotate", "--data", &data, "--drop-unused"], "").await.done();
        assert!(unused.contains("Removed"), "{unused}");
        host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
    }
    assert!(cut > 0, "each was done before it was interrupted");
    let current = keys(&host).remove(0);
    let done = run(&host, &["key", "rotate", "--data", &data, "--resume"], "").await.done();
    assert!(done.starts_with(&format!("Key {current}")), "{done}");
    run(&host, &["key", "rotate", "--data", &data, "--drop-unused"], "").await.done();
    assert_eq!(keys(&host), std::slice::from_ref(&current));
    assert_eq!(places_of(&database, &first).await, BTreeSet::new());
    assert_eq!(places_of(&database, &current).await, sealed);
    left.goes_on(&host, &upstream).await;
    host.kill().await;
    host.restart_child().await;
    host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
    let (record, shown) = &left.record;
    assert_eq!(&host.client().get(&format!("/v1/executions/{record}")).await.expect(200), shown);
    run(&host, &["audit", "verify", "--data", &data], "").await.done();
}

/// A key of the environment is changed there; the command seals anew what the one before it sealed.
#[tokio::test]
async fn keys_of_the_environment_are_resumed() {
    let host = TestHost::spawn_child().await;
    let data = host.data().to_str().unwrap().to_owned();
    let env = async |arguments: &[&str], keys: &str| {
        let output = Command::new(programs::gloveport())
            .args(["key", "rotate", "--data", &data])
            .args(arguments)
            .env("GLOVEPORT_MASTER_KEY", keys)
            .output()
            .await
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let file = std::fs::read_to_string(host.data().join("master.key")).unwrap();
    let old = file.lines().last().unwrap().to_owned();
    let new = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, (1..=32).collect::<Vec<u8>>());
    for arguments in [&[][..], &["--drop-unused"]] {
        let (code, said) = env(arguments, &format!("{new},{old}")).await;
        assert!(code == Some(1) && said.contains("--resume") && !said.contains(&new), "{said}");
    }
    let (code, said) = env(&["--resume"], &format!("{new},{old}")).await;
    assert!(code == Some(0) && said.starts_with("Key ") && !said.contains(&new), "{said}");
    let (code, said) = env(&["--resume"], "nonsense").await;
    assert!(code == Some(1) && !said.contains("nonsense"), "{said}");
}
