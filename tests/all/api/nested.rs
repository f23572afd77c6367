//! Calls that a connector makes: the same path as every call (AK-853, AK-857, AK-858, SI-20).

use std::num::NonZeroU32;

use gloveport::config::NeighbourLimits;
use gloveport_tests::host::{Answer, Client, Setup, TestHost};
use gloveport_tests::postgres;
use gloveport_tests::upstream::{Gate, Recorded, Reply};
use serde_json::{Value, json};

use super::bed::Bed;
use super::postgres::beside;

/// A probe and a relay, with an account of Ada's on both; `/slow` is held back until the gate opens.
struct Relayed {
    bed: Bed,
    gate: Gate,
    agent: Client,
}

impl Relayed {
    async fn on(host: TestHost) -> Self {
        let gate = Gate::closed();
        let held = gate.clone();
        let bed = Bed::on(host, move |request: &Recorded| {
            let reply = Reply::json(200, &json!({ "path": request.path() }));
            if request.path().starts_with("/slow") { reply.after(&held) } else { reply }
        })
        .await;
        bed.connect("ada").await;
        bed.host.install("relay").await;
        let body = json!({ "name": "relay", "connector": "relay", "auth_pattern": "none" });
        bed.client().post("/v1/connections", &body).await.expect(201);
        bed.host.account("relay", "ada", &json!({})).await.expect(201);
        let agent = bed.agent(None).await;
        Self { bed, gate, agent }
    }

    async fn start() -> Self {
        Self::on(TestHost::start().await).await
    }

    async fn policy(&self, condition: &str, outcome: &Value) {
        let body = json!({ "name": "rule", "condition": condition, "outcome": outcome });
        self.bed.client().post("/v1/policies", &body).await.expect(201);
    }

    async fn execute(&self, tool: &str, input: &Value) -> Answer {
        let body = json!({ "identifier": "ada", "input": input, "chat_id": "chat-1" });
        self.agent.post(&format!("/v1/tools/{tool}/execute"), &body).await
    }

    async fn ended(&self, execution: &Value) -> Value {
        let path = format!("/v1/executions/{}?wait_ms=30000", execution.as_str().unwrap());
        self.agent.get(&path).await.expect(200)
    }

    async fn children(&self, of: &Value) -> Vec<Value> {
        let path = format!("/v1/executions?parent={}", of.as_str().unwrap());
        self.agent.get(&path).await.expect(200)["items"].as_array().unwrap().clone()
    }

    async fn approve(&self, execution: &Value) {
        let path = format!("/v1/executions/{}", execution.as_str().unwrap());
        let approval = self.agent.get(&path).await.expect(200)["approval_id"].as_str().unwrap().to_owned();
        let path = format!("/v1/approvals/{approval}/approve");
        self.bed.client().post(&path, &json!({})).await.expect(200);
    }

    fn sent(&self, method: &str) -> usize {
        self.bed.upstream.requests().iter().filter(|request| request.method == method).count()
    }
}

fn fetch(method: &str, target: &str) -> Value {
    json!({ "tool": "probe_fetch", "input": { "method": method, "target": target } })
}

#[tokio::test]
async fn a_tool_calls_another_as_the_same_caller_for_the_same_user() {
    let relayed = Relayed::start().await;
    let answer = relayed.execute("relay_call", &fetch("GET", "/a")).await.expect(200);
    assert_eq!(answer["data"]["output"]["status"], 200, "{answer}");
    let children = relayed.children(&answer["execution_id"]).await;
    assert_eq!(children.len(), 1, "{children:?}");
    let (child, parent) = (&children[0], relayed.ended(&answer["execution_id"]).await);
    for (name, value) in [("tool", json!("probe_fetch")), ("identifier", json!("ada")), ("chat_id", json!("chat-1"))] {
        assert_eq!(child[name], value, "{child}");
    }
    assert_eq!((&child["key_id"], &child["parent"]), (&parent["key_id"], &parent["id"]));
    assert_eq!((&parent["requests"], &child["requests"]), (&json!(0), &json!(1)));
}

