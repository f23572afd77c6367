//! One thread, no HTTP: what a fresh instance and a call of a real component cost, and what installing it costs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gloveport::config::PrivateNetworks;
use gloveport::egress::{Egress, EgressConfig, Grant, GrantState, Injection};
use gloveport::model::{Import, Random, Timestamp};
use gloveport::runtime::{AccountView, Call, Gate, Journal, Plugin, Runtime, RuntimeConfig};
use gloveport_tests::programs;

use crate::report::Single;

/// Calls that are measured: half a second or so.
const CALLS: u32 = 20_000;

/// Measures on a thread and an executor of its own, so that nothing else runs on it.
///
/// # Errors
///
/// When the component does not load or a call fails.
pub(crate) fn measure() -> Result<Vec<Single>, String> {
    let measured = std::thread::spawn(|| {
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
        executor.map_err(|error| error.to_string())?.block_on(on_this_thread())
    });
    measured.join().map_err(|_| "the measuring thread ended abnormally".to_owned())?
}

async fn on_this_thread() -> Result<Vec<Single>, String> {
    let wasm = std::fs::read(programs::connector("probe")).map_err(|error| error.to_string())?;
    let runtime = Runtime::new(RuntimeConfig { cache_dir: None, random: Random::system(), max_concurrent_calls: 100 })
        .map_err(|error| error.to_string())?;
    let started = Instant::now();
    let compiled = runtime.compile(&wasm, &"0".repeat(64)).map_err(|error| error.to_string())?;
    let compiling = started.elapsed();
    let granted: BTreeSet<Import> = runtime.imports(&compiled).clone();
    let plugin = runtime.link(&compiled, &granted).map_err(|error| error.to_string())?;
    let egress =
        Arc::new(Egress::new(EgressConfig::new(PrivateNetworks::default())).map_err(|error| error.to_string())?);
    run(&runtime, &plugin, &egress, CALLS / 10).await?;
    let each = run(&runtime, &plugin, &egress, CALLS).await?;
    let kilobytes = wasm.len() / 1024;
    Ok(vec![
        Single { name: "instantiate + call, 1 thread".into(), value: each.as_secs_f64() * 1e6, unit: "µs" },
        Single { name: format!("compile {kilobytes} kB cold"), value: compiling.as_secs_f64() * 1e3, unit: "ms" },
    ])
}

/// The mean time of a call.
async fn run(runtime: &Runtime, plugin: &Plugin, egress: &Arc<Egress>, calls: u32) -> Result<Duration, String> {
    let account = AccountView { fields: Arc::new(BTreeMap::new()), settings: Arc::from("{}") };
    let grant = Arc::new(grant()?);
    let started = Instant::now();
    for _ in 0..calls {
        let call = Call {
            tool: "probe_echo",
            input: "{}",
            binding: None,
            journal: Journal { now: Timestamp(0), seed: [0; 32], account: account.clone(), entries: Vec::new() },
            gate: Gate::Open,
            records: false,
            tools: None,
            depth: 0,
            egress: Arc::clone(egress),
            grant: Arc::clone(&grant),
            timeout: Duration::from_secs(30),
            stop: Default::default(),
            progress: None,
        };
        runtime.call(plugin, call).await.outcome.map_err(|error| error.to_string())?;
    }
    Ok(started.elapsed() / calls)
}

fn grant() -> Result<Grant, String> {
    Ok(Grant {
        account: None,
        base_url: "https://api.example.com".parse().map_err(|error| format!("{error}"))?,
        hosts: Vec::new(),
        routes: Arc::new([]),
        injection: Injection::None,
        idempotency: None,
        timeout: Duration::from_secs(30),
        state: GrantState::new(),
    })
}
