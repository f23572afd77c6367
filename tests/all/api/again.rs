//! Requests that a provider asks to send again later: which are, how often, and what the record tells of it.

use std::sync::atomic::{AtomicUsize, Ordering};

use gloveport_tests::host::TestHost;
use gloveport_tests::imitation::{GitHub, Stripe, User};
use gloveport_tests::upstream::{Recorded, Reply};
use serde_json::{Value, json};

use super::bed::Bed;

/// An upstream that answers all but the test call with these statuses, in order, and then with 200; each with this
/// `Retry-After`.
async fn answering(statuses: &'static [u16], after: &'static str) -> Bed {
    let seen = AtomicUsize::new(0);
    let bed = Bed::answering(move |request: &Recorded| {
        if request.path() == "/whoami" {
            return Reply::json(200, &json!({ "ok": true }));
        }
        match statuses.get(seen.fetch_add(1, Ordering::SeqCst)) {
            Some(status) => Reply::text(*status, "later").header("retry-after", after),
            None => Reply::text(200, "at last"),
        }
    })
    .await;
    bed.connect("ada").await;
    bed
}

/// The requests that the record tells of: number, attempt, status, and the wait after it.
async fn recorded(bed: &Bed, answer: &Value) -> (Value, Vec<(u64, u64, u64, Option<u64>)>) {
    let id = answer["execution_id"].as_str().unwrap();
    let record = bed.client().get(&format!("/v1/executions/{id}")).await.expect(200);
    let timeline = record["timeline"].as_array().unwrap().clone();
    let requests = timeline.iter().filter(|event| event["step"] == "request").map(|event| {
        let sent = &event["request"];
        let number = |name: &str| sent[name].as_u64().unwrap();
        (number("number"), number("attempt"), number("status"), sent["again_after_ms"].as_u64())
    });
    let requests = requests.collect();
    (record, requests)
}

/// AK-506, KO-08: a read is sent again as the provider says; the guest sees the last answer alone, the record all.
#[tokio::test]
async fn a_read_is_sent_again_when_the_provider_says_so() {
    let bed = answering(&[429, 503], "0").await;
    let answer = bed.fetch("ada", "/things").await.expect(200);
    assert_eq!((&answer["data"]["status"], &answer["data"]["body"]), (&json!(200), &json!("at last")));
    let (record, requests) = recorded(&bed, &answer).await;
    assert_eq!(requests, [(1, 1, 429, Some(0)), (1, 2, 503, Some(0)), (1, 3, 200, None)]);
    assert_eq!(record["requests"], 3);
    let steps: Vec<_> = record["timeline"].as_array().unwrap().iter().map(|event| event["step"].clone()).collect();
    assert_eq!(steps, ["decided", "started", "request", "request", "request", "finished"]);
    let times: Vec<_> = record["timeline"].as_array().unwrap().iter().map(|event| event["at"].as_str()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let listed = bed.client().get("/v1/executions").await.expect(200);
    assert_eq!(listed["items"][0].get("timeline"), None);
}

/// Three times in all: the third answer is the guest's, whatever it is.
#[tokio::test]
async fn the_third_answer_is_the_last() {
    let bed = answering(&[429; 9], "0").await;
    let answer = bed.fetch("ada", "/things").await.expect(200);
    assert_eq!((&answer["data"]["status"], &answer["data"]["body"]), (&json!(429), &json!("later")));
    assert_eq!(bed.upstream.requests().len(), 1 + 3);
    let (_, requests) = recorded(&bed, &answer).await;
    assert_eq!(requests.last(), Some(&(1, 3, 429, None)));
}

/// A write that the provider would not know again is sent once, whatever the provider says.
#[tokio::test]
async fn a_write_is_not_sent_again() {
    let host = TestHost::start().await;
    let canary = host.plant();
    let github = GitHub::start(vec![User::new("ada", canary.token())]).await;
    host.install("github").await;
    host.connection("github", &github.upstream().url("")).await;
    host.account("github", "ada", &json!({ "token": canary.token() })).await.expect(201);
    let input = json!({ "owner": "acme", "repo": "widgets", "title": "Once" });
    for (round, status) in [429, 503].into_iter().enumerate() {
        github.interrupt(Reply::text(status, "later").header("retry-after", "0"));
        let refused = host.execute("github_issues_create", "ada", &input).await;
        assert!(refused.status >= 400, "{refused:?}");
        let requests = github.upstream().requests();
        assert_eq!(requests.iter().filter(|request| request.method == "POST").count(), round + 1);
    }
    host.execute("github_issues_create", "ada", &input).await.expect(200);
}

/// Nor what would take longer than the call may, nor what failed otherwise.
#[tokio::test]
async fn what_need_not_be_sent_again_is_not() {
    let read = json!({ "method": "GET", "target": "/things" });
    let cases: [(&'static [u16], &'static str, Value, u64); 4] = [
        (&[500], "0", read.clone(), 500),
        (&[502], "0", read.clone(), 502),
        (&[429], "3600", read.clone(), 429),
        // The call has 20 seconds.
        (&[429], "21", read, 429),
    ];
    for (statuses, after, input, expected) in cases {
        let bed = answering(statuses, after).await;
        let body = json!({ "identifier": "ada", "input": input, "timeout_ms": 20_000 });
        let answer = bed.client().post("/v1/tools/probe_fetch/execute", &body).await.expect(200);
        assert_eq!(answer["data"]["status"], json!(expected), "{input}");
        assert_eq!(bed.upstream.requests().len(), 2, "{input}");
        let (_, requests) = recorded(&bed, &answer).await;
        assert_eq!(requests, [(1, 1, expected, None)], "{input}");
    }
}

/// Several at once are sent again each for itself.
#[tokio::test]
async fn requests_at_once_are_sent_again_each() {
    let bed = answering(&[429, 429], "0").await;
    let one = json!({ "method": "GET", "target": "/things" });
    let input = json!({ "requests": [one, one, one] });
    let answer = bed.host.execute("probe_fetch_all", "ada", &input).await.expect(200);
    let statuses: Vec<_> =
        answer["data"]["items"].as_array().unwrap().iter().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, [200, 200, 200]);
    assert_eq!(bed.upstream.requests().len(), 1 + 5);
}

