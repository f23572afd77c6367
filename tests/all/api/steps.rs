//! HC-19: the log of a real host tells the steps of a call, one span each, all under the request's id.

use std::collections::BTreeMap;

use gloveport_tests::host::TestHost;
use gloveport_tests::upstream::{Reply, Upstream};
use serde_json::{Value, json};

/// The steps of design.md's list that a call has now, in the order of their beginnings, with the span that each is in.
const STEPS: [(&str, &str); 9] = [
    ("identity", "request"),
    ("resolve", "request"),
    ("policy", "request"),
    ("record_start", "request"),
    ("credential", "request"),
    ("guest", "request"),
    ("egress", "guest"),
    ("output", "request"),
    ("record_outcome", "request"),
];

/// Lines of the log so far that are JSON: the first lines for people are not.
fn lines(host: &TestHost) -> Vec<Value> {
    let output = String::from_utf8(host.output()).unwrap();
    output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The id of the request around a line.
fn request(line: &Value) -> Option<&str> {
    let around = line["spans"].as_array()?.iter().chain([&line["span"]]);
    around.filter(|span| span["name"] == "request").find_map(|span| span["id"].as_str())
}

/// Waits until the log tells that the request has ended, and gives all lines of it.
async fn of_request(host: &TestHost, id: &str) -> Vec<Value> {
    loop {
        let mut lines = lines(host);
        lines.retain(|line| request(line) == Some(id));
        if lines.iter().any(|line| line["span"]["name"] == "request" && line["fields"]["message"] == "close") {
            return lines;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn each_step_of_a_call_is_a_span_under_the_request_id() {
    let upstream = Upstream::start(|_| Reply::json(200, &json!({ "ok": true }))).await;
    let host = TestHost::spawn_child_with(&["--log-level", "debug", "--log-format", "json"]).await;
    host.install("probe").await;
    let body = json!({ "name": "probe", "connector": "probe", "auth_pattern": "bearer", "base_url": upstream.url("") });
    host.client().post("/v1/connections", &body).await.expect(201);
    host.account("probe", "ada", &json!({ "token": host.plant().token() })).await.expect(201);
    let answer = host.execute("probe_whoami", "ada", &json!({})).await;
    let id = answer.header("x-request-id").unwrap().to_owned();
    let execution = answer.expect(200)["execution_id"].as_str().unwrap().to_owned();
    let lines = of_request(&host, &id).await;
    let mut closed: BTreeMap<&str, (usize, &Value)> = BTreeMap::new();
    for line in lines.iter().filter(|line| line["fields"]["message"] == "close") {
        closed.entry(line["span"]["name"].as_str().unwrap()).or_insert((0, line)).0 += 1;
        assert!(line["fields"]["time.busy"].is_string(), "each says how long it took: {line}");
    }
    for (step, inside) in STEPS {
        let (times, line) = closed.remove(step).unwrap_or_else(|| panic!("no span for {step}: {lines:#?}"));
        assert_eq!(times, 1, "{step}: {lines:#?}");
        let around = line["spans"].as_array().unwrap().last().unwrap();
        assert_eq!(around["name"], inside, "{step}: {line}");
    }
    let rest: Vec<_> = closed.into_keys().collect();
    assert_eq!(rest, ["request"], "a step that nobody described");
    let succeeded = lines.iter().find(|line| line["fields"]["message"] == "call succeeded").unwrap();
    assert_eq!(succeeded["fields"]["execution"], execution);
    let guest = lines.iter().find(|line| line["span"]["name"] == "guest").unwrap();
    assert_eq!(guest["span"]["execution"], execution);
}

/// A call that ends early has the spans up to its end, and its own id; a host that was not asked for steps tells none.
#[tokio::test]
async fn a_refused_call_has_fewer_steps_and_a_quiet_host_tells_none() {
    let host = TestHost::spawn_child_with(&["--log-level", "debug", "--log-format", "json"]).await;
    let answer = host.execute("nothing_there", "ada", &json!({})).await;
    let id = answer.header("x-request-id").unwrap().to_owned();
    assert_eq!(answer.problem(404), "not_found");
    let lines = of_request(&host, &id).await;
    let closed = lines.iter().filter(|line| line["fields"]["message"] == "close");
    let closed: Vec<_> = closed.map(|line| line["span"]["name"].as_str().unwrap()).collect();
    assert_eq!(closed, ["identity", "resolve", "request"]);

    let mut quiet = TestHost::spawn_child_with(&["--log-format", "json"]).await;
    quiet.execute("nothing_there", "ada", &json!({})).await.problem(404);
    quiet.terminate().await;
    assert_eq!(quiet.exit_code().await, Some(0));
    assert!(self::lines(&quiet).iter().all(|line| line["fields"]["message"] != "close"));
}
