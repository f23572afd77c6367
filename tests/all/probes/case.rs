//! A host with the hostile connector, an upstream that records, and a user whose credential must stay sealed.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, RwLock};

use gloveport::config::WrittenRetention;
use gloveport_probe::Probe;
use gloveport_tests::canary::Canary;
use gloveport_tests::host::{Answer, Setup, TestHost};
use gloveport_tests::upstream::{Recorded, Reply, Upstream};
use serde_json::{Value, json};

/// The user that all calls are made for.
pub(crate) const USER: &str = "ada";

type Behaviour = dyn Fn(&Recorded) -> Reply + Send + Sync;

/// What a test of the hostile connector needs. Its host is searched for the credential at the end.
pub(crate) struct Case {
    pub(crate) host: TestHost,
    pub(crate) upstream: Upstream,
    pub(crate) canary: Canary,
    probe: Probe,
    behaviour: Arc<RwLock<Box<Behaviour>>>,
    /// Requests of the test call that connected the account.
    before: usize,
    calls: AtomicU32,
}

/// A host that cuts no answer: what a guest made is looked at as it is.
fn whole() -> Setup {
    let retention = WrittenRetention { answer_bytes: Some(8 << 20), ..WrittenRetention::default() };
    Setup { retention, ..Setup::usual() }
}

impl Case {
    /// A usual host with a bearer token.
    pub(crate) async fn of(probe: Probe) -> Self {
        Self::with(probe, whole()).await
    }

    /// The same on a host of the test's choice.
    pub(crate) async fn with(probe: Probe, setup: Setup) -> Self {
        let host = TestHost::with(setup).await;
        host.install("probe").await;
        let canary = host.plant();
        Self::connected(probe, host, canary, "bearer", |token| json!({ "token": token })).await
    }

    /// With another auth pattern; `credentials` puts the canary into its fields.
    pub(crate) async fn sealed(pattern: &str, canary: Canary, credentials: impl Fn(&str) -> Value) -> Self {
        let host = TestHost::start().await;
        host.install("probe").await;
        host.search_for(canary.clone());
        Self::connected(Probe::Fetch, host, canary, pattern, credentials).await
    }

    /// With a host on which the connector is installed.
    pub(crate) async fn connected(
        probe: Probe,
        host: TestHost,
        canary: Canary,
        pattern: &str,
        credentials: impl Fn(&str) -> Value,
    ) -> Self {
        let behaviour: Arc<RwLock<Box<Behaviour>>> = Arc::new(RwLock::new(Box::new(|_| Reply::text(200, "reached"))));
        let shared = Arc::clone(&behaviour);
        let upstream = Upstream::start(move |request| match request.path() {
            "/whoami" => Reply::json(200, &json!({ "login": USER })),
            _ => shared.read().unwrap()(request),
        })
        .await;
        let connection = json!({
            "name": "probe", "connector": "probe", "auth_pattern": pattern, "base_url": upstream.url(""),
            "settings": { "big": 1, "text": "a setting" },
        });
        host.client().post("/v1/connections", &connection).await.expect(201);
        host.account("probe", USER, &credentials(canary.token())).await.expect(201);
        let before = upstream.requests().len();
        assert_eq!(before, 1, "the account was tried with the test call");
        Self { host, upstream, canary, probe, behaviour, before, calls: AtomicU32::new(0) }
    }

    /// How the upstream answers from now on.
    pub(crate) fn answer(&self, behaviour: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) {
        *self.behaviour.write().unwrap() = Box::new(behaviour);
    }

    /// Calls the tool of this case's probe.
    pub(crate) async fn call(&self, input: &Value) -> Outcome {
        self.call_with(json!({ "input": input })).await
    }

