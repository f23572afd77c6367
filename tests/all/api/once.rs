//! `Idempotency-Key`: the same key and the same call run once, whoever asks how often, and through which host.

use gloveport::config::Records;
use gloveport::model::{Clock, Timestamp};
use gloveport_tests::host::{Answer, Client, Setup, TestHost};
use gloveport_tests::postgres;
use gloveport_tests::upstream::{Gate, Recorded, Reply, Upstream};
use serde_json::{Value, json};

use super::bed::Bed;
use super::postgres::beside;

const JSON: (&str, &str) = ("content-type", "application/json");

fn write_body(text: &str) -> Value {
    json!({ "identifier": "ada",
        "input": { "method": "POST", "target": "/things", "body": { "kind": "json", "text": text } } })
}

async fn keyed(client: &Client, tool: &str, key: &str, body: &Value) -> Answer {
    let headers = [JSON, ("idempotency-key", key)];
    client.send("POST", &format!("/v1/tools/{tool}/execute"), &headers, body.to_string()).await
}

async fn write(client: &Client, key: &str) -> Answer {
    keyed(client, "probe_fetch", key, &write_body("{}")).await
}

fn posts(bed: &Bed) -> usize {
    bed.upstream.requests().iter().filter(|request| request.method == "POST").count()
}

/// A host whose upstream holds back what `POST`s until the gate opens.
async fn gated(host: TestHost) -> (Gate, Bed) {
    let gate = Gate::closed();
    let held = gate.clone();
    let bed = Bed::on(host, move |request: &Recorded| match request.method.as_str() {
        "POST" => Reply::text(201, "made").after(&held),
        _ => Reply::json(200, &json!({ "ok": true })),
    })
    .await;
    bed.connect("ada").await;
    (gate, bed)
}

/// Issue 4, point 6: the same key and body are answered from what is kept, byte for byte; another body is refused, and
/// none of it reaches the provider. Without a key each call is its own.
#[tokio::test]
async fn the_same_key_runs_once() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let client = bed.client();
    let first = write(client, "k-1").await;
    assert_eq!(first.status, 200);
    for _ in 0..3 {
        let again = write(client, "k-1").await;
        assert_eq!((again.status, &again.body), (200, &first.body));
    }
    assert_eq!(posts(&bed), 1);
    // Only what describes the call may differ.
    let mut described = write_body("{}");
    described["tool_call_id"] = json!("call-2");
    assert_eq!(keyed(client, "probe_fetch", "k-1", &described).await.body, first.body);
    let mut elsewhere = write_body("{}");
    elsewhere["connection"] = json!("probe");
    for (tool, body) in [
        ("probe_fetch", write_body("{ }")),
        ("probe_fetch_or_fail", write_body("{}")),
        ("probe_fetch", elsewhere),
        ("probe_fetch", json!({ "input": write_body("{}")["input"] })),
    ] {
        let refused = keyed(client, tool, "k-1", &body).await;
        assert_eq!(refused.json()["execution_id"], first.json()["execution_id"]);
        assert_eq!(refused.problem(409), "conflict", "{tool} {body}");
    }
    assert_eq!(posts(&bed), 1);
    assert_ne!(write(client, "K-1").await.body, first.body, "another key");
    client.post("/v1/tools/probe_fetch/execute", &write_body("{}")).await.expect(200);
    assert_eq!(posts(&bed), 3);
}

/// A key is the API key's own: another caller with the same one knows nothing of it.
#[tokio::test]
async fn a_key_is_its_callers_own() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let (one, two) = (bed.agent(None).await, bed.agent(Some("ada")).await);
    let first = write(&one, "shared").await.expect(200);
    let second = keyed(&two, "probe_fetch", "shared", &write_body("[]")).await.expect(200);
    assert_ne!(first["execution_id"], second["execution_id"]);
    assert_eq!(posts(&bed), 2);
}

/// A failure is an answer as well. What never began (bad input, nobody connected, a policy) takes no key.
#[tokio::test]
async fn failures_are_kept_and_refusals_are_not() {
    let bed = Bed::answering(|request| match request.path() {
        "/whoami" => Reply::json(200, &json!({})),
        _ => Reply::text(400, "no"),
    })
    .await;
    bed.host.plant();
    let body = json!({ "identifier": "ada", "input": { "target": "http://elsewhere.invalid/" } });
    let early = keyed(bed.client(), "probe_fetch", "k", &body).await;
    assert_eq!(early.problem(409), "account_not_connected");
    bed.connection_by("open", "none", &bed.upstream.url("")).await;
    bed.host.account("open", "ada", &json!({})).await.expect(201);
    let bad = json!({ "identifier": "ada", "input": { "target": 7 } });
    assert_eq!(keyed(bed.client(), "probe_fetch_or_fail", "k", &bad).await.problem(422), "invalid_input");
    let first = keyed(bed.client(), "probe_fetch_or_fail", "k", &body).await;
    assert!(first.status >= 400, "{first:?}");
    assert!(first.json()["execution_id"].is_string(), "{first:?}");
    let again = keyed(bed.client(), "probe_fetch_or_fail", "k", &body).await;
    assert_eq!((again.status, again.body), (first.status, first.body));
    assert_eq!(bed.client().get("/v1/executions?tool=probe_fetch_or_fail").await.expect(200)["total_size"], 1);
}

