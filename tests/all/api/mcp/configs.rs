//! AK-901 to AK-906, AK-910: configs and instances, and that a URL is a credential.

use gloveport_tests::canary::Canary;
use serde_json::{Value, json};

use super::client::Mcp;
use crate::api::bed::Bed;

async fn config(bed: &Bed, name: &str, connections: &Value) -> Value {
    bed.client().post("/v1/mcp/configs", &json!({ "name": name, "connections": connections })).await.expect(201)
}

async fn ensure(bed: &Bed, config: &str, identifier: &str) -> Value {
    let answer = bed.client().put(&format!("/v1/mcp/configs/{config}/instances/{identifier}"), &json!({})).await;
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    answer.json()
}

/// AK-901: what is not there cannot be offered.
#[tokio::test]
async fn a_config_names_what_there_is() {
    let bed = Bed::start().await;
    let post = async |body: Value| bed.client().post("/v1/mcp/configs", &body).await;
    for body in [
        json!({ "name": "a", "connections": [{ "connection": "nothing" }] }),
        json!({ "name": "a", "connections": [{ "connection": "probe", "tools": ["nothing"] }] }),
        json!({ "name": "a", "connections": [{ "connection": "probe", "tools": ["probe_echo", "probe_echo"] }] }),
    ] {
        assert_eq!(post(body.clone()).await.problem(422), "invalid_input", "{body}");
    }
    for body in [
        json!({ "name": "a" }),
        json!({ "name": "", "connections": [] }),
        json!({ "name": "a/b", "connections": [] }),
        json!({ "name": "a", "connections": [], "tools": "all" }),
        json!({ "name": "a", "connections": [], "unknown": 1 }),
        json!({ "name": "a", "connections": [], "description": "x".repeat(2_001) }),
    ] {
        assert_eq!(post(body.clone()).await.problem(400), "invalid_request", "{body}");
    }
    assert_eq!(bed.client().get("/v1/mcp/configs").await.expect(200)["total_size"], 0);
    assert_eq!(bed.client().get("/v1/mcp/configs/a").await.problem(404), "not_found");
    assert_eq!(bed.client().delete("/v1/mcp/configs/a").await.problem(404), "not_found");
    let put = bed.client().put("/v1/mcp/configs/a/instances/ada", &json!({})).await;
    assert_eq!(put.problem(404), "not_found");
}

/// AK-902: made, found, replaced as a whole, removed with its instances.
#[tokio::test]
async fn a_config_is_replaced_and_removed() {
    let bed = Bed::start().await;
    let made = config(&bed, "desk", &json!([{ "connection": "probe", "tools": ["probe_echo", "probe_whoami"] }])).await;
    assert_eq!((&made["tools"], &made["connections"][0]["connection"]), (&json!("listed"), &json!("probe")));
    let again = json!({ "name": "desk", "connections": [] });
    assert_eq!(bed.client().post("/v1/mcp/configs", &again).await.problem(409), "conflict");
    assert_eq!(bed.client().post("/v1/mcp/configs", &json!({ "name": "desk" })).await.problem(409), "conflict");
    let content = json!({ "connections": [{ "connection": "probe", "tools": ["probe_echo"] }], "tools": "both" });
    let put = bed.client().put("/v1/mcp/configs/desk", &content).await.expect(200);
    assert_eq!((&put["id"], &put["tools"]), (&made["id"], &json!("both")));
    assert_eq!(put["connections"], json!([{ "connection": "probe", "tools": ["probe_echo"] }]));
    assert_eq!(bed.client().get("/v1/mcp/configs/desk").await.expect(200), put);
    config(&bed, "other", &json!([])).await;
    for (query, expected) in [("", 2), ("?name=desk", 1), ("?name=des", 0), ("?query=ESK", 1), ("?query=%25", 0)] {
        let list = bed.client().get(&format!("/v1/mcp/configs{query}")).await.expect(200);
        assert_eq!(list["items"].as_array().unwrap().len(), expected, "{query}");
    }
    let first = bed.client().get("/v1/mcp/configs?limit=1").await.expect(200);
    let next = format!("/v1/mcp/configs?limit=1&cursor={}", first["next_cursor"].as_str().unwrap());
    assert_eq!(bed.client().get(&next).await.expect(200)["items"][0]["name"], "other");

    ensure(&bed, "desk", "ada").await;
    assert_eq!(bed.client().delete("/v1/profiles/desk").await.problem(409), "conflict");
    assert_eq!(bed.client().delete("/v1/mcp/configs/desk").await.status, 204);
    for path in ["/v1/mcp/configs/desk", "/v1/profiles/desk"] {
        assert_eq!(bed.client().get(path).await.problem(404), "not_found", "{path}");
    }
    assert_eq!(bed.client().get("/v1/mcp/instances").await.expect(200)["total_size"], 0);
    config(&bed, "desk", &json!([])).await;
}

