//! One upstream under the names of all services: it gives tokens where a file says that there are some, and answers the rest.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use gloveport::egress::{Resolver, Resolving};
use gloveport_tests::host::{Answer, Client, Setup, TestHost};
use gloveport_tests::upstream::{Recorded, Reply, Upstream};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::super::bed::Bed;

/// A host whose every name leads to one upstream.
pub(super) struct StandIn {
    pub(super) bed: Bed,
    pub(super) agent: Client,
    pub(super) upstream: Upstream,
    answers: Arc<Mutex<Answers>>,
    _authority: NamedTempFile,
}

/// What the upstream says.
struct Answers {
    /// By host and path.
    endpoints: HashMap<String, Reply>,
    otherwise: Value,
}

impl Answers {
    fn to(&self, request: &Recorded) -> Reply {
        let address = format!("{}{}", request.header("host").unwrap_or_default(), request.path());
        self.endpoints.get(&address).cloned().unwrap_or_else(|| Reply::json(200, &self.otherwise))
    }
}

/// Names lead to one address, whatever they are.
#[derive(Debug)]
struct Everywhere(SocketAddr);

impl Resolver for Everywhere {
    fn resolve(&self, _host: &str) -> Resolving {
        let addresses = vec![self.0];
        Box::pin(async move { Ok(addresses) })
    }
}

impl StandIn {
    pub(super) async fn start() -> Self {
        let answers = Arc::new(Mutex::new(Answers { endpoints: HashMap::new(), otherwise: json!({}) }));
        let shared = Arc::clone(&answers);
        let (upstream, authority) = Upstream::under_every_name(move |request| shared.lock().unwrap().to(request)).await;
        let resolver = Arc::new(Everywhere(upstream.address()));
        let host =
            TestHost::with(Setup { resolver, extra_ca: Some(authority.path().to_owned()), ..Setup::usual() }).await;
        let bed = Bed::on(host, |_| Reply::json(200, &json!({}))).await;
        // What destroys is sent without a question: what is tried here is what is sent.
        bed.host.allow_all().await;
        let agent = bed.agent(None).await;
        Self { bed, agent, upstream, answers, _authority: authority }
    }

    /// From now on this is the answer there.
    pub(super) fn answer_at(&self, address: String, reply: Reply) {
        self.answers.lock().unwrap().endpoints.insert(address, reply);
    }

    /// The next answers are those of this operation; what the caller is to get of them, if the file says it.
    pub(super) fn answer_by(&self, operation: &Value) -> Option<Value> {
        let picked =
            operation["response"]["pick"].as_str().map(|pick| (pick, json!({ "answer_to": operation["name"] })));
        let mut answer = json!({ "ok": true });
        if let Some((pick, value)) = &picked {
            put(&mut answer, pick, value.clone());
        }
        self.answers.lock().unwrap().otherwise = answer;
        picked.map(|(_, mut value)| {
            // Where there may be more, the caller is told what to ask for next: nothing here.
            if operation["response"].get("paging").is_some() {
                value["next"] = Value::Null;
            }
            value
        })
    }

    /// The outcome of a call that waited, once somebody approved it.
    pub(super) async fn approved(&self, waiting: &Value) -> Answer {
        let path = format!("/v1/approvals/{}/approve", waiting["approval_id"].as_str().unwrap());
        self.bed.client().post(&path, &json!({})).await.expect(200);
        let id = waiting["execution_id"].as_str().unwrap();
        self.agent.get(&format!("/v1/executions/{id}?wait_ms=30000")).await
    }
}

/// Puts a value where a JSON pointer leads: numbers are places in lists.
pub(super) fn put(whole: &mut Value, pointer: &str, value: Value) {
    let mut place = whole;
    for part in pointer.split('/').skip(1) {
        if part == "0" {
            if !place.is_array() {
                *place = json!([null]);
            }
            place = &mut place[0];
        } else {
            if !place.is_object() {
                *place = json!({});
            }
            place = &mut place[part];
        }
    }
    *place = value;
}
