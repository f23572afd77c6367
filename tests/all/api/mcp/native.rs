//! Prompts and resources of connectors: offered where a config says so, and got on the terms on which tools are called.

use gloveport_tests::host::TestHost;
use serde_json::{Value, json};

use super::client::{LEGACY, Mcp};

/// A host with the fixed connector, which Ada has an account on and Eve has none.
async fn stage() -> TestHost {
    let host = TestHost::start().await;
    host.install("test").await;
    let body = json!({ "name": "test", "connector": "test", "auth_pattern": "none" });
    host.client().post("/v1/connections", &body).await.expect(201);
    host.account("test", "ada", &json!({})).await.expect(201);
    host
}

/// A user's endpoint of a config of the fixed connector, with these tools if not all.
async fn endpoint(host: &TestHost, user: &str, tools: Option<&[&str]>, shows: Value) -> Mcp {
    let mut connection = json!({ "connection": "test" });
    if let Some(tools) = tools {
        connection["tools"] = json!(tools);
    }
    let mut config = json!({ "connections": [connection] });
    config.as_object_mut().unwrap().extend(shows.as_object().unwrap().clone());
    let put = host.client().put("/v1/mcp/configs/desk", &config).await;
    assert!(matches!(put.status, 200 | 201), "{put:?}");
    Mcp::of(host.client(), "desk", user).await
}

fn all() -> Value {
    json!({ "prompts": true, "resources": true })
}

async fn uris(mcp: &Mcp) -> usize {
    mcp.result("resources/list", json!({})).await["resources"].as_array().unwrap().len()
}

/// Nothing but tools is offered unless a config says so, and each of both only where it does.
#[tokio::test]
async fn a_config_says_what_is_offered() {
    let host = stage().await;
    for (shows, prompts, resources) in [
        (json!({}), false, false),
        (json!({ "prompts": true }), true, false),
        (json!({ "resources": true, "tools": "search" }), false, true),
        (all(), true, true),
        (json!({ "prompts": false, "resources": false }), false, false),
    ] {
        let mcp = endpoint(&host, "ada", None, shows.clone()).await;
        let shown = host.client().get("/v1/mcp/configs/desk").await.expect(200);
        assert_eq!((&shown["prompts"], &shown["resources"]), (&json!(prompts), &json!(resources)));
        let mut said = mcp.result("server/discover", json!({})).await["capabilities"].clone();
        // Extensions are of the current era alone.
        said.as_object_mut().unwrap().remove("extensions");
        let params = json!({ "protocolVersion": LEGACY, "capabilities": {} });
        let began = mcp.legacy(LEGACY, "initialize", params).await.expect(200);
        assert_eq!(began["result"]["capabilities"], said);
        assert_eq!(said.get("prompts").is_some(), prompts, "{shows}");
        let get = json!({ "name": "test_simple_prompt" });
        for (method, params) in [("prompts/list", json!({})), ("prompts/get", get)] {
            let (modern, legacy) = (mcp.modern(method, params.clone()).await, mcp.legacy(LEGACY, method, params).await);
            if prompts {
                assert_eq!(legacy.expect(200)["error"], Value::Null);
                modern.expect(200);
            } else {
                assert_eq!((modern.status, Mcp::code(&modern), Mcp::code(&legacy)), (404, -32601, -32601));
            }
        }
        assert_eq!(uris(&mcp).await, if resources { 2 } else { 0 });
        let read = json!({ "uri": "test://static-text" });
        let (modern, legacy) =
            (mcp.modern("resources/read", read.clone()).await, mcp.legacy(LEGACY, "resources/read", read).await);
        if resources {
            assert_eq!((&modern.json()["error"], &legacy.json()["error"]), (&Value::Null, &Value::Null));
        } else {
            assert_eq!((Mcp::code(&modern), Mcp::code(&legacy)), (-32602, -32002));
        }
    }
    // A key by itself is offered none: no config speaks for it.
    let mcp = Mcp::at(host.client().with_key(gloveport_tests::host::ADMIN_KEY), "/mcp?identifier=ada");
    assert_eq!(Mcp::code(&mcp.modern("prompts/list", json!({})).await), -32601);
    assert_eq!(uris(&mcp).await, 0);
}