    /// The same with more members in the body, such as `timeout_ms`.
    pub(crate) async fn call_with(&self, mut body: Value) -> Outcome {
        self.calls.fetch_add(1, Ordering::Relaxed);
        body["identifier"] = json!(USER);
        let answer = self.host.client().post(&format!("/v1/tools/{}/execute", self.probe.tool()), &body).await;
        let id = answer.json()["execution_id"].as_str().unwrap_or_default().to_owned();
        assert!(!id.is_empty(), "no execution: {answer:?}");
        let record = self.host.client().get(&format!("/v1/executions/{id}")).await.expect(200);
        assert_eq!(record["tool"], self.probe.tool());
        Outcome { answer, record }
    }

    /// Tries to connect a user of another connection, which goes to `base_url`: the answer, and the test call's record.
    pub(crate) async fn try_base_url(&self, base_url: &str) -> (Answer, Value) {
        let name = format!("other-{}", self.calls.fetch_add(1, Ordering::Relaxed));
        let connection = json!({ "name": name, "connector": "probe", "auth_pattern": "bearer", "base_url": base_url });
        self.host.client().post("/v1/connections", &connection).await.expect(201);
        let canary = self.host.plant();
        let answer = self.host.account(&name, USER, &json!({ "token": canary.token() })).await;
        let id = answer.json()["execution_id"].as_str().unwrap_or_default().to_owned();
        let record = self.host.client().get(&format!("/v1/executions/{id}")).await.expect(200);
        assert_eq!((&record["status"], &record["trigger_type"]), (&json!("failed"), &json!("connection_test")));
        let stored = self.host.client().get(&format!("/v1/connections/{name}/accounts/{USER}")).await;
        assert_eq!(stored.status, 404, "what could not be tried is not stored");
        (answer, record)
    }

    /// What reached the upstream besides the test call that connected the account.
    pub(crate) fn arrived(&self) -> Vec<Recorded> {
        self.upstream.requests().split_off(self.before)
    }

    /// The only one of them.
    pub(crate) fn only_arrival(&self) -> Recorded {
        let mut arrived = self.arrived();
        assert_eq!(arrived.len(), 1, "{arrived:#?}");
        arrived.remove(0)
    }

    /// Fails when the test did not call its probe.
    pub(crate) fn was_called(&self) {
        assert_ne!(self.calls.load(Ordering::Relaxed), 0, "this test did not call {}", self.probe.tool());
    }
}

/// What the caller got, and what was written down.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    pub(crate) record: Value,
}

impl Outcome {
    /// The data, given that the call succeeded, and that the record says so.
    #[track_caller]
    pub(crate) fn data(&self) -> Value {
        assert_eq!(self.record["status"], "succeeded", "{self:?}");
        assert_eq!((&self.record["code"], &self.record["culprit"]), (&Value::Null, &Value::Null), "{self:?}");
        self.answer.clone().expect(200)["data"].clone()
    }

    /// The detail, given that the call failed so, for the caller and in the record.
    #[track_caller]
    pub(crate) fn failed(&self, status: u16, code: &str, culprit: &str) -> String {
        let problem = self.answer.json();
        let told = (self.answer.status, problem["code"].as_str(), problem["culprit"].as_str());
        assert_eq!(told, (status, Some(code), Some(culprit)), "{self:?}");
        assert_eq!(self.answer.header("content-type"), Some("application/problem+json"));
        let record = &self.record;
        assert_eq!(
            (&record["status"], &record["code"], &record["culprit"]),
            (&json!("failed"), &json!(code), &json!(culprit))
        );
        assert_eq!(record["detail"], problem["detail"]);
        problem["detail"].as_str().unwrap_or_default().to_owned()
    }

    /// Requests that left, by the record.
    #[track_caller]
    pub(crate) fn requests(&self, n: u64) -> &Self {
        assert_eq!(self.record["requests"], n, "{self:?}");
        self
    }

    /// How often the credential was removed, by the record.
    pub(crate) fn scrubbed(&self) -> u64 {
        self.record["scrubbed"].as_u64().unwrap()
    }
}
