//! AK-908: MCP's Inspector at its command line, in both eras.

use gloveport_tests::inspector::Inspector;
use serde_json::{Value, json};

use super::client::{Mcp, config};
use crate::api::bed::Bed;

const CHOSEN: [&str; 3] = ["probe_echo", "probe_fetch_read", "probe_whoami"];

/// It lists, finds no schema that clients have trouble with, calls, and shows what failed and what to do.
#[tokio::test]
async fn the_inspector_is_served() {
    let Some(inspector) = Inspector::install().await else { return };
    let bed = Bed::start().await;
    config(&bed, "desk", Some(&CHOSEN), "listed").await;
    let url = Mcp::of(bed.client(), "desk", "ada").await.url();
    let run = async |era: &str, arguments: &[&str]| inspector.run(&url, era, arguments).await;
    let call = async |era: &str, tool: &str, arguments: Value| {
        let text = arguments.to_string();
        run(era, &["--method", "tools/call", "--tool-name", tool, "--tool-args-json", &text]).await
    };
    // Nobody is connected yet: a link.
    for era in ["legacy", "modern"] {
        let said = call(era, "probe_whoami", json!({})).await;
        assert!(said.result.to_string().contains("/connect/") || said.errors.contains("/connect/"), "{era} {said:?}");
    }
    let canary = bed.host.plant();
    bed.host.account("probe", "ada", &json!({ "token": canary.token() })).await.expect(200);
    for era in ["legacy", "modern"] {
        let said = run(era, &["--method", "tools/list", "--strict"]).await;
        let tools = said.result["tools"].as_array().unwrap_or_else(|| panic!("{era} {said:?}"));
        assert_eq!(tools.iter().map(|tool| &tool["name"]).collect::<Vec<_>>(), CHOSEN);
        assert_eq!(said.code, Some(0), "{era} {said:?}");
        let input = json!({ "text": "hé", "list": [1, 2.5, null] });
        let said = call(era, "probe_echo", input.clone()).await;
        assert_eq!((said.code, &said.result["structuredContent"]), (Some(0), &input), "{era} {said:?}");
        let said = call(era, "probe_whoami", json!({})).await;
        assert_eq!((said.code, &said.result["isError"]), (Some(0), &json!(false)), "{era} {said:?}");
        let said = call(era, "probe_fetch_read", json!({ "target": 7 })).await;
        assert_ne!(said.code, Some(0), "{era} {said:?}");
        assert!(format!("{said:?}").contains("invalid_input"), "{era} {said:?}");
    }
}
