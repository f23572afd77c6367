//! The audit chain from outside: listed by admins, verified by a command that need not trust the host, whatever ends it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gloveport_tests::host::{ADMIN_KEY, TestHost};
use gloveport_tests::{postgres, programs};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use tokio::process::Command;

use super::bed::Bed;

/// Every change and both ends of a call are there, with who did them; nobody but an admin sees them.
#[tokio::test]
async fn admins_see_what_was_done_and_by_whom() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let answer = bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
    let own = bed.client().get("/v1/keys").await.expect(200)["items"][0]["id"].clone();
    let made = bed.client().post("/v1/keys", &json!({ "role": "agent" })).await.expect(201);
    bed.client().delete(&format!("/v1/keys/{}", made["id"].as_str().unwrap())).await;
    let (headers, body) = ([("content-type", "application/json")], json!({ "disabled": true }).to_string());
    bed.client().send("PATCH", "/v1/connections/probe", &headers, body).await.expect(200);
    let all = bed.client().get("/v1/audit?limit=200").await.expect(200);
    let told = |item: &Value| format!("{} {}", item["actor"].as_str().unwrap(), item["action"].as_str().unwrap());
    let found: Vec<String> = all["items"].as_array().unwrap().iter().rev().map(told).collect();
    let key = own.as_str().unwrap();
    let expected: Vec<String> = [
        "host project.created",
        "host key.created",
        "KEY connector.installed",
        "KEY connection.created",
        "KEY execution.started",
        "host execution.succeeded",
        "KEY account.created",
        "KEY execution.started",
        "host execution.succeeded",
        "KEY key.created",
        "KEY key.deleted",
        "KEY connection.changed",
    ]
    .map(|text| text.replace("KEY", key))
    .into();
    assert_eq!(found, expected);
    assert_eq!(all["total_size"], expected.len());

    let execution = answer["execution_id"].as_str().unwrap();
    let found = bed.client().get(&format!("/v1/audit?subject={execution}")).await.expect(200);
    assert_eq!(found["total_size"], 2);
    let (end, start) = (&found["items"][0], &found["items"][1]);
    assert_eq!((&end["action"], &end["previous"]), (&json!("execution.succeeded"), &start["hash"]));
    assert_eq!((&start["detail"]["tool"], &start["component"]), (&json!("probe_whoami"), &end["component"]));
    let found = bed.client().get("/v1/audit?action=key.created&since=2000-01-01T00:00:00Z").await.expect(200);
    assert_eq!(found["total_size"], 2);
    assert_eq!(bed.client().get("/v1/audit?since=2999-01-01T00:00:00Z").await.expect(200)["total_size"], 0);
    for query in ["action=key.stolen", "action=", "since=yesterday", "limit=0", "cursor=x", "actor=host"] {
        let problem = bed.client().get(&format!("/v1/audit?{query}")).await;
        assert_eq!(problem.problem(400), "invalid_request", "{query}");
    }
    assert_eq!(bed.agent(None).await.get("/v1/audit").await.problem(403), "forbidden");
    assert_eq!(bed.client().with_key("").get("/v1/audit").await.problem(401), "unauthenticated");
}

/// What a command left behind.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

async fn audit(host: &TestHost, arguments: &[&str]) -> Ran {
    let mut command = Command::new(programs::gloveport());
    let output = command.arg("audit").args(arguments).current_dir(host.data()).output().await.unwrap();
    host.search_in(&format!("the output of {arguments:?}"), [&output.stdout[..], &output.stderr].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn json_of(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err))
}

/// Verified beside the running host, exported, and checked again without a database.
#[tokio::test]
async fn an_operator_verifies_and_keeps_a_copy() {
    let host = TestHost::spawn_child().await;
    for _ in 0..3 {
        host.client().post("/v1/keys", &json!({ "role": "agent" })).await.expect(201);
    }
    let verified = json_of(&audit(&host, &["verify", "--data", ".", "--json"]).await);
    assert_eq!((&verified["ok"], &verified["chains"][0]["rows"]), (&json!(true), &json!(5)));
    let head = verified["chains"][0]["head"].as_str().unwrap();
    let told = audit(&host, &["verify", "--data", "."]).await;
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
    assert!(told.out.contains("5 rows, unbroken; head ") && told.out.contains(head), "{}", told.out);

    let exported = audit(&host, &["export", "audit.jsonl", "--data", "."]).await;
    assert_eq!(exported.code, Some(0), "{}", exported.err);
    assert!(exported.out.contains(head) && exported.err.contains("vouch"), "{} {}", exported.out, exported.err);
    let again = audit(&host, &["export", "audit.jsonl", "--data", "."]).await;
    assert_eq!(again.code, Some(1), "a copy is never written over");
    let file = audit(&host, &["verify", "--file", "audit.jsonl", "--head", head, "--json"]).await;
    assert_eq!((file.code, json_of(&file)), (Some(0), verified.clone()));

    // The head of then is in the chain of now, and another is not.
    host.client().post("/v1/keys", &json!({ "role": "agent" })).await.expect(201);
    assert_eq!(audit(&host, &["verify", "--data", ".", "--head", head]).await.code, Some(0));
    let other = "ab".repeat(32);
    let ran = audit(&host, &["verify", "--data", ".", "--head", &other, "--json"]).await;
    assert_eq!((ran.code, &json_of(&ran)["ok"]), (Some(1), &json!(false)));
    assert!(ran.err.contains(&other), "{}", ran.err);

    let path = host.data().join("audit.jsonl");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let ran = audit(&host, &["verify", "--file", "audit.jsonl", "--json"]).await;
    assert_eq!((ran.code, &json_of(&ran)["ok"]), (Some(1), &json!(false)));
}

