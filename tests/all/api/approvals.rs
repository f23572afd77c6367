//! A call waits for a person at its first write, and goes on as it was: KO-03, KO-06, HC-16, HA-12, lesson 7.

use std::time::Duration;

use gloveport::model::{Clock, Timestamp};
use gloveport_tests::host::{Client, Setup, TestHost};
use gloveport_tests::upstream::{Reply, Upstream};
use serde_json::{Value, json};

/// A host with the probe, of which every write waits.
struct Governed {
    host: TestHost,
    upstream: Upstream,
    agent: Client,
}

impl Governed {
    async fn with(host: TestHost, outcome: &Value) -> Self {
        let upstream = Upstream::start(|request| match request.path() {
            "/whoami" => Reply::json(200, &json!({ "ok": true })),
            path => Reply::text(200, &format!("{} {path}", request.method)),
        })
        .await;
        host.install("probe").await;
        let body =
            json!({ "name": "probe", "connector": "probe", "auth_pattern": "bearer", "base_url": upstream.url("") });
        host.client().post("/v1/connections", &body).await.expect(201);
        host.account("probe", "ada", &json!({ "token": host.plant().token() })).await.expect(201);
        let policy = json!({ "name": "people look", "condition": "effect != 'read'", "outcome": outcome });
        host.client().post("/v1/policies", &policy).await.expect(201);
        let agent = host.caller("agent", "agent").await;
        Self { host, upstream, agent }
    }

    async fn at_write() -> Self {
        Self::with(TestHost::start().await, &json!({ "outcome": "ask" })).await
    }

    async fn execute(&self, tool: &str, input: &Value) -> gloveport_tests::host::Answer {
        let body = json!({ "identifier": "ada", "input": input });
        self.agent.post(&format!("/v1/tools/{tool}/execute"), &body).await
    }

    /// Asks for a write; gives execution and approval.
    async fn waits(&self) -> (String, String) {
        let answer = self.execute("probe_read_then_write", &json!({ "target": "/thing" })).await.expect(202);
        assert_eq!(answer["status"], "waiting");
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        (text("execution_id"), text("approval_id"))
    }

    async fn approve(&self, approval: &str) -> gloveport_tests::host::Answer {
        self.host.client().post(&format!("/v1/approvals/{approval}/approve"), &json!({})).await
    }

    async fn ended(&self, execution: &str) -> Value {
        self.agent.get(&format!("/v1/executions/{execution}?wait_ms=30000")).await.expect(200)
    }

    fn sent(&self, method: &str) -> usize {
        self.upstream.requests().iter().filter(|request| request.method == method).count()
    }
}

/// The reads go out, the write is shown as it would leave, and leaves once, when somebody else says so.
#[tokio::test]
async fn a_write_waits_is_shown_and_leaves_once() {
    let governed = Governed::at_write().await;
    let before = governed.sent("GET");
    let (execution, approval) = governed.waits().await;
    assert_eq!((governed.sent("GET") - before, governed.sent("POST")), (1, 0));
    let waiting = governed.agent.get(&format!("/v1/executions/{execution}")).await.expect(200);
    assert_eq!((&waiting["status"], &waiting["approval_id"]), (&json!("waiting"), &json!(approval)));

    let shown = governed.host.client().get(&format!("/v1/approvals/{approval}")).await.expect(200);
    let request = &shown["request"];
    assert_eq!((&request["method"], &request["body"]), (&json!("POST"), &json!({ "text": "GET /thing" })));
    assert_eq!(request["url"], governed.upstream.url("/thing"));
    let headers: Vec<&str> =
        request["headers"].as_array().unwrap().iter().map(|header| header[0].as_str().unwrap()).collect();
    assert_eq!(headers, ["content-type", "idempotency-key", "user-agent"], "and not what the host injects");
    assert_eq!(shown["before"], json!([{ "method": "GET", "url": governed.upstream.url("/thing"), "status": 200 }]));
    assert_eq!((&shown["input"], &shown["at"]), (&json!({ "target": "/thing" }), &json!("at_write")));
    assert!(shown["why"].as_str().unwrap().contains("people look"), "{shown}");

    assert_eq!(governed.approve(&approval).await.expect(200)["status"], "approved");
    let ended = governed.ended(&execution).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_eq!(ended["data"]["body"], "POST /thing", "{ended}");
    assert_eq!(ended["requests"], 2);
    assert_eq!((governed.sent("GET") - before, governed.sent("POST")), (1, 1), "the read is not repeated");
    let sent = governed.upstream.requests().pop().unwrap();
    assert_eq!(sent.body.as_ref(), b"GET /thing");
    assert!(sent.header("authorization").is_some_and(|value| value.starts_with("Bearer ")));
    assert_eq!(governed.approve(&approval).await.problem(409), "conflict", "an approval is for once");
    assert_eq!(governed.sent("POST"), 1);
}

