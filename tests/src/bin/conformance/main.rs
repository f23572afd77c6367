//! Runs the official conformance suite of MCP against a host of this build, and shows all that it says.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program's output is its purpose")]

use std::process::ExitCode;

use gloveport_tests::conformance::{REVISIONS, Stage, Suite};

#[tokio::main]
async fn main() -> ExitCode {
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
        eprintln!("revision {}", revision.date);
        let verdict = suite.judge(&stage.url, revision).await;
        println!("{}", verdict.said);
        all &= verdict.passed;
    }
    if all { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
