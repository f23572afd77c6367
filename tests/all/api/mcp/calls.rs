//! Tools called by MCP: the same `call`, in words that models act on.

use gloveport::config::{KeepBodies, WrittenRetention};
use gloveport_tests::host::Setup;
use gloveport_tests::upstream::{Gate, Recorded, Reply};
use serde_json::{Value, json};

use super::client::{LEGACY, Mcp, config, text};
use crate::api::bed::Bed;

async fn desk(bed: &Bed) -> Mcp {
    config(bed, "desk", None, "listed").await;
    Mcp::of(bed.client(), "desk", "ada").await
}

/// AK-909: a call goes with the user's credential, is recorded as one by MCP, and answers in text and data.
#[tokio::test]
async fn a_call_answers_in_text_and_data() {
    let bed = Bed::start().await;
    let canary = bed.connect("ada").await;
    let mcp = desk(&bed).await;
    let result = mcp.call("probe_whoami", &json!({})).await;
    assert_eq!((&result["isError"], &result["resultType"]), (&json!(false), &json!("complete")));
    assert_eq!(&serde_json::from_str::<Value>(text(&result)).unwrap(), &result["structuredContent"]);
    let sent = bed.upstream.requests();
    assert!(sent.last().unwrap().header("authorization").unwrap().contains(canary.token()));
    let execution = result["_meta"]["gloveport/executionId"].as_str().unwrap();
    let record = bed.client().get(&format!("/v1/executions/{execution}")).await.expect(200);
    assert_eq!((&record["surface"], &record["identifier"]), (&json!("mcp"), &json!("ada")));
    let used = bed.client().get("/v1/mcp/instances").await.expect(200)["items"][0].clone();
    assert_eq!((&used["last_used_at"], &used["key_id"]), (&record["started_at"], &record["key_id"]));
    // A number reaches the tool and comes back to the last digit; what is left out is `{}`.
    let exact = "{\"a\":1.10}";
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"probe_echo","arguments":{exact}}}}}"#
    );
    let headers = [("content-type", "application/json"), ("mcp-protocol-version", LEGACY)];
    let answer = mcp.raw("POST", &headers, body).await.expect(200);
    assert_eq!(text(&answer["result"]), exact);
    for version in ["2024-11-05", "2025-03-26"] {
        let answer = mcp.legacy(version, "tools/call", json!({ "name": "probe_whoami" })).await.expect(200);
        assert!(answer["result"]["structuredContent"].is_null(), "{version}");
    }
}

/// What a model did wrong is a result that it can mend; what is no tool of this endpoint is an error of the protocol.
#[tokio::test]
async fn a_mistake_is_a_result() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    config(&bed, "desk", Some(&["probe_fetch_read", "probe_whoami"]), "listed").await;
    let mcp = Mcp::of(bed.client(), "desk", "ada").await;
    let sent = bed.upstream.requests().len();
    let wrong = mcp.call("probe_fetch_read", &json!({ "target": 7 })).await;
    let told: Value = serde_json::from_str(text(&wrong)).unwrap();
    assert_eq!((&wrong["isError"], &told["code"]), (&json!(true), &json!("invalid_input")));
    assert_eq!(told["errors"][0]["path"], "/target", "{told}");
    for tool in ["probe_echo", "probe_nothing", "nothing", "", "probe.fetch"] {
        let answer = mcp.modern("tools/call", json!({ "name": tool, "arguments": {} })).await;
        assert_eq!((answer.status, Mcp::code(&answer)), (200, -32602), "{tool}");
    }
    for params in [json!({}), json!({ "name": 7 }), json!([])] {
        assert_eq!(Mcp::code(&mcp.legacy(LEGACY, "tools/call", params.clone()).await), -32602, "{params}");
    }
    assert_eq!(bed.upstream.requests().len(), sent);
    // Nobody has connected Eve; a failure of the provider's is the model's to know.
    let eve = Mcp::of(bed.client(), "desk", "eve").await;
    let told: Value = serde_json::from_str(text(&eve.call("probe_whoami", &json!({})).await)).unwrap();
    assert_eq!(told["code"], "account_not_connected");
}

/// AK-906: a URL that was removed or rotated opens nothing.
#[tokio::test]
async fn a_url_ends() {
    let bed = Bed::start().await;
    let mcp = desk(&bed).await;
    let instance = bed.client().get("/v1/mcp/instances").await.expect(200)["items"][0]["id"].clone();
    let path = format!("/v1/mcp/instances/{}", instance.as_str().unwrap());
    mcp.result("tools/list", json!({})).await;
    bed.client().post(&format!("{path}/rotate"), &json!({})).await.expect(200);
    assert_eq!(mcp.modern("tools/list", json!({})).await.status, 404);
    let rotated = desk(&bed).await;
    rotated.result("tools/list", json!({})).await;
    assert_eq!(bed.client().delete(&path).await.status, 204);
    for client in [&mcp, &rotated] {
        let answer = client.modern("tools/list", json!({})).await;
        assert_eq!((answer.status, answer.json()["id"].is_null()), (404, true), "{answer:?}");
    }
}