/// Lesson 7: neither the key that asks nor an agent decides, and an approval of another project does not exist.
#[tokio::test]
async fn who_asks_does_not_decide() {
    let governed = Governed::at_write().await;
    let body = json!({ "identifier": "ada", "input": { "target": "/thing" } });
    let own = governed.host.client().post("/v1/tools/probe_read_then_write/execute", &body).await.expect(202);
    let own = own["approval_id"].as_str().unwrap();
    assert_eq!(governed.approve(own).await.problem(403), "forbidden");
    let (_, approval) = governed.waits().await;
    for path in ["approve", "reject"] {
        let answer = governed.agent.post(&format!("/v1/approvals/{approval}/{path}"), &json!({})).await;
        assert_eq!(answer.problem(403), "forbidden");
    }
    assert_eq!(governed.agent.get("/v1/approvals").await.problem(403), "forbidden");
    let other = governed.host.caller("admin", "second").await;
    other.post(&format!("/v1/approvals/{own}/approve"), &json!({})).await.expect(200);
    assert_eq!(governed.host.client().get("/v1/approvals?status=pending").await.expect(200)["total_size"], 1);
}

#[tokio::test]
async fn a_rejected_call_ends_with_the_reason_and_nothing_is_written() {
    let governed = Governed::at_write().await;
    let (execution, approval) = governed.waits().await;
    let reason = json!({ "reason": "not on a Friday" });
    governed.host.client().post(&format!("/v1/approvals/{approval}/reject"), &reason).await.expect(200);
    let ended = governed.ended(&execution).await;
    assert_eq!((&ended["status"], &ended["code"]), (&json!("rejected"), &json!("approval_rejected")));
    assert!(ended["detail"].as_str().unwrap().contains("not on a Friday"), "{ended}");
    assert_eq!(governed.approve(&approval).await.problem(409), "conflict");
    assert_eq!(governed.sent("POST"), 0);
}

#[tokio::test]
async fn a_call_that_nobody_approves_in_time_expires() {
    let clock = Clock::manual(Timestamp(1_800_000_000_000));
    let host = TestHost::with(Setup { clock: clock.clone(), ..Setup::usual() }).await;
    let governed = Governed::with(host, &json!({ "outcome": "ask", "expires_after_ms": 60_000 })).await;
    let (execution, approval) = governed.waits().await;
    clock.advance(Duration::from_millis(59_999));
    assert_eq!(governed.agent.get(&format!("/v1/executions/{execution}")).await.expect(200)["status"], "waiting");
    clock.advance(Duration::from_millis(1));
    assert_eq!(governed.approve(&approval).await.problem(409), "conflict");
    let ended = governed.ended(&execution).await;
    assert_eq!((&ended["status"], governed.sent("POST")), (&json!("expired"), 0));
}

/// HC-16: `before` runs nothing; an approval covers the whole call.
#[tokio::test]
async fn before_the_call_nothing_runs() {
    let outcome = json!({ "outcome": "ask", "at": "before" });
    let governed = Governed::with(TestHost::start().await, &outcome).await;
    let before = governed.upstream.requests().len();
    let (execution, approval) = governed.waits().await;
    assert_eq!(governed.upstream.requests().len(), before);
    let shown = governed.host.client().get(&format!("/v1/approvals/{approval}")).await.expect(200);
    assert_eq!((&shown["request"], &shown["input"]), (&Value::Null, &json!({ "target": "/thing" })));
    governed.approve(&approval).await.expect(200);
    assert_eq!(governed.ended(&execution).await["status"], "succeeded");
    assert_eq!(governed.sent("POST"), 1);
}

/// Each further write waits again, or is covered, as the rule says; several at once wait one after the other.
#[tokio::test]
async fn further_writes_wait_again_or_are_covered() {
    for each in [true, false] {
        let outcome = json!({ "outcome": "ask", "each_write": each });
        let governed = Governed::with(TestHost::start().await, &outcome).await;
        let write = |path: &str| json!({ "method": "POST", "target": path });
        let requests = [json!({ "target": "/a" }), write("/b"), json!({ "target": "/c" }), write("/d"), write("/e")];
        let answer = governed.execute("probe_fetch_all", &json!({ "requests": requests })).await.expect(202);
        let execution = answer["execution_id"].as_str().unwrap().to_owned();
        let mut approvals = 0;
        let ended = loop {
            let pending = governed.host.client().get("/v1/approvals?status=pending").await.expect(200);
            if let Some(approval) = pending["items"][0]["id"].as_str() {
                assert_eq!(governed.sent("POST"), approvals);
                governed.approve(approval).await.expect(200);
                approvals += 1;
            }
            // Not by `wait_ms`: that waits for the end, and the next write may wait for us.
            let now = governed.agent.get(&format!("/v1/executions/{execution}")).await.expect(200);
            if now["status"] != "started" && now["status"] != "waiting" {
                break now;
            }
        };
        assert_eq!(ended["status"], "succeeded", "{ended}");
        assert_eq!(approvals, if each { 3 } else { 1 });
        let paths: Vec<_> = governed.upstream.requests().iter().map(|request| request.path().to_owned()).collect();
        assert_eq!(paths[paths.len() - 5..], ["/a", "/b", "/c", "/d", "/e"]);
        let bodies = ended["data"]["items"].as_array().unwrap().iter().map(|answer| answer["body"].as_str().unwrap());
        assert_eq!(bodies.collect::<Vec<_>>(), ["GET /a", "POST /b", "GET /c", "POST /d", "POST /e"]);
    }
}

