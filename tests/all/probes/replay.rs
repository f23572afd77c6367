//! A guest is a pure function of what it is told: told the same again it does the same, and nothing is sent twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gloveport::config::PrivateNetworks;
use gloveport::egress::{Egress, EgressConfig, Grant, GrantState, IdempotencyKey, Injection};
use gloveport::model::{HostPattern, PathTemplate, Random, Route, Secret, Timestamp};
use gloveport::runtime::{
    AccountView, Call, CallError, Gate, Journal, Plugin, Reply as Told, Report, Runtime, RuntimeConfig,
};
use gloveport_tests::programs;
use gloveport_tests::upstream::{Reply, Upstream};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Case;

/// Guests that are made up. Each runs five times and more.
const GUESTS: u32 = 1_000;

/// Reads what it wrote, and stops where it is told to.
pub(super) async fn script(case: &Case) {
    case.answer(|request| Reply::text(200, request.path()));
    let outcome = case.call(&json!({ "steps": ["read", "write", "several", { "random": 8 }, "now", "field"] })).await;
    assert_eq!(outcome.requests(5).data()["steps"], 6);
}

/// A runtime with the probe, and an upstream whose answers depend on the path alone.
struct Bed {
    runtime: Runtime,
    plugin: Plugin,
    egress: Arc<Egress>,
    upstream: Upstream,
}

impl Bed {
    async fn start() -> Self {
        let upstream = Upstream::start(|request| {
            let sum = Sha256::digest(request.path());
            let status = [200, 200, 200, 404, 500, 204][usize::from(sum[0]) % 6];
            Reply::bytes(status, "application/octet-stream", sum.to_vec())
        })
        .await;
        let config = RuntimeConfig { cache_dir: None, random: Random::system(), max_concurrent_calls: 4 };
        let runtime = Runtime::new(config).unwrap();
        let wasm = std::fs::read(programs::connector("probe")).unwrap();
        let compiled = runtime.compile(&wasm, &hex::encode(Sha256::digest(&wasm))).unwrap();
        let granted: BTreeSet<_> = runtime.imports(&compiled).clone();
        let plugin = runtime.link(&compiled, &granted).unwrap();
        let networks = PrivateNetworks(vec!["127.0.0.0/8".parse().unwrap()]);
        let egress = Arc::new(Egress::new(EgressConfig::new(networks)).unwrap());
        Self { runtime, plugin, egress, upstream }
    }

    fn grant(&self) -> Arc<Grant> {
        let base_url: url::Url = self.upstream.url("").parse().unwrap();
        let route = |method: &str| Route {
            method: method.into(),
            host: None,
            path: PathTemplate::parse("/{path+}").unwrap(),
            effect: Route::effect_of_method(method),
        };
        let host = HostPattern::parse(&format!("127.0.0.1:{}", base_url.port().unwrap())).unwrap();
        Arc::new(Grant {
            account: None,
            base_url,
            hosts: vec![host],
            routes: [route("GET"), route("POST")].into(),
            injection: Injection::Bearer(Secret::new("a-credential-of-nobody".into())),
            idempotency: Some(IdempotencyKey { header: "idempotency-key".into(), prefix: "exec_1".into() }),
            timeout: Duration::from_secs(30),
            state: GrantState::new(),
        })
    }

    async fn run(&self, input: &str, journal: Journal, gate: Gate) -> Report {
        let call = Call {
            tool: "probe_script",
            input,
            binding: None,
            journal,
            gate,
            records: true,
            progress: None,
            tools: None,
            depth: 0,
            egress: Arc::clone(&self.egress),
            grant: self.grant(),
            timeout: Duration::from_secs(30),
            stop: Default::default(),
        };
        self.runtime.call(&self.plugin, call).await
    }

    /// What arrived since `from`: method and path of each, in any order.
    fn arrived(&self, from: usize) -> BTreeMap<(String, String), usize> {
        let mut arrived = BTreeMap::new();
        for request in self.upstream.requests().iter().skip(from) {
            *arrived.entry((request.method.clone(), request.path().to_owned())).or_insert(0) += 1;
        }
        arrived
    }
}

fn fresh(seed: u8) -> Journal {
    let fields = Arc::new(BTreeMap::from([("domain".to_owned(), "acme.test".to_owned())]));
    let account = AccountView { fields, settings: "{}".into() };
    Journal { now: Timestamp(1_800_000_000_000), seed: [seed; 32], account, entries: Vec::new() }
}

