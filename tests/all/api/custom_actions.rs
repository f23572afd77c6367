//! Action types that no tool has: decided on, approved, recorded, and never carried out (KO-01, KO-02, KO-04, KO-05).

use gloveport::config::Records;
use gloveport_tests::host::{Answer, Client, Setup, TestHost};
use gloveport_tests::imitation::{Stripe, User};
use gloveport_tests::postgres;
use serde_json::{Value, json};

const EXECUTE: &str = "/v1/tools/invoice.write_off/execute";

async fn policy(host: &TestHost, condition: &str, outcome: Value) {
    let body = json!({ "name": "a rule", "condition": condition, "outcome": outcome });
    host.client().post("/v1/policies", &body).await.expect(201);
}

async fn write_off(client: &Client, amount: i64) -> Answer {
    client.post(EXECUTE, &json!({ "identifier": "ada", "input": { "amount": amount } })).await
}

async fn record(client: &Client, execution: &Value) -> Value {
    client.get(&format!("/v1/executions/{}?wait_ms=30000", execution.as_str().unwrap())).await.expect(200)
}

fn steps(execution: &Value) -> Vec<&str> {
    execution["timeline"].as_array().unwrap().iter().map(|event| event["step"].as_str().unwrap()).collect()
}

/// A rule on an action type of the caller's own fires; what it lets pass is on record as not dispatched. On both
/// databases.
#[tokio::test]
async fn policies_decide_and_nothing_is_dispatched() {
    for database in [None, postgres::new_database()] {
        let host = TestHost::with(Setup { database, ..Setup::usual() }).await;
        let deny = json!({ "outcome": "deny", "reason": "too much" });
        let condition = "action_type == 'invoice.write_off' && tool == action_type && effect == 'write' && \
                         identifier == 'ada' && payload.amount > 5000";
        policy(&host, condition, deny).await;
        let agent = host.caller("agent", "agent").await;
        let denied = write_off(&agent, 5_001).await;
        let of_denied = record(&agent, &denied.json()["execution_id"]).await;
        assert_eq!(denied.problem(403), "denied_by_policy");
        assert_eq!(of_denied["status"], "denied");

        let passed = write_off(&agent, 5_000).await;
        let problem = passed.json();
        assert_eq!(passed.problem(409), "not_dispatched");
        assert!(problem["detail"].as_str().unwrap().contains("nothing was sent"), "{problem}");
        let ended = record(&agent, &problem["execution_id"]).await;
        assert_eq!((&ended["status"], &ended["code"]), (&json!("not_dispatched"), &json!("not_dispatched")));
        assert_eq!((&ended["tool"], &ended["identifier"]), (&json!("invoice.write_off"), &json!("ada")));
        for nothing in ["component", "connection_id", "account_id"] {
            assert_eq!(ended[nothing], Value::Null, "{nothing}");
        }
        assert_eq!(steps(&ended), ["decided", "finished"]);
        let listed = agent.get("/v1/executions?status=not_dispatched&tool=invoice.write_off").await.expect(200);
        assert_eq!((&listed["total_size"], &listed["items"][0]["id"]), (&json!(1), &ended["id"]));
        let path = format!("/v1/audit?subject={}", ended["id"].as_str().unwrap());
        let audit = host.client().get(&path).await.expect(200);
        assert_eq!(
            (&audit["total_size"], &audit["items"][0]["action"]),
            (&json!(1), &json!("execution.not_dispatched"))
        );
        assert_eq!(audit["items"][0]["detail"]["tool"], "invoice.write_off", "{audit}");
        assert_eq!(audit["items"][0]["component"], Value::Null);
    }
}

