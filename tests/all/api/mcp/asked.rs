//! Calls that wait: clients that can ask are asked, by a state that is of use for one call of one caller; others are told.

use std::time::Duration;

use gloveport::model::{Clock, Timestamp};
use gloveport_tests::host::{Setup, TestHost};
use serde_json::{Value, json};

use super::client::{LEGACY, Mcp, text};

/// A host with the relay, whose tools ask, and two users.
pub(super) struct Asking {
    pub(super) host: TestHost,
    clock: Clock,
}

impl Asking {
    pub(super) async fn start() -> Self {
        let clock = Clock::manual(Timestamp(1_800_000_000_000));
        let host = TestHost::with(Setup { clock: clock.clone(), ..Setup::usual() }).await;
        host.install("relay").await;
        let body = json!({ "name": "relay", "connector": "relay", "auth_pattern": "none" });
        host.client().post("/v1/connections", &body).await.expect(201);
        for user in ["ada", "eve"] {
            host.account("relay", user, &json!({})).await.expect(201);
        }
        let config = json!({ "name": "desk", "connections": [{ "connection": "relay" }] });
        host.client().post("/v1/mcp/configs", &config).await.expect(201);
        Self { host, clock }
    }

    pub(super) async fn mcp(&self, user: &str, capabilities: Value) -> Mcp {
        Mcp { capabilities, ..Mcp::of(self.host.client(), "desk", user).await }
    }

    pub(super) async fn ask_about(&self, tool: &str) {
        let condition = format!("tool == '{tool}'");
        // A tool that only reads comes to no write: nobody is asked unless before it.
        let outcome = json!({ "outcome": "ask", "at": "before" });
        let body = json!({ "name": "ask", "condition": condition, "outcome": outcome });
        self.host.client().post("/v1/policies", &body).await.expect(201);
    }
}

fn forms() -> Value {
    json!({ "elicitation": { "form": {} } })
}

pub(super) fn asks(question: &str) -> Value {
    json!({ "name": "relay_ask", "arguments": { "question": question } })
}

fn again(params: &Value, state: &Value, response: &Value) -> Value {
    let mut params = params.clone();
    params["requestState"] = state.clone();
    params["inputResponses"] = json!({ "gloveport": response });
    params
}

/// SI-19 by MCP: two questions, two forms, one result.
#[tokio::test]
async fn a_question_is_a_form() {
    let asking = Asking::start().await;
    let mcp = asking.mcp("ada", forms()).await;
    let params = asks("Which code?");
    let first = mcp.result("tools/call", params.clone()).await;
    assert_eq!(first["resultType"], "input_required", "{first}");
    let form = &first["inputRequests"]["gloveport"];
    assert_eq!((&form["method"], &form["params"]["message"]), (&json!("elicitation/create"), &json!("Which code?")));
    assert_eq!(form["params"]["requestedSchema"]["properties"]["code"]["minLength"], 4);
    let accept = |code: &str| json!({ "action": "accept", "content": { "code": code } });
    let bad = mcp.modern("tools/call", again(&params, &first["requestState"], &accept("123"))).await;
    assert_eq!(Mcp::code(&bad), -32602);
    let second = mcp.result("tools/call", again(&params, &first["requestState"], &accept("first"))).await;
    // It went on to its next question, unless the moment was too short to see it.
    let second = if second["resultType"] == "input_required" { second } else { panic!("{second}") };
    let third = mcp.result("tools/call", again(&params, &second["requestState"], &accept("second"))).await;
    let data: Value = serde_json::from_str(text(&third)).unwrap();
    assert_eq!(data["items"], json!([{ "code": "first" }, { "code": "second" }]), "{third}");
    // The same again is the same result, and no second call.
    let replayed = mcp.result("tools/call", again(&params, &second["requestState"], &accept("third"))).await;
    assert_eq!(replayed["content"], third["content"]);
    let records = asking.host.client().get("/v1/executions").await.expect(200);
    assert_eq!(records["items"].as_array().unwrap().iter().filter(|record| record["tool"] == "relay_ask").count(), 1);
}

