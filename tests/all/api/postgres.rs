//! The whole path on PostgreSQL, and two hosts on one database.

use gloveport_tests::host::{Setup, TestHost};
use gloveport_tests::{postgres, wat_guest};
use serde_json::json;

use super::bed::Bed;

/// A master key that several hosts have: base64 of 32 bytes.
const SHARED_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A host with a master key of its own.
fn on(database: &str) -> Setup {
    Setup { database: Some(database.to_owned()), ..Setup::usual() }
}

/// A host with the master key of the others.
pub(super) fn beside(database: &str) -> Setup {
    Setup { master_key: Some(SHARED_KEY.into()), ..on(database) }
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

/// Keys, accounts with their credentials, and executions are shared at once.
#[tokio::test]
async fn two_hosts_share_a_database() {
    let Some(database) = postgres::new_database() else { return };
    let bed = Bed::with(beside(&database)).await;
    let canary = bed.connect("ada").await;
    let second = TestHost::with(beside(&database)).await;
    second.search_for(canary.clone());
    let made = bed.client().post("/v1/keys", &json!({ "role": "agent" })).await.expect(201);
    let agent = second.client().with_key(made["key"].as_str().unwrap());
    let tools = agent.get("/v1/tools?identifier=ada&include=deferred").await.expect(200);
    assert!(tools["total_size"].as_u64().unwrap() > 30, "{tools}");
    let body = json!({ "identifier": "ada", "input": {} });
    let ran = agent.post("/v1/tools/probe_whoami/execute", &body).await.expect(200);
    let sent = bed.upstream.requests().pop().unwrap();
    assert_eq!(sent.header("authorization"), Some(format!("Bearer {}", canary.token()).as_str()));
    let path = format!("/v1/executions/{}", ran["execution_id"].as_str().unwrap());
    assert_eq!(bed.client().get(&path).await.expect(200)["status"], "succeeded");
}

/// A host that came with a master key of its own could open nothing and would store what nobody else can open: it does
/// not start, and says which file to bring. On a database of its own it starts.
#[tokio::test]
async fn a_host_with_another_master_key_does_not_start() {
    let Some(database) = postgres::new_database() else { return };
    let first = TestHost::with(beside(&database)).await;
    let refused = TestHost::try_with(on(&database)).await.err().unwrap().to_string();
    for part in ["sealed with", "only has", "`master.key`", "GLOVEPORT_MASTER_KEY", "key rotate"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    drop(first);
    // Even with nobody there, and nothing sealed.
    assert!(TestHost::try_with(on(&database)).await.is_err());
    // Two keys, one of which is known, are how a key is changed; afterwards the new one alone will do.
    let other = "HxwdHh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRo=";
    let both = Setup { master_key: Some(format!("{other},{SHARED_KEY}")), ..on(&database) };
    drop(TestHost::with(both).await);
    drop(TestHost::with(Setup { master_key: Some(other.into()), ..on(&database) }).await);
    let Some(fresh) = postgres::new_database() else { return };
    drop(TestHost::with(on(&fresh)).await);
}

/// What one host installs or removes, the other has without a restart: at once for who asks for it by name, and a moment
/// later in its lists.
#[tokio::test]
async fn connectors_reach_every_host_without_a_restart() {
    let Some(database) = postgres::new_database() else { return };
    let first = TestHost::with(beside(&database)).await;
    let second = TestHost::with(beside(&database)).await;
    assert_eq!(second.client().get("/v1/tools/probe_echo").await.problem(404), "not_found");
    first.install("probe").await;
    // Nobody has looked at a list: the name alone makes the second host look.
    assert_eq!(second.client().get("/v1/connectors/probe").await.expect(200)["name"], "probe");
    let headers = [("content-type", "application/wasm")];
    let echo = wat_guest::connector("by_hand", "", wat_guest::ECHO);
    first.client().send("POST", "/v1/connectors", &headers, echo).await.expect(201);
    // A connection is made, an account connected and a tool called on a host that did not install it.
    second.connection("by_hand", "https://api.invalid").await;
    second.account("by_hand", "ada", &json!({})).await.expect(201);
    let answer = second.execute("by_hand_run", "ada", &json!({ "n": 7 })).await;
    assert_eq!(answer.expect(200)["data"], json!({ "n": 7 }));
    // Its lists follow by themselves.
    first.install("github").await;
    until(&second, 3).await;
    first.client().delete("/v1/connectors/github").await.expect(204);
    until(&second, 2).await;
    assert_eq!(second.client().get("/v1/connectors/github").await.problem(404), "not_found");
}

/// Waits until a host lists so many connectors.
async fn until(host: &TestHost, n: u64) {
    while host.client().get("/v1/connectors").await.expect(200)["total_size"] != n {
        tokio::task::yield_now().await;
    }
}

/// A call waits on one host and is approved through the other; when both hosts decide at once, one of them wins, and the
/// write leaves once.
#[tokio::test]
async fn a_call_that_waits_goes_on_through_another_host_once() {
    let Some(database) = postgres::new_database() else { return };
    let bed = Bed::with(beside(&database)).await;
    let canary = bed.connect("ada").await;
    let second = TestHost::with(beside(&database)).await;
    second.search_for(canary);
    let policy = json!({ "name": "look", "condition": "effect == 'write'", "outcome": { "outcome": "ask" } });
    bed.client().post("/v1/policies", &policy).await.expect(201);
    let agent = second.caller("agent", "agent").await;
    let writes = || bed.upstream.requests().iter().filter(|request| request.method == "POST").count();
    for round in 1..=8 {
        let input = json!({ "method": "POST", "target": format!("/write/{round}") });
        let body = json!({ "identifier": "ada", "input": input });
        let waiting = agent.post("/v1/tools/probe_fetch/execute", &body).await.expect(202);
        let path = format!("/v1/approvals/{}/approve", waiting["approval_id"].as_str().unwrap());
        // The operator's key of the first host is on both.
        let other = second.client().with_key(gloveport_tests::host::ADMIN_KEY);
        let empty = json!({});
        let (one, two) = tokio::join!(bed.client().post(&path, &empty), other.post(&path, &empty));
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{one:?} {two:?}");
        let path = format!("/v1/executions/{}?wait_ms=30000", waiting["execution_id"].as_str().unwrap());
        let ended = agent.get(&path).await.expect(200);
        assert_eq!((&ended["status"], writes()), (&json!("succeeded"), round), "{ended}");
    }
}
