//! AK-901, judged by others: MCP's TypeScript SDK goes from a URL to a tool's answer and stays there.

use gloveport_tests::mcp_sdk;
use serde_json::json;

use super::super::visitor::{Visitor, text};
use super::stage::{Stage, TOOLS, parameter};

/// It learns, registers, sends its user here and back, calls, refreshes by itself, and is out when an operator says so.
#[tokio::test]
async fn the_typescript_sdk_needs_nothing_but_the_url() {
    let stage = Stage::start().await;
    stage.bed.connect("ada").await;
    let Some(mut sdk) = mcp_sdk::start(&stage.resource).await else { return };
    let base = stage.bed.client().base().to_owned();
    let opened = sdk.hear().await;
    let url = opened["open"].as_str().unwrap_or_else(|| panic!("{opened}"));
    assert_eq!(parameter(url, "resource").as_deref(), Some(stage.resource.as_str()));
    assert_eq!(parameter(url, "code_challenge_method").as_deref(), Some("S256"));
    let ada = Visitor::new(&stage.bed);
    let there = ada.open(url).await;
    assert_eq!(there.status, 303, "{}", text(&there));
    let id = parameter(there.header("location").unwrap(), "auth_request_id").unwrap();
    let page = stage.vouch(stage.bed.client(), &id, "ada").await.expect(200);
    let back = stage.answer(&ada, page["redirect_url"].as_str().unwrap(), "allow").await;
    let told = sdk.ask(&back).await;
    let mut tools = TOOLS;
    tools.sort_unstable();
    assert_eq!(told, json!({ "tools": tools, "iss": base, "scope": "tools:read tools:execute" }));
    assert_eq!(sdk.ask("probe_whoami").await, json!({ "failed": false, "refreshed": false }));
    for _ in 0..2 {
        stage.wait(15 * 60);
        assert_eq!(sdk.ask("probe_whoami").await, json!({ "failed": false, "refreshed": true }));
    }
    let grants = stage.grants().await;
    assert_eq!(grants[0]["client_name"], "TypeScript SDK");
    let path = format!("/v1/mcp/grants/{}", grants[0]["id"].as_str().unwrap());
    assert_eq!(stage.bed.client().delete(&path).await.status, 204);
    // It asks its user anew.
    let again = sdk.ask("probe_whoami").await;
    assert!(again["open"].is_string(), "{again}");
}