/// A profile may be served as it is, and stays where keys are bound to it.
#[tokio::test]
async fn a_profile_is_served_as_it_is() {
    let bed = Bed::start().await;
    let connections = json!([{ "connection": "probe" }]);
    bed.client().post("/v1/profiles", &json!({ "name": "desk", "connections": connections })).await.expect(201);
    bed.client().post("/v1/keys", &json!({ "role": "agent", "profile": "desk" })).await.expect(201);
    let described = json!({ "name": "desk", "description": "x" });
    assert_eq!(bed.client().post("/v1/mcp/configs", &described).await.problem(400), "invalid_request");
    let made = bed.client().post("/v1/mcp/configs", &json!({ "name": "desk", "tools": "search" })).await.expect(201);
    assert_eq!((&made["connections"], &made["tools"]), (&connections, &json!("search")));
    assert_eq!(bed.client().delete("/v1/mcp/configs/desk").await.status, 204);
    bed.client().get("/v1/profiles/desk").await.expect(200);
}

/// AK-903, AK-904: the same instance and URL each time; its key is nobody's to list or remove.
#[tokio::test]
async fn an_instance_is_made_once() {
    let bed = Bed::start().await;
    config(&bed, "desk", &json!([{ "connection": "probe" }])).await;
    let keys = bed.client().get("/v1/keys").await.expect(200);
    let path = "/v1/mcp/configs/desk/instances/ada";
    let made = bed.client().put(path, &json!({ "name": "laptop" })).await.expect(201);
    let token = made["url"].as_str().unwrap().rsplit_once("/mcp/").unwrap().1.to_owned();
    assert!(token.starts_with("gpm_") && token.len() == 47, "{token}");
    assert_eq!((&made["identifier"], &made["name"]), (&json!("ada"), &json!("laptop")));
    let again = bed.client().send("PUT", path, &[], "").await.expect(200);
    assert_eq!((&again["id"], &again["url"], &again["name"]), (&made["id"], &made["url"], &json!("laptop")));
    let other = ensure(&bed, "desk", "eve").await;
    assert!(other["id"] != made["id"] && other["url"] != made["url"]);
    assert_eq!(bed.client().get("/v1/keys").await.expect(200), keys);
    let key = made["key_id"].as_str().unwrap();
    assert_eq!(bed.client().delete(&format!("/v1/keys/{key}")).await.problem(409), "conflict");
    // What opens the instance opens nothing else.
    assert_eq!(bed.client().with_key(&token).get("/v1/tools").await.problem(401), "unauthenticated");

    let id = made["id"].as_str().unwrap();
    let shown = bed.client().get(&format!("/v1/mcp/instances/{id}")).await.expect(200);
    assert!(shown["url"].is_null() && shown["last_used_at"].is_null(), "{shown}");
    for (query, expected) in
        [("", 2), ("?identifier=ada", 1), ("?config=desk&identifier=eve", 1), ("?config=none", 0), ("?name=laptop", 1)]
    {
        let list = bed.client().get(&format!("/v1/mcp/instances{query}")).await.expect(200);
        assert_eq!(list["total_size"], expected, "{query}");
        assert!(!list.to_string().contains("gpm_"), "{list}");
    }
    let rotated = bed.client().post(&format!("/v1/mcp/instances/{id}/rotate"), &json!({})).await.expect(200);
    assert!(rotated["id"] == made["id"] && rotated["url"] != made["url"]);
    assert_eq!(ensure(&bed, "desk", "ada").await["url"], rotated["url"]);
    assert_eq!(bed.client().delete(&format!("/v1/mcp/instances/{id}")).await.status, 204);
    for (method, path) in [("GET", ""), ("DELETE", ""), ("POST", "/rotate"), ("GET", "/auth-state")] {
        let answer = bed.client().send(method, &format!("/v1/mcp/instances/{id}{path}"), &[], "").await;
        assert_eq!(answer.problem(404), "not_found", "{method} {path}");
    }
    let long = "x".repeat(257);
    let refused = bed.client().put(&format!("/v1/mcp/configs/desk/instances/{long}"), &json!({})).await;
    assert_eq!(refused.problem(400), "invalid_request");
    // Whoever may not call tools may not let others do so.
    let made = bed.client().post("/v1/keys", &json!({ "role": "agent", "scopes": ["mcp:write"] })).await.expect(201);
    let maker = bed.client().with_key(made["key"].as_str().unwrap());
    assert_eq!(maker.put(path, &json!({})).await.problem(403), "forbidden");
}

