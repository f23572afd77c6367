//! Guests that use up time, memory, stack, and the host's patience (lesson 11): stopped, with the limit named.

use serde_json::json;

use super::{Case, Outcome, USER};

/// What the guest logged in an execution.
fn logged(outcome: &Outcome) -> Vec<String> {
    let lines = lines(outcome).into_iter().filter(|line| line["target"] == "guest");
    lines.map(|line| line["fields"]["message"].as_str().unwrap_or_default().to_owned()).collect()
}

/// How many of its lines the host says that it dropped.
fn dropped(outcome: &Outcome) -> Option<u64> {
    lines(outcome).iter().find_map(|line| line["fields"]["dropped"].as_u64())
}

/// All lines of the log that name an execution.
fn lines(outcome: &Outcome) -> Vec<serde_json::Value> {
    let id = outcome.record["id"].as_str().unwrap();
    let log = gloveport_tests::host::log::lines();
    let lines = log.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    lines.filter(|line: &serde_json::Value| line["fields"]["execution"] == id).collect()
}

/// Stopped by its own time, and by the caller's deadline where that is shorter.
pub(super) async fn endless_loop(case: &Case) {
    let detail = case.call(&json!({})).await.requests(0).failed(502, "guest_limit", "limit");
    assert!(detail.contains("guest_cpu_ms (5000)"), "{detail}");
    let outcome = case.call_with(json!({ "input": {}, "timeout_ms": 100 })).await;
    let detail = outcome.requests(0).failed(502, "guest_limit", "limit");
    assert!(detail.contains("no result within 100 ms, in the connector"), "{detail}");
}

pub(super) async fn spin(case: &Case) {
    let (short, again) = (case.call(&json!({ "times": 1000 })).await, case.call(&json!({ "times": 1000 })).await);
    assert_eq!(short.requests(0).data(), again.data());
    case.call(&json!({ "times": u64::MAX })).await.failed(502, "guest_limit", "limit");
    let unfit = case.host.execute("probe_spin", USER, &json!({ "times": -1 })).await;
    assert_eq!(unfit.problem(422), "invalid_input");
}

/// A guest that gets on without what it was refused has done nothing wrong; 64 MiB are 1,024 pages.
pub(super) async fn memory_growth(case: &Case) {
    for _ in 0..3 {
        let data = case.call(&json!({})).await.requests(0).data();
        assert_eq!(data["refused"], true);
        let pages = data["pages"].as_u64().unwrap();
        assert!((1000..=1024).contains(&pages), "{pages}");
    }
}

pub(super) async fn deep_recursion(case: &Case) {
    let detail = case.call(&json!({})).await.requests(0).failed(502, "guest_limit", "limit");
    assert!(detail.contains("guest_stack_bytes"), "{detail}");
}

/// Host calls are the guest's own time.
pub(super) async fn hostcall_flood(case: &Case) {
    let detail = case.call(&json!({})).await.requests(0).failed(502, "guest_limit", "limit");
    assert!(detail.contains("guest_cpu_ms"), "{detail}");
}

/// A hundred lines are kept; the call itself has done nothing wrong.
pub(super) async fn log_flood(case: &Case) {
    let outcome = case.call(&json!({ "times": 100_000 })).await;
    outcome.requests(0).data();
    let lines = logged(&outcome);
    assert_eq!(lines.len(), 100);
    assert_eq!((lines[0].as_str(), lines[99].as_str()), ("line 0", "line 99"));
    assert_eq!(dropped(&outcome), Some(99_900));
}

pub(super) async fn gigantic_log(case: &Case) {
    let outcome = case.call(&json!({ "bytes": 1 << 20 })).await;
    outcome.requests(0).data();
    let lines = logged(&outcome);
    assert_eq!((lines.len(), lines[0].len()), (1, 1024 + '…'.len_utf8()));
    let detail = case.call(&json!({ "bytes": 17 << 20 })).await.failed(502, "guest_limit", "limit");
    assert!(detail.contains("host_call_bytes"), "{detail}");
}

pub(super) async fn progress_flood(case: &Case) {
    case.call(&json!({ "times": 100_000 })).await.requests(0).data();
}

/// CVE-2026-27204: the guest asks for 4 GiB a time and gets what the contract says.
pub(super) async fn random_flood(case: &Case) {
    assert_eq!(case.call(&json!({ "times": 1000 })).await.requests(0).data(), 1000 * 1024);
}
