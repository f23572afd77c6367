//! Connectors that bring WASI along: named in the manifest and granted, or refused; and sealed as all others are.

mod guest;

use gloveport_tests::canary::assert_absent;
use gloveport_tests::host::{ADMIN_KEY, Answer, TestHost};
use gloveport_tests::upstream::{Recorded, Reply, Upstream};
use serde_json::json;

use super::wasm::probe;

async fn install(host: &TestHost, query: &str, component: Vec<u8>) -> Answer {
    host.client()
        .send("POST", &format!("/v1/connectors{query}"), &[("content-type", "application/wasm")], component)
        .await
}

/// Lesson 9: what the manifest does not name, or the operator does not grant, the component does not get.
#[tokio::test]
async fn wasi_is_named_and_granted_or_the_component_is_refused() {
    let host = TestHost::start().await;
    for (imports, query, reason) in [
        (&["http"][..], "", "imports `wasi`, which was not granted"),
        (&["wasi"], "", "imports `http`, which was not granted"),
        (&["http", "log", "clock", "random", "account", "progress"], "", "imports `wasi`, which was not granted"),
        (&["http", "wasi"], "?imports=http", "imports `wasi`, which was not granted"),
        (&["http", "wasi"], "?imports=", "which was not granted"),
        (&["http"], "?imports=http,wasi", "import `wasi` was granted, but its manifest does not ask for it"),
        (&["http", "wasi:cli"], "", "import `wasi:cli` is not offered"),
        (&["http", "WASI"], "", "import `WASI` is not offered"),
    ] {
        let told = install(&host, query, guest::wanting(imports)).await.expect(422);
        assert_eq!((&told["code"], &told["culprit"]), (&json!("invalid_input"), &json!("guest")), "{told}");
        assert!(told["detail"].as_str().unwrap().contains(reason), "{imports:?} {query}: {told}");
    }
    let unasked = install(&host, "?imports=http,account,log,clock,random,progress,wasi", probe()).await.expect(422);
    assert!(unasked["detail"].as_str().unwrap().contains("import `wasi` was granted"), "{unasked}");
    assert_eq!(host.client().get("/v1/connectors").await.expect(200)["total_size"], 0);
    let made = install(&host, "", guest::wanting(&["http", "wasi"])).await.expect(201);
    assert_eq!(made["imports"], json!(["http", "wasi"]));
}

/// HC-17: neither the credential, which the upstream sends back, nor a variable of the host's process, its first key
/// among them, is anywhere in the memory of a guest with WASI; and what it writes is in the log as its own.
#[tokio::test]
async fn neither_credential_nor_environment_gets_into_a_guest_with_wasi() {
    let host = TestHost::spawn_child().await;
    install(&host, "", guest::wanting(&["http", "wasi"])).await.expect(201);
    let upstream = Upstream::start(|request: &Recorded| {
        Reply::text(200, &format!("an echo of {}", request.header("authorization").unwrap_or("nothing")))
    })
    .await;
    host.connection("dump", &upstream.url("")).await;
    let canary = host.plant();
    host.account("dump", "ada", &json!({ "token": canary.token() })).await.expect(201);
    let answer = host.execute(guest::TOOL, "ada", &json!({})).await.expect(200);
    let requests = upstream.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("authorization"), Some(format!("Bearer {}", canary.token()).as_str()));

    let memory = guest::memory(&answer["data"]);
    assert!(has(&memory, b"an echo of Bearer "), "the guest got the answer, and this is its memory");
    assert_absent(&canary, "the guest's memory", &memory);
    assert!(!has(&memory, ADMIN_KEY.as_bytes()), "a variable of the host's process");
    // The child has all variables of this process as well.
    let mut variables = 0;
    for (name, value) in std::env::vars_os().filter(|(_, value)| value.len() >= 8) {
        assert!(!has(&memory, value.as_encoded_bytes()), "{name:?}");
        variables += 1;
    }
    assert_ne!(variables, 0, "cargo sets some");
    logged(&host, guest::SAID);
}

/// Waits for nothing: the line is written before the call is answered.
fn logged(host: &TestHost, text: &str) {
    let (_, log) = host.traces().into_iter().find(|(label, _)| label == "the log").unwrap();
    let log = String::from_utf8_lossy(&log).into_owned();
    let line = log.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("guest") && line.contains("dump"), "marked as the guest's own: {line}");
}

fn has(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|part| part == what)
}