/// AK-905: how the user stands with each connection.
#[tokio::test]
async fn the_auth_state_says_what_is_left_to_connect() {
    let bed = Bed::start().await;
    bed.connection("second", &bed.upstream.url("")).await;
    bed.connection("third", &bed.upstream.url("")).await;
    config(&bed, "desk", &json!([{ "connection": "second" }, { "connection": "probe" }, { "connection": "third" }]))
        .await;
    bed.connect("ada").await;
    bed.host.account("third", "ada", &json!({ "token": bed.host.plant().token() })).await.expect(201);
    let headers = [("content-type", "application/json")];
    bed.client().send("PATCH", "/v1/connections/third", &headers, "{\"disabled\":true}").await.expect(200);
    let state = async |identifier: &str| {
        let id = ensure(&bed, "desk", identifier).await["id"].as_str().unwrap().to_owned();
        let state = bed.client().get(&format!("/v1/mcp/instances/{id}/auth-state")).await.expect(200);
        let states = state["connections"].as_array().unwrap().clone();
        let of = |state: &Value| (state["connection"].as_str().unwrap().to_owned(), state["status"].clone());
        (states.iter().map(of).collect::<Vec<_>>(), states)
    };
    let named = |statuses: [&str; 3]| {
        let names = ["second", "probe", "third"].into_iter().map(str::to_owned);
        names.zip(statuses.map(Value::from)).collect::<Vec<_>>()
    };
    let (ada, states) = state("ada").await;
    assert_eq!(ada, named(["not_connected", "active", "disabled"]));
    assert!(states[0]["account_id"].is_null() && states[1]["account_id"].is_string());
    assert_eq!(states[0]["connector"], "probe");
    assert_eq!(state("eve").await.0, named(["not_connected", "not_connected", "disabled"]));
}

/// AK-906: a URL is nowhere but in the answers that give it, however it is used: also where a call fails, or is none.
#[tokio::test]
async fn a_url_is_nowhere_else() {
    let bed = Bed::start().await;
    config(&bed, "desk", &json!([{ "connection": "probe" }])).await;
    let made = ensure(&bed, "desk", "ada").await;
    let token = Canary::of(made["url"].as_str().unwrap().rsplit_once("/mcp/").unwrap().1);
    let mcp = Mcp::at(bed.client().with_key(""), &format!("/mcp/{}", token.token()));
    bed.connect("ada").await;
    assert_eq!(mcp.call("probe_echo", &json!({})).await["isError"], false);
    assert_eq!(mcp.call("probe_fetch_read", &json!({ "target": 7 })).await["isError"], true);
    for (method, body, status) in [("DELETE", "", 405), ("GET", "", 405), ("POST", "{", 400), ("POST", "[]", 400)] {
        let headers = [("content-type", "application/json"), ("origin", mcp.client.base())];
        assert_eq!(mcp.raw(method, &headers, body).await.status, status, "{method} {body}");
    }
    assert_eq!(mcp.raw("POST", &[("origin", "https://evil.example")], "{}").await.status, 403);
    let path = format!("/v1/mcp/instances/{}/rotate", made["id"].as_str().unwrap());
    bed.client().post(&path, &json!({})).await.expect(200);
    assert_eq!(mcp.modern("tools/list", json!({})).await.status, 404, "it opens nothing any more");
    for path in ["/v1/mcp/instances", "/v1/keys", "/v1/audit", "/v1/mcp/configs", "/v1/executions"] {
        bed.client().get(path).await.expect(200);
    }
    for (label, bytes) in bed.host.traces() {
        if label != "the answer to PUT /v1/mcp/configs/desk/instances/ada" {
            assert_eq!(token.leak(&label, &bytes), None);
        }
    }
}
