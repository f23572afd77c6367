//! Calls that wait as tasks (SEP-2663): for clients that follow them, by the client that others wrote and by hand.

use gloveport_tests::sdk_client::{self, Sdk};
use serde_json::{Value, json};

use super::asked::{Asking, asks};
use super::client::{LEGACY, Mcp, text};

fn follows() -> Value {
    json!({ "elicitation": { "form": {} }, "extensions": { "io.modelcontextprotocol/tasks": {} } })
}

fn nest() -> Value {
    json!({ "name": "relay_nest", "arguments": { "below": 0 } })
}

async fn task(mcp: &Mcp, id: &Value) -> Value {
    mcp.result("tasks/get", json!({ "taskId": id })).await
}

/// The task of this name once its call has ended.
async fn ended(mcp: &Mcp, id: &Value) -> Value {
    loop {
        let now = task(mcp, id).await;
        if now["status"] != "working" {
            return now;
        }
        tokio::task::yield_now().await;
    }
}

async fn decide(asking: &Asking, decision: &str) {
    let waiting = asking.host.client().get("/v1/approvals?status=pending").await.expect(200);
    let approval = waiting["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{waiting}")).to_owned();
    let body = if decision == "reject" { json!({ "reason": "Not today." }) } else { json!({}) };
    asking.host.client().post(&format!("/v1/approvals/{approval}/{decision}"), &body).await.expect(200);
}

/// HC-16 by MCP: what a person has to approve is a task until somebody has.
#[tokio::test]
async fn what_waits_for_approval_is_a_task() {
    let asking = Asking::start().await;
    asking.ask_about("relay_nest").await;
    let mcp = asking.mcp("ada", follows()).await;
    for (decision, failed) in [("approve", false), ("reject", true)] {
        let made = mcp.result("tools/call", nest()).await;
        assert_eq!((&made["resultType"], &made["status"]), (&json!("task"), &json!("working")), "{made}");
        assert!(made["ttlMs"].is_u64() && made["pollIntervalMs"].is_u64() && made["requestState"].is_null(), "{made}");
        assert!(made["statusMessage"].as_str().unwrap().contains("approve"), "{made}");
        let now = task(&mcp, &made["taskId"]).await;
        assert_eq!((&now["resultType"], &now["status"]), (&json!("complete"), &json!("working")), "{now}");
        assert!(now["result"].is_null() && now["inputRequests"].is_null(), "{now}");
        decide(&asking, decision).await;
        let now = ended(&mcp, &made["taskId"]).await;
        // A call that came to nothing is a result too: a model reads why.
        assert_eq!((&now["status"], &now["result"]["isError"]), (&json!("completed"), &json!(failed)), "{now}");
        match failed {
            false => assert_eq!(serde_json::from_str::<Value>(text(&now["result"])).unwrap(), json!({ "below": 0 })),
            true => assert!(text(&now["result"]).contains("approval_rejected"), "{now}"),
        }
        // Nothing changes about it any more.
        assert_eq!(mcp.result("tasks/cancel", json!({ "taskId": made["taskId"] })).await["resultType"], "complete");
        assert_eq!(task(&mcp, &made["taskId"]).await, now);
    }
}

/// SI-19 by MCP: two questions have two names, and an answer to another one is of no use.
#[tokio::test]
async fn a_question_of_a_task_is_answered() {
    let asking = Asking::start().await;
    let mcp = asking.mcp("ada", follows()).await;
    let made = mcp.result("tools/call", asks("Which code?")).await;
    assert_eq!((&made["resultType"], &made["status"]), (&json!("task"), &json!("input_required")), "{made}");
    assert!(made["inputRequests"].is_null(), "{made}");
    let id = made["taskId"].clone();
    let mut names = Vec::new();
    for code in ["first", "second"] {
        let now = ended(&mcp, &id).await;
        assert_eq!(now["status"], "input_required", "{now}");
        let (name, question) = now["inputRequests"].as_object().unwrap().iter().next().unwrap();
        assert_eq!((&question["method"], &question["params"]["mode"]), (&json!("elicitation/create"), &json!("form")));
        assert!(!names.contains(name), "{names:?}");
        let answer = |name: &str, code: &str| {
            let accepted = json!({ "action": "accept", "content": { "code": code } });
            json!({ "taskId": id, "inputResponses": { name: accepted } })
        };
        for stale in names.iter().map(String::as_str).chain(["gloveport"]) {
            mcp.result("tasks/update", answer(stale, "stale")).await;
        }
        let dismissed = json!({ "taskId": id, "inputResponses": { name: { "action": "cancel" } } });
        mcp.result("tasks/update", dismissed).await;
        assert_eq!(task(&mcp, &id).await["inputRequests"], now["inputRequests"]);
        assert_eq!(Mcp::code(&mcp.modern("tasks/update", answer(name, "123")).await), -32602);
        let done = mcp.result("tasks/update", answer(name, code)).await;
        assert_eq!((&done["resultType"], &done["status"]), (&json!("complete"), &Value::Null), "{done}");
        names.push(name.clone());
    }
    let now = ended(&mcp, &id).await;
    let data: Value = serde_json::from_str(text(&now["result"])).unwrap();
    assert_eq!(data["items"], json!([{ "code": "first" }, { "code": "second" }]), "{now}");
}

