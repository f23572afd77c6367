//! The commands of this repository, reached by `cargo xtask`: everything a person or CI runs.

mod bench;
mod cargo;
mod check;
mod conformance;
mod demo;
mod dependencies;
mod plugins;
mod steps;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Build, test, show and measure Gloveport.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything that CI runs: format, dependency rules, lints, connectors, all tests.
    Test,
    /// A sealed call from end to end against imitated providers, with what each party saw.
    Demo(demo::Options),
    /// Throughput and latency against a native pass-through, in one run.
    Bench(bench::Options),
    /// The official conformance suite of MCP, in both eras, against a host of this build.
    Conformance,
    /// Builds the connectors and the probe guest as components.
    Plugins(plugins::Options),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Test => check::run(),
        Command::Demo(options) => demo::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Conformance => conformance::run(),
        Command::Plugins(options) => check::plugins(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            steps::fail(&failure);
            ExitCode::FAILURE
        }
    }
}