#[tokio::test]
async fn a_broken_chain_is_named_and_not_exported() {
    let host = TestHost::spawn_child().await;
    host.client().post("/v1/keys", &json!({ "role": "agent" })).await.expect(201);
    let path = host.data().join("gloveport.db");
    let mut beside = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    beside.execute("UPDATE audit SET actor = 'host' WHERE seq = 3").await.unwrap();
    beside.close().await.unwrap();
    let ran = audit(&host, &["verify", "--data", "."]).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("row 3 of proj_") && ran.err.contains("was changed"), "{}", ran.err);
    let ran = audit(&host, &["verify", "--data", ".", "--json"]).await;
    assert_eq!((&json_of(&ran)["broken"]["row"], ran.code), (&json!(3), Some(1)));
    let ran = audit(&host, &["export", "audit.jsonl", "--data", "."]).await;
    assert_eq!(ran.code, Some(1));
    assert!(!host.data().join("audit.jsonl").exists());
    for wrong in
        [["verify", "--data", "nowhere"], ["verify", "--file", "nowhere"], ["verify", "--data", "gloveport.db"]]
    {
        let ran = audit(&host, &wrong).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{wrong:?}");
        assert!(!Path::new(&host.data().join("nowhere")).exists(), "{wrong:?}");
    }
}

/// Writers that go on until the host is gone; each answer counts.
fn writers(host: &TestHost, done: &Arc<AtomicUsize>) -> Vec<tokio::task::JoinHandle<Vec<String>>> {
    let write = |number: usize| {
        let (client, done) = (host.client().with_key(ADMIN_KEY), Arc::clone(done));
        tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            let headers = [("content-type", "application/json")];
            loop {
                let (path, id, body) = match number % 2 {
                    0 => ("/v1/keys", "id", json!({ "role": "agent" })),
                    _ => {
                        let body = json!({ "identifier": "ada", "input": {} });
                        ("/v1/tools/probe_say_nothing/execute", "execution_id", body)
                    }
                };
                let Ok(answer) = client.try_send("POST", path, &headers, body.to_string()).await else {
                    return acknowledged;
                };
                acknowledged.push(answer.json()[id].as_str().unwrap().to_owned());
                done.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    (0..8).map(write).collect()
}

/// Killed in the middle of its writes, again and again: the chain is whole before anything mends it, and every row of a
/// key or an execution has its row in the chain, and the other way round.
async fn killed_in_mid_write(database: Option<String>) {
    let bed = Bed::on(TestHost::spawn_child_on(database.clone()).await, |_| {
        gloveport_tests::upstream::Reply::json(200, &json!({ "ok": true }))
    })
    .await;
    bed.connect("ada").await;
    let mut bed = bed;
    for round in 1..=5 {
        let done = Arc::new(AtomicUsize::new(0));
        let writers = writers(&bed.host, &done);
        while done.load(Ordering::SeqCst) < round * 17 {
            tokio::task::yield_now().await;
        }
        bed.host.kill().await;
        let mut acknowledged = Vec::new();
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }
        let place: Vec<&str> = match &database {
            Some(url) => vec!["verify", "--json", "--database", url],
            None => vec!["verify", "--json", "--data", "."],
        };
        let verified = json_of(&audit(&bed.host, &place).await);
        assert_eq!(verified["ok"], true, "round {round}: {verified}");
        bed.host.restart_child().await;
        let total = async |path: &str| bed.client().get(path).await.expect(200)["total_size"].as_u64().unwrap();
        assert_eq!(total("/v1/keys").await, total("/v1/audit?action=key.created").await, "round {round}");
        assert_eq!(total("/v1/executions").await, total("/v1/audit?action=execution.started").await, "round {round}");
        for status in ["succeeded", "unknown_outcome"] {
            let (rows, told) =
                (format!("/v1/executions?status={status}"), format!("/v1/audit?action=execution.{status}"));
            assert_eq!(total(&rows).await, total(&told).await, "round {round}");
        }
        for id in acknowledged {
            assert!(total(&format!("/v1/audit?subject={id}")).await > 0, "{id} is not told of");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_killed_in_mid_write_leaves_an_unbroken_chain() {
    killed_in_mid_write(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_killed_in_mid_write_leaves_an_unbroken_chain_on_postgresql() {
    let Some(database) = postgres::new_database() else { return };
    killed_in_mid_write(Some(database)).await;
}
