//! Notices by webhook (point 12): what they say, who may manage them, and that each arrives.

mod crash;
mod delivery;
mod management;

use gloveport_tests::canary::Canary;
use gloveport_tests::host::{ADMIN_KEY, Client, Setup, TestHost};
use gloveport_tests::postgres;
use gloveport_tests::upstream::{Recorded, Reply, Upstream};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::bed::Bed;
use gloveport::model::{Clock, Timestamp};

/// A webhook of a test.
struct Hook {
    id: String,
    secret: String,
    /// Its answers are not searched for the secret, which is in one of them.
    client: Client,
}

impl Hook {
    /// Makes one; from now on its secret must be nowhere.
    async fn of(host: &TestHost, url: &str, events: &[&str]) -> Self {
        let client = Client::new(host.client().base(), ADMIN_KEY);
        let made = client.post("/v1/webhooks", &json!({ "url": url, "events": events })).await.expect(201);
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let hook = Self { id: text("id"), secret: text("secret"), client };
        host.search_for(canary(&hook.secret));
        hook
    }

    fn path(&self, more: &str) -> String {
        format!("/v1/webhooks/{}{more}", self.id)
    }

    /// Sends a test; gives the notice's identifier.
    async fn test(&self) -> String {
        self.client.post(&self.path("/test"), &json!({})).await.expect(202)["id"].as_str().unwrap().to_owned()
    }

