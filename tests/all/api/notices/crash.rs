//! A host that ends at the worst moment loses no notice.

use gloveport_tests::upstream::Gate;

use super::*;

struct Crashing {
    host: TestHost,
    upstream: Upstream,
}

impl Crashing {
    /// A child with a connected probe, on this database.
    async fn on(database: Option<String>) -> Self {
        let upstream = Upstream::start(|_| Reply::json(200, &json!({ "ok": true }))).await;
        let host = TestHost::spawn_child_on(database).await;
        host.install("probe").await;
        let body =
            json!({ "name": "probe", "connector": "probe", "auth_pattern": "bearer", "base_url": upstream.url("") });
        host.client().post("/v1/connections", &body).await.expect(201);
        host.account("probe", "ada", &json!({ "token": host.plant().token() })).await.expect(201);
        Self { host, upstream }
    }

    /// Calls a tool; the host may end before it answers.
    async fn call(&self) {
        let headers = [("content-type", "application/json")];
        let body = json!({ "identifier": "ada", "input": {} }).to_string();
        let _ = self.host.client().try_send("POST", "/v1/tools/probe_whoami/execute", &headers, body).await;
    }

    /// The webhook, asked for at the host that runs now.
    fn moved(&self, hook: &Hook) -> Hook {
        let client = Client::new(self.host.client().base(), ADMIN_KEY);
        Hook { id: hook.id.clone(), secret: hook.secret.clone(), client }
    }
}

/// The outcome and its notice are on disk, and the process ends before it knows.
async fn ended_after_the_commit(database: Option<String>) {
    let mut crashing = Crashing::on(database).await;
    let receiver = receiver().await;
    let hook = Hook::of(&crashing.host, &receiver.url("/"), &["execution.finished"]).await;
    crashing.host.kill().await;
    // The first commit is that of the start.
    crashing.host.restart_child_until(&[], Some("Committed:2")).await;
    crashing.call().await;
    assert!(crashing.host.exit_code().await.is_none(), "it ended by a signal");
    assert_eq!((receiver.requests().len(), crashing.upstream.requests().len()), (0, 2));
    crashing.host.restart_child().await;
    let sent = receiver.wait_for(1).await.remove(0);
    check_signed(&sent, &[&hook.secret]);
    assert_eq!(payload(&sent)["data"]["status"], "succeeded");
    let hook = crashing.moved(&hook);
    assert_eq!(hook.until("delivered", 1).await[0]["id"].as_str(), sent.header("webhook-id"));

    // Ended before the commit there is neither the outcome nor the notice; what the next start finds is told.
    crashing.host.kill().await;
    crashing.host.restart_child_until(&[], Some("Committing:2")).await;
    crashing.call().await;
    assert!(crashing.host.exit_code().await.is_none(), "it ended by a signal");
    crashing.host.restart_child().await;
    let sent = receiver.wait_for(2).await.remove(1);
    assert_eq!(payload(&sent)["data"]["status"], "unknown_outcome");
    crashing.moved(&hook).until("delivered", 2).await;
}

/// The receiver has the notice, and the process ends before it hears so: the notice comes again, under its identifier.
async fn ended_while_sending(database: Option<String>) {
    let mut crashing = Crashing::on(database).await;
    let gate = Gate::closed();
    let held = gate.clone();
    let receiver = Upstream::start(move |_| Reply::status(200).after(&held)).await;
    let hook = Hook::of(&crashing.host, &receiver.url("/"), &["execution.finished"]).await;
    crashing.call().await;
    let first = receiver.wait_for(1).await.remove(0);
    crashing.host.kill().await;
    gate.open();
    crashing.host.restart_child().await;
    let second = receiver.wait_for(2).await.remove(1);
    assert_eq!(
        (second.header("webhook-id"), &second.body["{".len()..]),
        (first.header("webhook-id"), &first.body[1..])
    );
    let delivered = crashing.moved(&hook).until("delivered", 1).await.remove(0);
    assert_eq!(delivered["attempts"].as_array().unwrap().len(), 1, "only what was answered is told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_outlives_its_host_on_sqlite() {
    ended_after_the_commit(None).await;
    ended_while_sending(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_outlives_its_host_on_postgresql() {
    let (Some(one), Some(two)) = (postgres::new_database(), postgres::new_database()) else { return };
    ended_after_the_commit(Some(one)).await;
    ended_while_sending(Some(two)).await;
}
