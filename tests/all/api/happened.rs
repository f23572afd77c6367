//! What a record tells of a call's way: questions, inner calls, modifiers and the rule that decided (issue 4.5, 4.7, 4.8).

use gloveport_tests::host::{Client, Setup, TestHost};
use gloveport_tests::postgres;
use serde_json::{Value, json};

use super::bed::Bed;
use super::modifiers::{echo, modifier};
use super::policies::deny;
use super::postgres::beside;

async fn on_both(test: impl AsyncFn(TestHost)) {
    test(TestHost::with(Setup::usual()).await).await;
    if let Some(database) = postgres::new_database() {
        test(TestHost::with(beside(&database)).await).await;
    }
}

async fn relay(host: &TestHost) {
    host.install("relay").await;
    let body = json!({ "name": "relay", "connector": "relay", "auth_pattern": "none" });
    host.client().post("/v1/connections", &body).await.expect(201);
    host.account("relay", "ada", &json!({})).await.expect(201);
}

async fn record(client: &Client, id: &Value) -> Value {
    client.get(&format!("/v1/executions/{}?wait=30s", id.as_str().unwrap())).await.expect(200)
}

/// Each step with what is said of it.
fn steps(record: &Value) -> Vec<(&str, &str)> {
    let events = record["timeline"].as_array().unwrap();
    events.iter().map(|event| (event["step"].as_str().unwrap(), event["detail"].as_str().unwrap_or_default())).collect()
}

async fn rule(client: &Client, condition: &str, outcome: &Value) -> String {
    let rule = json!({ "name": "rule", "condition": condition, "outcome": outcome });
    client.post("/v1/policies", &rule).await.expect(201)["id"].as_str().unwrap().to_owned()
}