/// KO-06: it waits for a person who sees action and payload, wherever the rule would have asked; yes is not dispatched
/// either, no is no, and an edit is decided on anew.
#[tokio::test]
async fn people_approve_it_and_nothing_is_dispatched() {
    for database in [None, postgres::new_database()] {
        let host = TestHost::with(Setup { database, ..Setup::usual() }).await;
        policy(&host, "payload.amount > 9000", json!({ "outcome": "deny", "reason": "never" })).await;
        policy(&host, "payload.amount > 100", json!({ "outcome": "ask", "at": "at_write" })).await;
        let agent = host.caller("agent", "agent").await;
        let decide = async |waiting: &Value, what: &str, body: Value| {
            let path = format!("/v1/approvals/{}/{what}", waiting["approval_id"].as_str().unwrap());
            host.client().post(&path, &body).await
        };
        let waiting = write_off(&agent, 500).await.expect(202);
        let path = format!("/v1/approvals/{}", waiting["approval_id"].as_str().unwrap());
        let shown = host.client().get(&path).await.expect(200);
        assert_eq!((&shown["tool"], &shown["input"]), (&json!("invoice.write_off"), &json!({ "amount": 500 })));
        assert_eq!((&shown["at"], &shown["request"]), (&json!("before"), &Value::Null));
        decide(&waiting, "approve", json!({})).await.expect(200);
        let ended = record(&agent, &waiting["execution_id"]).await;
        assert_eq!((&ended["status"], &ended["code"]), (&json!("not_dispatched"), &json!("not_dispatched")));
        assert_eq!(steps(&ended), ["decided", "waiting", "approved", "finished"]);

        let waiting = write_off(&agent, 500).await.expect(202);
        decide(&waiting, "reject", json!({ "reason": "not this one" })).await.expect(200);
        assert_eq!(record(&agent, &waiting["execution_id"]).await["status"], "rejected");

        for (edit, status, code) in [(50, "not_dispatched", "not_dispatched"), (9_001, "failed", "denied_by_policy")] {
            let waiting = write_off(&agent, 500).await.expect(202);
            assert_eq!(decide(&waiting, "approve", json!({ "input": [1] })).await.problem(422), "invalid_input");
            decide(&waiting, "approve", json!({ "input": { "amount": edit } })).await.expect(200);
            let ended = record(&agent, &waiting["execution_id"]).await;
            assert_eq!((&ended["status"], &ended["code"]), (&json!(status), &json!(code)), "{ended}");
        }
        let waiting = write_off(&agent, 500).await.expect(202);
        let path = format!("/v1/executions/{}/cancel", waiting["execution_id"].as_str().unwrap());
        assert_eq!(agent.post(&path, &json!({})).await.expect(200)["status"], "cancelled");
    }
}

/// An approval survives the host; what it approved is not dispatched by the next one either.
#[tokio::test]
async fn an_action_that_waits_outlives_its_host() {
    let mut host = TestHost::spawn_child().await;
    policy(&host, "true", json!({ "outcome": "ask" })).await;
    let agent = host.caller("agent", "agent").await;
    let waiting = write_off(&agent, 1).await.expect(202);
    host.kill().await;
    host.restart_child().await;
    let path = format!("/v1/approvals/{}/approve", waiting["approval_id"].as_str().unwrap());
    host.client().post(&path, &json!({})).await.expect(200);
    assert_eq!(record(host.client(), &waiting["execution_id"]).await["status"], "not_dispatched");
}

/// An alias with a dot is a tool's: it is carried out as ever, and a word like it is not.
#[tokio::test]
async fn what_a_tool_has_for_an_alias_is_dispatched() {
    let host = TestHost::start().await;
    host.allow_all().await;
    let canary = host.plant();
    let stripe = Stripe::start(vec![User::new("acme", canary.token())]).await;
    host.install("stripe").await;
    host.connection("stripe", &stripe.upstream().url("")).await;
    host.account("stripe", "ada", &json!({ "secret_key": canary.token() })).await.expect(201);
    let sent = stripe.upstream().requests().len();
    let input = json!({ "charge": "ch_1", "amount": 5 });
    assert_eq!(host.execute("refund.creat", "ada", &input).await.problem(409), "not_dispatched");
    assert_eq!(stripe.upstream().requests().len(), sent);
    host.execute("refund.create", "ada", &input).await.expect(200);
    assert_eq!(stripe.refunds(canary.token()), 1);
}

/// What is no action type, has no object for an input, or names a way that there is not, is refused and not recorded.
#[tokio::test]
async fn what_is_no_action_is_refused() {
    let host = TestHost::start().await;
    let client = host.client();
    for name in ["write_off", "Invoice.write_off", "invoice.", ".write_off", "invoice..write_off", "invoice-a.b"] {
        let answer = client.post(&format!("/v1/tools/{name}/execute"), &json!({ "identifier": "ada" })).await;
        assert_eq!(answer.problem(404), "not_found", "{name}");
    }
    for (body, status, code) in [
        (json!({ "input": [] }), 422, "invalid_input"),
        (json!({ "input": 7 }), 422, "invalid_input"),
        (json!({ "connection": "stripe" }), 400, "invalid_request"),
        (json!({ "account": "acc_01ARZ3NDEKTSV4RRFFQ69G5FAV" }), 400, "invalid_request"),
        (json!({ "timeout_ms": 0 }), 400, "invalid_request"),
    ] {
        assert_eq!(client.post(EXECUTE, &body).await.problem(status), code, "{body}");
    }
    assert_eq!(client.get("/v1/executions").await.expect(200)["total_size"], 0);
    // For nobody in particular, with nothing in particular, is enough.
    let answer = client.post(EXECUTE, &json!({})).await;
    let ended = record(client, &answer.json()["execution_id"]).await;
    assert_eq!(answer.problem(409), "not_dispatched");
    assert_eq!(ended["identifier"], Value::Null);
}