    /// Waits until so many deliveries stand so, and gives them.
    async fn until(&self, state: &str, n: usize) -> Vec<Value> {
        loop {
            let list = self.client.get(&self.path(&format!("/deliveries?limit=200&state={state}"))).await.expect(200);
            if list["total_size"] == n {
                return list["items"].as_array().unwrap().clone();
            }
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the only delivery was tried so often.
    async fn tried(&self, n: usize) -> Value {
        loop {
            let list = self.client.get(&self.path("/deliveries")).await.expect(200);
            assert!(list["total_size"].as_u64() <= Some(1), "{list}");
            if list["items"][0]["attempts"].as_array().is_some_and(|attempts| attempts.len() == n) {
                return list["items"][0].clone();
            }
            tokio::task::yield_now().await;
        }
    }
}

/// What must not be found of a secret: the part that nobody else has.
fn canary(secret: &str) -> Canary {
    Canary::of(secret.trim_start_matches("whsec_").trim_end_matches('='))
}

/// A receiver that takes everything.
async fn receiver() -> Upstream {
    Upstream::start(|_| Reply::status(204)).await
}

/// HMAC (RFC 2104) over SHA-256, from its definition.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

/// What the specification says that the header holds.
fn signature(request: &Recorded, secrets: &[&str]) -> String {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let header = |name: &str| request.header(name).unwrap();
    let text = [header("webhook-id").as_bytes(), b".", header("webhook-timestamp").as_bytes(), b".", &request.body];
    let sign = |secret: &&str| {
        let key = base64.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(key.len(), 32);
        format!("v1,{}", base64.encode(hmac(&key, &text.concat())))
    };
    secrets.iter().map(sign).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check_signed(request: &Recorded, secrets: &[&str]) {
    assert_eq!(request.header("webhook-signature"), Some(signature(request, secrets).as_str()), "{request:?}");
}

fn payload(request: &Recorded) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// The host's own check of a body that a test makes must be right: RFC 4231, test case 2, with the specification's own
/// example beside it.
#[test]
fn the_tests_own_signature_is_that_of_the_specification() {
    let known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(hex::encode(hmac(b"Jefe", b"what do ya want for nothing?")), known);
}

/// HC-19: who is told what: identifiers, status and links, signed; and nothing of what went in or came out.
#[tokio::test]
async fn a_notice_is_signed_and_tells_no_content() {
    let bed = Bed::start().await;
    let token = bed.connect("ada").await;
    let receiver = receiver().await;
    let hook = Hook::of(&bed.host, &receiver.url("/a//b/?who=me&x=%20"), &["execution.finished"]).await;
    let (given, answered) = ("content-of-the-input", "content-of-the-answer");
    let input = json!({ "method": "POST", "target": "/thing", "headers": [["x-canary", given]],
        "body": { "kind": "json", "text": json!({ "note": given }).to_string() } });
    let body = json!({ "identifier": "ada", "input": input, "chat_id": "chat-7", "tool_call_id": "call-7" });
    let ran = bed.client().post("/v1/tools/probe_fetch/execute", &body).await.expect(200);
    let request = receiver.wait_for(1).await.remove(0);
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/a//b/?who=me&x=%20"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    check_signed(&request, &[&hook.secret]);
    let (told, execution) = (payload(&request), ran["execution_id"].as_str().unwrap());
    let record = bed.client().get(&format!("/v1/executions/{execution}")).await.expect(200);
    assert_eq!((&told["type"], &told["timestamp"]), (&json!("execution.finished"), &record["finished_at"]));
    let expected = json!({
        "execution_id": execution, "tool": "probe_fetch", "connection": "probe", "identifier": "ada",
        "connection_id": record["connection_id"], "account_id": record["account_id"], "status": "succeeded",
        "code": null, "culprit": null, "parent": null, "trigger_type": null,
        "chat_id": "chat-7", "tool_call_id": "call-7",
        "links": { "execution": format!("{}/v1/executions/{execution}", bed.client().base()) },
    });
    assert_eq!(told["data"], expected);
    let sent = format!("{request:?}");
    for canary in [given, answered, token.token(), &hook.secret] {
        assert!(!sent.contains(canary), "{canary}: {sent}");
    }
    let delivered = hook.until("delivered", 1).await.remove(0);
    assert_eq!(delivered["id"].as_str(), request.header("webhook-id"));
    assert!(delivered["id"].as_str().unwrap().starts_with("msg_"));
    let attempts = delivered["attempts"].as_array().unwrap();
    assert_eq!((attempts.len(), &attempts[0]["status"], &attempts[0]["error"]), (1, &json!(204), &Value::Null));
    assert!(delivered["due_at"].is_null() && delivered["ended_at"].is_string(), "{delivered}");
    // What the API says of webhooks and deliveries is what it documents.
    for path in ["/v1/webhooks".to_owned(), hook.path(""), hook.path("/deliveries")] {
        bed.client().get(&path).await.expect(200);
    }
}

/// Every way in which a call can end or wait is told, on both databases.
#[tokio::test]
async fn each_end_and_each_wait_is_told() {
    each_end_is_told(None).await;
    if let Some(database) = postgres::new_database() {
        each_end_is_told(Some(database)).await;
    }
}

async fn each_end_is_told(database: Option<String>) {
    let clock = Clock::manual(Timestamp(1_800_000_000_000));
    let bed = Bed::with(Setup { clock: clock.clone(), database, ..Setup::usual() }).await;
    bed.connect("ada").await;
    for (name, condition, outcome) in [
        ("never", "tool == 'probe_echo'", json!({ "outcome": "deny", "reason": "no echo" })),
        ("look", "effect != 'read'", json!({ "outcome": "ask", "expires_after_ms": 60_000 })),
    ] {
        let policy = json!({ "name": name, "condition": condition, "outcome": outcome });
        bed.client().post("/v1/policies", &policy).await.expect(201);
    }
    let receiver = receiver().await;
    Hook::of(&bed.host, &receiver.url("/"), &[]).await;
    let agent = bed.host.caller("agent", "agent").await;
    let call = async |tool: &str, input: Value| {
        agent.post(&format!("/v1/tools/{tool}/execute"), &json!({ "identifier": "ada", "input": input })).await
    };
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    call("probe_whoami", json!({})).await.expect(200);
    call("probe_trap", json!({})).await.problem(502);
    call("probe_echo", json!({})).await.problem(403);
    let waits = async || call("probe_read_then_write", json!({ "target": "/thing" })).await.expect(202);
    let (yes, no, late, off) = (waits().await, waits().await, waits().await, waits().await);
    let decide = async |waiting: &Value, how: &str| {
        let path = format!("/v1/approvals/{}/{how}", text(waiting, "approval_id"));
        bed.client().post(&path, &json!({})).await.expect(200);
    };
    decide(&yes, "approve").await;
    let ended = format!("/v1/executions/{}?wait_ms=30000", text(&yes, "execution_id"));
    assert_eq!(agent.get(&ended).await.expect(200)["status"], "succeeded");
    decide(&no, "reject").await;
    agent.post(&format!("/v1/executions/{}/cancel", text(&off, "execution_id")), &json!({})).await.expect(200);
    clock.advance(std::time::Duration::from_secs(60));
    bed.host.sweep().await;
    let mut expected = vec![
        "execution.finished probe_whoami succeeded".to_owned(),
        "execution.finished probe_trap failed".into(),
        "execution.finished probe_echo denied".into(),
    ];
    for status in ["approved", "rejected", "expired", "cancelled"] {
        expected.push("approval.waiting probe_read_then_write pending".into());
        expected.push(format!("approval.decided probe_read_then_write {status}"));
        let end = if status == "approved" { "succeeded" } else { status };
        expected.push(format!("execution.finished probe_read_then_write {end}"));
    }
    let requests = receiver.wait_for(expected.len()).await;
    let told: Vec<Value> = requests.iter().map(payload).collect();
    let line = |told: &Value| {
        format!("{} {} {}", text(told, "type"), text(&told["data"], "tool"), text(&told["data"], "status"))
    };
    let mut lines: Vec<String> = told.iter().map(line).collect();
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected);
    let of = |kind: &str, waiting: &Value| {
        let found =
            told.iter().find(|told| told["type"] == kind && told["data"]["approval_id"] == waiting["approval_id"]);
        found.unwrap_or_else(|| panic!("no {kind}"))["data"].clone()
    };
    let asked = of("approval.waiting", &late);
    assert_eq!((&asked["execution_id"], &asked["connection"]), (&late["execution_id"], &json!("probe")));
    assert_eq!((&asked["at"], &asked["expires_at"]), (&json!("at_write"), &json!("2027-01-15T08:01:00.000Z")));
    let link = format!("{}/v1/approvals/{}", bed.client().base(), text(&late, "approval_id"));
    assert_eq!(asked["links"]["approval"], link);
    assert!(of("approval.decided", &yes)["decided_by"].as_str().unwrap().starts_with("key_"));
    assert!(of("approval.decided", &late)["decided_by"].is_null());
    let ids: std::collections::BTreeSet<_> = requests.iter().map(|request| request.header("webhook-id")).collect();
    assert_eq!(ids.len(), requests.len());
}