/// What an inner call is refused is what the outer one fails with, unless it goes on without.
#[tokio::test]
async fn an_inner_failure_is_passed_on_or_caught() {
    let relayed = Relayed::start().await;
    relayed.policy("tool == 'probe_fetch_read'", &json!({ "outcome": "deny", "reason": "not this one" })).await;
    for (call, status, code, culprit) in [
        (json!({ "tool": "probe_fetch_read", "input": { "target": "/" } }), 403, "denied_by_policy", "policy"),
        (json!({ "tool": "nobodys_tool", "input": {} }), 404, "not_found", "caller"),
        (json!({ "tool": "probe_fetch", "input": { "wrong": 1 } }), 502, "guest_error", "guest"),
        (json!({ "tool": "probe_fetch", "input": {}, "connection": "none" }), 502, "guest_error", "guest"),
        (
            json!({ "tool": "probe_fetch", "input": { "method": "GET", "target": "/" }, "connection": "none" }),
            404,
            "not_found",
            "caller",
        ),
        (
            json!({ "tool": "probe_fetch", "input": { "method": "GET", "target": "/" }, "account": "acc_nobody" }),
            502,
            "guest_error",
            "guest",
        ),
        (json!({ "tool": "probe_trap", "input": {} }), 502, "guest_error", "guest"),
    ] {
        let answer = relayed.execute("relay_call", &call).await;
        assert_eq!(answer.status, status, "{call}: {answer:?}");
        let problem = answer.json();
        assert_eq!((&problem["code"], &problem["culprit"]), (&json!(code), &json!(culprit)), "{call}: {problem}");
    }
    assert_eq!(relayed.sent("GET"), 1, "only the test call that connecting made");
    let calls =
        [fetch("GET", "/1"), json!({ "tool": "probe_fetch_read", "input": { "target": "/" } }), fetch("GET", "/2")];
    let answer = relayed.execute("relay_all", &json!({ "calls": calls })).await.expect(200);
    let items = answer["data"]["items"].as_array().unwrap();
    let failed: Vec<bool> = items.iter().map(|item| item["failure"].is_string()).collect();
    assert_eq!(failed, [false, true, false], "{answer}");
    assert!(items[1]["failure"].as_str().unwrap().contains("not this one"), "{answer}");
    let statuses: Vec<Value> =
        relayed.children(&answer["execution_id"]).await.iter().map(|child| child["status"].clone()).collect();
    assert_eq!(statuses.iter().filter(|status| *status == "denied").count(), 1, "{statuses:?}");
}