/// What gets them is a tool like others: who may not call that is not offered them.
#[tokio::test]
async fn an_allow_list_holds_for_prompts_and_resources() {
    let host = stage().await;
    for (tools, prompts, resources) in [
        (vec!["test_simple_text"], 0, 0),
        (vec!["test_simple_text", "test_prompt_get"], 5, 0),
        (vec!["test_resource_read"], 0, 2),
    ] {
        let mcp = endpoint(&host, "ada", Some(&tools), all()).await;
        let list = mcp.result("prompts/list", json!({})).await;
        assert_eq!(list["prompts"].as_array().unwrap().len(), prompts, "{tools:?}");
        let answer = mcp.modern("prompts/get", json!({ "name": "test_simple_prompt" })).await.expect(200);
        assert_eq!(answer["error"]["code"] == -32602, prompts == 0, "{answer}");
        assert_eq!(uris(&mcp).await, resources);
        let answer = mcp.modern("resources/read", json!({ "uri": "test://template/7/data" })).await.expect(200);
        assert_eq!(answer["error"]["code"] == -32602, resources == 0, "{answer}");
    }
}

/// Each is one call with a record; what is not there is an error, and makes none.
#[tokio::test]
async fn what_is_not_there_is_an_error() {
    let host = stage().await;
    let mcp = endpoint(&host, "ada", None, all()).await;
    let arguments = json!({ "arg1": "a", "arg2": "b" });
    let got = mcp.result("prompts/get", json!({ "name": "test_prompt_with_arguments", "arguments": arguments })).await;
    assert_eq!(got["messages"][0]["content"]["text"], "Prompt with arguments: arg1='a', arg2='b'");
    let execution = got["_meta"]["gloveport/executionId"].as_str().unwrap();
    let record = host.client().get(&format!("/v1/executions/{execution}")).await.expect(200);
    assert_eq!((&record["tool"], &record["input"]["arguments"]), (&json!("test_prompt_get"), &arguments));
    let wanted = |arguments: Value| json!({ "name": "test_prompt_with_arguments", "arguments": arguments });
    for (method, params) in [
        ("prompts/get", json!({ "name": "test_no_prompt" })),
        ("prompts/get", json!({ "name": "test_simple_text" })),
        ("prompts/get", json!({ "name": "" })),
        ("prompts/get", json!({ "name": 7 })),
        ("prompts/get", wanted(json!({ "arg1": "a" }))),
        ("prompts/get", wanted(json!({ "arg1": "a", "arg2": 7 }))),
        ("prompts/get", wanted(json!("a"))),
        ("prompts/get", json!({ "name": "test_simple_prompt", "requestState": "x" })),
        ("prompts/list", json!({ "cursor": "!" })),
        ("resources/read", json!({ "uri": "test://other" })),
        ("resources/read", json!({ "uri": "test://template//data" })),
        ("resources/read", json!({ "uri": "test+test://static-text" })),
        ("resources/read", json!({ "uri": "other://static-text" })),
        ("resources/read", json!({ "uri": "static-text" })),
        ("resources/read", json!({ "uri": "gloveport://executions/exec_x/result" })),
        ("resources/read", json!({})),
    ] {
        let answer = mcp.legacy(LEGACY, method, params.clone()).await;
        assert!(matches!(Mcp::code(&answer), -32602 | -32002), "{params}: {answer:?}");
        if params["name"].is_string() || params["uri"].is_string() {
            assert_eq!(Mcp::code(&mcp.modern(method, params.clone()).await), -32602, "{params}");
        }
    }
    let records = host.client().get("/v1/executions").await.expect(200);
    assert_eq!(records["total_size"], 1, "{records}");
    let (mut headers, body) = mcp.written("prompts/get", &json!({ "name": "test_simple_prompt" }));
    headers.retain(|(name, _)| name != "mcp-name");
    let answer = mcp.send(&headers, &body).await;
    assert_eq!((answer.status, Mcp::code(&answer)), (400, -32020));
}

