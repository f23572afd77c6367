//! Modifiers beside presets, approvals and idempotency keys: what holds where they meet.

use gloveport_tests::host::{Client, TestHost};
use serde_json::{Value, json};

use super::bed::Bed;
use super::modifiers::{echo, modifier};

const JSON: (&str, &str) = ("content-type", "application/json");

/// SI-15: what is preset stays as it was preset, whatever modifiers make of it; they see it, though.
#[tokio::test]
async fn what_is_preset_stays_preset() {
    let host = TestHost::start().await;
    echo(&host, "by_hand").await;
    let presets = json!({ "presets": { "by_hand_run": { "channel": "#{{ call.identifier }}", "n": 1 } } });
    host.client().send("PATCH", "/v1/connections/by_hand", &[JSON], presets.to_string()).await.expect(200);
    let run = async || host.execute("by_hand_run", "ada", &json!({ "x": 7 })).await.expect(200)["data"].clone();
    let preset = json!({ "channel": "#ada", "n": 1, "x": 7 });
    assert_eq!(run().await, preset);
    for steps in [
        json!([{ "set": { "path": "/channel", "value": "#everyone" } }]),
        json!([{ "remove": { "path": "/channel" } }, { "remove": { "path": "/n" } }]),
        json!([{ "pick": { "paths": ["/x"] } }]),
        json!([{ "set": { "path": "", "value": { "x": 7 } } }]),
    ] {
        let content = json!({ "tools": "*", "when": "before", "steps": steps });
        host.client().put("/v1/modifiers/m", &content).await;
        assert_eq!(run().await, preset, "{steps}");
    }
    let seen = json!([{ "rename": { "from": "/n", "to": "/copy" } }]);
    host.client().put("/v1/modifiers/m", &json!({ "tools": "*", "when": "before", "steps": seen })).await.expect(200);
    assert_eq!(run().await, json!({ "channel": "#ada", "n": 1, "x": 7, "copy": 1 }));
    // A caller still cannot give it, and the answer is the caller's to mend.
    let given = host.execute("by_hand_run", "ada", &json!({ "channel": "#mine" })).await;
    assert_eq!((given.json()["culprit"].clone(), given.problem(422)), (json!("caller"), "invalid_input".into()));
}

/// A bed of which every write waits, with a modifier on each side that shows how often it ran.
async fn governed(at: &str) -> (Bed, Client) {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let policy = json!({ "name": "look", "condition": "effect != 'read'", "outcome": { "outcome": "ask", "at": at } });
    bed.client().post("/v1/policies", &policy).await.expect(201);
    let tool = json!("probe_fetch");
    let before = json!([{ "set": { "path": "/query/-", "value": ["ran", "1"] } }]);
    modifier(bed.client(), "before", "before", &tool, &before).await;
    modifier(bed.client(), "after", "after", &tool, &json!([{ "remove": { "path": "/headers" } }])).await;
    let agent = bed.host.caller("agent", "agent").await;
    (bed, agent)
}

async fn waits(agent: &Client) -> (String, String) {
    let input = json!({ "method": "POST", "target": "/write", "query": [] });
    let body = json!({ "identifier": "ada", "input": input });
    let waiting = agent.post("/v1/tools/probe_fetch/execute", &body).await.expect(202);
    let text = |name: &str| waiting[name].as_str().unwrap().to_owned();
    (text("execution_id"), text("approval_id"))
}

async fn ended(agent: &Client, execution: &str) -> Value {
    agent.get(&format!("/v1/executions/{execution}?wait_ms=30000")).await.expect(200)
}

fn written(bed: &Bed) -> Vec<String> {
    let posts = bed.upstream.requests().into_iter().filter(|request| request.method == "POST");
    posts.map(|request| request.target).collect()
}

/// A call that waited has been changed once when it goes on: what was shown is what leaves. What comes back is changed at
/// its end, as of any call.
#[tokio::test]
async fn a_call_that_goes_on_is_changed_once() {
    for at in ["before", "at_write"] {
        let (bed, agent) = governed(at).await;
        let (execution, approval) = waits(&agent).await;
        let path = format!("/v1/approvals/{approval}");
        let shown = bed.client().get(&path).await.expect(200);
        assert_eq!(shown["input"]["query"], json!([["ran", "1"]]), "{shown}");
        bed.client().post(&format!("{path}/approve"), &json!({})).await.expect(200);
        let ended = ended(&agent, &execution).await;
        assert_eq!((&ended["status"], &ended["data"]["status"]), (&json!("succeeded"), &json!(200)), "{ended}");
        assert!(ended["data"]["headers"].is_null(), "{ended}");
        assert_eq!(written(&bed), ["/write?ran=1"], "{at}");
    }
}

