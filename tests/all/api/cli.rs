//! The command line against a running host: what a person types, what comes out, and the exit codes (point 9).

use std::process::Stdio;

use gloveport_tests::host::{ADMIN_KEY, TestHost};
use gloveport_tests::programs;
use gloveport_tests::upstream::{Reply, Upstream};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// What a command left behind.
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Ran {
    #[track_caller]
    pub(super) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    #[track_caller]
    pub(super) fn json(self) -> Value {
        serde_json::from_str(&self.done()).unwrap()
    }
}

/// Runs a command as an admin; `input` is what it reads.
pub(super) async fn run(host: &TestHost, arguments: &[&str], input: &str) -> Ran {
    run_as(host, ADMIN_KEY, arguments, input).await
}

pub(super) async fn run_as(host: &TestHost, key: &str, arguments: &[&str], input: &str) -> Ran {
    let mut process = Command::new(programs::gloveport())
        .args(arguments)
        .env("GLOVEPORT_SERVER", host.client().base())
        .env("GLOVEPORT_KEY", key)
        .current_dir(host.data())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    // A command that wants no input may be gone before it is written.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = process.wait_with_output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    host.search_in(&format!("the output of {arguments:?}"), [&output.stdout[..], &output.stderr].concat());
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// From an empty host to a recorded call, and back.
#[tokio::test]
async fn a_person_gets_from_nothing_to_a_call() {
    let upstream = Upstream::start(|_| Reply::json(200, &json!({ "n": 1_234_567_890_123_456_789_u64 }))).await;
    let host = TestHost::spawn_child().await;
    let canary = host.plant();
    let component = programs::connector("probe");
    let added = run(&host, &["connector", "add", component.to_str().unwrap()], "").await.done();
    assert!(added.starts_with("Installed probe 0.1.0: ") && added.contains("bearer, header"), "{added}");
    let list = run(&host, &["connector", "list"], "").await.done();
    assert!(list.contains("probe") && list.contains("ready"), "{list}");
    let shown = run(&host, &["connector", "inspect", "probe"], "").await.done();
    for part in ["api.probe.test", "api_key", "password", "probe_whoami", "GET /whoami", "Token"] {
        assert!(shown.contains(part), "{part}:\n{shown}");
    }
    let base = upstream.url("");
    let add = ["connection", "add", "probe", "--connector", "probe", "--auth-pattern", "bearer", "--base-url", &base];
    assert!(run(&host, &add, "").await.done().contains("Redirect URI"));
    let connect = ["account", "connect", "probe", "ada", "--secret", "token"];
    let connected = run(&host, &connect, &format!("{}\n", canary.token())).await.done();
    assert!(connected.contains("active"), "{connected}");
    assert!(run(&host, &["connection", "test", "probe"], "").await.done().contains("It works"));
    let called = run(&host, &["call", "probe_whoami", "--identifier", "ada"], "").await;
    assert!(called.err.contains("succeeded in"), "{}", called.err);
    assert_eq!(called.json(), json!({ "n": 1_234_567_890_123_456_789_u64 }));
    let sent = upstream.requests().pop().unwrap();
    assert_eq!(sent.header("authorization"), Some(format!("Bearer {}", canary.token()).as_str()));
    let executions = run(&host, &["execution", "list", "--json", "--tool", "probe_whoami"], "").await.json();
    assert_eq!(executions["total_size"], 3);
    let record = &executions["items"][0];
    let shown = run(&host, &["execution", "show", record["id"].as_str().unwrap()], "").await.done();
    for member in ["connection_id", "account_id", "key_id", "sent_bytes", "received_bytes", "input_digest"] {
        let value = record[member].as_str().map_or_else(|| record[member].to_string(), str::to_owned);
        assert!(shown.contains(&value), "{member} {value}:\n{shown}");
    }
    for removal in [["account", "remove", "probe", "ada"].as_slice(), &["connection", "remove", "probe"]] {
        run(&host, removal, "").await.done();
    }
    run(&host, &["connector", "remove", "probe"], "").await.done();
    assert_eq!(run(&host, &["connector", "list", "--json"], "").await.json()["total_size"], 0);
}

/// A webhook from the first to the last command.
#[tokio::test]
async fn a_person_makes_tries_and_removes_a_webhook() {
    let receiver = Upstream::start(|_| Reply::status(204)).await;
    let host = TestHost::spawn_child().await;
    let made = run(&host, &["webhook", "add", &receiver.url("/"), "--event", "approval.waiting", "--json"], "").await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert!(run(&host, &["webhook", "list"], "").await.done().contains("approval.waiting"));
    let notice = run(&host, &["webhook", "test", &id], "").await.done();
    assert_eq!(receiver.wait_for(1).await[0].header("webhook-id"), Some(notice.trim()));
    // It is listed as delivered once its host has written so.
    while !run(&host, &["webhook", "deliveries", &id, "--state", "delivered"], "").await.out.contains(notice.trim()) {}
    let again = run(&host, &["webhook", "retry", &id, notice.trim()], "").await;
    assert!(again.code == Some(1) && again.err.contains("delivered"), "{}", again.err);
    assert!(run(&host, &["webhook", "rotate", &id], "").await.done().starts_with("whsec_"));
    let shown = run(&host, &["webhook", "disable", &id], "").await.done();
    assert!(shown.split_whitespace().collect::<Vec<_>>().join(" ").contains("Disabled yes"), "{shown}");
    assert_eq!(run(&host, &["webhook", "test", &id], "").await.code, Some(1));
    let shown = run(&host, &["webhook", "enable", &id], "").await.done();
    assert!(shown.split_whitespace().collect::<Vec<_>>().join(" ").contains("Disabled no"), "{shown}");
    run(&host, &["webhook", "remove", &id], "").await.done();
    assert_eq!(run(&host, &["webhook", "list", "--json"], "").await.json()["total_size"], 0);
}

/// 1 for what failed, 2 for what was typed wrong; the reason is on standard error, and so is what to do next.
#[tokio::test]
async fn failures_have_exit_codes_and_advice() {
    let host = TestHost::spawn_child().await;
    let missing = host.data().join("nothing.wasm");
    for (arguments, code, said) in [
        (&["connector", "inspect", "nothing"][..], 1, "no such connector"),
        (&["connector", "add", missing.to_str().unwrap()], 1, "nothing.wasm"),
        (&["connector", "add", "host-id"], 1, "not a connector"),
        (&["connection", "add", "x", "--connector", "nothing"], 1, "install it first"),
        (&["call", "nothing", "--identifier", "ada"], 1, "no tool"),
        (&["call", "nothing", "--input", "{"], 2, "not JSON"),
        (&["execution", "list", "--status", "odd"], 1, "status"),
        (&["key", "remove", "key_nothing"], 1, "no such key"),
        (&["key", "add", "--role", "root"], 2, "root"),
        (&["account", "show", "nothing", "ada"], 1, "no such connection"),
        (&["frobnicate"], 2, "frobnicate"),
    ] {
        let ran = run(&host, arguments, "").await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
    for (key, code) in [("", 2), ("gp_a-key-of-nobody-with-enough-characters-000", 1)] {
        let ran = run_as(&host, key, &["connector", "list"], "").await;
        assert_eq!(ran.code, Some(code), "{}", ran.err);
        assert!(ran.err.contains("API key"), "{}", ran.err);
    }
}

/// Keys from the command line: shown once, fit for what their role may do, and nothing once removed.
#[tokio::test]
async fn keys_are_made_listed_and_removed() {
    let host = TestHost::spawn_child().await;
    let made = run(&host, &["key", "add", "--role", "agent", "--identifier", "ada", "--json"], "").await.json();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!(run_as(&host, key, &["connector", "list"], "").await.code, Some(1), "an agent is no operator");
    run_as(&host, key, &["execution", "list"], "").await.done();
    let list = run(&host, &["key", "list"], "").await.done();
    assert!(list.contains(id) && list.contains("ada") && !list.contains(key), "{list}");
    run(&host, &["key", "remove", id], "").await.done();
    assert_eq!(run_as(&host, key, &["execution", "list"], "").await.code, Some(1));
}

/// The doctor finds nothing wrong with a host that runs, and the master key is rotated under running calls.
#[tokio::test]
async fn a_master_key_is_rotated_while_calls_go_on() {
    let upstream = Upstream::start(|_| Reply::json(200, &json!({ "ok": true }))).await;
    let host = TestHost::spawn_child().await;
    host.install("probe").await;
    let body = json!({ "name": "probe", "connector": "probe", "auth_pattern": "bearer", "base_url": upstream.url("") });
    host.client().post("/v1/connections", &body).await.expect(201);
    let mut tokens = Vec::new();
    for n in 0..5 {
        let canary = host.plant();
        host.account("probe", &format!("user-{n}"), &json!({ "token": canary.token() })).await.expect(201);
        tokens.push(canary);
    }
    let data = host.data().to_str().unwrap().to_owned();
    let report = run(&host, &["doctor", "--json", "--data", &data], "").await.json();
    for check in report["checks"].as_array().unwrap() {
        let judged = ["host", "connectors", "database"].contains(&check["name"].as_str().unwrap());
        assert!(!judged || check["status"] == "ok", "{check}");
    }
    for _ in 0..2 {
        let rotate = ["key", "rotate", "--data", &data];
        let mut rotation = std::pin::pin!(run(&host, &rotate, ""));
        let mut calls = 0;
        let rotated = loop {
            let (user, input) = (format!("user-{}", calls % 5), json!({}));
            let call = host.execute("probe_whoami", &user, &input);
            tokio::select! {
                biased;
                done = &mut rotation => break done,
                answer = call => { answer.expect(200); calls += 1; }
            }
        };
        assert!(rotated.done().contains("5 accounts sealed anew"));
        assert!(calls > 0, "no call ran during the rotation");
        for (n, canary) in tokens.iter().enumerate() {
            let seen = upstream.requests().len();
            host.execute("probe_whoami", &format!("user-{n}"), &json!({})).await.expect(200);
            let bearer = format!("Bearer {}", canary.token());
            // The call that nobody waited for at the end of the rotation may come later.
            let sent = upstream.requests();
            assert!(sent[seen..].iter().any(|sent| sent.header("authorization") == Some(&bearer)), "user-{n}");
        }
    }
    assert!(run(&host, &["key", "rotate", "--data", &data, "--drop-unused"], "").await.done().contains("Removed 2"));
    host.execute("probe_whoami", "user-0", &json!({})).await.expect(200);
}

/// AK-910, SI-15: an operator writes a profile into a file, and makes a key that is bound to it.
#[tokio::test]
async fn a_person_gives_an_agent_a_profile() {
    let upstream = Upstream::start(|_| Reply::json(200, &json!({ "ok": true }))).await;
    let host = TestHost::start().await;
    host.install("probe").await;
    let presets = r#"{"probe_echo": {"also": 2}}"#;
    let url = upstream.url("");
    let add = ["connection", "add", "probe", "--connector", "probe", "--auth-pattern", "bearer", "--base-url", &url];
    run(&host, &[&add[..], &["--presets", presets]].concat(), "").await.done();
    host.account("probe", "ada", &json!({ "token": host.plant().token() })).await.expect(201);
    let content = |tool: &str| {
        let options = json!({ "probe_echo": { "presets": { "who": "{{ call.identifier }}" } } });
        json!({ "name": "p", "connections": [{ "connection": "probe", "tools": [tool], "options": options }] })
    };
    std::fs::write(host.data().join("profile.json"), content("probe_echo").to_string()).unwrap();
    let shown = run(&host, &["profile", "put", "profile.json"], "").await.done();
    assert!(shown.starts_with("Name         p\n") && shown.contains("Connections  probe\n"), "{shown}");
    let refused = run(&host, &["profile", "put", "-"], &content("probe_nothing").to_string()).await;
    assert_eq!(refused.code, Some(1));
    for part in ["/connections/0/tools/0", "has no tool `probe_nothing`"] {
        assert!(refused.err.contains(part), "{part}: {}", refused.err);
    }
    let key = run(&host, &["key", "add", "--role", "agent", "--profile", "p"], "").await.done();
    let call = ["call", "probe_echo", "--identifier", "ada", "--json"];
    let called = run_as(&host, key.trim(), &call, "").await.json();
    assert_eq!(called["data"], json!({ "who": "ada", "also": 2 }));
    assert_eq!(run_as(&host, key.trim(), &["call", "probe_list", "--identifier", "ada"], "").await.code, Some(1));
    let listed = run(&host, &["key", "list"], "").await.done();
    assert!(listed.contains("PROFILE"), "{listed}");
    // What `show` says can be put back as it is.
    let shown = run(&host, &["profile", "show", "p", "--json"], "").await.done();
    run(&host, &["profile", "put", "-"], &shown).await.done();
    assert_eq!(run(&host, &["profile", "remove", "p"], "").await.code, Some(1));
    assert!(run(&host, &["profile", "list"], "").await.done().contains("probe"));
}
