//! What is kept of calls, who sees it, and without what: HC-19, SI-20, KO-22, AK-015.

use std::time::Duration;

use gloveport::config::{KeepBodies, WrittenRetention};
use gloveport::model::{Clock, Timestamp};
use gloveport_tests::host::{Client, Setup, TestHost};
use gloveport_tests::upstream::Reply;
use gloveport_tests::wat_guest;
use serde_json::{Value, json};
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::bed::Bed;

fn keeping(bodies: KeepBodies) -> Setup {
    Setup { retention: WrittenRetention { bodies: Some(bodies), ..WrittenRetention::default() }, ..Setup::usual() }
}

fn write(text: &str) -> Value {
    json!({ "method": "POST", "target": "/things", "body": { "kind": "json", "text": text } })
}

fn call(input: &Value) -> Value {
    json!({ "identifier": "ada", "input": input })
}

async fn record(client: &Client, id: &Value) -> Value {
    client.get(&format!("/v1/executions/{}?wait=30s", id.as_str().unwrap())).await.expect(200)
}

async fn rule(bed: &Bed, condition: &str, outcome: &Value) {
    let rule = json!({ "name": "rule", "condition": condition, "outcome": outcome });
    bed.client().post("/v1/policies", &rule).await.expect(201);
}

/// The key that asked and administrators see input and output; others do not see the call at all, and lists leave both
/// out.
#[tokio::test]
async fn input_and_output_are_kept_for_who_may_see_them() {
    let bed = Bed::answering(|_| Reply::json(200, &json!({ "n": 1 }))).await;
    bed.connect("ada").await;
    let agent = bed.agent(None).await;
    let input = json!({ "target": "/things" });
    let done = agent.post("/v1/tools/probe_fetch_read/execute", &call(&input)).await.expect(200);
    let id = &done["execution_id"];
    for client in [&agent, bed.client()] {
        let record = record(client, id).await;
        assert_eq!(record["input"], input, "{record}");
        assert_eq!(record["output"], done["data"], "{record}");
        assert_eq!(record.get("data"), None, "whoever waited has it");
    }
    let path = format!("/v1/executions/{}", id.as_str().unwrap());
    assert_eq!(bed.agent(None).await.get(&path).await.problem(404), "not_found");
    let listed = agent.get("/v1/executions").await.expect(200);
    assert_eq!((listed["items"][0].get("input"), listed["items"][0].get("output")), (None, None));
    // A call that failed has no output, and what it was asked all the same.
    let failed = agent.post("/v1/tools/probe_panic/execute", &call(&json!({}))).await.json();
    let record = record(&agent, &failed["execution_id"]).await;
    assert_eq!((&record["status"], &record["input"]), (&json!("failed"), &json!({})), "{record}");
    assert_eq!(record.get("output"), None, "{record}");
}

