//! A guest that grows its table without an end, which no compiler lets a Rust guest do: written by hand, and installed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gloveport_probe::Probe;
use gloveport_tests::host::{ADMIN_KEY, TestHost};
use gloveport_tests::wat_guest;
use serde_json::json;

use super::{Case, USER};

/// Grows its table by so many elements again and again, until that is refused; then does `after`.
fn table_hog(name: &str, step: u32, after: &str) -> Vec<u8> {
    let grow = format!("(table.grow $table (ref.null func) (i32.const {step}))");
    let call = format!("(loop $again (br_if $again (i32.ne (i32.const -1) {grow}))) {after}");
    wat_guest::connector(name, "(table $table 1 funcref)", &call)
}

async fn install(host: &TestHost, name: &str, component: Vec<u8>) {
    let headers = [("content-type", "application/wasm")];
    host.client().send("POST", "/v1/connectors", &headers, component).await.expect(201);
    host.connection(name, "https://api.invalid").await;
    host.account(name, USER, &json!({})).await.expect(201);
}

/// Lesson 11: contained with its limit named, at any step; a guest that gets on without the longer table is none of it.
#[tokio::test]
async fn table_growth_is_contained() {
    let case = Case::of(Probe::Echo).await;
    for (name, step, after, code) in [
        ("small_steps", 1_000, "unreachable", Some("guest_limit")),
        ("one_step", 100_000_000, "unreachable", Some("guest_limit")),
        ("modest", 1_000, wat_guest::ECHO, None),
    ] {
        install(&case.host, name, table_hog(name, step, after)).await;
        let answer = case.host.execute(&format!("{name}_run"), USER, &json!({ "n": 1 })).await;
        let Some(code) = code else {
            assert_eq!(answer.expect(200)["data"], json!({ "n": 1 }), "{name}");
            continue;
        };
        let problem = answer.expect(502);
        assert_eq!((&problem["code"], &problem["culprit"]), (&json!(code), &json!("limit")), "{name}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("guest_table_elements"), "{name}: {problem}");
        let path = format!("/v1/executions/{}", problem["execution_id"].as_str().unwrap());
        assert_eq!(case.host.client().get(&path).await.expect(200)["code"], code, "{name}");
    }
    assert!(case.arrived().is_empty());
}

/// While tables are grown in several instances at once, again and again, another connector's calls go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_neighbours_calls_go_on_beside_table_hogs() {
    let case = Case::of(Probe::Echo).await;
    install(&case.host, "hog", table_hog("hog", 1, "unreachable")).await;
    let stop = Arc::new(AtomicBool::new(false));
    let hogs: Vec<_> = (0..4)
        .map(|_| {
            let (client, stop) = (case.host.client().with_key(ADMIN_KEY), Arc::clone(&stop));
            tokio::spawn(async move {
                let body = json!({ "identifier": USER, "input": {} });
                let mut codes = Vec::new();
                while !stop.load(Ordering::Relaxed) || codes.is_empty() {
                    codes.push(client.post("/v1/tools/hog_run/execute", &body).await.problem(502));
                }
                codes
            })
        })
        .collect();
    for n in 0..20 {
        assert_eq!(case.call(&json!({ "n": n })).await.requests(0).data(), json!({ "n": n }));
    }
    stop.store(true, Ordering::Relaxed);
    for hog in hogs {
        assert!(hog.await.unwrap().iter().all(|code| code == "guest_limit"));
    }
}
