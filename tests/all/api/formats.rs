//! Tools in the forms of model APIs, and models' calls as they are written: AK-118, AK-502, CB-11.

mod vendors;

use std::sync::atomic::{AtomicUsize, Ordering};

use gloveport_tests::upstream::{Gate, Reply};
use serde_json::{Value, json};

use super::bed::Bed;

const FORMATS: [&str; 5] = ["openai", "openai-responses", "anthropic", "gemini", "mcp"];

/// The tools of a list, flat.
fn flat(format: &str, list: &Value) -> Vec<Value> {
    let tools = match format {
        "gemini" => &list["tools"][0]["functionDeclarations"],
        _ => &list["tools"],
    };
    tools.as_array().unwrap().clone()
}

/// Name and schema of a tool.
fn parts<'a>(format: &str, tool: &'a Value) -> (&'a str, &'a Value) {
    let (tool, schema) = match format {
        "openai" => (&tool["function"], "parameters"),
        "openai-responses" => (tool, "parameters"),
        "anthropic" => (tool, "input_schema"),
        "gemini" => (tool, "parametersJsonSchema"),
        _ => (tool, "inputSchema"),
    };
    (tool["name"].as_str().unwrap(), &tool[schema])
}

/// Every tool of three connectors in every form: the same tools under the same names, legal in each API, with a schema
/// that is one; and what is not strict says why.
#[tokio::test]
async fn every_tool_has_every_form() {
    let bed = Bed::start().await;
    for connector in ["stripe", "github"] {
        bed.host.install(connector).await;
    }
    let native = bed.client().get("/v1/tools?include=deferred&limit=200").await.expect(200);
    let names: Vec<&str> =
        native["items"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert!(names.len() > 40);
    for format in FORMATS {
        for strict in [false, true] {
            let path = format!("/v1/tools?include=deferred&limit=200&format={format}&strict={strict}");
            let list = bed.client().get(&path).await.expect(200);
            let tools = flat(format, &list);
            let warned = |name: &str| {
                let mut all = list["warnings"].as_array().unwrap().iter();
                all.any(|warning| {
                    warning["tool"] == name && warning["message"].as_str().unwrap().contains("not strict")
                })
            };
            for (tool, expected) in tools.iter().zip(&names) {
                let (name, schema) = parts(format, tool);
                assert_eq!(name, *expected);
                let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                assert!(name.len() <= 64 && name.bytes().all(legal) && !name.starts_with(|c: char| c.is_ascii_digit()));
                assert_eq!(schema["type"], "object", "{tool}");
                jsonschema::draft202012::new(schema).unwrap();
                let held = tool["strict"] == true || tool["function"]["strict"] == true;
                let strictness = matches!(format, "openai" | "openai-responses" | "anthropic") && strict;
                assert_eq!(held, strictness && !warned(name), "{format} {tool}");
            }
            assert_eq!((tools.len(), &list["next_cursor"]), (names.len(), &Value::Null));
        }
    }
    let page = bed.client().get("/v1/tools?format=openai&limit=2").await.expect(200);
    assert_eq!((page["tools"].as_array().unwrap().len(), page["next_cursor"].is_string()), (2, true));
    for query in ["format=claude", "format=", "format=OpenAI", "strict=1&format=openai", "strict=maybe"] {
        assert_eq!(bed.client().get(&format!("/v1/tools?{query}")).await.problem(400), "invalid_request", "{query}");
    }
}

/// A tool call in each API's form, of the probe's echo.
fn calls(input: &Value) -> [Value; 5] {
    let text = input.to_string();
    [
        json!({ "id": "c", "type": "function", "function": { "name": "probe_echo", "arguments": text } }),
        json!({ "type": "function_call", "call_id": "c", "name": "probe_echo", "arguments": text }),
        json!({ "type": "tool_use", "id": "c", "name": "probe_echo", "input": input }),
        json!({ "functionCall": { "id": "c", "name": "probe_echo", "args": input } }),
        json!({ "name": "probe_echo", "arguments": input }),
    ]
}

#[tokio::test]
async fn a_models_call_is_answered_in_its_own_form() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let path = "/v1/tools/probe_echo/execute";
    let input = json!({ "text": "hé" });
    for call in calls(&input) {
        let body = json!({ "identifier": "ada", "tool_call": call });
        let answer = bed.client().post(path, &body).await.expect(200);
        assert_eq!(answer["data"], input);
        let result = &answer["tool_result"];
        let told = [&result["content"], &result["output"]].into_iter().find_map(Value::as_str).map(str::to_owned);
        let structured = [&result["functionResponse"]["response"]["output"], &result["structuredContent"]];
        let structured = structured.into_iter().find(|value| value.is_object()).cloned();
        let told = structured.or(told.map(|text| serde_json::from_str(&text).unwrap())).unwrap();
        assert_eq!(told, input, "{result}");
        if !call["name"].is_string() || call["type"].is_string() {
            assert!(result.to_string().contains("\"c\""), "{result}");
            let record =
                bed.client().get(&format!("/v1/executions/{}", answer["execution_id"].as_str().unwrap())).await;
            assert_eq!(record.expect(200)["tool_call_id"], "c");
        }
    }
    let call = calls(&input)[2].clone();
    for (body, code) in [
        (json!({ "tool_call": call, "input": {} }), 400),
        (json!({ "tool_call": {} }), 400),
        (json!({ "tool_call": "echo" }), 400),
        (json!({ "tool_call": { "type": "tool_use", "id": "c", "name": "probe_list", "input": {} } }), 400),
        (json!({ "tool_call": call, "identifier": "nobody" }), 409),
    ] {
        let answer = bed.client().post(path, &body).await;
        let problem = answer.json();
        answer.problem(code);
        assert_eq!(problem["tool_result"].is_object(), code != 400, "{problem}");
    }
}