/// What was approved is that request and no other: another base URL, another component, and nothing leaves.
#[tokio::test]
async fn a_call_that_would_send_something_else_has_diverged() {
    let governed = Governed::at_write().await;
    let elsewhere = Upstream::start(|_| Reply::json(200, &json!({ "elsewhere": true }))).await;
    let (execution, approval) = governed.waits().await;
    let change = json!({ "base_url": elsewhere.url("") });
    let path = "/v1/connections/probe";
    let json = [("content-type", "application/json")];
    governed.host.client().send("PATCH", path, &json, change.to_string()).await.expect(200);
    governed.host.account("probe", "ada", &json!({ "token": governed.host.plant().token() })).await.expect(200);
    let probed = elsewhere.requests().len();
    governed.approve(&approval).await.expect(200);
    let ended = governed.ended(&execution).await;
    assert_eq!((&ended["status"], &ended["code"]), (&json!("failed"), &json!("diverged")), "{ended}");
    assert_eq!((governed.sent("POST"), elsewhere.requests().len() - probed), (0, 0));
}

/// While a call waits its account is disabled: an approval does not get around that.
#[tokio::test]
async fn an_approval_opens_nothing_that_was_closed_meanwhile() {
    let governed = Governed::at_write().await;
    let (execution, approval) = governed.waits().await;
    governed.host.client().post("/v1/connections/probe/accounts/ada/disable", &json!({})).await.expect(200);
    governed.approve(&approval).await.expect(200);
    assert_eq!(governed.ended(&execution).await["code"], "account_disabled");

    governed.host.client().post("/v1/connections/probe/accounts/ada/enable", &json!({})).await.expect(200);
    let (execution, approval) = governed.waits().await;
    let deny = json!({ "name": "stop", "condition": "true", "position": 0,
        "outcome": { "outcome": "deny", "reason": "closed for today" } });
    governed.host.client().post("/v1/policies", &deny).await.expect(201);
    governed.approve(&approval).await.expect(200);
    assert_eq!(governed.ended(&execution).await["code"], "denied_by_policy");
    assert_eq!(governed.sent("POST"), 0);
}

/// The process is killed while a call waits; another one on the same data goes on with it.
#[tokio::test]
async fn a_call_that_waits_outlives_its_host() {
    let mut governed = Governed::with(TestHost::spawn_child().await, &json!({ "outcome": "ask" })).await;
    let (execution, approval) = governed.waits().await;
    governed.host.kill().await;
    governed.host.restart_child().await;
    assert_eq!(governed.sent("POST"), 0);
    governed.approve(&approval).await.expect(200);
    let path = format!("/v1/executions/{execution}?wait_ms=30000");
    let ended = governed.host.client().get(&path).await.expect(200);
    assert_eq!((&ended["status"], governed.sent("POST")), (&json!("succeeded"), 1), "{ended}");
}

/// Where nothing is recorded a call cannot wait, and says so before anything runs.
#[tokio::test]
async fn without_records_nothing_waits() {
    let setup = Setup { records: gloveport::config::Records::Off, ..Setup::usual() };
    let governed = Governed::with(TestHost::with(setup).await, &json!({ "outcome": "ask" })).await;
    let before = governed.upstream.requests().len();
    let answer = governed.execute("probe_read_then_write", &json!({ "target": "/thing" })).await;
    assert_eq!(answer.problem(403), "approval_required");
    assert_eq!(governed.upstream.requests().len(), before);
}