/// The same rules as for tools, told as errors, since there is no result to tell them in.
#[tokio::test]
async fn rules_hold_for_prompts_and_resources() {
    let host = stage().await;
    let (ada, eve) = (endpoint(&host, "ada", None, all()).await, endpoint(&host, "eve", None, all()).await);
    let prompt = || ("prompts/get", json!({ "name": "test_simple_prompt" }));
    let resource = || ("resources/read", json!({ "uri": "test://static-text" }));
    // The link that the first one was given has made an account that waits for its user.
    for ((method, params), code) in [(prompt(), "account_not_connected"), (resource(), "account_not_active")] {
        let answer = eve.modern(method, params.clone()).await.expect(200);
        let told = &answer["error"]["data"];
        assert_eq!((&answer["error"]["code"], &told["code"]), (&json!(-32000), &json!(code)));
        assert!(told["connect_url"].as_str().unwrap().contains("/connect/"), "{answer}");
        let opens = Mcp {
            capabilities: json!({ "elicitation": { "url": {} } }),
            ..Mcp::of(host.client(), "desk", "eve").await
        };
        let required = opens.result(method, params).await;
        assert_eq!(
            (&required["resultType"], &required["inputRequests"]["gloveport"]["params"]["mode"]),
            (&json!("input_required"), &json!("url"))
        );
    }
    for (outcome, expected) in [
        (json!({ "outcome": "deny", "reason": "not today" }), json!("denied_by_policy")),
        (json!({ "outcome": "ask", "at": "before" }), json!("waiting")),
    ] {
        let rule = json!({ "name": "rule", "condition": "tool in ['test_prompt_get', 'test_resource_read']", "outcome": outcome });
        let rule = host.client().post("/v1/policies", &rule).await.expect(201);
        for (method, params) in [prompt(), resource()] {
            for answer in [ada.modern(method, params.clone()).await, ada.legacy(LEGACY, method, params.clone()).await] {
                let answer = answer.expect(200);
                let told = &answer["error"]["data"];
                assert!(told["code"] == expected || told["status"] == expected, "{answer}");
                assert_eq!(answer["error"]["code"], -32000, "{answer}");
            }
        }
        host.client().delete(&format!("/v1/policies/{}", rule["id"].as_str().unwrap())).await.expect(204);
    }
    assert_eq!(ada.result(prompt().0, prompt().1).await["resultType"], "complete");
    host.client().post("/v1/connections/test/accounts/ada/disable", &json!({})).await.expect(200);
    for (method, params) in [prompt(), resource()] {
        let answer = ada.modern(method, params).await.expect(200);
        assert_eq!(answer["error"]["data"]["code"], "account_disabled", "{answer}");
    }
}

/// A prompt that asks its user: the client comes back with the answer, and the state is of use for this prompt alone.
#[tokio::test]
async fn a_prompt_may_ask_its_user() {
    let host = stage().await;
    let forms = json!({ "elicitation": { "form": {} } });
    let mcp = Mcp { capabilities: forms, ..endpoint(&host, "ada", None, all()).await };
    let ask = json!({ "name": "test_input_required_result_prompt" });
    let asked = mcp.result("prompts/get", ask.clone()).await;
    let question = &asked["inputRequests"]["user_context"]["params"];
    assert_eq!((&asked["resultType"], &question["mode"]), (&json!("input_required"), &json!("form")), "{asked}");
    let back = |mut params: Value| {
        params["requestState"] = asked["requestState"].clone();
        params["inputResponses"] = json!({ "user_context": { "action": "accept", "content": { "context": "tests" } } });
        params
    };
    let other = mcp.modern("prompts/get", back(json!({ "name": "test_simple_prompt" }))).await;
    assert_eq!(Mcp::code(&other), -32602);
    let input = json!({ "name": "test_input_required_result_prompt", "arguments": {} });
    let other = mcp.modern("tools/call", back(json!({ "name": "test_prompt_get", "arguments": input }))).await;
    assert_eq!(Mcp::code(&other), -32602);
    let done = mcp.result("prompts/get", back(ask.clone())).await;
    assert_eq!(done["messages"][0]["content"]["text"], "Use this: tests");
    // Who cannot be asked is told what the call waits for.
    let answer = mcp.legacy(LEGACY, "prompts/get", ask).await.expect(200);
    assert_eq!(answer["error"]["data"]["question"], "What context should the prompt use?", "{answer}");
}

/// What is offered is in files that are applied, and comes out of an export as it went in.
#[tokio::test]
async fn files_say_what_is_offered() {
    let host = stage().await;
    let config = json!({ "name": "desk", "connections": [{ "connection": "test" }], "prompts": true });
    let resources = json!({ "resources": { "mcp_configs": [config] } });
    host.client().post("/v1/apply", &resources).await.expect(200);
    let shown = host.client().get("/v1/mcp/configs/desk").await.expect(200);
    assert_eq!((&shown["prompts"], &shown["resources"]), (&json!(true), &json!(false)));
    let exported = host.client().get("/v1/export?kinds=mcp_configs").await.expect(200);
    assert_eq!(exported["resources"]["mcp_configs"][0]["prompts"], true);
    let again = host.client().post("/v1/apply", &json!({ "resources": exported["resources"] })).await.expect(200);
    assert!(!again.to_string().contains("\"changed\":true"), "{again}");
}
