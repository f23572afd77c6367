//! `cargo xtask bench`: what the sandbox and the records cost, against the same work done natively in the same run.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program's output is its purpose")]

mod documents;
mod instance;
mod load;
mod native;
mod protocol;
mod report;
mod resume;
mod sealed;
mod starts;

use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use gloveport::config::{KeepBodies, Records};
use load::{Shot, measure};
use report::Report;

/// Requests of each measurement unless `--requests` says otherwise: a few seconds each.
const REQUESTS: usize = 20_000;

/// Connections: as many as a busy agent platform keeps open, and one alone, which shows the latency.
const CONNECTIONS: [usize; 2] = [16, 1];

/// What is injected, by hand and by the host.
const CREDENTIAL: &str = "ghp_benchmark";

/// Whose throughput is divided by whose.
const COMPARED: [(&str, &str, &str); 9] = [
    ("tool/native", "tool call", "native pass-through"),
    ("tool with records off/native", "tool call, records off", "native pass-through"),
    ("bodies kept/not kept", "tool call", "tool call, no bodies"),
    ("bodies and 100 rules/neither", "tool call, 100 rules", "tool call, no bodies"),
    ("100 rules/no rules", "tool call, records off, 100 rules", "tool call, records off"),
    ("declared/hand-written", "tool call, declared", "tool call"),
    ("by MCP/by HTTP", "tool call by MCP", "tool call"),
    ("by MCP, legacy/by HTTP", "tool call by MCP, legacy", "tool call"),
    ("native/null", "native pass-through", "null route"),
];

struct Options {
    requests: usize,
    json: Option<PathBuf>,
    /// Measures only the loads of these names: for a profiler, or to compare them in less time.
    only: Vec<String>,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match (options(), runtime) {
        (Ok(options), Ok(runtime)) => runtime.block_on(bench(&options)),
        (Err(error), _) => Err(error),
        (_, Err(error)) => Err(error.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, String> {
    let mut options = Options { requests: REQUESTS, json: None, only: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--requests" => options.requests = value()?.parse().map_err(|_| "--requests takes a number")?,
            "--json" => options.json = Some(value()?.into()),
            "--only" => options.only.push(value()?),
            _ => return Err(format!("unknown argument {argument}")),
        }
    }
    Ok(options)
}

async fn bench(options: &Options) -> Result<(), String> {
    // The first of a process sets the provider; the later ones find it set.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut report = Report::default();
    let upstream = native::upstream(CREDENTIAL).await?;
    let native = native::start(format!("http://{upstream}/user"), CREDENTIAL.into()).await?;
    let null = Shot { url: format!("http://{native}/null"), headers: Vec::new(), body: None };
    let call = Shot {
        url: format!("http://{native}/call"),
        headers: vec![("authorization", "Bearer gp_caller".into())],
        body: Some(Bytes::from_static(b"{\"identifier\":\"ada\",\"input\":{}}")),
    };
    let upstream = format!("http://{upstream}");
    let recorded = sealed::start(&upstream, CREDENTIAL, Records::Durable, KeepBodies::All).await?;
    let lean = sealed::start(&upstream, CREDENTIAL, Records::Durable, KeepBodies::Waiting).await?;
    let unrecorded = sealed::start(&upstream, CREDENTIAL, Records::Off, KeepBodies::None).await?;
    let governed = sealed::start(&upstream, CREDENTIAL, Records::Off, KeepBodies::None).await?;
    let all = sealed::start(&upstream, CREDENTIAL, Records::Durable, KeepBodies::All).await?;
    for host in [&governed, &all] {
        sealed::add_rules(host, 100).await?;
    }
    let (tool, tool_lean, tool_unrecorded) = (sealed::shot(&recorded), sealed::shot(&lean), sealed::shot(&unrecorded));
    let (tool_governed, tool_all) = (sealed::shot(&governed), sealed::shot(&all));
    documents::declare(&recorded, &upstream, CREDENTIAL).await?;
    let declared = documents::call(&recorded);
    let by_mcp = protocol::shots(&recorded).await?;
    let many = sealed::start(&upstream, CREDENTIAL, Records::Off, KeepBodies::None).await?;
    documents::fill(&many).await?;
    let lists = documents::lists(&many).await?;
    let mut shots = vec![
        ("null route", &null),
        ("native pass-through", &call),
        ("tool call", &tool),
        ("tool call, no bodies", &tool_lean),
        ("tool call, 100 rules", &tool_all),
        ("tool call, records off", &tool_unrecorded),
        ("tool call, records off, 100 rules", &tool_governed),
        ("tool call, declared", &declared),
    ];
    shots.extend(by_mcp.iter().chain(&lists).map(|(name, shot)| (*name, shot)));
    if !options.only.is_empty() {
        shots.retain(|(name, _)| options.only.iter().any(|only| only == name));
    }
    for connections in CONNECTIONS {
        report.load.extend(measure(&shots, connections, options.requests).await?);
    }
    for (label, name, baseline) in COMPARED {
        report.compare(label, name, baseline);
    }
    if !options.only.is_empty() {
        println!("{}", report.table());
        return Ok(());
    }
    eprintln!("measuring: one instance, one thread");
    report.single.extend(instance::measure()?);
    eprintln!("measuring: a call that goes on");
    report.single.extend(resume::measure(&recorded, &upstream, CREDENTIAL).await?);
    eprintln!("measuring: starts");
    report.single.extend(starts::measure().await?);
    eprintln!("measuring: imports");
    report.single.extend(documents::import(&many).await?);
    println!("{}", report.table());
    match &options.json {
        Some(path) => report.write(path),
        None => Ok(()),
    }
}