/// A credential that an agent puts into an input never comes back, however the call ends.
#[tokio::test]
async fn a_credential_in_an_input_never_comes_back() {
    for (condition, outcome) in [
        ("false", json!({ "outcome": "allow" })),
        ("effect == 'write'", json!({ "outcome": "deny", "reason": "no" })),
        ("effect == 'write'", json!({ "outcome": "ask", "at": "before" })),
        ("effect == 'write'", json!({ "outcome": "ask", "at": "at_write" })),
    ] {
        let bed = Bed::start().await;
        let canary = bed.connect("ada").await;
        rule(&bed, condition, &outcome).await;
        let agent = bed.agent(None).await;
        let body = call(&write(&json!({ "stolen": canary.token(), "n": 7 }).to_string()));
        let answer = agent.post("/v1/tools/probe_fetch/execute", &body).await.json();
        let id = match answer.get("execution_id") {
            Some(id) => id.clone(),
            None => agent.get("/v1/executions").await.expect(200)["items"][0]["id"].clone(),
        };
        let path = format!("/v1/executions/{}", id.as_str().unwrap());
        for client in [&agent, bed.client()] {
            let record = client.get(&path).await.expect(200);
            let text = record["input"]["body"]["text"].as_str().unwrap();
            assert_eq!(text, r#"{"n":7,"stolen":"[redacted]"}"#, "{outcome}: {record}");
        }
        for approval in bed.client().get("/v1/approvals").await.expect(200)["items"].as_array().unwrap() {
            let path = format!("/v1/approvals/{}", approval["id"].as_str().unwrap());
            let shown = bed.client().get(&path).await.expect(200);
            assert!(shown["input"].to_string().contains("[redacted]"), "{shown}");
        }
        // The bed looks for the credential in all answers when it is dropped.
    }
}

/// What the tool's schema marks is hidden, in the input and in the output; who waited for the answer got all of it.
#[tokio::test]
async fn what_a_schema_marks_is_hidden() {
    let host = TestHost::start().await;
    let schema = r##"{"type":"object","properties":{"password":{"type":"string","format":"password"},
        "users":{"type":"array","items":{"$ref":"#/$defs/user"}}},
        "$defs":{"user":{"type":"object","allOf":[{"properties":{"pin":{"writeOnly":true}}}]}}}"##;
    let output = r#"{"type":"object","properties":{"password":{"x-sensitive":true}}}"#;
    let component = wat_guest::connector_of("login", (schema, Some(output)), "", wat_guest::ECHO);
    let headers = [("content-type", "application/wasm")];
    host.client().send("POST", "/v1/connectors", &headers, component).await.expect(201);
    host.connection("login", "https://api.invalid").await;
    host.account("login", "ada", &json!({})).await.expect(201);
    let agent = host.caller("agent", "agent").await;
    let input = json!({ "password": "correct horse", "users": [{ "name": "bob", "pin": 1234 }], "n": 1 });
    let done = agent.post("/v1/tools/login_run/execute", &call(&input)).await.expect(200);
    assert_eq!(done["data"], input);
    for client in [&agent, host.client()] {
        let record = record(client, &done["execution_id"]).await;
        let hidden = json!({ "password": "[redacted]", "users": [{ "name": "bob", "pin": "[redacted]" }], "n": 1 });
        assert_eq!(record["input"], hidden, "{record}");
        let answered = json!({ "password": "[redacted]", "users": [{ "name": "bob", "pin": 1234 }], "n": 1 });
        assert_eq!(record["output"], answered, "{record}");
    }
    // Whoever got only an identifier gets the answer as it is; an administrator who did not ask does not.
    let headers = [("content-type", "application/json"), ("prefer", "respond-async")];
    let begun = agent.send("POST", "/v1/tools/login_run/execute", &headers, call(&input).to_string()).await.expect(202);
    let own = record(&agent, &begun["execution_id"]).await;
    assert_eq!((&own["data"], &own["output"]["password"]), (&input, &json!("[redacted]")));
    let others = record(host.client(), &begun["execution_id"]).await;
    assert_eq!((others.get("data"), &others["output"]["password"]), (None, &json!("[redacted]")));
    // Whatever is in clear is not in the database.
    for (label, bytes) in host.traces() {
        let holds = bytes.windows(13).any(|window| window == b"correct horse");
        assert!(!holds || label.contains("the answer to"), "{label}");
    }
}

/// Presets are the operator's: an agent sees what it gave.
#[tokio::test]
async fn an_agent_does_not_see_presets() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let presets = json!({ "presets": { "probe_fetch": { "target": "/preset" } } });
    let json = [("content-type", "application/json")];
    bed.client().send("PATCH", "/v1/connections/probe", &json, presets.to_string()).await.expect(200);
    let agent = bed.agent(None).await;
    let given = json!({ "method": "GET" });
    let done = agent.post("/v1/tools/probe_fetch/execute", &call(&given)).await.expect(200);
    assert_eq!(record(&agent, &done["execution_id"]).await["input"], given);
    let whole = json!({ "method": "GET", "target": "/preset" });
    assert_eq!(record(bed.client(), &done["execution_id"]).await["input"], whole);
}

