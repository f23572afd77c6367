//! HA-13, AK-503: large catalogues, which models search instead of reading.

use serde_json::{Value, json};

use super::client::{LEGACY, Mcp, config, text};
use crate::api::bed::Bed;

const OWN: [&str; 5] = ["call_tool", "connect_account", "describe_tool", "list_connections", "search_tools"];

async fn searched(mcp: &Mcp, query: &str) -> Vec<String> {
    let result = mcp.call("search_tools", &json!({ "query": query, "limit": 50 })).await;
    let tools = result["structuredContent"]["tools"].as_array().unwrap().clone();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

/// A config that is searched lists four tools; what they find, describe and call is in the config, and nothing else.
#[tokio::test]
async fn what_is_searched_is_in_the_config() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    config(&bed, "desk", Some(&["probe_echo", "probe_whoami", "probe_fetch_read"]), "search").await;
    let mcp = Mcp::of(bed.client(), "desk", "ada").await;
    assert_eq!(mcp.listed().await, OWN);
    assert_eq!(searched(&mcp, "").await, ["probe_echo", "probe_fetch_read", "probe_whoami"]);
    assert_eq!(searched(&mcp, "WHOAMI").await, ["probe_whoami"]);
    assert_eq!(searched(&mcp, "progress").await, [""; 0]);
    let described = mcp.call("describe_tool", &json!({ "name": "probe_fetch_read" })).await;
    assert!(described["structuredContent"]["inputSchema"]["properties"]["target"].is_object(), "{described}");
    let called = mcp.call("call_tool", &json!({ "name": "probe_echo", "arguments": { "a": 1 } })).await;
    assert_eq!(called["structuredContent"], json!({ "a": 1 }));
    // Known by name, and not in the config: no way leads there.
    let sent = bed.upstream.requests().len();
    let answer = mcp
        .modern(
            "tools/call",
            json!({ "name": "call_tool",
        "arguments": { "name": "probe_fetch", "arguments": { "method": "POST", "target": "/x" } } }),
        )
        .await;
    assert_eq!(Mcp::code(&answer), -32602);
    assert_eq!(mcp.call("describe_tool", &json!({ "name": "probe_fetch" })).await["isError"], true);
    let nested =
        json!({ "name": "call_tool", "arguments": { "name": "call_tool", "arguments": { "name": "probe_echo" } } });
    assert_eq!(Mcp::code(&mcp.modern("tools/call", nested).await), -32602);
    assert_eq!(bed.upstream.requests().len(), sent);
    // It is recorded as the tool that it is.
    let execution = called["_meta"]["gloveport/executionId"].as_str().unwrap();
    let record = bed.client().get(&format!("/v1/executions/{execution}")).await.expect(200);
    assert_eq!((&record["tool"], &record["surface"]), (&json!("probe_echo"), &json!("mcp")));
}

/// What does not fit is a result that the model can mend.
#[tokio::test]
async fn mistakes_in_a_search_are_results() {
    let bed = Bed::start().await;
    config(&bed, "desk", None, "search").await;
    let mcp = Mcp::of(bed.client(), "desk", "ada").await;
    for (tool, arguments) in [
        ("search_tools", json!({})),
        ("search_tools", json!({ "query": 7 })),
        ("search_tools", json!({ "query": "x", "unknown": 1 })),
        ("search_tools", json!({ "query": "x", "limit": -1 })),
        ("describe_tool", json!({ "name": "nothing" })),
        ("describe_tool", json!({})),
        ("call_tool", json!({})),
        ("call_tool", json!([])),
        ("list_connections", json!({ "a": 1 })),
    ] {
        let result = mcp.call(tool, &arguments).await;
        let told: Value = serde_json::from_str(text(&result)).unwrap();
        assert_eq!((&result["isError"], &told["code"]), (&json!(true), &json!("invalid_input")), "{tool} {arguments}");
    }
    let connections = mcp.call("list_connections", &json!({})).await;
    assert_eq!(
        connections["structuredContent"]["connections"],
        json!([{ "connection": "probe", "connector": "probe", "status": "not_connected" }])
    );
}

/// A deferred tool is left out of the list, found by a search, and called by its own name.
#[tokio::test]
async fn what_is_deferred_is_found() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let options = json!({ "probe_whoami": { "deferred": true } });
    let connections = json!([{ "connection": "probe", "tools": ["probe_echo", "probe_whoami"], "options": options }]);
    let body = json!({ "name": "desk", "connections": connections, "tools": "both" });
    bed.client().post("/v1/mcp/configs", &body).await.expect(201);
    let mcp = Mcp::of(bed.client(), "desk", "ada").await;
    let mut listed = mcp.listed().await;
    listed.retain(|name| !OWN.contains(&name.as_str()));
    assert_eq!(listed, ["probe_echo"]);
    assert_eq!(searched(&mcp, "who").await, ["probe_whoami"]);
    assert_eq!(mcp.call("probe_whoami", &json!({})).await["isError"], false);
    // Where nothing is searched, the tools for it are none.
    config(&bed, "desk", None, "listed").await;
    let answer =
        mcp.legacy(LEGACY, "tools/call", json!({ "name": "search_tools", "arguments": { "query": "" } })).await;
    assert_eq!(Mcp::code(&answer), -32602);
}
