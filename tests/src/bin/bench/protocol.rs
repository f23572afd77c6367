//! The same call as an MCP client makes it, in both eras.

use bytes::Bytes;
use gloveport_tests::host::TestHost;
use serde_json::{Value, json};

use crate::load::{Shot, fire};

/// Name, revision.
const ERAS: [(&str, &str); 2] = [("tool call by MCP", "2026-07-28"), ("tool call by MCP, legacy", "2025-11-25")];

/// Gives Ada an endpoint, and calls through it.
///
/// # Errors
///
/// When she gets none.
pub(crate) async fn shots(host: &TestHost) -> Result<Vec<(&'static str, Shot)>, String> {
    let url = endpoint(host, "github").await?;
    Ok(ERAS.map(|(name, revision)| (name, shot(&url, revision))).into())
}

/// Lists all tools of a connection at an endpoint of its own, in one page.
///
/// # Errors
///
/// When there are not `count`.
pub(crate) async fn list(host: &TestHost, connection: &str, count: usize) -> Result<Shot, String> {
    let headers = vec![
        ("accept", "application/json, text/event-stream".to_owned()),
        ("mcp-protocol-version", ERAS[1].1.to_owned()),
    ];
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} }).to_string();
    let shot = Shot { url: endpoint(host, connection).await?, headers, body: Some(Bytes::from(body)) };
    let answer: Value = serde_json::from_slice(&fire(&reqwest::Client::new(), &shot).await?)
        .map_err(|error| format!("the list is not JSON: {error}"))?;
    match answer["result"]["tools"].as_array().map(Vec::len) {
        Some(found) if found == count => Ok(shot),
        found => Err(format!("{found:?} tools are listed, not {count}")),
    }
}

async fn endpoint(host: &TestHost, connection: &str) -> Result<String, String> {
    let config = json!({ "name": connection, "connections": [{ "connection": connection }] });
    let made = host.client().post("/v1/mcp/configs", &config).await;
    if made.status >= 300 {
        return Err(String::from_utf8_lossy(&made.body).into_owned());
    }
    let path = format!("/v1/mcp/configs/{connection}/instances/ada");
    let instance = host.client().put(&path, &json!({})).await.json();
    let url = instance["url"].as_str().ok_or("the instance has no URL")?;
    let path = url.find("/mcp/").map(|at| &url[at..]).ok_or("the URL is of no endpoint")?;
    Ok(format!("{}{path}", host.client().base()))
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
