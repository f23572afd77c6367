//! What going on costs: a call that reads and writes, straight through, and stopped at its write and approved.

use gloveport_tests::host::TestHost;
use serde_json::{Value, json};

use crate::report::Single;

/// Calls of each kind: enough for a median, and a person's patience.
const CALLS: usize = 200;

/// The host's own time for a call, in microseconds, as its record tells: straight through, and from the approval on.
///
/// # Errors
///
/// When a call does not end as it should.
pub(crate) async fn measure(host: &TestHost, upstream: &str, credential: &str) -> Result<[Single; 2], String> {
    host.install("probe").await;
    let connection = json!({ "name": "probe", "connector": "probe", "auth_pattern": "bearer", "base_url": upstream });
    checked(host.client().post("/v1/connections", &connection).await.status, "connection")?;
    checked(host.account("probe", "ada", &json!({ "token": credential })).await.status, "account")?;
    let agent = host.caller("agent", "bench").await;
    let body = json!({ "identifier": "ada", "input": { "target": "/thing" } });
    let path = "/v1/tools/probe_read_then_write/execute";
    let mut straight = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let answer = agent.post(path, &body).await;
        checked(answer.status, "call")?;
        straight.push(total(&answer.json())?);
    }
    let rule = json!({ "name": "people look", "condition": "effect == 'write'", "outcome": { "outcome": "ask" } });
    checked(host.client().post("/v1/policies", &rule).await.status, "rule")?;
    let mut resumed = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let waiting = agent.post(path, &body).await.json();
        let text = |name: &str| waiting[name].as_str().ok_or(format!("a call did not wait: {waiting}"));
        let (execution, approval) = (text("execution_id")?, text("approval_id")?);
        let approve = format!("/v1/approvals/{approval}/approve");
        checked(host.client().post(&approve, &json!({})).await.status, "approval")?;
        let ended = agent.get(&format!("/v1/executions/{execution}?wait=30s")).await.json();
        resumed.push(total(&ended)?);
    }
    Ok([
        Single { name: "read and write, straight".into(), value: median(straight), unit: "µs" },
        Single { name: "the same, from approval on".into(), value: median(resumed), unit: "µs" },
    ])
}

fn total(answer: &Value) -> Result<f64, String> {
    match (answer["status"].as_str(), answer["timing"]["total_us"].as_f64()) {
        (Some("succeeded"), Some(total)) => Ok(total),
        _ => Err(format!("a call did not succeed: {answer}")),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn checked(status: u16, what: &str) -> Result<(), String> {
    if status < 300 { Ok(()) } else { Err(format!("{what}: HTTP {status}")) }
}