/// Keys that are none.
#[tokio::test]
async fn a_key_is_short_and_visible() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let longest = "k".repeat(255);
    write(bed.client(), &longest).await.expect(200);
    let too_long = "k".repeat(256);
    for key in ["", " ", "two words", "tab\tbed", "schlüssel", &too_long] {
        assert_eq!(write(bed.client(), key).await.problem(400), "invalid_request", "{key:?}");
    }
    let twice = [JSON, ("idempotency-key", "a"), ("idempotency-key", "a")];
    let path = "/v1/tools/probe_fetch/execute";
    let refused = bed.client().send("POST", path, &twice, write_body("{}").to_string()).await;
    assert_eq!(refused.problem(400), "invalid_request");
    assert_eq!(posts(&bed), 1);
}

/// While it runs, the others are told which execution to look at; a hundred at once are one.
#[tokio::test]
async fn while_it_runs_the_others_are_told_so() {
    let (gate, bed) = gated(TestHost::start().await).await;
    let client = bed.client();
    let all = async { futures_util::future::join_all((0..20).map(|_| write(client, "k"))).await };
    let (answers, ()) = tokio::join!(all, async {
        bed.upstream.wait_for(2).await;
        let told = write(client, "k").await;
        let running = told.json()["execution_id"].clone();
        assert_eq!(told.problem(409), "conflict");
        let found = client.get("/v1/executions?status=started").await.expect(200);
        assert_eq!((&found["total_size"], &found["items"][0]["id"]), (&json!(1), &running));
        gate.open();
    });
    let ran = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(ran >= 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.status == 409));
    assert_eq!(posts(&bed), 1);
    write(client, "k").await.expect(200);
    assert_eq!(posts(&bed), 1);
}

/// The power goes in the middle: the key says that the outcome is not known, and the write is not repeated.
#[tokio::test]
async fn after_a_crash_nothing_is_repeated() {
    let (gate, mut bed) = gated(TestHost::spawn_child().await).await;
    let done = write(bed.client(), "done-before");
    let ((), _) = tokio::join!(
        async {
            bed.upstream.wait_for(2).await;
            gate.open();
        },
        done
    );
    let before = write(bed.client(), "done-before").await;
    let closed = Gate::closed();
    drop(gate);
    // A second upstream that never answers, so that the kill comes while the write is under way.
    let held = closed.clone();
    let slow = Upstream::start(move |request: &Recorded| match request.method.as_str() {
        "POST" => Reply::text(201, "made").after(&held),
        _ => Reply::json(200, &json!({})),
    })
    .await;
    bed.connection_by("slow", "none", &slow.url("")).await;
    bed.host.account("slow", "bob", &json!({})).await.expect(201);
    let body = json!({ "identifier": "bob", "input": write_body("{}")["input"] });
    let other = bed.client().with_key(gloveport_tests::host::ADMIN_KEY);
    let asked = body.clone();
    let caller = tokio::spawn(async move {
        let headers = [JSON, ("idempotency-key", "cut")];
        other.try_send("POST", "/v1/tools/probe_fetch/execute", &headers, asked.to_string()).await.is_ok()
    });
    slow.wait_for(2).await;
    bed.host.kill().await;
    assert!(!caller.await.unwrap());
    closed.open();
    bed.host.restart_child().await;
    for _ in 0..2 {
        let told = keyed(bed.client(), "probe_fetch", "cut", &body).await;
        let problem = told.clone().expect(409);
        assert!(problem["detail"].as_str().unwrap().contains("not known"), "{problem}");
        let path = format!("/v1/executions/{}", problem["execution_id"].as_str().unwrap());
        assert_eq!(bed.client().get(&path).await.expect(200)["status"], "unknown_outcome");
        assert_eq!(told.problem(409), "conflict");
    }
    assert_eq!(slow.requests().len(), 2, "the test call and the write");
    // What had ended before is still there.
    assert_eq!(write(bed.client(), "done-before").await.body, before.body);
    assert_eq!(posts(&bed), 1);
}

