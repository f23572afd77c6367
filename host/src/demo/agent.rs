//! An agent by MCP: a config says what it may do, a URL is one user's, and a tool is called there.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::{Value, json};
use url::Url;

use super::DemoError;
use super::stage::{Stage, USER};
use crate::cli::client::Client;
use crate::cli::mcp::snippet::Program;

/// The config, which names what an agent may do.
const CONFIG: &str = "desk";

/// The tool that it calls.
const TOOL: &str = "github_user_get";

/// The revision of the protocol that is spoken here.
const REVISION: &str = "2026-07-28";

impl Stage<'_> {
    /// Makes a config and its user's URL, and calls a tool there, as a program does that speaks MCP.
    pub(super) async fn as_agent(&mut self) -> Result<(), DemoError> {
        let config = json!({ "connections": [{ "connection": "github" }] });
        self.send(Method::PUT, &["v1", "mcp", "configs", CONFIG], &config).await?;
        let path = ["v1", "mcp", "configs", CONFIG, "instances", USER];
        let made = self.send(Method::PUT, &path, &json!({})).await?;
        let url = made["url"].as_str().unwrap_or_default().to_owned();
        let listed = self.spoken(&url, "tools/list", json!({})).await?;
        let tools = listed["tools"].as_array().map_or(0, Vec::len);
        let called = self.spoken(&url, "tools/call", json!({ "name": TOOL, "arguments": {} })).await?;
        if called["structuredContent"]["login"] != USER {
            return Err(DemoError::Unexpected(format!("{TOOL} by MCP gave {called}")));
        }
        self.say(&format!(
            "\n== {TOOL} by MCP ({REVISION}), at a URL of {USER}'s that offers {tools} tools\n\nwhat the model reads:\n{:#}\n",
            called["structuredContent"]
        ))?;
        self.endpoint = url;
        Ok(())
    }

    /// Says what to paste into an agent.
    pub(super) fn hand_over(&mut self, stays: bool) -> Result<(), DemoError> {
        let url = self.endpoint.clone();
        let snippet = Program::ClaudeCode.snippet(CONFIG, &url);
        let until = if stays { "" } else { " This host ends here; with --keep it stays up." };
        self.say(&format!(
            "From your agent: {USER}'s URL for MCP clients, and the same for Claude Code.{until}\n\n  {url}\n\n  {}\n",
            snippet.text
        ))
    }

    /// A request to an MCP endpoint, and its result.
    async fn spoken(&mut self, url: &str, method: &str, mut params: Value) -> Result<Value, DemoError> {
        let meta = "io.modelcontextprotocol";
        params["_meta"] = json!({
            format!("{meta}/protocolVersion"): REVISION, format!("{meta}/clientCapabilities"): {},
            format!("{meta}/clientInfo"): { "name": "demo", "version": env!("CARGO_PKG_VERSION") },
        });
        let mut headers = HeaderMap::from_iter([
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream")),
            (HeaderName::from_static("mcp-protocol-version"), HeaderValue::from_static(REVISION)),
        ]);
        let named = params["name"].as_str().map(|name| ("mcp-name", name));
        for (name, value) in [("mcp-method", method)].into_iter().chain(named) {
            let value = HeaderValue::from_str(value).map_err(|error| DemoError::Unexpected(error.to_string()))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let url = Url::parse(url).map_err(|error| DemoError::Unexpected(error.to_string()))?;
        let mut answer = Client::new(url, None)?.stream(Method::POST, headers, body, false).await?;
        let text = answer.text().await?;
        self.heard(method, &text);
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        match value.get("result") {
            Some(result) => Ok(result.clone()),
            None => Err(DemoError::Unexpected(format!("{method} by MCP was answered {}: {text}", answer.status()))),
        }
    }
}