/// Issue 4, point 3: where nothing is kept, whatever would need it is refused with the setting that is in the way, before
/// anything leaves; the rest runs.
#[tokio::test]
async fn where_nothing_is_kept_nothing_waits() {
    for at in ["at_write", "before"] {
        let bed = Bed::with(keeping(KeepBodies::None)).await;
        bed.connect("ada").await;
        rule(&bed, "effect == 'write'", &json!({ "outcome": "ask", "at": at })).await;
        let before = bed.upstream.requests().len();
        let refused = bed.client().post("/v1/tools/probe_fetch/execute", &call(&write("{}"))).await;
        let problem = refused.json();
        assert_eq!(problem["culprit"], "policy", "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("[records] bodies"), "{problem}");
        assert_eq!(refused.problem(403), "approval_required");
        assert_eq!(bed.upstream.requests().len(), before);
    }
    let bed = Bed::with(keeping(KeepBodies::None)).await;
    bed.connect("ada").await;
    let headers = [("content-type", "application/json"), ("prefer", "respond-async"), ("idempotency-key", "k")];
    let before = bed.upstream.requests().len();
    let path = "/v1/tools/probe_fetch/execute";
    let refused = bed.client().send("POST", path, &headers, call(&write("{}")).to_string()).await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("[records] bodies"), "{refused:?}");
    assert_eq!(refused.problem(400), "invalid_request");
    assert_eq!(bed.upstream.requests().len(), before);
    // Once, and then its answer is gone: it is not made up, and the write is not repeated.
    let headers = [headers[0], headers[2]];
    let done = bed.client().send("POST", path, &headers, call(&write("{}")).to_string()).await.expect(200);
    let record = record(bed.client(), &done["execution_id"]).await;
    assert_eq!((record.get("input"), record.get("output"), &record["status"]), (None, None, &json!("succeeded")));
    let again = bed.client().send("POST", path, &headers, call(&write("{}")).to_string()).await;
    assert!(again.json()["detail"].as_str().unwrap().contains("not kept"), "{again:?}");
    assert_eq!(again.problem(409), "conflict");
    assert_eq!(bed.upstream.requests().len(), before + 1);
    assert_eq!(rows(&bed.host, "1 = 1").await, 0);
}

/// Rows of bodies, in a database of a host of this process.
async fn rows(host: &TestHost, condition: &str) -> i64 {
    let path = host.data().join("gloveport.db");
    let mut beside = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM execution_bodies WHERE {condition}"));
    sqlx::query(sql).fetch_one(&mut beside).await.unwrap().get(0)
}

/// Of calls that wait or that nobody waits for; and of all, each with its journal.
#[tokio::test]
async fn an_operator_says_of_which_calls() {
    for (bodies, plain) in [(KeepBodies::Waiting, 0), (KeepBodies::All, 1)] {
        let bed = Bed::with(keeping(bodies)).await;
        bed.connect("ada").await;
        let agent = bed.agent(None).await;
        let done = agent.post("/v1/tools/probe_fetch/execute", &call(&write("{}"))).await.expect(200);
        let seen = record(&agent, &done["execution_id"]).await;
        assert_eq!(seen.get("input").is_some(), plain == 1, "{seen}");
        let kept = "journal IS NOT NULL AND output IS NOT NULL AND input_seen = '' AND output_seen = ''";
        // The call that connected the account was one as well.
        assert_eq!((rows(&bed.host, kept).await, rows(&bed.host, "to_collect = 0").await), (2 * plain, 2 * plain));

        let headers = [("content-type", "application/json"), ("prefer", "respond-async")];
        let path = "/v1/tools/probe_fetch/execute";
        let begun = agent.send("POST", path, &headers, call(&write("{}")).to_string()).await.expect(202);
        let seen = record(&agent, &begun["execution_id"]).await;
        assert_eq!((&seen["input"], &seen["output"]), (&write("{}"), &seen["data"]), "{seen}");
        assert_eq!((rows(&bed.host, "to_collect = 1 AND output IS NOT NULL").await), 1);

        rule(&bed, "effect == 'write'", &json!({ "outcome": "ask" })).await;
        let held = agent.post(path, &call(&write("[]"))).await.expect(202);
        let approve = format!("/v1/approvals/{}/approve", held["approval_id"].as_str().unwrap());
        bed.client().post(&approve, &json!({})).await.expect(200);
        let seen = record(&agent, &held["execution_id"]).await;
        assert_eq!((&seen["input"], &seen["output"]), (&write("[]"), &seen["data"]), "{seen}");
        assert!(seen["data"].is_object(), "{seen}");
        assert_eq!(rows(&bed.host, "to_collect = 1 AND journal IS NOT NULL").await, 2);
    }
}

/// An edited input is what is seen once the call has run with it.
#[tokio::test]
async fn an_edited_input_is_seen() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    rule(&bed, "effect == 'write' && payload.target == '/things'", &json!({ "outcome": "ask" })).await;
    let held = bed.agent(None).await.post("/v1/tools/probe_fetch/execute", &call(&write("1"))).await.expect(202);
    let path = format!("/v1/approvals/{}/approve", held["approval_id"].as_str().unwrap());
    let edited = json!({ "method": "POST", "target": "/others", "body": { "kind": "json", "text": "2" } });
    bed.client().post(&path, &json!({ "input": edited })).await.expect(200);
    let seen = record(bed.client(), &held["execution_id"]).await;
    assert_eq!((&seen["status"], &seen["input"]), (&json!("succeeded"), &edited), "{seen}");
}

