//! Tools of MCP servers, found and called with an account's credential, in both eras.

use gloveport_tests::host::TestHost;
use serde_json::{Value, json};

use super::server::{Era, Server};
use super::{connect, connected, declare, discover, tools};
use crate::api::bed::Bed;
use crate::api::policies::deny;

async fn forbid(host: &TestHost, condition: &str) {
    let rule = json!({ "name": "rule", "condition": condition, "outcome": deny("no") });
    host.client().post("/v1/policies", &rule).await.expect(201);
}

/// Three tools; the sum says what its output is.
fn three() -> Value {
    let sum = json!({ "type": "object", "properties": { "sum": { "type": "integer" } }, "required": ["sum"] });
    json!([
        { "name": "tell", "description": "Tells.", "inputSchema": { "type": "object", "properties": { "a": { "type": "integer" } } } },
        { "name": "fail", "inputSchema": { "type": "object" } },
        { "name": "add", "title": "Add", "inputSchema": { "type": "object", "required": ["a"],
            "properties": { "a": { "type": "integer" } } }, "outputSchema": sum, "annotations": { "readOnlyHint": true } },
    ])
}

/// AK-808, AK-811, CX-36, HC-20: discovered and called with the injected credential, which comes back to nobody.
#[tokio::test]
async fn tools_are_found_and_called_in_both_eras() {
    for (era, before, after) in [
        (Era::Modern, &[][..], &[][..]),
        (Era::Legacy, &["initialize", "notifications/initialized"], &["DELETE"]),
        (Era::Stateless, &[], &[]),
    ] {
        let (host, server) = (TestHost::start().await, Server::start(era, three()).await);
        let token = connected(&host, &server, json!({})).await;
        let found = discover(&host).await;
        let names: Vec<&Value> = found["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
        assert_eq!(names, ["desk_mcp_discover", "desk_add", "desk_fail", "desk_tell"], "{found}");
        assert_eq!((&found["title"], &found["held"]), (&json!("Desk"), &Value::Null));
        // A hint of the server's makes no rule milder.
        assert!(tools(&host).await.iter().all(|tool| tool["effect"] == "write"));
        let sent = server.requests().len();
        let told = host.execute("desk_tell", "ada", &json!({ "a": 7 })).await.expect(200);
        let text = told["data"]["content"][0]["text"].as_str().unwrap();
        assert!(text.starts_with("{\"a\":7} by Bearer ") && !text.contains(token.token()), "{text}");
        let methods: Vec<&str> = before.iter().chain(&["tools/call"]).chain(after).copied().collect();
        assert_eq!(server.methods(sent), methods);
        for request in &server.requests()[sent..] {
            assert_eq!(request.header("authorization"), Some(format!("Bearer {}", token.token()).as_str()));
        }
        let added = host.execute("desk_add", "ada", &json!({ "a": 7 })).await.expect(200);
        assert_eq!(added["data"], json!({ "sum": 8 }));
        let streamed = host.execute("desk_tell", "ada", &json!({ "stream": true })).await.expect(200);
        assert!(streamed["data"]["content"][0]["text"].as_str().unwrap().contains("stream"));
    }
}

/// What a server refuses is told to whoever can act: a model, a user, an operator.
#[tokio::test]
async fn refusals_reach_those_who_can_act() {
    let (host, server) = (TestHost::start().await, Server::start(Era::Modern, three()).await);
    connected(&host, &server, json!({})).await;
    discover(&host).await;
    let failed = host.execute("desk_fail", "ada", &json!({})).await.json();
    assert_eq!((&failed["code"], &failed["culprit"]), (&json!("upstream_error"), &json!("upstream")), "{failed}");
    assert!(failed["detail"].as_str().unwrap().contains("no such city: ask for another"), "{failed}");
    let sent = server.requests().len();
    assert_eq!(host.execute("desk_add", "ada", &json!({ "a": "x" })).await.problem(422), "invalid_input");
    assert_eq!(server.requests().len(), sent);
    // The server does not know the credential any more: the account says so, as with any other connector.
    server.wants("another");
    assert_eq!(host.execute("desk_tell", "ada", &json!({})).await.problem(409), "account_not_active");
}

/// AK-808: a credential that the server does not take is not stored: the list of tools is the test call.
#[tokio::test]
async fn an_account_is_tried_by_asking_for_tools() {
    let (host, server) = (TestHost::start().await, Server::start(Era::Modern, three()).await);
    server.wants("right-token-of-the-server");
    declare(&host, &server, json!({})).await.expect(201);
    connect(&host).await;
    let wrong = host.account("desk", "ada", &json!({ "token": "wrong-token-of-nobody" })).await;
    assert_eq!(wrong.problem(422), "invalid_input");
    host.account("desk", "ada", &json!({ "token": "right-token-of-the-server" })).await.expect(201);
}

/// What an operator says of a tool is what policies go by; asking a server is a call under the same policies.
#[tokio::test]
async fn operators_say_what_a_tool_does() {
    let (host, server) = (TestHost::start().await, Server::start(Era::Modern, three()).await);
    connected(&host, &server, json!({})).await;
    discover(&host).await;
    let said = json!({ "options": { "operations": { "tell": { "effect": "read" }, "fail": { "skip": true },
        "add": { "effect": "destroy", "name": "sum" } } } });
    let again = host.client().post("/v1/connectors/desk/import-openapi", &said).await.expect(200);
    assert_eq!(again["filtered"], 1, "{again}");
    let effects: Vec<_> =
        tools(&host).await.iter().map(|tool| (tool["name"].clone(), tool["effect"].clone())).collect();
    assert_eq!(effects, [(json!("desk_sum"), json!("destroy")), (json!("desk_tell"), json!("read"))]);
    forbid(&host, "effect != 'read'").await;
    assert_eq!(host.execute("desk_sum", "ada", &json!({ "a": 1 })).await.problem(403), "denied_by_policy");
    host.execute("desk_tell", "ada", &json!({})).await.expect(200);
    discover(&host).await;
    forbid(&host, "tool == 'desk_mcp_discover'").await;
    let body = json!({ "identifier": "ada" });
    let refused = host.client().post("/v1/connectors/desk/discover-tools", &body).await;
    assert_eq!(refused.problem(403), "denied_by_policy");
}

/// The host's own endpoint is a server like any other: one host's user reaches another host's tools.
#[tokio::test]
async fn a_host_is_a_server_for_another() {
    let bed = Bed::start().await;
    let credential = bed.connect("bob").await;
    let key = bed.client().post("/v1/keys", &json!({ "role": "agent", "identifier": "bob" })).await.expect(201);
    let host = TestHost::start().await;
    let auth = json!([{ "name": "token", "title": "Key", "type": "bearer", "field": "token",
        "fields": [{ "name": "token", "label": "Key", "type": "password" }] }]);
    let mcp = json!({ "url": format!("{}/mcp", bed.client().base()), "auth": auth, "title": "Elsewhere" });
    host.client().put("/v1/connectors/desk", &json!({ "mcp": mcp })).await.expect(201);
    connect(&host).await;
    host.account("desk", "ada", &json!({ "token": key["key"] })).await.expect(201);
    let found = discover(&host).await;
    let names: Vec<&Value> = found["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    assert!(names.contains(&&json!("desk_probe_whoami")), "{names:?} {}", found["skipped"]);
    let answer = host.execute("desk_probe_whoami", "ada", &json!({})).await.expect(200);
    let asked = bed.upstream.requests().pop().unwrap();
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {}", credential.token()).as_str()), "{answer}");
    let input = json!({ "target": "/things" });
    host.execute("desk_probe_fetch_read", "ada", &input).await.expect(200);
    assert_eq!(bed.upstream.requests().pop().unwrap().path(), "/things");
}
