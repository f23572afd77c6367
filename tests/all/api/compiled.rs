//! What a host needs of a connector when it starts again: the compiled artifact, or else the bytes that were installed.

use std::fs;

use gloveport_tests::host::TestHost;
use gloveport_tests::wat_guest;
use serde_json::json;
use sqlx::{Connection as _, Executor as _, SqliteConnection};

/// Starts the host anew after a change of its database.
async fn restarted(host: &mut TestHost, change: &str) {
    host.terminate().await;
    assert_eq!(host.exit_code().await, Some(0));
    let path = host.data().join("gloveport.db");
    let mut beside = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    beside.execute(sqlx::AssertSqlSafe(change)).await.unwrap();
    beside.close().await.unwrap();
    host.restart_child().await;
}

/// The bytes are read only where there is no artifact; and then, only the bytes that were installed will do (lesson 12).
#[tokio::test]
async fn a_start_reads_bytes_only_without_the_compiled_artifact() {
    let mut host = TestHost::spawn_child().await;
    let headers = [("content-type", "application/wasm")];
    let echo = wat_guest::connector("echo", "", wat_guest::ECHO);
    host.client().send("POST", "/v1/connectors", &headers, echo).await.expect(201);
    host.connection("echo", "https://api.invalid").await;
    host.account("echo", "ada", &json!({})).await.expect(201);
    let call = async |host: &TestHost| host.execute("echo_run", "ada", &json!({ "n": 1 })).await;
    call(&host).await.expect(200);

    // Were they read, these could not even be decoded.
    restarted(&mut host, "UPDATE components SET wasm = 'no base64 !'").await;
    call(&host).await.expect(200);

    fs::remove_dir_all(host.data().join("compiled")).unwrap();
    restarted(&mut host, "SELECT 1").await;
    assert_eq!(call(&host).await.problem(503), "unavailable", "nothing to run, and the database is to blame");

    // Another component under the old digest is not what was installed.
    let other = wat_guest::connector("other", "", wat_guest::ECHO);
    let change = format!("UPDATE components SET wasm = '{}'", base64(&other));
    restarted(&mut host, &change).await;
    let problem = call(&host).await.expect(500);
    assert!(problem["detail"].as_str().unwrap().contains("was changed in the database"), "{problem}");
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