/// Two hosts on one database get the same key at the same time: one of them runs it, and both know the answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_run_it_once() {
    let Some(database) = postgres::new_database() else { return };
    let bed = Bed::with(beside(&database)).await;
    let canary = bed.connect("ada").await;
    let second = TestHost::with(beside(&database)).await;
    second.search_for(canary);
    for round in 0..10 {
        let key = format!("round-{round}");
        let both = (0..6).map(|n| write(if n % 2 == 0 { bed.client() } else { second.client() }, &key));
        for answer in futures_util::future::join_all(both).await {
            assert!(answer.status == 200 || answer.status == 409, "{answer:?}");
        }
        assert_eq!(posts(&bed), round + 1);
        let (here, there) = (write(bed.client(), &key).await, write(second.client(), &key).await);
        assert_eq!((here.status, &here.body), (200, &there.body));
    }
    assert_eq!(posts(&bed), 10);
}

/// A call that waits for a person answers the same 202 to whoever asks again, runs once when it was approved, and then
/// gives its answer to the key.
#[tokio::test]
async fn a_call_that_waits_keeps_its_key() {
    for at in ["before", "at_write"] {
        let bed = Bed::start().await;
        bed.connect("ada").await;
        let rule =
            json!({ "name": "ask", "condition": "effect == 'write'", "outcome": { "outcome": "ask", "at": at } });
        bed.client().post("/v1/policies", &rule).await.expect(201);
        let agent = bed.agent(None).await;
        let first = write(&agent, "k").await;
        let waiting = first.clone().expect(202);
        assert_eq!(waiting["status"], "waiting");
        assert_eq!(write(&agent, "k").await.body, first.body, "the same ids");
        let other = keyed(&agent, "probe_fetch", "k", &write_body("[]")).await;
        assert_eq!(other.problem(409), "conflict");
        let approve = format!("/v1/approvals/{}/approve", waiting["approval_id"].as_str().unwrap());
        bed.client().send("POST", &approve, &[], "").await.expect(200);
        let execution = format!("/v1/executions/{}?wait_ms=30000", waiting["execution_id"].as_str().unwrap());
        let ended = agent.get(&execution).await.expect(200);
        assert_eq!(ended["status"], "succeeded", "{ended}");
        let answer = write(&agent, "k").await.expect(200);
        assert_eq!((&answer["data"], &answer["execution_id"]), (&ended["data"], &ended["id"]));
        assert_eq!(posts(&bed), 1, "{at}");
        // And one that is turned down says so.
        let refused = write(&agent, "k-2").await.expect(202);
        let reject = format!("/v1/approvals/{}/reject", refused["approval_id"].as_str().unwrap());
        bed.client().post(&reject, &json!({ "reason": "not today" })).await.expect(200);
        let told = write(&agent, "k-2").await;
        assert!(told.json()["detail"].as_str().unwrap().contains("not today"), "{told:?}");
        assert_eq!(told.problem(403), "approval_rejected");
        assert_eq!(posts(&bed), 1, "{at}");
    }
}

/// A key is free again a day after its call has ended.
#[tokio::test]
async fn a_key_is_free_again_after_a_day() {
    let clock = Clock::manual(Timestamp(1_760_000_000_000));
    let bed = Bed::with(Setup { clock: clock.clone(), ..Setup::usual() }).await;
    bed.connect("ada").await;
    let first = write(bed.client(), "k").await.expect(200);
    clock.advance(std::time::Duration::from_secs(24 * 60 * 60 - 1));
    assert_eq!(write(bed.client(), "k").await.expect(200), first);
    clock.advance(std::time::Duration::from_secs(1));
    assert_ne!(write(bed.client(), "k").await.expect(200), first);
    assert_eq!(posts(&bed), 2);
}

/// Without records there is nothing to answer from: a key is refused, and who does not want to wait has to.
#[tokio::test]
async fn without_records_no_key_is_honoured() {
    let bed = Bed::with(Setup { records: Records::Off, ..Setup::usual() }).await;
    bed.connect("ada").await;
    assert_eq!(write(bed.client(), "k").await.problem(400), "invalid_request");
    assert_eq!(posts(&bed), 0);
    let headers = [JSON, ("prefer", "respond-async")];
    let path = "/v1/tools/probe_fetch/execute";
    let answer = bed.client().send("POST", path, &headers, write_body("{}").to_string()).await;
    assert_eq!(answer.header("preference-applied"), None);
    assert_eq!(answer.expect(200)["status"], "succeeded");
}
