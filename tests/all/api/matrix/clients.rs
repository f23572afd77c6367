//! The rows of MCP clients: by URL, key and token, in both eras, through the bridge and through the tools that search.

use gloveport_tests::host::ADMIN_KEY;
use serde_json::json;

use super::ways::Way;
use super::{Case, Table, of};
use crate::api::mcp::{Mcp, bridged};

impl Table {
    /// Calls the tool as an MCP client; what is no tool is an error of the protocol.
    pub(super) async fn by_mcp(&self, way: Way, case: Case) -> String {
        let admin = self.host.client();
        let by_search = matches!(way, Way::McpSearched | Way::McpSearchedLegacy);
        let shows = if by_search { "search" } else { "listed" };
        let config = json!({ "connections": [{ "connection": "github" }], "tools": shows });
        admin.put("/v1/mcp/configs/matrix", &config).await.expect(201);
        let narrowed = format!("/mcp?profile=matrix&identifier={}", case.user());
        let mcp = match way {
            Way::McpByKey => Mcp::at(admin.with_key(ADMIN_KEY), &narrowed),
            Way::McpByToken => {
                Mcp::at(admin.with_key(&self.token().await), &format!("/mcp?identifier={}", case.user()))
            }
            _ => Mcp::of(admin, "matrix", case.user()).await,
        };
        let call = json!({ "name": case.tool(), "arguments": case.input() });
        let searched = json!({ "name": "call_tool", "arguments": call });
        let answer = match way {
            Way::McpLegacy => mcp.legacy("2025-06-18", "tools/call", call).await.expect(200),
            Way::McpSearched => mcp.modern("tools/call", searched).await.expect(200),
            Way::McpSearchedLegacy => mcp.legacy("2025-11-25", "tools/call", searched).await.expect(200),
            Way::McpBridged => bridged(&mcp, "tools/call", &call).await,
            _ => mcp.modern("tools/call", call).await.expect(200),
        };
        if answer["error"]["code"] == -32602 {
            return Case::NoSuchTool.expected().to_owned();
        }
        let result = &answer["result"];
        let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"));
        match result["isError"].as_bool() {
            Some(false) if !text.contains("\"status\":\"waiting\"") => Case::Allowed.expected().to_owned(),
            _ => of(&serde_json::from_str(text).unwrap()),
        }
    }

    /// Gets a prompt or reads a resource of the relay, which calls the tool for it.
    pub(super) async fn by_offer(&self, way: Way, case: Case) -> String {
        let admin = self.host.client();
        let config = json!({ "connections": [{ "connection": "github" }, { "connection": "relay" }],
            "prompts": true, "resources": true });
        admin.put("/v1/mcp/configs/matrix", &config).await.expect(201);
        let mcp = Mcp::of(admin, "matrix", case.user()).await;
        let input = case.input().to_string();
        let answer = match way {
            Way::McpPrompt => {
                let arguments = json!({ "tool": case.tool(), "input": input });
                mcp.modern("prompts/get", json!({ "name": "relay_called", "arguments": arguments })).await
            }
            _ => {
                let uri = format!("relay://{}/{}", case.tool(), hex::encode(input));
                mcp.legacy("2025-11-25", "resources/read", json!({ "uri": uri })).await
            }
        };
        let answer = answer.expect(200);
        let told = &answer["error"]["data"];
        match told["code"].as_str() {
            None if answer["result"].is_object() => Case::Allowed.expected().to_owned(),
            // What the connector wrote wrong is its own mistake.
            Some("guest_error") if case == Case::BadInput => case.expected().to_owned(),
            // A tool that is not there is a resource that is not there.
            None if case == Case::NoSuchTool && told["uri"].is_string() => case.expected().to_owned(),
            _ => of(told),
        }
    }

    /// A token for the endpoint, for a client that may do what agents may.
    async fn token(&self) -> String {
        let admin = self.host.client();
        let scopes = ["tools:read", "tools:execute"];
        let made = admin.post("/v1/clients", &json!({ "name": "matrix", "scopes": scopes })).await;
        let made = made.expect(201);
        let resource = format!("{}/mcp", admin.base());
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", made["id"].as_str().unwrap()),
            ("client_secret", made["client_secret"].as_str().unwrap()),
            ("resource", &resource),
        ];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = admin.with_key("").send("POST", "/oauth/token", &headers, body).await.expect(200);
        answer["access_token"].as_str().unwrap().to_owned()
    }
}
