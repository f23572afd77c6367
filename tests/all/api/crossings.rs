//! What is kept where a call asks its user, calls others, has no tool, sends nothing or is changed: SI-19, SI-20, KO-22.

use gloveport::config::{KeepBodies, WrittenRetention};
use gloveport_tests::host::{Client, Setup, TestHost};
use gloveport_tests::{postgres, wat_guest};
use serde_json::{Value, json};

use super::bed::Bed;
use super::modifiers::{echo, modifier};
use super::policies::deny;

const SINCE: &str = "2000-01-01T00:00:00Z";

fn keeping(bodies: KeepBodies, database: Option<String>) -> Setup {
    let retention = WrittenRetention { bodies: Some(bodies), ..WrittenRetention::default() };
    Setup { retention, database, ..Setup::usual() }
}

async fn record(client: &Client, id: &Value) -> Value {
    client.get(&format!("/v1/executions/{}?wait=30s", id.as_str().unwrap())).await.expect(200)
}

/// The record as it is now.
async fn shown(client: &Client, id: &Value) -> Value {
    client.get(&format!("/v1/executions/{}", id.as_str().unwrap())).await.expect(200)
}

async fn rule(client: &Client, condition: &str, outcome: &Value) {
    let rule = json!({ "name": "rule", "condition": condition, "outcome": outcome });
    client.post("/v1/policies", &rule).await.expect(201);
}

async fn relay(host: &TestHost) {
    host.install("relay").await;
    let body = json!({ "name": "relay", "connector": "relay", "auth_pattern": "none" });
    host.client().post("/v1/connections", &body).await.expect(201);
    host.account("relay", "ada", &json!({})).await.expect(201);
}

async fn decide(host: &TestHost, waiting: &Value, body: &Value) {
    let path = format!("/v1/approvals/{}/approve", waiting["approval_id"].as_str().unwrap());
    host.client().post(&path, body).await.expect(200);
}

/// What the stored rules say now of all calls.
async fn past(host: &TestHost) -> Value {
    let body = json!({ "executions": { "since": SINCE } });
    host.client().post("/v1/policies/evaluate", &body).await.expect(200)
}