/// KO-06: the person approves with another input; policies decide on it anew, and what leaves is of the new one alone.
#[tokio::test]
async fn an_edited_input_starts_over_from_policy() {
    for at in ["at_write", "before"] {
        let governed = Governed::with(TestHost::start().await, &json!({ "outcome": "ask", "at": at })).await;
        let (execution, approval) = governed.waits().await;
        let edit = async |input: Value| {
            let path = format!("/v1/approvals/{approval}/approve");
            governed.host.client().post(&path, &json!({ "input": input })).await
        };
        assert_eq!(edit(json!({ "target": 7 })).await.problem(422), "invalid_input");
        edit(json!({ "target": "/other" })).await.expect(200);
        // The rule holds of the new input, too: somebody looks again, at what would leave now.
        let again = loop {
            let now = governed.agent.get(&format!("/v1/executions/{execution}")).await.expect(200);
            if let Some(again) = now["approval_id"].as_str() {
                break again.to_owned();
            }
            assert_eq!(now["status"], "started", "{now}");
        };
        assert_ne!(again, approval);
        let shown = governed.host.client().get(&format!("/v1/approvals/{again}")).await.expect(200);
        assert_eq!(shown["input"], json!({ "target": "/other" }));
        assert_eq!(governed.sent("POST"), 0);
        governed.approve(&again).await.expect(200);
        let ended = governed.ended(&execution).await;
        assert_eq!((&ended["status"], &ended["data"]["body"]), (&json!("succeeded"), &json!("POST /other")), "{ended}");
        let posts: Vec<_> = governed.upstream.requests().into_iter().filter(|sent| sent.method == "POST").collect();
        assert_eq!((posts.len(), posts[0].path()), (1, "/other"));
    }
}

/// A call of which a write has left cannot start over.
#[tokio::test]
async fn what_has_written_cannot_be_edited() {
    let governed = Governed::at_write().await;
    let write = |path: &str| json!({ "method": "POST", "target": path });
    let input = json!({ "requests": [write("/a"), write("/b")] });
    let first = governed.execute("probe_fetch_all", &input).await.expect(202);
    let execution = first["execution_id"].as_str().unwrap();
    governed.approve(first["approval_id"].as_str().unwrap()).await.expect(200);
    let second = loop {
        let now = governed.agent.get(&format!("/v1/executions/{execution}")).await.expect(200);
        if let Some(id) = now["approval_id"].as_str() {
            break id.to_owned();
        }
    };
    let path = format!("/v1/approvals/{second}/approve");
    let edit = json!({ "input": { "requests": [write("/c")] } });
    assert_eq!(governed.host.client().post(&path, &edit).await.problem(409), "conflict");
    governed.approve(&second).await.expect(200);
    assert_eq!(governed.ended(execution).await["status"], "succeeded");
    assert_eq!(governed.sent("POST"), 2);
}

/// What was kept of a call that waited is gone after a while; that somebody decided stays.
#[tokio::test]
async fn what_was_kept_goes_after_a_while() {
    let clock = Clock::manual(Timestamp(1_800_000_000_000));
    let host = TestHost::with(Setup { clock: clock.clone(), ..Setup::usual() }).await;
    let governed = Governed::with(host, &json!({ "outcome": "ask", "expires_after_ms": 60_000 })).await;
    let (execution, approval) = governed.waits().await;
    governed.approve(&approval).await.expect(200);
    assert_eq!(governed.ended(&execution).await["data"]["body"], "POST /thing");
    clock.advance(Duration::from_secs(15 * 24 * 60 * 60));
    governed.host.sweep().await;
    assert_eq!(governed.ended(&execution).await["data"], Value::Null);
    let shown = governed.host.client().get(&format!("/v1/approvals/{approval}")).await.expect(200);
    assert_eq!(
        (&shown["status"], &shown["input"], &shown["request"]),
        (&json!("approved"), &Value::Null, &Value::Null)
    );
}

/// A write that a person has seen goes where they saw it go: a redirect that would write elsewhere is the answer.
#[tokio::test]
async fn a_shown_write_is_not_led_elsewhere() {
    let governed = Governed::at_write().await;
    let upstream = Upstream::start(|request| match (request.method.as_str(), request.path()) {
        ("POST", "/seen") => Reply::text(308, "").header("location", "/unseen"),
        _ => Reply::json(200, &json!({ "ok": true })),
    })
    .await;
    let body = json!({ "name": "moved", "connector": "probe", "auth_pattern": "bearer", "base_url": upstream.url("") });
    governed.host.client().post("/v1/connections", &body).await.expect(201);
    governed.host.account("moved", "eve", &json!({ "token": governed.host.plant().token() })).await.expect(201);
    let body = json!({ "identifier": "eve", "connection": "moved", "input": { "method": "POST", "target": "/seen" } });
    let waiting = governed.agent.post("/v1/tools/probe_fetch/execute", &body).await.expect(202);
    governed.approve(waiting["approval_id"].as_str().unwrap()).await.expect(200);
    let ended = governed.ended(waiting["execution_id"].as_str().unwrap()).await;
    assert_eq!((&ended["status"], &ended["data"]["status"]), (&json!("succeeded"), &json!(308)), "{ended}");
    assert!(upstream.requests().iter().all(|request| request.path() != "/unseen"));
}
