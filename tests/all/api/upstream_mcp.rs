//! MCP servers as connectors: their tools are found, called and held to what an operator took over.

mod attacks;
mod calls;
mod changes;
mod each_account;
mod fresh;
mod native;
mod oauth;
mod server;
mod step_up;

use gloveport_tests::canary::Canary;
use gloveport_tests::host::{Answer, TestHost};
use serde_json::{Value, json};

use server::Server;

/// A connector `desk` of this server, connected as `desk` with a token that the server asks for.
async fn connected(host: &TestHost, server: &Server, more: Value) -> Canary {
    let token = host.plant();
    server.wants(token.token());
    declare(host, server, more).await.expect(201);
    connect(host).await;
    host.account("desk", "ada", &json!({ "token": token.token() })).await.expect(201);
    token
}

/// A connection to it, by the token that a user brings.
async fn connect(host: &TestHost) {
    let body = json!({ "name": "desk", "connector": "desk", "auth_pattern": "token" });
    host.client().post("/v1/connections", &body).await.expect(201);
}

/// Says that there is such a server. Nobody asks it yet.
async fn declare(host: &TestHost, server: &Server, more: Value) -> Answer {
    let auth = json!([{ "name": "token", "title": "Token", "type": "bearer", "field": "token",
        "fields": [{ "name": "token", "label": "Token", "type": "password" }] }]);
    let mut mcp = json!({ "url": server.url("/mcp"), "auth": auth });
    mcp.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    host.client().put("/v1/connectors/desk", &json!({ "mcp": mcp })).await
}

/// Asks the server for its tools as Ada.
async fn discover(host: &TestHost) -> Value {
    let body = json!({ "identifier": "ada" });
    host.client().post("/v1/connectors/desk/discover-tools", &body).await.expect(200)
}

/// The tools of the connector that can be called, by their names.
async fn tools(host: &TestHost) -> Vec<Value> {
    let shown = host.client().get("/v1/connectors/desk").await.expect(200);
    let all = shown["tools"].as_array().unwrap().iter();
    all.filter(|tool| tool["tags"].as_array().unwrap().contains(&json!("mcp")) && tool["name"] != "desk_mcp_discover")
        .cloned()
        .collect()
}
