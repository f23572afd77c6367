//! The commands of this repository, reached by `cargo xtask`.

mod plugins;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The commands of this repository")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds the connectors and the probe guest as components
    Plugins(plugins::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Plugins(options) => plugins::build(&options).map(drop).map_err(|error| error.to_string()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do where even this cannot be written.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