/// Null for what a strict model leaves out is taken out before the input is checked; where the caller gives `input`, it
/// is what it is.
#[tokio::test]
async fn null_stands_for_absent_in_a_models_call() {
    let bed = Bed::answering(|_| Reply::json(200, &json!({ "object": "list", "data": [], "has_more": false }))).await;
    bed.host.install("stripe").await;
    bed.host.connection("stripe", &bed.upstream.url("")).await;
    let canary = bed.host.plant();
    bed.host.account("stripe", "ada", &json!({ "secret_key": canary.token() })).await.expect(201);
    let input = json!({ "limit": null, "email": "ada@example.com" });
    let call = json!({ "type": "tool_use", "id": "c", "name": "stripe_customers_list", "input": input });
    let path = "/v1/tools/stripe_customers_list/execute";
    bed.client().post(path, &json!({ "identifier": "ada", "tool_call": call })).await.expect(200);
    let refused = bed.client().post(path, &json!({ "identifier": "ada", "input": input })).await;
    assert_eq!(refused.problem(422), "invalid_input");
}

/// CB-11: several calls at once, side by side, each with its outcome, in their order.
#[tokio::test]
async fn calls_of_one_turn_run_side_by_side() {
    // Nothing is answered until all six have come: one after the other, they would run out of time.
    let (gate, came) = (Gate::closed(), AtomicUsize::new(0));
    let bed = Bed::answering(move |request| {
        let reply = Reply::json(200, &json!({ "ok": true }));
        if !request.path().starts_with("/slow") {
            return reply;
        }
        if came.fetch_add(1, Ordering::SeqCst) + 1 == 6 {
            gate.open();
        }
        reply.after(&gate)
    })
    .await;
    bed.connect("ada").await;
    let slow = json!({ "tool": "probe_fetch_read", "input": { "target": "/slow" } });
    let mut all = vec![slow; 6];
    all.extend(calls(&json!({ "n": 1 })).map(|call| json!({ "tool_call": call })));
    all.push(json!({ "tool": "probe_nothing" }));
    all.push(json!({}));
    all.push(json!({ "tool": "probe_echo", "idempotency_key": "a b" }));
    all.push(json!({ "tool": "probe_echo", "identifier": "nobody" }));
    let answer = bed.client().post("/v1/tools/execute-batch", &json!({ "identifier": "ada", "calls": all })).await;
    let answer = answer.expect(200);
    let statuses: Vec<u64> =
        answer["outcomes"].as_array().unwrap().iter().map(|outcome| outcome["http_status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [vec![200; 11], vec![404, 400, 400, 409]].concat());
    assert_eq!(answer["tool_results"].as_array().unwrap().len(), 5);
    assert_eq!(answer["tool_results"][2]["tool_use_id"], "c");
    for calls in [json!([]), json!(vec![json!({ "tool": "probe_echo" }); 65]), json!({}), json!([7])] {
        let answer = bed.client().post("/v1/tools/execute-batch", &json!({ "calls": calls })).await;
        assert_eq!(answer.problem(400), "invalid_request");
    }
}
