//! Calls that nobody waits for, and calls that somebody stops.

use gloveport_tests::host::{Answer, Client, TestHost};
use gloveport_tests::postgres;
use gloveport_tests::upstream::{Gate, Recorded, Reply};
use serde_json::{Value, json};

use super::bed::Bed;
use super::postgres::beside;

const JSON: (&str, &str) = ("content-type", "application/json");

async fn begin(client: &Client, tool: &str, body: &Value) -> Answer {
    let headers = [JSON, ("prefer", "wait=9, Respond-Async; q=1")];
    client.send("POST", &format!("/v1/tools/{tool}/execute"), &headers, body.to_string()).await
}

fn get(target: &str) -> Value {
    json!({ "identifier": "ada", "input": { "method": "GET", "target": target } })
}

fn post() -> Value {
    json!({ "identifier": "ada",
        "input": { "method": "POST", "target": "/things", "body": { "kind": "json", "text": "{}" } } })
}

async fn cancel(client: &Client, id: &Value) -> Answer {
    client.send("POST", &format!("/v1/executions/{}/cancel", id.as_str().unwrap()), &[], "").await
}

async fn ended(client: &Client, id: &Value) -> Value {
    client.get(&format!("/v1/executions/{}?wait_ms=30000", id.as_str().unwrap())).await.expect(200)
}

/// An upstream that holds back everything below `/slow` and every `POST` until the gate opens.
async fn gated(host: TestHost) -> (Gate, Bed) {
    let gate = Gate::closed();
    let held = gate.clone();
    let bed = Bed::on(host, move |request: &Recorded| {
        let slow = request.method == "POST" || request.path().starts_with("/slow");
        let reply = Reply::json(200, &json!({ "made": 1 }));
        if slow { reply.after(&held) } else { reply }
    })
    .await;
    bed.connect("ada").await;
    (gate, bed)
}

/// Issue 4, point 5: `Prefer: respond-async` answers as soon as the call has begun; its record has the answer.
#[tokio::test]
async fn a_call_goes_on_by_itself() {
    let (gate, bed) = gated(TestHost::start().await).await;
    let agent = bed.agent(None).await;
    let begun = begin(&agent, "probe_fetch", &get("/slow")).await;
    assert_eq!(begun.header("preference-applied"), Some("respond-async"));
    let begun = begun.expect(202);
    let id = &begun["execution_id"];
    assert_eq!(begun, json!({ "execution_id": id, "status": "started" }));
    bed.upstream.wait_for(2).await;
    let record = agent.get(&format!("/v1/executions/{}", id.as_str().unwrap())).await.expect(200);
    assert_eq!((&record["status"], record.get("data")), (&json!("started"), None));
    gate.open();
    let record = ended(&agent, id).await;
    assert_eq!(record["status"], "succeeded");
    assert_eq!(record["data"]["status"], 200, "{record}");
    assert_eq!(bed.agent(None).await.get(&format!("/v1/executions/{}", id.as_str().unwrap())).await.status, 404);
    // What cannot begin is said at once, and other preferences change nothing.
    assert_eq!(begin(&agent, "probe_nothing", &get("/")).await.problem(404), "not_found");
    let bad = json!({ "identifier": "ada", "input": { "target": 7 } });
    assert_eq!(begin(&agent, "probe_fetch", &bad).await.problem(422), "invalid_input");
    let headers = [JSON, ("prefer", "respond-asynchronously, return=minimal")];
    let plain = agent.send("POST", "/v1/tools/probe_fetch/execute", &headers, get("/now").to_string()).await;
    assert_eq!(plain.header("preference-applied"), None);
    assert_eq!(plain.expect(200)["status"], "succeeded");
}

/// With a key the answer is the key's as well, and while it runs the key says so.
#[tokio::test]
async fn a_call_that_goes_on_by_itself_may_have_a_key() {
    let (gate, bed) = gated(TestHost::start().await).await;
    let send = async |prefer: &str| {
        let headers = [JSON, ("prefer", prefer), ("idempotency-key", "k")];
        bed.client().send("POST", "/v1/tools/probe_fetch/execute", &headers, post().to_string()).await
    };
    let begun = send("respond-async").await.expect(202);
    bed.upstream.wait_for(2).await;
    assert_eq!(send("respond-async").await.problem(409), "conflict");
    gate.open();
    let record = ended(bed.client(), &begun["execution_id"]).await;
    let answer = send("respond-async").await.expect(200);
    assert_eq!((&answer["data"], &answer["execution_id"]), (&record["data"], &record["id"]));
    assert_eq!(bed.upstream.requests().len(), 2);
}

/// A host that stops ends what goes on by itself, too.
#[tokio::test]
async fn a_stopping_host_ends_it() {
    let (gate, mut bed) = gated(TestHost::start().await).await;
    begin(bed.client(), "probe_fetch", &post()).await.expect(202);
    bed.upstream.wait_for(2).await;
    gate.open();
    bed.host.stop().await;
}

/// A read that runs is stopped: guest and request end, the caller and the record say so, and the slot is free.
#[tokio::test]
async fn a_running_read_is_cancelled() {
    let (_gate, bed) = gated(TestHost::start().await).await;
    let agent = bed.agent(None).await;
    let slow = get("/slow");
    let (answer, ()) = tokio::join!(agent.post("/v1/tools/probe_fetch/execute", &slow), async {
        bed.upstream.wait_for(2).await;
        let found = agent.get("/v1/executions?status=started").await.expect(200);
        let id = &found["items"][0]["id"];
        assert_eq!(cancel(&bed.agent(None).await, id).await.problem(404), "not_found", "not its own");
        let record = cancel(&agent, id).await.expect(200);
        assert_eq!((&record["status"], &record["code"]), (&json!("cancelled"), &json!("cancelled")));
        assert_eq!(cancel(&agent, id).await.problem(409), "conflict", "it has ended");
    });
    assert_eq!(answer.problem(409), "cancelled");
    assert_eq!(agent.get("/v1/executions?status=cancelled").await.expect(200)["total_size"], 1);
    bed.host.execute("probe_fetch", "ada", &json!({ "target": "/now" })).await.expect(200);
}

