//! AK-905: who still has to connect gets a link, in the way that the client can show it.

use serde_json::{Value, json};

use super::client::{LEGACY, Mcp, config, text};
use crate::api::bed::Bed;

async fn desk(bed: &Bed, user: &str, capabilities: Value) -> Mcp {
    config(bed, "desk", Some(&["probe_whoami"]), "both").await;
    Mcp { capabilities, ..Mcp::of(bed.client(), "desk", user).await }
}

fn is_link(url: &Value) -> bool {
    url.as_str().is_some_and(|url| url.starts_with("http") && url.contains("/connect/"))
}

/// Current revision: the client opens the link and comes back; the call is made then, and not before.
#[tokio::test]
async fn a_client_that_opens_links_comes_back() {
    let bed = Bed::start().await;
    let mcp = desk(&bed, "ada", json!({ "elicitation": { "url": {} } })).await;
    let params = json!({ "name": "probe_whoami", "arguments": {} });
    let sent = bed.upstream.requests().len();
    let required = mcp.result("tools/call", params.clone()).await;
    assert_eq!(required["resultType"], "input_required", "{required}");
    let asked = &required["inputRequests"]["gloveport"]["params"];
    assert!(asked["mode"] == "url" && is_link(&asked["url"]), "{asked}");
    let back = |state: &Value| {
        let mut params = params.clone();
        params["requestState"] = state.clone();
        params["inputResponses"] = json!({ "gloveport": { "action": "accept" } });
        params
    };
    // Not yet: asked again.
    let again = mcp.result("tools/call", back(&required["requestState"])).await;
    assert_eq!(again["resultType"], "input_required", "{again}");
    assert_eq!(bed.upstream.requests().len(), sent);
    let forged = mcp.modern("tools/call", back(&json!("v1.00000000.AAAA"))).await;
    assert_eq!(Mcp::code(&forged), -32602);
    // The link has made the account, which waits for its credential.
    let canary = bed.host.plant();
    bed.host.account("probe", "ada", &json!({ "token": canary.token() })).await.expect(200);
    let done = mcp.result("tools/call", back(&again["requestState"])).await;
    assert_eq!((&done["resultType"], &done["isError"]), (&json!("complete"), &json!(false)), "{done}");
}

/// 2025-11-25: an error that names the link, for clients that said in the beginning that they open links.
#[tokio::test]
async fn the_earlier_revision_is_told_by_an_error() {
    let bed = Bed::start().await;
    let mcp = desk(&bed, "ada", json!({})).await;
    let call = async |version: &str, said: Value| {
        let begin = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": { "protocolVersion": version, "capabilities": said } });
        let begun = mcp.send(&[], &begin).await;
        let session = begun.header("mcp-session-id").unwrap().to_owned();
        let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "probe_whoami" } });
        let headers = [("mcp-protocol-version", version), ("mcp-session-id", &session)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        mcp.send(&headers, &call).await.expect(200)
    };
    let urls = json!({ "elicitation": { "url": {} } });
    let answer = call(LEGACY, urls.clone()).await;
    let asked = &answer["error"]["data"]["elicitations"][0];
    assert_eq!((&answer["error"]["code"], &asked["mode"]), (&json!(-32042), &json!("url")), "{answer}");
    assert!(is_link(&asked["url"]) && asked["elicitationId"].is_string(), "{asked}");
    for (version, said) in [(LEGACY, json!({})), (LEGACY, json!({ "elicitation": {} })), ("2025-06-18", urls)] {
        let answer = call(version, said.clone()).await;
        let told: Value = serde_json::from_str(text(&answer["result"])).unwrap();
        assert!(answer["result"]["isError"] == true && is_link(&told["connect_url"]), "{version} {said}: {told}");
    }
}

/// Links are made where they are asked for, for what the user can connect, by who may do that.
#[tokio::test]
async fn links_are_made_when_asked_for() {
    let bed = Bed::start().await;
    bed.connection("second", &bed.upstream.url("")).await;
    bed.connect("ada").await;
    let connections = json!([{ "connection": "second" }, { "connection": "probe" }]);
    let body = json!({ "name": "desk", "connections": connections, "tools": "search" });
    bed.client().post("/v1/mcp/configs", &body).await.expect(201);
    let mcp = Mcp::of(bed.client(), "desk", "ada").await;
    let instances = bed.client().get("/v1/mcp/instances").await.expect(200);
    let path = format!("/v1/mcp/instances/{}/auth-state", instances["items"][0]["id"].as_str().unwrap());
    for query in ["", "?include_links=false"] {
        let state = bed.client().get(&format!("{path}{query}")).await.expect(200);
        assert!(!state.to_string().contains("/connect/"), "{state}");
    }
    let accounts = bed.client().get("/v1/accounts").await.expect(200)["total_size"].clone();
    assert_eq!(accounts, 1, "looking makes no account");
    let state = bed.client().get(&format!("{path}?include_links=true")).await.expect(200);
    assert!(is_link(&state["connections"][0]["link"]) && state["connections"][1]["link"].is_null(), "{state}");
    let made = bed.client().post("/v1/keys", &json!({ "role": "agent", "scopes": ["mcp:read"] })).await.expect(201);
    let reader = bed.client().with_key(made["key"].as_str().unwrap());
    reader.get(&path).await.expect(200);
    assert_eq!(reader.get(&format!("{path}?include_links=true")).await.problem(403), "forbidden");

    let told = mcp.call("connect_account", &json!({ "connection": "second" })).await["structuredContent"].clone();
    assert!(is_link(&told["connect_url"]), "{told}");
    let told = mcp.call("connect_account", &json!({ "connection": "probe" })).await["structuredContent"].clone();
    assert_eq!(told, json!({ "connection": "probe", "status": "active" }));
    assert_eq!(mcp.call("connect_account", &json!({ "connection": "other" })).await["isError"], true);
}