/// A key acts for its own user, and one that is bound to a profile has what the profile names.
#[tokio::test]
async fn bound_keys_stay_bound() {
    let host = TestHost::start().await;
    host.install("probe").await;
    let body =
        json!({ "name": "probe", "connector": "probe", "auth_pattern": "bearer", "base_url": "http://127.0.0.1:1" });
    host.client().post("/v1/connections", &body).await.expect(201);
    let profile = json!({ "name": "narrow", "connections": [{ "connection": "probe", "tools": ["probe_echo"] }] });
    host.client().post("/v1/profiles", &profile).await.expect(201);
    let key = async |body: Value| {
        let made = host.client().post("/v1/keys", &body).await.expect(201);
        host.client().with_key(made["key"].as_str().unwrap())
    };
    let narrow = key(json!({ "role": "agent", "profile": "narrow" })).await;
    assert_eq!(write_off(&narrow, 1).await.problem(404), "not_found");
    let eve = key(json!({ "role": "agent", "identifier": "eve" })).await;
    assert_eq!(write_off(&eve, 1).await.problem(403), "forbidden");
    let answer = eve.post(EXECUTE, &json!({ "input": {} })).await;
    assert_eq!(record(&eve, &answer.json()["execution_id"]).await["identifier"], "eve");
}

/// A key stands for one action, whether it is not dispatched at once or after a person's yes.
#[tokio::test]
async fn an_idempotency_key_stands_for_one_action() {
    let host = TestHost::start().await;
    policy(&host, "payload.amount > 100", json!({ "outcome": "ask" })).await;
    let agent = host.caller("agent", "agent").await;
    let send = async |key: &str, amount: i64| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        agent.send("POST", EXECUTE, &headers, json!({ "input": { "amount": amount } }).to_string()).await
    };
    let first = send("a", 1).await;
    assert_eq!(send("a", 1).await.json(), first.json());
    assert_eq!(first.problem(409), "not_dispatched");
    assert_eq!(send("a", 2).await.problem(409), "conflict");
    let waiting = send("b", 500).await.expect(202);
    assert_eq!(send("b", 500).await.expect(202), waiting);
    let path = format!("/v1/approvals/{}/approve", waiting["approval_id"].as_str().unwrap());
    host.client().post(&path, &json!({})).await.expect(200);
    record(&agent, &waiting["execution_id"]).await;
    let after = send("b", 500).await;
    assert_eq!(after.json()["execution_id"], waiting["execution_id"]);
    assert_eq!(after.problem(409), "not_dispatched");
    assert_eq!(agent.get("/v1/executions").await.expect(200)["total_size"], 2);
}

/// Without records there is nothing to look up, and nothing waits.
#[tokio::test]
async fn without_records_it_is_told_only() {
    let host = TestHost::with(Setup { records: Records::Off, ..Setup::usual() }).await;
    let told = write_off(host.client(), 1).await;
    assert_eq!(told.json().get("execution_id"), None);
    assert_eq!(told.problem(409), "not_dispatched");
    policy(&host, "true", json!({ "outcome": "ask" })).await;
    assert_eq!(write_off(host.client(), 1).await.problem(403), "approval_required");
}

/// KO-04: a dry run knows action types as well.
#[tokio::test]
async fn a_trial_takes_action_types() {
    let host = TestHost::start().await;
    policy(&host, "action_type == 'foo.bar'", json!({ "outcome": "deny", "reason": "no" })).await;
    for (tool, outcome) in [("foo.bar", "deny"), ("foo.baz", "allow")] {
        let body = json!({ "tool": tool, "input": {} });
        let said = host.client().post("/v1/policies/evaluate", &body).await.expect(200);
        assert_eq!(said["outcome"]["outcome"], outcome, "{said}");
    }
    let unknown = json!({ "tool": "foo", "input": {} });
    assert_eq!(host.client().post("/v1/policies/evaluate", &unknown).await.problem(404), "not_found");
}