/// `wait` is a duration beside `wait_ms`; what makes no sense of either is refused.
#[tokio::test]
async fn a_wait_is_a_duration() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let done = bed.fetch("ada", "/x").await.expect(200);
    let path = |query: &str| format!("/v1/executions/{}?{query}", done["execution_id"].as_str().unwrap());
    for good in ["wait=0ms", "wait=500ms", "wait=30s", "wait=1m", "wait=60000ms", "wait_ms=60000", ""] {
        bed.client().get(&path(good)).await.expect(200);
    }
    for bad in ["wait=61s", "wait=2m", "wait=30", "wait=s", "wait=-1s", "wait=1h", "wait=1.5s", "wait=", "wait=1s%20"] {
        assert_eq!(bed.client().get(&path(bad)).await.problem(400), "invalid_request", "{bad}");
    }
    for bad in ["wait=1s&wait_ms=1", "wait_ms=60001", "wait=99999999999999999999s"] {
        assert_eq!(bed.client().get(&path(bad)).await.problem(400), "invalid_request", "{bad}");
    }
}

/// Who waits for a call that waits in vain hears of it at the moment when its time is over.
#[tokio::test]
async fn a_wait_ends_when_an_approval_expires() {
    let clock = Clock::manual(Timestamp(1_800_000_000_000));
    let bed = Bed::with(Setup { clock: clock.clone(), ..Setup::usual() }).await;
    bed.connect("ada").await;
    let outcome = json!({ "outcome": "ask", "expires_after_ms": 60_000 });
    rule(&bed, "effect == 'write'", &outcome).await;
    let agent = bed.agent(None).await;
    let held = agent.post("/v1/tools/probe_fetch/execute", &call(&write("{}"))).await.expect(202);
    let path = format!("/v1/executions/{}", held["execution_id"].as_str().unwrap());
    let waiting = path.clone() + "?wait=60s";
    let (ended, ()) = tokio::join!(agent.get(&waiting), async {
        // A look without a wait ends nothing before its time, and comes after the other one has begun to wait.
        for _ in 0..3 {
            assert_eq!(bed.client().get(&path).await.expect(200)["status"], "waiting");
        }
        clock.advance(Duration::from_secs(60));
    });
    assert_eq!(ended.expect(200)["status"], "expired");
}

/// Issue 4, point 5: records go when their time is over; what waits stays, and so does the audit chain.
#[tokio::test]
async fn records_go_when_their_time_is_over() {
    let clock = Clock::manual(Timestamp(1_800_000_000_000));
    let retention =
        WrittenRetention { bodies_kept_days: Some(2), executions_kept_days: Some(5), ..WrittenRetention::default() };
    let bed = Bed::with(Setup { clock: clock.clone(), retention, ..Setup::usual() }).await;
    bed.connect("ada").await;
    let day = Duration::from_secs(24 * 60 * 60);
    let old = bed.fetch("ada", "/old").await.expect(200);
    let ask = json!({ "outcome": "ask", "expires_after_ms": 20 * 24 * 60 * 60 * 1000_u64 });
    rule(&bed, "effect == 'write'", &ask).await;
    let held = bed.client().post("/v1/tools/probe_fetch/execute", &call(&write("{}"))).await.expect(202);
    let status = async |id: &Value| {
        let answer = bed.client().get(&format!("/v1/executions/{}", id.as_str().unwrap())).await;
        (answer.status, answer.json()["status"].clone(), answer.json().get("input").is_some())
    };
    clock.advance(day * 2);
    bed.host.sweep().await;
    assert_eq!(status(&old["execution_id"]).await, (200, json!("succeeded"), false));
    assert_eq!(status(&held["execution_id"]).await, (200, json!("waiting"), true));
    clock.advance(day * 3 - Duration::from_millis(1_000));
    bed.host.sweep().await;
    assert_eq!(status(&old["execution_id"]).await.0, 200);
    let audited = async || bed.client().get("/v1/audit?limit=200").await.expect(200)["items"].as_array().unwrap().len();
    let before = audited().await;
    clock.advance(Duration::from_millis(1_000));
    bed.host.sweep().await;
    assert_eq!(status(&old["execution_id"]).await.0, 404);
    assert_eq!(status(&held["execution_id"]).await, (200, json!("waiting"), true));
    assert_eq!(audited().await, before);
}