/// A question, who answered it, and the inner call after it, in their order, without what was asked.
#[tokio::test]
async fn questions_and_answers_are_events() {
    on_both(async |host: TestHost| {
        relay(&host).await;
        let held =
            host.execute("relay_ask", "ada", &json!({ "question": "How much is the canary?" })).await.expect(202);
        let id = &held["execution_id"];
        let path = format!("/v1/executions/{}", id.as_str().unwrap());
        let mut shown = host.client().get(&path).await.expect(200);
        assert_eq!(steps(&shown), [("decided", "allowed"), ("started", ""), ("asked", "")]);
        for code in ["first", "second"] {
            let continued = format!("{path}/continue");
            host.client().post(&continued, &json!({ "input": { "code": code } })).await.expect(202);
            loop {
                shown = host.client().get(&path).await.expect(200);
                if shown["status"] != "started" {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let by = format!("by {}", shown["key_id"].as_str().unwrap());
        let (asked, answered) = (("asked", ""), ("answered", by.as_str()));
        let expected =
            [("decided", "allowed"), ("started", ""), asked, answered, asked, answered, ("finished", "succeeded")];
        assert_eq!(steps(&shown), expected);
        assert!(!shown["timeline"].to_string().contains("canary"), "{shown}");
        let times: Vec<_> = shown["timeline"].as_array().unwrap().iter().map(|event| event["at"].as_str()).collect();
        assert!(times.is_sorted(), "{times:?}");
    })
    .await;
}

/// An outer call tells which of its calls it waits for and when they had ended; one that waits in vain tells no end.
#[tokio::test]
async fn waits_for_inner_calls_are_events() {
    on_both(async |host: TestHost| {
        relay(&host).await;
        rule(host.client(), "tool == 'relay_nest'", &json!({ "outcome": "ask", "at": "before" })).await;
        let call = json!({ "tool": "relay_nest", "input": { "below": 0 } });
        let agent = host.caller("agent", "agent").await;
        let body = json!({ "identifier": "ada", "input": { "calls": [call, call] } });
        let held = agent.post("/v1/tools/relay_all/execute", &body).await.expect(202);
        let (id, awaited) = (&held["execution_id"], held["awaited"].as_array().unwrap());
        let path = format!("/v1/executions/{}", id.as_str().unwrap());
        let names: Vec<&str> = awaited.iter().map(|one| one.as_str().unwrap()).collect();
        let shown = agent.get(&path).await.expect(200);
        assert_eq!(steps(&shown).last(), Some(&("awaits_calls", names.join(" ").as_str())));
        for (at, inner) in awaited.iter().enumerate() {
            let shown = agent.get(&path).await.expect(200);
            assert_eq!(steps(&shown).len(), 3, "after {at}: {shown}");
            let inner = agent.get(&format!("/v1/executions/{}", inner.as_str().unwrap())).await.expect(200);
            assert_eq!(inner["surface"], "inner");
            let approve = format!("/v1/approvals/{}/approve", inner["approval_id"].as_str().unwrap());
            host.client().post(&approve, &json!({})).await.expect(200);
            record(&agent, &inner["id"]).await;
        }
        let ended = record(&agent, id).await;
        let told = steps(&ended);
        assert_eq!(
            told[2..],
            [("awaits_calls", names.join(" ").as_str()), ("calls_ended", ""), ("finished", "succeeded")]
        );
        assert_eq!(ended["surface"], "execute");
    })
    .await;
}

/// The rule that decided is in the record and in the chain, whether it let a call pass, asked or said no; where none did,
/// none is named. A call that went on is stopped by a rule that was made meanwhile, and that one is named.
#[tokio::test]
async fn the_rule_that_decided_is_on_record() {
    on_both(async |host: TestHost| {
        echo(&host, "by_hand").await;
        let agent = host.caller("agent", "agent").await;
        let call = async |n: u32| {
            let body = json!({ "identifier": "ada", "input": { "n": n } });
            agent.post("/v1/tools/by_hand_run/execute", &body).await.json()
        };
        let chain = async |id: &Value| -> Vec<(String, Value)> {
            let found = host.client().get(&format!("/v1/audit?subject={}", id.as_str().unwrap())).await.expect(200);
            let items = found["items"].as_array().unwrap().iter().rev();
            items.map(|item| (item["action"].as_str().unwrap().to_owned(), item["rule"].clone())).collect()
        };
        let told = |action: &str, rule: Value| (format!("execution.{action}"), rule);
        let free = call(0).await;
        assert_eq!(record(&agent, &free["execution_id"]).await["rule"], Value::Null);
        assert_eq!(chain(&free["execution_id"]).await, [told("started", Value::Null), told("succeeded", Value::Null)]);

        let ask = json!({ "outcome": "ask", "at": "before" });
        let allows = rule(host.client(), "payload.n == 1", &json!({ "outcome": "allow" })).await;
        let denies = rule(host.client(), "payload.n == 2", &deny("not two")).await;
        let asks = rule(host.client(), "payload.n == 3", &ask).await;
        let (one, two, three) = (call(1).await, call(2).await, call(3).await);
        for (answer, by, step) in [
            (&one, &allows, format!("allowed ({allows})")),
            (&two, &denies, format!("denied ({denies})")),
            (&three, &asks, String::new()),
        ] {
            let seen =
                agent.get(&format!("/v1/executions/{}", answer["execution_id"].as_str().unwrap())).await.expect(200);
            assert_eq!(seen["rule"], json!(by), "{seen}");
            assert!(steps(&seen)[0].1.starts_with(&step), "{seen}");
        }
        assert_eq!(chain(&one["execution_id"]).await, [told("started", json!(allows)), told("succeeded", Value::Null)]);
        assert_eq!(chain(&two["execution_id"]).await, [told("denied", json!(denies))]);
        assert_eq!(chain(&three["execution_id"]).await, [told("waiting", json!(asks))]);

        let body = json!({ "name": "rule", "condition": "payload.n == 3", "outcome": deny("no more") });
        host.client()
            .send("PUT", &format!("/v1/policies/{asks}"), &[("content-type", "application/json")], body.to_string())
            .await
            .expect(200);
        let approve = format!("/v1/approvals/{}/approve", three["approval_id"].as_str().unwrap());
        host.client().post(&approve, &json!({})).await.expect(200);
        let ended = record(&agent, &three["execution_id"]).await;
        assert_eq!(ended["code"], "denied_by_policy", "{ended}");
        let last = chain(&three["execution_id"]).await.pop().unwrap();
        assert_eq!(last, told("failed", json!(asks)));
    })
    .await;
}

/// Which modifiers ran is told with their revision, before what was decided and after what was sent; those that did not
/// fit did not run. A denied call and one that waits tell it, too, and so does one that sends nothing.
#[tokio::test]
async fn modifiers_that_ran_are_events() {
    on_both(async |host: TestHost| {
        echo(&host, "by_hand").await;
        let set = |n: u32| json!([{ "set": { "path": "/n", "value": n } }]);
        let before = modifier(host.client(), "first", "before", &json!("by_hand_*"), &set(1)).await;
        modifier(host.client(), "elsewhere", "before", &json!("other_*"), &set(2)).await;
        let after = modifier(host.client(), "last", "after", &json!("*"), &set(3)).await;
        let modified = |record: &Value| -> Vec<Value> {
            let events = record["timeline"].as_array().unwrap();
            events.iter().filter(|event| event["step"] == "modified").map(|event| event["modifier"].clone()).collect()
        };
        let told = |modifier: &Value, when: &str| {
            json!({ "id": modifier["id"], "name": modifier["name"], "when": when, "revision": 3 })
        };
        let done = host.execute("by_hand_run", "ada", &json!({ "n": 0 })).await.expect(200);
        let seen = record(host.client(), &done["execution_id"]).await;
        assert_eq!(modified(&seen), [told(&before, "before"), told(&after, "after")]);
        let order: Vec<&str> = steps(&seen).iter().map(|(step, _)| *step).collect();
        assert_eq!(order, ["modified", "decided", "started", "modified", "finished"]);

        let denies = rule(host.client(), "payload.n == 1 && chat_id == 'no'", &deny("no")).await;
        rule(host.client(), "payload.n == 1", &json!({ "outcome": "ask", "at": "before" })).await;
        let agent = host.caller("agent", "agent").await;
        let call = async |chat: &str| {
            let body = json!({ "identifier": "ada", "chat_id": chat, "input": { "n": 0 } });
            agent.post("/v1/tools/by_hand_run/execute", &body).await.json()
        };
        let (denied, held) = (call("no").await, call("yes").await);
        let seen = record(&agent, &denied["execution_id"]).await;
        assert_eq!((&seen["rule"], modified(&seen)), (&json!(denies), vec![told(&before, "before")]));
        let path = format!("/v1/approvals/{}/approve", held["approval_id"].as_str().unwrap());
        host.client().post(&path, &json!({})).await.expect(200);
        let seen = record(&agent, &held["execution_id"]).await;
        assert_eq!(modified(&seen), [told(&before, "before"), told(&after, "after")], "and not twice: {seen}");

        host.client().delete("/v1/modifiers/elsewhere").await.expect(204);
        let body = json!({ "demo": true }).to_string();
        let json_type = [("content-type", "application/json")];
        host.client().send("PATCH", "/v1/connections/by_hand", &json_type, body).await.expect(200);
        let held = call("yes").await;
        let path = format!("/v1/approvals/{}/approve", held["approval_id"].as_str().unwrap());
        host.client().post(&path, &json!({})).await.expect(200);
        let seen = record(&agent, &held["execution_id"]).await;
        let revisions: Vec<_> = modified(&seen).iter().map(|modifier| modifier["revision"].clone()).collect();
        assert_eq!((&seen["simulated"], revisions), (&json!(true), vec![json!(4), json!(4)]), "{seen}");
    })
    .await;
}

/// An administrator's test call tells that no modifier had a part in it.
#[tokio::test]
async fn a_test_call_is_told_as_such() {
    let bed = Bed::start().await;
    let removes = json!([{ "set": { "path": "/n", "value": 1 } }]);
    modifier(bed.client(), "all", "after", &json!("*"), &removes).await;
    bed.connect("ada").await;
    let found = bed.client().get("/v1/executions?trigger_type=connection_test").await.expect(200);
    let seen = record(bed.client(), &found["items"][0]["id"]).await;
    assert_eq!((&seen["surface"], &seen["rule"]), (&json!("account_test"), &Value::Null));
    let order: Vec<&str> = steps(&seen).iter().map(|(step, _)| *step).collect();
    assert_eq!(order, ["decided", "started", "request", "finished"]);
}