/// A write that the provider knows again by its header is sent again with the same one, and is done once there.
#[tokio::test]
async fn a_write_with_the_providers_header_is_sent_again() {
    let host = TestHost::start().await;
    let canary = host.plant();
    let stripe = Stripe::start(vec![User::new("acme", canary.token())]).await;
    host.client().put("/v1/policies/defaults", &json!({ "destroy": { "outcome": "allow" } })).await.expect(200);
    host.install("stripe").await;
    host.connection("stripe", &stripe.upstream().url("")).await;
    host.account("stripe", "ada", &json!({ "secret_key": canary.token() })).await.expect(201);
    for status in [429, 503] {
        stripe.interrupt(Reply::json(status, &json!({ "error": { "type": "api_error" } })).header("retry-after", "0"));
    }
    host.execute("refund.create", "ada", &json!({ "charge": "ch_1", "amount": 500 })).await.expect(200);
    let requests = stripe.upstream().requests();
    let posts = requests.iter().filter(|request| request.method == "POST");
    let keys: Vec<_> = posts.map(|request| request.header("idempotency-key").unwrap()).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_eq!(stripe.refunds(canary.token()), 1);
}

/// The timeline of a call that waited: what was asked, what was sent before, who decided, what was sent then.
#[tokio::test]
async fn a_call_that_waited_tells_of_both_runs() {
    let bed = answering(&[429], "0").await;
    let rule = json!({ "name": "ask", "condition": "effect == 'write'", "outcome": { "outcome": "ask" } });
    bed.client().post("/v1/policies", &rule).await.expect(201);
    let agent = bed.agent(None).await;
    let body = json!({ "identifier": "ada", "input": { "target": "/things" } });
    let held = agent.post("/v1/tools/probe_read_then_write/execute", &body).await.expect(202);
    let approve = format!("/v1/approvals/{}/approve", held["approval_id"].as_str().unwrap());
    bed.client().send("POST", &approve, &[], "").await.expect(200);
    let id = held["execution_id"].as_str().unwrap();
    let record = agent.get(&format!("/v1/executions/{id}?wait_ms=30000")).await.expect(200);
    let events = record["timeline"].as_array().unwrap();
    let told: Vec<String> = events
        .iter()
        .map(|event| match &event["request"] {
            Value::Null => event["step"].as_str().unwrap().to_owned(),
            sent => format!("{} {} {} {}", sent["number"], sent["attempt"], sent["method"], sent["status"]),
        })
        .collect();
    let expected = [
        "decided",
        "started",
        "1 1 \"GET\" 429",
        "1 2 \"GET\" 200",
        "waiting",
        "approved",
        "2 1 \"POST\" 200",
        "finished",
    ];
    assert_eq!(told, expected);
}