/// Whoever no longer wants it says so, or declines to answer.
#[tokio::test]
async fn a_task_is_given_up() {
    let asking = Asking::start().await;
    let mcp = asking.mcp("ada", follows()).await;
    let made = mcp.result("tools/call", asks("Which code?")).await;
    let done = mcp.result("tasks/cancel", json!({ "taskId": made["taskId"] })).await;
    assert_eq!((&done["resultType"], &done["taskId"]), (&json!("complete"), &Value::Null));
    assert_eq!(task(&mcp, &made["taskId"]).await["status"], "cancelled");

    let made = mcp.result("tools/call", asks("Which code?")).await;
    let now = task(&mcp, &made["taskId"]).await;
    let name = now["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    let declined = json!({ "taskId": made["taskId"], "inputResponses": { name: { "action": "decline" } } });
    mcp.result("tasks/update", declined).await;
    assert_eq!(task(&mcp, &made["taskId"]).await["status"], "cancelled");
}

/// A task is its caller's, for the user it was made for, and of use to clients that say that they follow tasks.
#[tokio::test]
async fn a_task_is_of_one_caller() {
    let asking = Asking::start().await;
    let mcp = asking.mcp("ada", follows()).await;
    let made = mcp.result("tools/call", asks("Which code?")).await;
    let named = json!({ "taskId": made["taskId"] });
    let eve = asking.mcp("eve", follows()).await;
    let other = Mcp {
        capabilities: follows(),
        ..Mcp::at(asking.host.client().with_key(asking.host.client().key()), "/mcp?identifier=ada")
    };
    let plain = asking.mcp("ada", json!({ "elicitation": { "form": {} } })).await;
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        assert_eq!(Mcp::code(&eve.modern(method, named.clone()).await), -32602, "{method}");
        assert_eq!(
            Mcp::code(&other.modern(method, named.clone()).await),
            -32602,
            "{method}: the key of another program"
        );
        for unknown in ["", "exe_1", "exe_01JZZZZZZZZZZZZZZZZZZZZZZZ"] {
            assert_eq!(
                Mcp::code(&mcp.modern(method, json!({ "taskId": unknown })).await),
                -32602,
                "{method} {unknown}"
            );
        }
        assert_eq!(Mcp::code(&mcp.modern(method, json!({})).await), -32020, "{method}: it is named in a header");
        let refused = plain.modern(method, named.clone()).await;
        assert_eq!((refused.status, Mcp::code(&refused)), (400, -32021), "{method}");
        let wanted = &refused.json()["error"]["data"]["requiredCapabilities"]["extensions"];
        assert!(wanted["io.modelcontextprotocol/tasks"].is_object(), "{method}");
        let earlier = mcp.legacy(LEGACY, method, named.clone()).await.expect(200);
        assert_eq!(earlier["error"]["code"], -32601, "{method}");
    }
    for gone in ["tasks/list", "tasks/result"] {
        let refused = mcp.modern(gone, named.clone()).await;
        assert_eq!((refused.status, Mcp::code(&refused)), (404, -32601), "{gone}");
    }
    assert_eq!(task(&mcp, &made["taskId"]).await["status"], "input_required", "nobody did anything to it");
    assert_eq!(plain.result("tools/call", asks("Which code?")).await["resultType"], "input_required");
    let discovered = mcp.result("server/discover", json!({})).await;
    assert!(discovered["capabilities"]["extensions"]["io.modelcontextprotocol/tasks"].is_object(), "{discovered}");
}

/// `rmcp` follows a task through a question and an approval.
#[tokio::test]
async fn the_rust_sdk_follows_tasks() {
    let asking = Asking::start().await;
    asking.ask_about("relay_nest").await;
    let url = asking.mcp("ada", json!({})).await.url();
    let Some(mut client) = sdk_client::start(Sdk::Rust, &url, "tasks").await else { return };
    assert_eq!(client.hear().await["server"], "gloveport");

    let order = |mut call: Value| {
        call["do"] = "task".into();
        call["tool"] = call["name"].clone();
        call
    };
    assert_eq!(client.ask(order(nest())).await["task"]["status"], "working");
    decide(&asking, "approve").await;
    let done = client.hear().await;
    assert_eq!((&done["status"], &done["result"]["isError"]), (&json!("completed"), &json!(false)), "{done}");

    assert_eq!(client.ask(order(asks("Which code?"))).await["task"]["status"], "input_required");
    let mut said = client.hear().await;
    for code in ["first", "second"] {
        let name = said["inputRequests"].as_object().unwrap_or_else(|| panic!("{said}")).keys().next().unwrap().clone();
        said = client.ask(json!({ name: { "action": "accept", "content": { "code": code } } })).await;
    }
    assert_eq!(said["status"], "completed", "{said}");
}
