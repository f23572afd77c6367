//! Runs the official conformance suite of MCP against a host of this build, or is the client that it starts for its servers.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program's output is its purpose")]

use std::process::ExitCode;

use gloveport_tests::conformance::{REVISIONS, Stage, Suite};
use gloveport_tests::conformance_client::{Scenario, visit};
use gloveport_tests::programs;

#[tokio::main]
async fn main() -> ExitCode {
    if let Some(url) = std::env::args().nth(1) {
        println!("{:#}", visit(&url, &scenario()).await);
        return ExitCode::SUCCESS;
    }
    let suite = match Suite::install().await {
        Ok(suite) => suite,
        Err(why) => {
            eprintln!("the suite cannot be had here: {why}");
            return ExitCode::FAILURE;
        }
    };
    let stage = Stage::start().await;
    let mut all = true;
    for revision in &REVISIONS {
        eprintln!("revision {}: the server", revision.date);
        let verdict = suite.judge(&stage.url, revision).await;
        println!("{}", verdict.said);
        all &= verdict.passed;
        eprintln!("revision {}: the client", revision.date);
        let verdict = suite.judge_client(&programs::conformance(), revision).await;
        println!("{}", verdict.said);
        all &= verdict.passed;
    }
    if all { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// As the suite says it to the clients that it starts.
#[expect(clippy::disallowed_methods, reason = "the suite speaks to its clients by the environment")]
fn scenario() -> Scenario {
    let said = |name: &str| std::env::var(name).unwrap_or_default();
    let context = serde_json::from_str(&said("MCP_CONFORMANCE_CONTEXT")).unwrap_or_default();
    Scenario { name: said("MCP_CONFORMANCE_SCENARIO"), context }
}