/// A call that is cancelled while the provider works on a write: nobody knows, and the record says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_under_way_is_not_known() {
    let (_gate, bed) = gated(TestHost::start().await).await;
    let begun = begin(bed.client(), "probe_fetch", &post()).await.expect(202);
    bed.upstream.wait_for(2).await;
    let record = cancel(bed.client(), &begun["execution_id"]).await.expect(200);
    assert_eq!(record["status"], "unknown_outcome");
    assert!(record["detail"].as_str().unwrap().contains("not known"), "{record}");
    assert_eq!(ended(bed.client(), &begun["execution_id"]).await["status"], "unknown_outcome");
    assert_eq!(bed.upstream.requests().len(), 2);
}

/// A call that waits for a person ends, and nobody can approve it any more. The other way round as well.
#[tokio::test]
async fn a_waiting_call_is_cancelled() {
    for at in ["before", "at_write"] {
        let bed = Bed::start().await;
        bed.connect("ada").await;
        let rule =
            json!({ "name": "ask", "condition": "effect == 'write'", "outcome": { "outcome": "ask", "at": at } });
        bed.client().post("/v1/policies", &rule).await.expect(201);
        let agent = bed.agent(None).await;
        let held = begin(&agent, "probe_fetch", &post()).await.expect(202);
        // An asynchronous call comes to its write by itself.
        let id = &held["execution_id"];
        let mut record = json!(null);
        while record["status"] != "waiting" {
            record = agent.get(&format!("/v1/executions/{}", id.as_str().unwrap())).await.expect(200);
        }
        let approval = record["approval_id"].as_str().unwrap().to_owned();
        let record = cancel(&agent, id).await.expect(200);
        assert_eq!(record["status"], "cancelled", "{at}");
        let approve = bed.client().send("POST", &format!("/v1/approvals/{approval}/approve"), &[], "").await;
        assert_eq!(approve.problem(409), "conflict");
        let shown = bed.client().get("/v1/approvals?status=cancelled").await.expect(200);
        assert_eq!(shown["items"][0]["id"], json!(approval));
        assert_eq!(cancel(&agent, id).await.problem(409), "conflict");
        assert!(bed.upstream.requests().iter().all(|request| request.method != "POST"));
    }
}

/// What runs on another host is not touched, and the answer names where; what waits can be cancelled anywhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_hosts_call_is_not_cancelled_here() {
    let Some(database) = postgres::new_database() else { return };
    let (gate, bed) = gated(TestHost::with(beside(&database)).await).await;
    let second = TestHost::with(beside(&database)).await;
    let begun = begin(bed.client(), "probe_fetch", &post()).await.expect(202);
    bed.upstream.wait_for(2).await;
    let refused = cancel(second.client(), &begun["execution_id"]).await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("another host"), "{refused:?}");
    assert_eq!(refused.problem(409), "conflict");
    gate.open();
    assert_eq!(ended(second.client(), &begun["execution_id"]).await["status"], "succeeded");
    let rule =
        json!({ "name": "ask", "condition": "effect == 'write'", "outcome": { "outcome": "ask", "at": "before" } });
    bed.client().post("/v1/policies", &rule).await.expect(201);
    let held = bed.client().post("/v1/tools/probe_fetch/execute", &post()).await.expect(202);
    assert_eq!(cancel(second.client(), &held["execution_id"]).await.expect(200)["status"], "cancelled");
}

/// Names that are none, and calls that have ended by themselves.
#[tokio::test]
async fn what_does_not_run_is_not_cancelled() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let done = bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
    assert_eq!(cancel(bed.client(), &done["execution_id"]).await.problem(409), "conflict");
    for id in ["nothing", "exec_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        assert_eq!(cancel(bed.client(), &json!(id)).await.problem(404), "not_found");
    }
}

/// Issue 4, point 6: a write that was cut off is not told as one that failed. Nobody knows whether it arrived.
#[tokio::test]
async fn a_write_that_was_cut_off_has_an_unknown_outcome() {
    let bed = Bed::on(TestHost::start().await, |request: &Recorded| match request.path() {
        "/never" => Reply::never(),
        "/broken" => Reply::broken("text/plain", "half an ans"),
        _ => Reply::json(200, &json!({})),
    })
    .await;
    bed.connect("ada").await;
    let unknown = "Whether a write reached the provider is not known";
    for (method, target, status) in [
        ("POST", "/never", "unknown_outcome"),
        ("POST", "/broken", "unknown_outcome"),
        ("GET", "/never", "failed"),
        ("GET", "/broken", "failed"),
    ] {
        let input = json!({ "method": method, "target": target });
        let body = json!({ "identifier": "ada", "input": input, "timeout_ms": 1_000 });
        let answer = bed.client().post("/v1/tools/probe_fetch_or_fail/execute", &body).await;
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        let record = ended(bed.client(), &problem["execution_id"]).await;
        assert_eq!(record["status"], status, "{method} {target}: {record}");
        let told = problem["detail"].as_str().unwrap();
        assert_eq!(told.contains(unknown), status == "unknown_outcome", "{method} {target}: {told}");
        assert_eq!(record["detail"], problem["detail"]);
    }
}