/// Lesson 16: a long result is cut, and the rest is a resource of whoever asked.
#[tokio::test]
async fn a_long_result_is_a_resource() {
    let retention =
        WrittenRetention { bodies: Some(KeepBodies::All), answer_bytes: Some(1024), ..WrittenRetention::default() };
    let bed = Bed::with(Setup { retention, ..Setup::usual() }).await;
    for user in ["ada", "eve"] {
        bed.connect(user).await;
    }
    let mcp = desk(&bed).await;
    let long = json!({ "text": "aä日🙂".repeat(1_500) });
    let result = mcp.call("probe_echo", &long).await;
    assert!(result["structuredContent"].is_null() && text(&result).len() < 5_000, "{}", text(&result).len());
    let link = &result["content"][1];
    assert_eq!((&link["type"], &link["size"]), (&json!("resource_link"), &json!(long.to_string().len())));
    let uri = link["uri"].as_str().unwrap();
    let read = mcp.result("resources/read", json!({ "uri": uri })).await;
    assert_eq!(
        (read["contents"][0]["text"].as_str(), &read["cacheScope"]),
        (Some(long.to_string().as_str()), &json!("private"))
    );
    let eve = Mcp::of(bed.client(), "desk", "eve").await;
    for (client, uri) in [
        (&eve, uri),
        (&mcp, "gloveport://executions/exec_01ARZ3NDEKTSV4RRFFQ69G5FAV/result"),
        (&mcp, "gloveport://executions/x/result"),
        (&mcp, "file:///etc/passwd"),
        (&mcp, ""),
    ] {
        assert_eq!(Mcp::code(&client.modern("resources/read", json!({ "uri": uri })).await), -32602, "{uri}");
    }
    assert_eq!(Mcp::code(&eve.legacy(LEGACY, "resources/read", json!({ "uri": uri })).await), -32002);
    let older =
        mcp.legacy("2025-03-26", "tools/call", json!({ "name": "probe_echo", "arguments": long })).await.expect(200);
    assert_eq!(older["result"]["content"].as_array().unwrap().len(), 1, "no link where none is known");
}

/// Progress on the way, in a stream of this call alone.
#[tokio::test]
async fn progress_comes_before_the_result() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let mcp = desk(&bed).await;
    let params = json!({ "name": "probe_progress", "arguments": { "count": 3 }, "_meta": { "progressToken": "p" } });
    let answer = mcp.modern("tools/call", params.clone()).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    let events: Vec<Value> = body
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let (last, before) = events.split_last().unwrap();
    assert_eq!(last["result"]["isError"], false, "{body}");
    // How many are seen depends on how fast the guest is: the last one is there, and each says more than the one before.
    let steps: Vec<u64> = before.iter().map(|event| event["params"]["progress"].as_u64().unwrap()).collect();
    assert!(steps.is_sorted() && steps.iter().all(|step| *step <= 3), "{steps:?}");
    for event in before {
        assert_eq!(
            (&event["method"], &event["params"]["progressToken"]),
            (&json!("notifications/progress"), &json!("p"))
        );
        assert_eq!((&event["params"]["total"], &event["params"]["message"]), (&json!(3), &json!("step")));
    }
    // Who takes no stream gets the result alone.
    let (headers, body) = mcp.written("tools/call", &params);
    let mut all = vec![("content-type", "application/json"), ("accept", "application/json")];
    all.extend(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let answer = mcp.raw("POST", &all, body.to_string()).await;
    assert_eq!(answer.expect(200)["result"]["isError"], false);
}

/// A client that goes away stops the guest and its request (current revision); in the earlier ones it says so.
#[tokio::test]
async fn a_call_that_nobody_wants_is_stopped() {
    let gate = Gate::closed();
    let held = gate.clone();
    let bed = Bed::answering(move |request: &Recorded| {
        let reply = Reply::json(200, &json!({ "ok": true }));
        if request.path().starts_with("/slow") { reply.after(&held) } else { reply }
    })
    .await;
    bed.connect("ada").await;
    let mcp = desk(&bed).await;
    let arguments = json!({ "target": "/slow" });
    let ended = async || loop {
        let record = bed.client().get("/v1/executions?limit=1").await.expect(200)["items"][0].clone();
        if record["tool"] == "probe_fetch_read" && record["status"] != "started" {
            return record["status"].clone();
        }
        tokio::task::yield_now().await;
    };
    let seen = bed.upstream.requests().len();
    {
        let call = mcp.modern("tools/call", json!({ "name": "probe_fetch_read", "arguments": arguments }));
        tokio::select! {
            answer = call => panic!("{answer:?}"),
            _ = bed.upstream.wait_for(seen + 1) => {}
        }
    }
    assert_eq!(ended().await, "cancelled");

    let id = json!("mine");
    let body = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": { "name": "probe_fetch_read", "arguments": arguments } });
    let headers = [("mcp-protocol-version".to_owned(), LEGACY.to_owned())];
    let stop = async |id: &Value| {
        let said = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } });
        assert_eq!(mcp.send(&headers, &said).await.status, 202);
    };
    let (answer, ()) = tokio::join!(mcp.send(&headers, &body), async {
        bed.upstream.wait_for(seen + 2).await;
        stop(&json!("another")).await;
        stop(&id).await;
    });
    let told: Value = serde_json::from_str(text(&answer.expect(200)["result"])).unwrap();
    assert_eq!(told["code"], "cancelled");
    gate.open();
}
