//! A client of both eras, of an endpoint by its URL or by a key.

use std::sync::atomic::{AtomicU64, Ordering};

use gloveport_tests::host::{Answer, Client};
use serde_json::{Value, json};

use crate::api::bed::Bed;

pub(in crate::api) const MODERN: &str = "2026-07-28";
pub(in crate::api) const LEGACY: &str = "2025-11-25";

const META: &str = "io.modelcontextprotocol";

/// A client of one endpoint.
pub(in crate::api) struct Mcp {
    pub(super) client: Client,
    pub(super) path: String,
    pub(super) ids: AtomicU64,
    /// What it says that it can.
    pub(super) capabilities: Value,
}

impl Mcp {
    /// Of an endpoint at a path, with the client's own key if it has one.
    pub(in crate::api) fn at(client: Client, path: &str) -> Self {
        Self { client, path: path.to_owned(), ids: AtomicU64::new(1), capabilities: json!({}) }
    }

    /// Of a user's instance of a config, which is made.
    pub(in crate::api) async fn of(client: &Client, config: &str, identifier: &str) -> Self {
        let path = format!("/v1/mcp/configs/{config}/instances/{identifier}");
        let made = client.put(&path, &json!({})).await;
        assert!(matches!(made.status, 200 | 201), "{made:?}");
        let made = made.json();
        let url = made["url"].as_str().unwrap();
        Self::at(client.with_key(""), &url[url.find("/mcp/").unwrap()..])
    }

    /// The path, which has the token.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The URL.
    pub(super) fn url(&self) -> String {
        format!("{}{}", self.client.base(), self.path)
    }

    /// A request as the current revision has it.
    pub(super) fn written(&self, method: &str, params: &Value) -> (Vec<(String, String)>, Value) {
        let mut params = params.clone();
        params["_meta"][format!("{META}/protocolVersion")] = MODERN.into();
        params["_meta"][format!("{META}/clientCapabilities")] = self.capabilities.clone();
        params["_meta"][format!("{META}/clientInfo")] = json!({ "name": "test", "version": "1" });
        let mut headers = vec![("mcp-protocol-version", MODERN.to_owned()), ("mcp-method", method.to_owned())];
        if let Some(name) = ["name", "uri", "taskId"].iter().find_map(|named| params[*named].as_str()) {
            headers.push(("mcp-name", name.to_owned()));
        }
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        (headers, json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
    }

    /// Sends any message.
    pub(super) async fn send(&self, headers: &[(String, String)], body: &Value) -> Answer {
        let usual = [("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
        let own = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let headers: Vec<(&str, &str)> = usual.into_iter().chain(own).collect();
        self.client.send("POST", &self.path, &headers, body.to_string()).await
    }

    /// Any request.
    pub(super) async fn raw(&self, method: &str, headers: &[(&str, &str)], body: impl Into<bytes::Bytes>) -> Answer {
        self.client.send(method, &self.path, headers, body).await
    }

    /// A request of the current revision.
    pub(in crate::api) async fn modern(&self, method: &str, params: Value) -> Answer {
        let (headers, body) = self.written(method, &params);
        self.send(&headers, &body).await
    }

    /// A request of an earlier revision.
    pub(in crate::api) async fn legacy(&self, version: &str, method: &str, params: Value) -> Answer {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(&[("mcp-protocol-version".into(), version.into())], &body).await
    }

    /// The result of a request of the current revision.
    pub(in crate::api) async fn result(&self, method: &str, params: Value) -> Value {
        let answer = self.modern(method, params).await.expect(200);
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Calls a tool.
    pub(in crate::api) async fn call(&self, tool: &str, arguments: &Value) -> Value {
        self.result("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// The error of a request.
    #[track_caller]
    pub(in crate::api) fn code(answer: &Answer) -> i64 {
        let answer = answer.json();
        answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("{answer}"))
    }

    /// Names of the tools that are listed.
    pub(in crate::api) async fn listed(&self) -> Vec<String> {
        let list = self.result("tools/list", json!({})).await;
        list["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }
}

/// A config of the bed's probe, with these tools if not all.
pub(super) async fn config(bed: &Bed, name: &str, tools: Option<&[&str]>, shows: &str) {
    let connection = match tools {
        Some(tools) => json!({ "connection": "probe", "tools": tools }),
        None => json!({ "connection": "probe" }),
    };
    let body = json!({ "connections": [connection], "tools": shows, "description": "For the desk." });
    let put = bed.client().put(&format!("/v1/mcp/configs/{name}"), &body).await;
    assert!(matches!(put.status, 200 | 201), "{put:?}");
}

/// The words of a result.
pub(super) fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{result}"))
}
