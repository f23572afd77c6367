//! Lesson 9: what a connector declares is enforced: its imports at install, its clock by the host's.

use std::time::Duration;

use gloveport_probe::Probe;
use gloveport_tests::host::{Setup, TestHost};
use gloveport_tests::programs;
use serde_json::json;

use gloveport::model::{Clock, Timestamp};

use crate::probes::Case;

/// Each import that the probe needs, left out: refused by its name, and nothing is installed.
#[tokio::test]
async fn a_component_with_fewer_imports_than_it_needs_is_not_installed() {
    const ALL: [&str; 6] = ["http", "account", "log", "clock", "random", "progress"];
    let host = TestHost::start().await;
    let component = std::fs::read(programs::connector("probe")).unwrap();
    let wasm = [("content-type", "application/wasm")];
    for missing in ALL {
        let granted = ALL.into_iter().filter(|name| *name != missing).collect::<Vec<_>>().join(",");
        let path = format!("/v1/connectors?imports={granted}");
        let answer = host.client().send("POST", &path, &wasm, component.clone()).await;
        let told = answer.json();
        assert_eq!((answer.status, &told["code"], &told["culprit"]), (422, &json!("invalid_input"), &json!("guest")));
        let detail = told["detail"].as_str().unwrap();
        assert!(detail.contains(missing) && detail.contains("not granted"), "{detail}");
    }
    let only_http = host.client().send("POST", "/v1/connectors?imports=http", &wasm, component.clone()).await;
    assert_eq!(only_http.status, 422);
    let foreign = host.client().send("POST", "/v1/connectors?imports=filesystem", &wasm, component.clone()).await;
    assert_eq!(foreign.problem(400), "invalid_request");
    assert_eq!(host.client().get("/v1/connectors").await.expect(200)["items"], json!([]));
    let path = format!("/v1/connectors?imports={}", ALL.join(","));
    host.client().send("POST", &path, &wasm, component).await.expect(201);
}

/// An import that the manifest does not ask for cannot be granted either, nor one that no manifest can ask for.
#[tokio::test]
async fn an_import_that_was_not_asked_for_is_not_granted() {
    let host = TestHost::start().await;
    let component = std::fs::read(programs::connector("stripe")).unwrap();
    let wasm = [("content-type", "application/wasm")];
    for (imports, status, reason) in [
        ("http,progress", 422, "import `progress` was granted, but its manifest does not ask for it"),
        ("http,tools", 422, "import `tools` was granted, but its manifest does not ask for it"),
        ("http,dreams", 400, "there is no import `dreams`"),
        ("", 422, "which was not granted"),
    ] {
        let path = format!("/v1/connectors?imports={imports}");
        let told = host.client().send("POST", &path, &wasm, component.clone()).await.expect(status);
        assert!(told["detail"].as_str().unwrap().contains(reason), "{imports}: {told}");
    }
    assert_eq!(host.client().get("/v1/connectors").await.expect(200)["items"], json!([]));
}

/// HC-18: a guest's time is the host's, and the record's; two calls at the same time are the same.
#[tokio::test]
async fn the_guests_clock_is_the_hosts() {
    let clock = Clock::manual(Timestamp(1_700_000_000_123));
    let case = Case::with(Probe::ClockNow, Setup { clock: clock.clone(), ..Setup::usual() }).await;
    for _ in 0..2 {
        let outcome = case.call(&json!({})).await;
        assert_eq!(outcome.data()["items"], json!([1_700_000_000_123_u64, 1_700_000_000_123_u64]));
        assert_eq!(outcome.record["started_at"], "2023-11-14T22:13:20.123Z");
    }
    clock.advance(Duration::from_millis(877));
    assert_eq!(case.call(&json!({})).await.data()["items"], json!([1_700_000_001_000_u64, 1_700_000_001_000_u64]));
}