/// Where nothing is kept no question is asked, and an inner call that would wait is refused: its caller hears of it.
#[tokio::test]
async fn where_nothing_is_kept_nothing_is_asked() {
    let bed = Bed::with(keeping(KeepBodies::None, None)).await;
    bed.connect("ada").await;
    relay(&bed.host).await;
    let refused = bed.host.execute("relay_ask", "ada", &json!({ "question": "Which code?" })).await;
    let problem = refused.json();
    assert_eq!(problem["culprit"], "policy", "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("[records] bodies"), "{problem}");
    assert_eq!(refused.problem(403), "approval_required");
    assert_eq!(shown(bed.client(), &problem["execution_id"]).await["status"], "failed");

    rule(bed.client(), "tool == 'probe_fetch'", &json!({ "outcome": "ask", "at": "before" })).await;
    let call = json!({ "tool": "probe_fetch", "input": { "method": "POST", "target": "/x" } });
    let answer = bed.host.execute("relay_all", "ada", &json!({ "calls": [call] })).await;
    assert!(answer.json().to_string().contains("[records] bodies"), "{answer:?}");
    assert_ne!(answer.status, 202, "{answer:?}");
}

/// What goes on needs is kept, and what is told is shown: of a question, and of an inner call that waited. On both
/// databases, whether other calls are kept or not.
#[tokio::test]
async fn what_waits_is_kept_whole() {
    for (bodies, database) in
        [(KeepBodies::Waiting, None), (KeepBodies::All, None), (KeepBodies::Waiting, postgres::new_database())]
    {
        let bed = Bed::with(keeping(bodies, database)).await;
        bed.connect("ada").await;
        relay(&bed.host).await;
        let question = json!({ "question": "Which code?" });
        let held = bed.host.execute("relay_ask", "ada", &question).await.expect(202);
        let id = &held["execution_id"];
        assert_eq!(shown(bed.client(), id).await["input"], question, "{bodies:?}");
        let path = format!("/v1/executions/{}/continue", id.as_str().unwrap());
        for code in ["first", "second"] {
            while shown(bed.client(), id).await["status"] == "started" {
                tokio::task::yield_now().await;
            }
            bed.client().post(&path, &json!({ "input": { "code": code } })).await.expect(202);
        }
        let seen = record(bed.client(), id).await;
        assert_eq!((&seen["status"], &seen["input"]), (&json!("succeeded"), &question), "{seen}");
        assert_eq!(seen["output"], seen["data"], "{seen}");
        assert_eq!(seen["data"]["items"][1]["code"], "second", "{seen}");

        rule(bed.client(), "tool == 'probe_fetch'", &json!({ "outcome": "ask", "at": "before" })).await;
        let call = json!({ "tool": "probe_fetch", "input": { "method": "POST", "target": "/x" } });
        let held = bed.host.execute("relay_all", "ada", &json!({ "calls": [call] })).await.expect(202);
        let inner = shown(bed.client(), &held["awaited"][0]).await;
        // The key that asked cannot approve.
        let other = bed.host.caller("admin", "other").await;
        let path = format!("/v1/approvals/{}/approve", inner["approval_id"].as_str().unwrap());
        other.post(&path, &json!({})).await.expect(200);
        let outer = record(bed.client(), &held["execution_id"]).await;
        let inner = record(bed.client(), &held["awaited"][0]).await;
        assert_eq!((&outer["status"], &inner["status"]), (&json!("succeeded"), &json!("succeeded")), "{outer}");
        assert_eq!(outer["data"]["items"][0]["output"], inner["output"], "{outer}");
        assert_eq!(inner["input"], call["input"], "{inner}");
    }
}

/// Of an action type that no tool has, the input is kept however it ends, an edited one too, and past ones are judged.
#[tokio::test]
async fn actions_without_a_tool_are_kept_and_judged() {
    for database in [None, postgres::new_database()] {
        let host = TestHost::with(keeping(KeepBodies::All, database)).await;
        rule(host.client(), "payload.amount > 9000", &deny("never")).await;
        rule(host.client(), "payload.amount > 100", &json!({ "outcome": "ask", "at": "at_write" })).await;
        let agent = host.caller("agent", "agent").await;
        let ask = async |amount: i64| {
            let body = json!({ "identifier": "ada", "input": { "amount": amount } });
            agent.post("/v1/tools/invoice.write_off/execute", &body).await.json()
        };
        let (small, large) = (ask(50).await, ask(9_001).await);
        for (answer, amount) in [(&small, 50), (&large, 9_001)] {
            for client in [&agent, host.client()] {
                let seen = shown(client, &answer["execution_id"]).await;
                assert_eq!(seen["input"], json!({ "amount": amount }), "{seen}");
            }
        }
        let (held, edited) = (ask(500).await, ask(600).await);
        assert_eq!(shown(&agent, &held["execution_id"]).await["input"], json!({ "amount": 500 }));
        decide(&host, &held, &json!({})).await;
        decide(&host, &edited, &json!({ "input": { "amount": 60 } })).await;
        for (held, amount) in [(&held, 500), (&edited, 60)] {
            let seen = record(&agent, &held["execution_id"]).await;
            assert_eq!((&seen["status"], &seen["input"]), (&json!("not_dispatched"), &json!({ "amount": amount })));
        }
        let stranger = host.caller("agent", "stranger").await;
        let path = format!("/v1/executions/{}", small["execution_id"].as_str().unwrap());
        assert_eq!(stranger.get(&path).await.problem(404), "not_found");

        let said = past(&host).await;
        let counts = json!({ "allow": 2, "ask_before": 1, "ask_at_write": 0, "deny": 1 });
        assert_eq!((&said["counts"], &said["not_known"], &said["input_not_kept"]), (&counts, &json!(0), &json!(0)));
        // The one that was edited was asked about, and would not be with its input of now.
        let differing = said["differing"].as_array().unwrap();
        assert_eq!(differing.len(), 1, "{said}");
        assert_eq!(differing[0]["execution_id"], edited["execution_id"], "{said}");
        rule(host.client(), "action_type == 'invoice.write_off'", &deny("no longer")).await;
        let counts = past(&host).await["counts"].clone();
        assert_eq!((&counts["deny"], &counts["ask_before"]), (&json!(3), &json!(1)), "the rules before it come first");
    }
}

/// A call that sent nothing is kept as others are, and is judged as one that sent nothing, whatever its connection does
/// now.
#[tokio::test]
async fn simulated_calls_are_kept_and_judged_as_such() {
    let bed = Bed::start().await;
    let canary = bed.connect("ada").await;
    let json = [("content-type", "application/json")];
    let demo = async |on: bool| {
        let body = json!({ "demo": on }).to_string();
        bed.client().send("PATCH", "/v1/connections/probe", &json, body).await.expect(200);
    };
    demo(true).await;
    let before = bed.upstream.requests().len();
    let agent = bed.agent(None).await;
    let input = json!({ "method": "POST", "target": "/x", "body": { "kind": "json", "text": "\"plain\"" } });
    let body = json!({ "identifier": "ada", "input": input });
    let done = agent.post("/v1/tools/probe_fetch/execute", &body).await.expect(200);
    let seen = shown(&agent, &done["execution_id"]).await;
    assert_eq!((&seen["simulated"], &seen["input"], &seen["output"]), (&json!(true), &input, &done["data"]), "{seen}");
    // A credential is not shown here either.
    let stolen = json!({ "method": "POST", "target": "/x", "body": { "kind": "json", "text": canary.token() } });
    let body = json!({ "identifier": "ada", "input": stolen });
    let done = agent.post("/v1/tools/probe_fetch/execute", &body).await;
    let id = done.json()["execution_id"].clone();
    assert_eq!(shown(bed.client(), &id).await["input"]["body"]["text"], "[redacted]");

    rule(bed.client(), "tool == 'probe_fetch'", &json!({ "outcome": "ask", "at": "at_write" })).await;
    let held = agent.post("/v1/tools/probe_fetch/execute", &json!({ "identifier": "ada", "input": input })).await;
    let held = held.expect(202);
    assert_eq!(shown(&agent, &held["execution_id"]).await["input"], input);
    decide(&bed.host, &held, &json!({})).await;
    let seen = record(&agent, &held["execution_id"]).await;
    assert_eq!((&seen["status"], &seen["input"]), (&json!("succeeded"), &input), "{seen}");
    assert_eq!(seen["output"], seen["data"], "{seen}");
    assert_eq!(bed.upstream.requests().len(), before);
    demo(false).await;
    let said = past(&bed.host).await;
    assert_eq!((&said["counts"]["ask_before"], &said["counts"]["ask_at_write"]), (&json!(3), &json!(0)), "{said}");
    let again = said["differing"].as_array().unwrap().iter().any(|one| one["execution_id"] == held["execution_id"]);
    assert!(!again, "it was asked about before, and would be: {said}");
}

/// Modifiers change what the tool gets and what is told of its answer: an agent sees what it gave, an administrator what
/// the tool got, both what was told.
#[tokio::test]
async fn an_agent_sees_what_it_gave_before_modifiers() {
    let host = TestHost::start().await;
    echo(&host, "by_hand").await;
    let (set, remove) = (json!([{ "set": { "path": "/n", "value": 2 } }]), json!([{ "remove": { "path": "/x" } }]));
    modifier(host.client(), "before", "before", &json!("*"), &set).await;
    modifier(host.client(), "after", "after", &json!("*"), &remove).await;
    let agent = host.caller("agent", "agent").await;
    let body = json!({ "identifier": "ada", "input": { "n": 1, "x": 7 } });
    let done = agent.post("/v1/tools/by_hand_run/execute", &body).await.expect(200);
    for (client, n) in [(&agent, 1), (host.client(), 2)] {
        let seen = shown(client, &done["execution_id"]).await;
        assert_eq!((&seen["input"], &seen["output"]), (&json!({ "n": n, "x": 7 }), &json!({ "n": 2 })), "{seen}");
    }
}

/// What a schema marks is not shown from where a modifier has put it: then nothing of the output is.
#[tokio::test]
async fn what_a_modifier_moves_is_still_hidden() {
    let host = TestHost::start().await;
    let schema = r#"{"type":"object","properties":{"password":{"type":"string","format":"password"}}}"#;
    let component = wat_guest::connector_of("login", (schema, Some(schema)), "", wat_guest::ECHO);
    let headers = [("content-type", "application/wasm")];
    host.client().send("POST", "/v1/connectors", &headers, component).await.expect(201);
    host.connection("login", "https://api.invalid").await;
    host.account("login", "ada", &json!({})).await.expect(201);
    let rename = json!([{ "rename": { "from": "/password", "to": "/elsewhere" } }]);
    modifier(host.client(), "after", "after", &json!("*"), &rename).await;
    let run = async |input: Value| {
        let done = host.execute("login_run", "ada", &input).await.expect(200);
        (shown(host.client(), &done["execution_id"]).await, done["data"].clone())
    };
    let (seen, told) = run(json!({ "password": "correct horse", "n": 1 })).await;
    assert_eq!(told, json!({ "elsewhere": "correct horse", "n": 1 }));
    assert_eq!((&seen["input"]["password"], &seen["output"]), (&json!("[redacted]"), &json!("[redacted]")), "{seen}");
    let (seen, told) = run(json!({ "n": 1 })).await;
    assert_eq!(seen["output"], told, "where nothing is marked nothing is hidden: {seen}");
}