/// AK-858: two that wait for their provider do so at the same time.
#[tokio::test]
async fn several_at_once_overlap() {
    let relayed = Relayed::start().await;
    let calls = json!({ "calls": [fetch("GET", "/slow/1"), fetch("GET", "/slow/2"), fetch("POST", "/slow/3")] });
    let answer = async { relayed.execute("relay_all", &calls).await.expect(200) };
    let all_there = async {
        relayed.bed.upstream.wait_for(4).await;
        relayed.gate.open();
    };
    let (answer, ()) = tokio::join!(answer, all_there);
    let items = answer["data"]["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["output"]["status"] == 200), "{answer}");
}

#[tokio::test]
async fn calls_are_bounded_in_depth_and_number() {
    let relayed = Relayed::start().await;
    for below in 0..=3 {
        let answer = relayed.execute("relay_nest", &json!({ "below": below })).await.expect(200);
        assert_eq!(answer["data"]["below"], below);
    }
    let refused = relayed.execute("relay_nest", &json!({ "below": 4 })).await;
    let problem = refused.json();
    assert_eq!((&problem["code"], &problem["culprit"]), (&json!("guest_limit"), &json!("limit")), "{problem}");
    let answer = relayed.execute("relay_flood", &json!({})).await.expect(200);
    assert_eq!(answer["data"]["below"], 64);
}

/// As many callers as there are slots, each of which needs more: they do not wait for one another.
#[tokio::test]
async fn calls_that_need_others_do_not_take_their_slots() {
    let one = NonZeroU32::new(1);
    let limits = NeighbourLimits {
        concurrent_calls_per_connection: one,
        concurrent_calls_per_project: one,
        ..NeighbourLimits::NONE
    };
    let setup = Setup { max_concurrent_calls: Some(1), limits, ..Setup::usual() };
    let relayed = Relayed::on(TestHost::with(setup).await).await;
    let input = json!({ "below": 3 });
    let all = futures_util::future::join_all((0..6).map(|_| relayed.execute("relay_nest", &input))).await;
    for answer in all {
        assert_eq!(answer.expect(200)["data"]["below"], 3);
    }
}

/// A write in an inner call waits for a person; the outer call waits with it and goes on with its result, once.
#[tokio::test]
async fn an_outer_call_waits_for_an_inner_one() {
    let relayed = Relayed::start().await;
    relayed.policy("tool == 'probe_fetch' && payload.method == 'POST'", &json!({ "outcome": "ask" })).await;
    let calls = [fetch("GET", "/1"), fetch("POST", "/2"), fetch("GET", "/3"), fetch("POST", "/4")];
    let before = relayed.sent("GET");
    let answer = relayed.execute("relay_all", &json!({ "calls": calls })).await.expect(202);
    let (parent, awaited) = (&answer["execution_id"], answer["awaited"].as_array().unwrap());
    assert_eq!((&answer["status"], awaited.len()), (&json!("waiting"), 2), "{answer}");
    assert_eq!((relayed.sent("GET") - before, relayed.sent("POST")), (2, 0));
    relayed.approve(&awaited[1]).await;
    assert_eq!(relayed.ended(&awaited[1]).await["status"], "succeeded");
    let waiting = relayed.agent.get(&format!("/v1/executions/{}", parent.as_str().unwrap())).await.expect(200);
    assert_eq!(waiting["status"], "waiting", "one of the two is still to come: {waiting}");
    relayed.approve(&awaited[0]).await;
    let ended = relayed.ended(parent).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    let paths: Vec<&Value> =
        ended["data"]["items"].as_array().unwrap().iter().map(|item| &item["output"]["status"]).collect();
    assert_eq!(paths, [200, 200, 200, 200], "{ended}");
    assert_eq!((relayed.sent("GET") - before, relayed.sent("POST")), (2, 2), "nothing is sent twice");
    assert_eq!(relayed.children(parent).await.len(), 4, "and nothing is called twice");
}

/// However an inner call ends, the outer one hears of it.
#[tokio::test]
async fn an_inner_call_that_comes_to_nothing_is_told() {
    let relayed = Relayed::start().await;
    relayed.policy("tool == 'probe_fetch'", &json!({ "outcome": "ask", "at": "before" })).await;
    for how in ["reject", "cancel"] {
        let answer = relayed.execute("relay_call", &fetch("POST", "/x")).await.expect(202);
        let inner = answer["awaited"][0].as_str().unwrap().to_owned();
        let shown = relayed.agent.get(&format!("/v1/executions/{inner}")).await.expect(200);
        let (path, by) = match how {
            "reject" => {
                (format!("/v1/approvals/{}/reject", shown["approval_id"].as_str().unwrap()), relayed.bed.client())
            }
            _ => (format!("/v1/executions/{inner}/cancel"), &relayed.agent),
        };
        by.post(&path, &json!({})).await.expect(200);
        let ended = relayed.ended(&answer["execution_id"]).await;
        let code = if how == "reject" { "approval_rejected" } else { "cancelled" };
        assert_eq!((&ended["status"], &ended["code"]), (&json!("failed"), &json!(code)), "{ended}");
    }
    assert_eq!(relayed.sent("POST"), 0);
}

/// Whoever cancels a call cancels what it called.
#[tokio::test]
async fn an_inner_call_ends_with_the_outer_one() {
    let relayed = Relayed::start().await;
    relayed.policy("tool == 'probe_fetch' && payload.method == 'POST'", &json!({ "outcome": "ask" })).await;
    let waiting = relayed.execute("relay_call", &fetch("POST", "/x")).await.expect(202);
    let cancel = |id: &Value| format!("/v1/executions/{}/cancel", id.as_str().unwrap());
    relayed.agent.post(&cancel(&waiting["execution_id"]), &json!({})).await.expect(200);
    assert_eq!(relayed.ended(&waiting["awaited"][0]).await["status"], "cancelled");

    let headers = [("content-type", "application/json"), ("prefer", "respond-async")];
    let body = json!({ "identifier": "ada", "input": fetch("GET", "/slow/1") }).to_string();
    let running = relayed.agent.send("POST", "/v1/tools/relay_call/execute", &headers, body).await.expect(202);
    relayed.bed.upstream.wait_for(2).await;
    relayed.agent.post(&cancel(&running["execution_id"]), &json!({})).await.expect(200);
    let children = relayed.children(&running["execution_id"]).await;
    assert_eq!(relayed.ended(&children[0]["id"]).await["status"], "cancelled");
}

/// Nobody waits for an inner call whose outer one came to nothing: what it would send is not sent later.
#[tokio::test]
async fn an_inner_call_that_waits_ends_with_an_outer_one_that_failed() {
    let relayed = Relayed::start().await;
    relayed.policy("tool == 'probe_fetch' && payload.method == 'POST'", &json!({ "outcome": "ask" })).await;
    let calls = json!({ "calls": [fetch("POST", "/x"), fetch("GET", "/slow/1")] });
    let body = json!({ "identifier": "ada", "input": calls, "timeout_ms": 1_000 });
    let failed = relayed.agent.post("/v1/tools/relay_all/execute", &body).await.expect(504);
    let children = relayed.children(&failed["execution_id"]).await;
    for child in children.iter().filter(|child| child["requests"] == 0) {
        assert_eq!(relayed.ended(&child["id"]).await["status"], "cancelled", "{child}");
    }
    assert_eq!(children.len(), 2, "{children:?}");
    let pending = relayed.bed.client().get("/v1/approvals?status=pending").await.expect(200);
    assert_eq!(pending["total_size"], 0, "{pending}");
    assert_eq!(relayed.sent("POST"), 0);
}

/// The outer call waits on one host; its inner call is approved through another, which goes on with both.
#[tokio::test]
async fn an_outer_call_goes_on_through_another_host() {
    let Some(database) = postgres::new_database() else { return };
    let relayed = Relayed::on(TestHost::with(beside(&database)).await).await;
    relayed.policy("tool == 'probe_fetch' && payload.method == 'POST'", &json!({ "outcome": "ask" })).await;
    let second = TestHost::with(beside(&database)).await;
    for round in 1..=4 {
        let answer = relayed.execute("relay_call", &fetch("POST", "/x")).await.expect(202);
        let inner = answer["awaited"][0].as_str().unwrap();
        let body = json!({ "decision": "approve" });
        let path = format!("/v1/executions/{inner}/continue");
        let other = second.client().with_key(gloveport_tests::host::ADMIN_KEY);
        let (one, two) = tokio::join!(relayed.bed.client().post(&path, &body), other.post(&path, &body));
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [202, 409], "{one:?} {two:?}");
        let ended = relayed.ended(&answer["execution_id"]).await;
        assert_eq!((&ended["status"], relayed.sent("POST")), (&json!("succeeded"), round), "{ended}");
    }
}