/// KO-06: a person who edits the input has the last word on it: modifiers do not run again, policies do.
#[tokio::test]
async fn an_edited_input_is_taken_as_it_is() {
    let (bed, agent) = governed("before").await;
    let (execution, approval) = waits(&agent).await;
    let edited = json!({ "input": { "method": "POST", "target": "/edited", "query": [] } });
    bed.client().post(&format!("/v1/approvals/{approval}/approve"), &edited).await.expect(200);
    let again = loop {
        let now = agent.get(&format!("/v1/executions/{execution}")).await.expect(200);
        if let Some(again) = now["approval_id"].as_str() {
            break again.to_owned();
        }
        assert_eq!(now["status"], "started", "{now}");
    };
    assert_eq!(written(&bed), [""; 0]);
    bed.client().post(&format!("/v1/approvals/{again}/approve"), &json!({})).await.expect(200);
    let ended = ended(&agent, &execution).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert!(ended["data"]["headers"].is_null(), "{ended}");
    assert_eq!(written(&bed), ["/edited"]);
}

/// With a key, what the caller gave tells whether it is the same call, though a modifier changed it, or has changed since;
/// the answer is the first one.
#[tokio::test]
async fn a_key_goes_by_what_the_caller_gave() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let set = |path: &str| json!([{ "set": { "path": "/target", "value": path } }]);
    let content = |path: &str| json!({ "tools": "probe_fetch", "when": "before", "steps": set(path) });
    bed.client().put("/v1/modifiers/m", &content("/one")).await.expect(201);
    let call = async |target: &str| {
        let body = json!({ "identifier": "ada", "input": { "method": "POST", "target": target } }).to_string();
        let headers = [JSON, ("idempotency-key", "k-1")];
        bed.client().send("POST", "/v1/tools/probe_fetch/execute", &headers, body).await
    };
    let first = call("/given").await;
    assert_eq!(first.status, 200);
    assert_eq!(call("/given").await.body, first.body);
    bed.client().put("/v1/modifiers/m", &content("/two")).await.expect(200);
    assert_eq!(call("/given").await.body, first.body);
    assert_eq!(call("/one").await.problem(409), "conflict", "what was made of it is not what was given");
    assert_eq!(written(&bed), ["/one"]);
}

/// With a key, a failure after the tool is the answer, too: nothing is written again.
#[tokio::test]
async fn a_failure_after_the_tool_is_kept_with_the_key() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let through = json!([{ "set": { "path": "/status/deep", "value": 1 } }]);
    modifier(bed.client(), "late", "after", &json!("probe_fetch"), &through).await;
    let body = json!({ "identifier": "ada", "input": { "method": "POST", "target": "/write" } }).to_string();
    let headers = [JSON, ("idempotency-key", "k-1")];
    let call = async || bed.client().send("POST", "/v1/tools/probe_fetch/execute", &headers, body.clone()).await;
    let first = call().await;
    assert_eq!(first.clone().problem(502), "modifier_failed");
    bed.client().delete("/v1/modifiers/late").await.expect(204);
    assert_eq!(call().await.expect(502)["detail"], first.json()["detail"]);
    assert_eq!(written(&bed), ["/write"]);
}

/// An operator tries an account as it is: no modifier has a part in that, and none keeps an account from being connected.
#[tokio::test]
async fn an_account_is_tried_without_modifiers() {
    let bed = Bed::start().await;
    let through = json!([{ "set": { "path": "/ok/deep", "value": 1 } }]);
    modifier(bed.client(), "late", "after", &json!("probe_whoami"), &through).await;
    let wrong = json!([{ "set": { "path": "", "value": 7 } }]);
    modifier(bed.client(), "wrong", "before", &json!("probe_whoami"), &wrong).await;
    bed.connect("ada").await;
    let tried = bed.client().post("/v1/connections/probe/test", &json!({ "identifier": "ada" })).await;
    assert_eq!(tried.status, 200, "{tried:?}");
    assert_eq!(bed.host.execute("probe_whoami", "ada", &json!({})).await.problem(502), "modifier_failed");
}

/// AK-602 for a call that nobody waited for: what is kept is what was changed.
#[tokio::test]
async fn what_is_kept_of_a_call_is_what_was_changed() {
    let host = TestHost::start().await;
    echo(&host, "by_hand").await;
    modifier(host.client(), "m", "after", &json!("*"), &json!([{ "pick": { "paths": ["/a"] } }])).await;
    let body = json!({ "identifier": "ada", "input": { "a": 1, "b": 2 } }).to_string();
    let headers = [JSON, ("prefer", "respond-async")];
    let begun = host.client().send("POST", "/v1/tools/by_hand_run/execute", &headers, body).await.expect(202);
    let ended = ended(host.client(), begun["execution_id"].as_str().unwrap()).await;
    assert_eq!((&ended["status"], &ended["data"]), (&json!("succeeded"), &json!({ "a": 1 })), "{ended}");
}