/// A state is of use for the call, the caller and the time that it was made for.
#[tokio::test]
async fn a_state_is_of_one_call_and_one_caller() {
    let asking = Asking::start().await;
    let (ada, eve) = (asking.mcp("ada", forms()).await, asking.mcp("eve", forms()).await);
    let params = asks("Which code?");
    let state = ada.result("tools/call", params.clone()).await["requestState"].clone();
    let accept = json!({ "action": "accept", "content": { "code": "1234" } });
    let text = state.as_str().unwrap();
    let mut changed: Vec<String> = (0..text.len())
        .step_by(17)
        .map(|at| {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).unwrap()
        })
        .collect();
    changed.extend(["", "v1", "null"].map(str::to_owned));
    changed.push("x".repeat(100_000));
    changed.push(text[..text.len() - 1].to_owned());
    for wrong in &changed {
        let answer = ada.modern("tools/call", again(&params, &json!(wrong), &accept)).await;
        assert_eq!(Mcp::code(&answer), -32602, "{wrong:.60}");
    }
    for (mcp, params) in [(&eve, &params), (&ada, &asks("Another?")), (&ada, &json!({ "name": "relay_flood" }))] {
        let answer = mcp.modern("tools/call", again(params, &state, &accept)).await;
        assert_eq!(Mcp::code(&answer), -32602, "{params}");
    }
    asking.clock.advance(Duration::from_secs(60 * 60));
    let answer = ada.modern("tools/call", again(&params, &state, &accept)).await;
    assert_eq!(Mcp::code(&answer), -32602, "its time is over");
    let waiting = asking.host.client().get("/v1/executions?status=waiting").await.expect(200);
    assert_eq!(waiting["total_size"], 1, "nobody answered");
}

/// A call that waits for approval: a person approves, the client comes back; a user who declines ends it.
#[tokio::test]
async fn an_approval_is_waited_for() {
    let asking = Asking::start().await;
    asking.ask_about("relay_nest").await;
    let mcp = asking.mcp("ada", forms()).await;
    let params = json!({ "name": "relay_nest", "arguments": { "below": 0 } });
    let waiting = mcp.result("tools/call", params.clone()).await;
    assert_eq!(
        waiting["inputRequests"]["gloveport"]["params"]["requestedSchema"]["properties"],
        json!({}),
        "{waiting}"
    );
    let dismissed =
        mcp.result("tools/call", again(&params, &waiting["requestState"], &json!({ "action": "cancel" }))).await;
    assert!(text(&dismissed).contains("\"status\":\"waiting\""), "{dismissed}");
    let approvals = asking.host.client().get("/v1/approvals").await.expect(200);
    let approval = approvals["items"][0]["id"].as_str().unwrap().to_owned();
    let approve =
        async || asking.host.client().post(&format!("/v1/approvals/{approval}/approve"), &json!({})).await.expect(200);
    // The client that says "go on" does not approve by it.
    let accept = json!({ "action": "accept", "content": {} });
    let (done, _) =
        tokio::join!(mcp.result("tools/call", again(&params, &waiting["requestState"], &accept)), approve());
    assert_eq!(serde_json::from_str::<Value>(text(&done)).unwrap(), json!({ "below": 0 }), "{done}");

    let waiting = mcp.result("tools/call", params.clone()).await;
    let declined =
        mcp.result("tools/call", again(&params, &waiting["requestState"], &json!({ "action": "decline" }))).await;
    let told: Value = serde_json::from_str(text(&declined)).unwrap();
    assert_eq!((&declined["isError"], &told["code"]), (&json!(true), &json!("cancelled")), "{declined}");
}

/// Clients that cannot ask are told what to do, and asked nothing.
#[tokio::test]
async fn others_are_told() {
    let asking = Asking::start().await;
    asking.ask_about("relay_nest").await;
    let nest = json!({ "name": "relay_nest", "arguments": { "below": 0 } });
    let plain = asking.mcp("ada", json!({})).await;
    for params in [nest.clone(), asks("Which code?")] {
        let modern = plain.result("tools/call", params.clone()).await;
        let legacy = plain.legacy(LEGACY, "tools/call", params.clone()).await.expect(200)["result"].clone();
        for result in [modern, legacy] {
            let told: Value = serde_json::from_str(text(&result)).unwrap();
            assert_eq!((&told["status"], &result["isError"]), (&json!("waiting"), &json!(false)), "{result}");
            assert!(told["execution_id"].is_string() && result["requestState"].is_null(), "{result}");
        }
    }
    let urls_only = asking.mcp("ada", json!({ "elicitation": { "url": {} } })).await;
    assert_eq!(urls_only.result("tools/call", nest).await["resultType"], "complete");
}
