//! A host with the probe installed, and an upstream; every answer is checked against the API's own description.

use gloveport_tests::canary::Canary;
use gloveport_tests::host::{Answer, Client, Setup, TestHost};
use gloveport_tests::upstream::{Recorded, Reply, Upstream};
use serde_json::{Value, json};

use super::documented::Document;

/// A token that the upstream refuses.
pub(super) const JUNK: &str = "junk-token-that-no-provider-knows";

/// A host with the probe installed and its upstream connected as `probe`.
pub(super) struct Bed {
    pub(super) host: TestHost,
    pub(super) upstream: Upstream,
    document: Document,
}

impl Bed {
    /// With an upstream that knows every token but [`JUNK`].
    pub(super) async fn start() -> Self {
        Self::answering(|_| Reply::json(200, &json!({ "ok": true }))).await
    }

    /// With an upstream that answers so; its test call refuses [`JUNK`].
    pub(super) async fn answering(answer: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> Self {
        Self::on(TestHost::start().await, answer).await
    }

    /// On a host of the test's choice.
    pub(super) async fn with(setup: Setup) -> Self {
        Self::on(TestHost::with(setup).await, |_| Reply::json(200, &json!({ "ok": true }))).await
    }

    /// On this host.
    pub(super) async fn on(host: TestHost, answer: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> Self {
        let upstream = Upstream::start(move |request| known(request).unwrap_or_else(|| answer(request))).await;
        let document = Document::of(host.client()).await;
        let bed = Self { host, upstream, document };
        bed.host.install("probe").await;
        bed.connection("probe", &bed.upstream.url("")).await;
        bed
    }

    pub(super) fn client(&self) -> &Client {
        self.host.client()
    }

    pub(super) fn document(&self) -> &Document {
        &self.document
    }

    /// A connection of the probe with a bearer token.
    pub(super) async fn connection(&self, name: &str, base_url: &str) -> Value {
        self.connection_by(name, "bearer", base_url).await
    }

    /// A connection of the probe with one of its auth patterns.
    pub(super) async fn connection_by(&self, name: &str, pattern: &str, base_url: &str) -> Value {
        let body = json!({ "name": name, "connector": "probe", "auth_pattern": pattern, "base_url": base_url });
        self.client().post("/v1/connections", &body).await.expect(201)
    }

    /// Connects a user to `probe` with a fresh token, which must be nowhere at the end.
    pub(super) async fn connect(&self, identifier: &str) -> Canary {
        let canary = self.host.plant();
        self.host.account("probe", identifier, &json!({ "token": canary.token() })).await.expect(201);
        canary
    }

    /// An agent's key, bound to a user or not.
    pub(super) async fn agent(&self, identifier: Option<&str>) -> Client {
        let made = self.client().post("/v1/keys", &json!({ "role": "agent", "identifier": identifier })).await;
        self.client().with_key(made.expect(201)["key"].as_str().unwrap())
    }

    /// Fetches a path of the upstream through the probe.
    pub(super) async fn fetch(&self, identifier: &str, target: &str) -> Answer {
        self.host.execute("probe_fetch_read", identifier, &json!({ "target": target })).await
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        // A second panic would end the process and hide the first.
        if !std::thread::panicking() {
            self.document.check_all(&self.client().answers());
        }
    }
}

/// What the upstream says of the credential: `None` where it lets the request pass.
fn known(request: &Recorded) -> Option<Reply> {
    let token = request.header("authorization").unwrap_or_default();
    token.ends_with(JUNK).then(|| Reply::json(401, &json!({ "message": "who are you?" })))
}

/// The value, with each of these fields replaced by its name in angle brackets: for snapshots.
pub(super) fn redacted(mut value: Value, fields: &[&str]) -> String {
    fn walk(value: &mut Value, fields: &[&str]) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    if fields.contains(&name.as_str()) && !member.is_null() {
                        *member = Value::String(format!("<{name}>"));
                    }
                    walk(member, fields);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, fields)),
            _ => {}
        }
    }
    walk(&mut value, fields);
    serde_json::to_string_pretty(&value).unwrap()
}
