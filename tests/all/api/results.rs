//! An output that is longer than answers are is cut and not thrown away (lesson 16): the rest comes by ranges.

use std::time::Duration;

use gloveport::config::{KeepBodies, WrittenRetention};
use gloveport::model::{Clock, Timestamp};
use gloveport_tests::host::Setup;
use serde_json::{Value, json};

use super::bed::Bed;

/// The least that an operator can set.
const ANSWER_BYTES: usize = 1024;

fn setup(bodies: KeepBodies) -> Setup {
    let retention =
        WrittenRetention { bodies: Some(bodies), answer_bytes: Some(ANSWER_BYTES), ..WrittenRetention::default() };
    Setup { retention, ..Setup::usual() }
}

/// Text of more than one byte a character, so that no cut at a byte would do.
fn long() -> Value {
    json!({ "text": "aä日🙂".repeat(1_500) })
}

#[tokio::test]
async fn the_rest_of_a_long_output_comes_by_ranges() {
    let bed = Bed::with(setup(KeepBodies::All)).await;
    bed.connect("ada").await;
    let agent = bed.agent(None).await;
    let call = async |input: &Value| {
        let body = json!({ "identifier": "ada", "input": input });
        agent.post("/v1/tools/probe_echo/execute", &body).await.expect(200)
    };
    let short = json!({ "text": "x".repeat(ANSWER_BYTES - 20) });
    let answer = call(&short).await;
    assert_eq!((&answer["data"], &answer["cut"]), (&short, &Value::Null), "{answer}");
    let path = format!("/v1/executions/{}/result", answer["execution_id"].as_str().unwrap());
    assert_eq!(agent.get(&path).await.problem(404), "not_found", "it was answered whole");

    let answer = call(&long()).await;
    let cut = &answer["cut"];
    let whole = long().to_string();
    assert_eq!((&answer["status"], &answer["data"]), (&json!("succeeded"), &Value::Null));
    assert_eq!(cut["bytes"], whole.len(), "{cut}");
    let head = cut["head"].as_str().unwrap();
    assert!(whole.starts_with(head) && head.len() > 4_000, "{}", head.len());
    let path = format!("/v1/executions/{}/result", answer["execution_id"].as_str().unwrap());
    assert!(cut["url"].as_str().unwrap().ends_with(&path), "{cut}");
    assert_eq!(agent.get(&path).await.expect(200), long());
    let mut collected = Vec::new();
    while collected.len() < whole.len() {
        let range = format!("bytes={}-{}", collected.len(), collected.len() + 4_999);
        let part = agent.send("GET", &path, &[("range", range.as_str())], "").await;
        assert_eq!(part.status, 206);
        let end = (collected.len() + 5_000).min(whole.len()) - 1;
        let place = format!("bytes {}-{end}/{}", collected.len(), whole.len());
        assert_eq!(part.header("content-range"), Some(place.as_str()));
        collected.extend_from_slice(&part.body);
    }
    assert_eq!(collected, whole.as_bytes());
    let beyond = agent.send("GET", &path, &[("range", "bytes=999999-")], "").await;
    assert_eq!(beyond.header("content-range"), Some(format!("bytes */{}", whole.len()).as_str()));
    assert_eq!(beyond.problem(416), "invalid_request");
    // Who did not ask sees no output but the one without secrets.
    let stranger = bed.agent(None).await;
    for other in [&stranger, bed.client()] {
        assert_eq!(other.get(&path).await.problem(404), "not_found");
    }
    let record = agent.get(path.strip_suffix("/result").unwrap()).await.expect(200);
    assert_eq!((&record["data"], &record["output"]), (&Value::Null, &Value::Null), "{record}");
    assert_eq!(record["cut"]["bytes"], whole.len());
}

/// Whoever comes again with the same key is answered the same, and fetches from the same place.
#[tokio::test]
async fn a_long_answer_is_the_same_again() {
    let bed = Bed::with(setup(KeepBodies::All)).await;
    bed.connect("ada").await;
    let body = json!({ "identifier": "ada", "input": long() }).to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", "again")];
    let once = bed.client().send("POST", "/v1/tools/probe_echo/execute", &headers, body.clone()).await.expect(200);
    let again = bed.client().send("POST", "/v1/tools/probe_echo/execute", &headers, body).await.expect(200);
    assert_eq!(once, again);
    assert!(once["cut"]["expires_at"].is_string(), "{}", once["cut"]);
}

#[tokio::test]
async fn a_long_output_goes_when_its_time_is_over() {
    let clock = Clock::manual(Timestamp(1_800_000_000_000));
    let bed = Bed::with(Setup { clock: clock.clone(), ..setup(KeepBodies::All) }).await;
    bed.connect("ada").await;
    let answer = bed.host.execute("probe_echo", "ada", &long()).await.expect(200);
    let path = format!("/v1/executions/{}/result", answer["execution_id"].as_str().unwrap());
    bed.client().get(&path).await.expect(200);
    clock.advance(Duration::from_secs(14 * 24 * 60 * 60));
    bed.host.sweep().await;
    assert_eq!(bed.client().get(&path).await.problem(404), "not_found");
}

/// Where nothing is kept, nothing is cut either.
#[tokio::test]
async fn what_is_not_kept_is_answered_whole() {
    for bodies in [KeepBodies::Waiting, KeepBodies::None] {
        let bed = Bed::with(setup(bodies)).await;
        bed.connect("ada").await;
        assert_eq!(bed.host.execute("probe_echo", "ada", &long()).await.expect(200)["data"], long());
    }
}
