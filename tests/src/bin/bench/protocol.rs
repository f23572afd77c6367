//! The same call as an MCP client makes it, in both eras.

use bytes::Bytes;
use gloveport_tests::host::TestHost;
use serde_json::{Value, json};

use crate::load::Shot;

/// Name, revision.
const ERAS: [(&str, &str); 2] = [("tool call by MCP", "2026-07-28"), ("tool call by MCP, legacy", "2025-11-25")];

/// Gives Ada an endpoint, and calls through it.
///
/// # Errors
///
/// When she gets none.
pub(crate) async fn shots(host: &TestHost) -> Result<Vec<(&'static str, Shot)>, String> {
    let config = json!({ "name": "bench", "connections": [{ "connection": "github" }] });
    let made = host.client().post("/v1/mcp/configs", &config).await;
    if made.status >= 300 {
        return Err(String::from_utf8_lossy(&made.body).into_owned());
    }
    let instance = host.client().put("/v1/mcp/configs/bench/instances/ada", &json!({})).await.json();
    let url = instance["url"].as_str().ok_or("the instance has no URL")?;
    let path = url.find("/mcp/").map(|at| &url[at..]).ok_or("the URL is of no endpoint")?;
    let url = format!("{}{path}", host.client().base());
    Ok(ERAS.map(|(name, revision)| (name, shot(&url, revision))).into())
}

fn shot(url: &str, revision: &'static str) -> Shot {
    let mut params = json!({ "name": "github_user_get", "arguments": {} });
    let mut headers = vec![
        ("accept", "application/json, text/event-stream".to_owned()),
        ("mcp-protocol-version", revision.to_owned()),
    ];
    if revision == ERAS[0].1 {
        let about = |name: &str, value: Value| (format!("io.modelcontextprotocol/{name}"), value);
        params["_meta"] =
            [about("protocolVersion", revision.into()), about("clientCapabilities", json!({}))].into_iter().collect();
        headers.extend([("mcp-method", "tools/call".to_owned()), ("mcp-name", "github_user_get".to_owned())]);
    }
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    Shot { url: url.to_owned(), headers, body: Some(Bytes::from(body.to_string())) }
}
