//! The whole path on PostgreSQL, and two hosts on one database.

use gloveport_tests::host::{Setup, TestHost};
use gloveport_tests::postgres;
use serde_json::json;

use super::bed::Bed;

fn on(database: &str) -> Setup {
    Setup { database: Some(database.to_owned()), ..Setup::usual() }
}

#[tokio::test]
async fn the_whole_path_runs_on_postgresql() {
    let Some(database) = postgres::new_database() else { return };
    let bed = Bed::with(on(&database)).await;
    let canary = bed.connect("ada").await;
    bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
    let sent = bed.upstream.requests().pop().unwrap();
    assert_eq!(sent.header("authorization"), Some(format!("Bearer {}", canary.token()).as_str()));
    let found = bed.client().get("/v1/executions?identifier=ada&status=succeeded").await.expect(200);
    assert_eq!(found["total_size"], 2);
    assert_eq!(bed.host.execute("probe_whoami", "eve", &json!({})).await.problem(409), "account_not_connected");
    assert_eq!(bed.client().delete("/v1/connectors/probe").await.problem(409), "conflict");
}

/// Keys and executions are shared at once; what one host installs, another that starts later has.
#[tokio::test]
async fn two_hosts_share_a_database() {
    let Some(database) = postgres::new_database() else { return };
    let bed = Bed::with(on(&database)).await;
    bed.connect("ada").await;
    let second = TestHost::with(on(&database)).await;
    let made = bed.client().post("/v1/keys", &json!({ "role": "agent" })).await.expect(201);
    let agent = second.client().with_key(made["key"].as_str().unwrap());
    let tools = agent.get("/v1/tools?identifier=ada&include=deferred").await.expect(200);
    assert!(tools["total_size"].as_u64().unwrap() > 30, "{tools}");
    let body = json!({ "identifier": "ada", "input": {} });
    // A credential of the other host's master key does not open here, and nothing leaves.
    let sent = bed.upstream.requests().len();
    let problem = agent.post("/v1/tools/probe_whoami/execute", &body).await.expect(500);
    assert_eq!((&problem["code"], &problem["culprit"]), (&json!("internal"), &json!("host")));
    assert_eq!(bed.upstream.requests().len(), sent);
    let seen = bed.client().get("/v1/executions?status=failed").await.expect(200);
    assert_eq!((&seen["total_size"], &seen["items"][0]["id"]), (&json!(1), &problem["execution_id"]));
}
