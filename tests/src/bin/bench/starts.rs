//! How long a host takes to listen when everything is compiled already, and how much memory it then holds.

use std::time::Instant;

use gloveport::config::Database;
use gloveport::model::By;
use gloveport::store::{ConnectorRow, Store};
use gloveport_tests::host::TestHost;
use gloveport_tests::programs;

use crate::report::Single;

/// So many connectors are installed.
const CONNECTORS: [usize; 3] = [1, 100, 1_000];

/// Starts a child on the same data several times, and takes the median: the first start after a change reads the disk.
const STARTS: usize = 5;

/// Measures a start with each number of connectors.
///
/// # Errors
///
/// When a row cannot be written, or the child's memory cannot be read.
pub(crate) async fn measure() -> Result<Vec<Single>, String> {
    let mut host = TestHost::spawn_child().await;
    let started = Instant::now();
    host.install("probe").await;
    let mut figures = vec![single("cold install", started.elapsed().as_secs_f64() * 1e3, "ms")];
    let mut installed = 1;
    for connectors in CONNECTORS {
        host.kill().await;
        add(&host, installed..connectors).await?;
        installed = connectors;
        let mut times = Vec::new();
        for _ in 0..STARTS {
            let started = Instant::now();
            host.restart_child().await;
            times.push(started.elapsed().as_secs_f64() * 1e3);
            if connectors == 1 && times.len() == STARTS {
                figures.push(single("resident, idle", resident(&host)?, "MB"));
            }
            host.kill().await;
        }
        times.sort_by(f64::total_cmp);
        figures.push(single(&format!("warm start, {connectors} connectors"), times[STARTS / 2], "ms"));
    }
    host.restart_child().await;
    loaded(&host).await?;
    figures.push(single("resident, 1000 connectors", resident(&host)?, "MB"));
    Ok(figures)
}

/// Installs copies of the probe under other names: rows and manifests are real, the code is one component's.
async fn add(host: &TestHost, numbers: std::ops::Range<usize>) -> Result<(), String> {
    let database = Database::Sqlite(host.data().join("gloveport.db"));
    let store = Store::open(&database).await.map_err(|error| error.to_string())?;
    let rows = store.all_connectors().await.map_err(|error| error.to_string())?;
    let original = rows.iter().find(|row| row.name == "probe").ok_or("the probe is not installed")?;
    let wasm = std::fs::read(programs::connector("probe")).map_err(|error| error.to_string())?;
    for number in numbers {
        let name = format!("probe{number}");
        let row = ConnectorRow {
            manifest: original.manifest.replacen("\"probe\"", &format!("\"{name}\""), 1),
            tools: original.tools.replace("\"probe_", &format!("\"{name}_")),
            name,
            ..original.clone()
        };
        store.install_connector(&By::host(row.installed_at), &row, &wasm).await.map_err(|error| error.to_string())?;
    }
    store.close().await;
    Ok(())
}

/// Waits until the host has loaded the code of every connector: it does so in the background after it listens.
async fn loaded(host: &TestHost) -> Result<(), String> {
    loop {
        let answer = host.client().get("/v1/connectors?limit=200").await.expect(200);
        let items = answer["items"].as_array().ok_or("no list of connectors")?;
        if items.iter().all(|item| item["status"] == "ready") {
            return Ok(());
        }
    }
}

/// Resident memory of the child in MB, as Linux counts it.
fn resident(host: &TestHost) -> Result<f64, String> {
    let pid = host.child_id().ok_or("the host is no child")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().map_err(|_| "VmRSS is no number")?;
    Ok(kilobytes / 1024.0)
}

fn single(name: &str, value: f64, unit: &'static str) -> Single {
    Single { name: name.into(), value, unit }
}
