//! The list and the call agree (lesson 14): what is listed can be called, and what is not is refused.

use gloveport_tests::upstream::{Reply, Upstream};
use serde_json::{Value, json};

use super::bed::Bed;

/// Codes that mean that a call was refused before a connector ran.
const UNRESOLVED: [&str; 8] = [
    "not_found",
    "forbidden",
    "account_not_connected",
    "account_not_active",
    "account_disabled",
    "ambiguous_account",
    "missing_scopes",
    "unauthenticated",
];

/// Users in every state, and every tool for each of them: listed exactly where a call resolves.
#[tokio::test]
async fn what_is_listed_is_what_can_be_called() {
    let bed = Bed::start().await;
    let stripe =
        Upstream::start(|_| Reply::json(200, &json!({ "object": "list", "data": [], "has_more": false }))).await;
    bed.host.install("stripe").await;
    bed.host.connection("stripe", &stripe.url("")).await;
    bed.connection("off", &bed.upstream.url("")).await;
    for user in ["both", "disabled", "probe-only"] {
        bed.connect(user).await;
    }
    for user in ["both", "stripe-only"] {
        let canary = bed.host.plant();
        bed.host.account("stripe", user, &json!({ "secret_key": canary.token() })).await.expect(201);
    }
    bed.client().send("POST", "/v1/connections/probe/accounts/disabled/disable", &[], "").await.expect(200);
    bed.client().put("/v1/connections/probe/accounts/pending", &json!({})).await.expect(201);
    let canary = bed.host.plant();
    bed.host.account("off", "switched-off", &json!({ "token": canary.token() })).await.expect(201);
    let headers = [("content-type", "application/json")];
    bed.client().send("PATCH", "/v1/connections/off", &headers, "{\"disabled\":true}").await.expect(200);
    let everything = bed.client().get("/v1/tools?include=deferred&limit=200").await.expect(200);
    let all = names(&everything);
    let tools = everything["items"].as_array().unwrap();
    let inputs: Value =
        tools.iter().map(|tool| (tool["name"].as_str().unwrap().to_owned(), minimal(&tool["input_schema"]))).collect();
    assert!(all.len() > 40, "{all:?}");
    let mut listed_somewhere = 0;
    for user in ["both", "probe-only", "stripe-only", "disabled", "pending", "switched-off", "nobody", ""] {
        let path = format!("/v1/tools?identifier={user}&include=deferred&limit=200");
        let listed = names(&bed.client().get(&path).await.expect(200));
        let bound = bed.agent(Some(user)).await;
        assert_eq!(names(&bound.get("/v1/tools?include=deferred&limit=200").await.expect(200)), listed, "{user}");
        for tool in &all {
            let shown = bound.get(&format!("/v1/tools/{tool}")).await;
            assert_eq!(shown.status == 200, listed.contains(tool), "{user} {tool}: {shown:?}");
            let body = json!({ "identifier": user, "input": inputs[tool], "timeout_ms": 200 });
            let answer = bed.client().post(&format!("/v1/tools/{tool}/execute"), &body).await;
            let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
            let refused = answer.json()["execution_id"].is_null() && UNRESOLVED.contains(&code.as_str());
            assert!(code != "invalid_input" || !answer.json()["execution_id"].is_null(), "{tool}: {answer:?}");
            assert_eq!(refused, !listed.contains(tool), "{user} {tool}: {answer:?}");
        }
        listed_somewhere += listed.len();
    }
    assert!(listed_somewhere > 80, "{listed_somewhere}");
}

/// The connections of a listed tool are those that a call can go through.
#[tokio::test]
async fn a_listed_tool_names_its_connections() {
    let bed = Bed::start().await;
    bed.connection("second", &bed.upstream.url("")).await;
    bed.connect("ada").await;
    let of = async |query: &str| {
        let list = bed.client().get(&format!("/v1/tools?identifier=ada&{query}")).await.expect(200);
        list["items"][0]["connections"].clone()
    };
    assert_eq!(of("limit=1").await, json!(["probe"]));
    assert_eq!(of("connection=second").await, Value::Null);
    let canary = bed.host.plant();
    bed.host.account("second", "ada", &json!({ "token": canary.token() })).await.expect(201);
    assert_eq!(of("limit=1").await, json!(["probe", "second"]));
    assert_eq!(of("connection=second&limit=1").await, json!(["probe", "second"]));
    let call = async |connection: Value| {
        let body = json!({ "identifier": "ada", "connection": connection, "input": {} });
        bed.client().post("/v1/tools/probe_whoami/execute", &body).await
    };
    assert_eq!(call(Value::Null).await.problem(409), "ambiguous_account");
    for connection in ["probe", "second"] {
        call(json!(connection)).await.expect(200);
    }
}

fn names(list: &Value) -> Vec<String> {
    assert!(list["next_cursor"].is_null(), "one page holds all");
    list["items"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

/// An input that satisfies the tool's schema and does little.
fn minimal(schema: &Value) -> Value {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let value = |name: &str| match schema["properties"][name]["type"].as_str() {
        Some("integer" | "number") => json!(1),
        Some("array") => json!([]),
        _ => json!("/x"),
    };
    let id = |name: &str| if name.ends_with("Id") { json!("id_1") } else { value(name) };
    required.iter().map(|name| name.as_str().unwrap()).map(|name| (name.to_owned(), id(name))).collect()
}