fn steps() -> impl Strategy<Value = Value> {
    let step = prop_oneof![
        4 => Just(json!("read")),
        4 => Just(json!("write")),
        2 => Just(json!("several")),
        1 => Just(json!("refused")),
        1 => (0..80u32).prop_map(|count| json!({ "random": count })),
        1 => Just(json!("now")),
        1 => Just(json!("field")),
        3 => Just(json!("depends")),
        1 => Just(json!("fails")),
    ];
    vec(step, 0..8).prop_map(|steps| json!({ "steps": steps }))
}

/// Replay equality over a thousand guests: recorded and told again, nothing is sent and the outcome is the same; stopped
/// at each write and gone on with by way of storage, each request arrives once and the outcome is the same again.
#[test]
fn what_is_told_again_does_the_same_again() {
    let executor = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let bed = executor.block_on(Bed::start());
    let mut runner = TestRunner::new(Config { cases: GUESTS, failure_persistence: None, ..Config::default() });
    let guests = (steps(), any::<u8>(), any::<bool>(), any::<prop::sample::Index>());
    let approved = AtomicUsize::new(0);
    let property = |(script, seed, each, at): (Value, u8, bool, prop::sample::Index)| {
        let approvals = executor.block_on(one_guest(&bed, &script.to_string(), seed, each, at))?;
        approved.fetch_add(approvals, Ordering::Relaxed);
        Ok(())
    };
    runner.run(&guests, property).unwrap();
    assert!(approved.into_inner() > GUESTS as usize / 2, "few of the guests wrote anything");
}

async fn one_guest(
    bed: &Bed,
    script: &str,
    seed: u8,
    each: bool,
    at: prop::sample::Index,
) -> Result<usize, TestCaseError> {
    let from = bed.upstream.requests().len();
    let recorded = bed.run(script, fresh(seed), Gate::Open).await;
    let arrived = bed.arrived(from);
    let journal = recorded.journal.unwrap();

    let from = bed.upstream.requests().len();
    let again = bed.run(script, journal.clone(), Gate::Open).await;
    prop_assert_eq!(&again.outcome, &recorded.outcome);
    prop_assert_eq!((bed.upstream.requests().len(), again.again), (from, journal.entries.len()));
    prop_assert_eq!(again.journal.as_ref(), Some(&journal));

    let mut approvals = 0;
    let mut run = bed.run(script, fresh(seed), Gate::Ask).await;
    while let Err(CallError::Waiting(waiting)) = run.outcome {
        approvals += 1;
        let stored = run.journal.unwrap().to_bytes();
        let kept = Journal::from_bytes(&stored).unwrap();
        run = bed.run(script, kept, Gate::Approved { request: waiting.request, each }).await;
    }
    prop_assert_eq!(&run.outcome, &recorded.outcome);
    prop_assert_eq!(bed.arrived(from), arrived.clone());
    let writes: usize = arrived.iter().filter(|((method, _), _)| method == "POST").map(|(_, count)| count).sum();
    prop_assert_eq!(approvals, if each { writes } else { writes.min(1) });

    changed_journals_are_noticed(bed, script, &journal, at).await?;
    Ok(approvals)
}

/// A journal in which a request was put in another's place stops the guest; one in which an answer was changed makes no
/// write leave.
async fn changed_journals_are_noticed(
    bed: &Bed,
    script: &str,
    journal: &Journal,
    at: prop::sample::Index,
) -> Result<(), TestCaseError> {
    if journal.entries.is_empty() {
        return Ok(());
    }
    let from = bed.upstream.requests().len();
    let at = at.index(journal.entries.len());
    let mut other_request = journal.clone();
    other_request.entries[at].request[0] ^= 1;
    let run = bed.run(script, other_request, Gate::Open).await;
    prop_assert!(matches!(run.outcome, Err(CallError::Diverged { .. })), "{:?}", run.outcome);

    let mut other_answer = journal.clone();
    if let Told::Response { status, .. } = &mut other_answer.entries[at].reply {
        *status = 418;
        bed.run(script, other_answer, Gate::Ask).await;
        let writes = bed.arrived(from).keys().filter(|(method, _)| method == "POST").count();
        prop_assert_eq!(writes, 0, "a write left on the word of a changed journal");
    } else {
        prop_assert_eq!(bed.upstream.requests().len(), from);
    }
    Ok(())
}
