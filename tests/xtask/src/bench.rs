//! `cargo xtask bench`: builds the bench of the tests package with optimizations and runs it.

use std::path::PathBuf;

use crate::cargo::{self, cargo};
use crate::steps::{Failure, Steps};
use crate::{check, plugins};

/// How much is measured, and where the figures go.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Requests per measurement.
    #[arg(long)]
    requests: Option<u32>,
    /// Also write the figures to this file, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Builds the bench, and runs it.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut steps = Steps::new(2);
    steps.step("build the connectors", || check::plugins(&plugins::Options::all()))?;
    steps.step("build with optimizations", || {
        cargo::run(cargo(&["build", "--release", "--workspace", "--bins"]), "mend the build")
    })?;
    let mut bench = cargo::program("release", "bench")?;
    if let Some(requests) = options.requests {
        bench.args(["--requests", &requests.to_string()]);
    }
    if let Some(path) = &options.json {
        // The bench runs at the root of the workspace, not where its caller stands.
        bench.arg("--json").arg(std::path::absolute(path).unwrap_or_else(|_| path.clone()));
    }
    cargo::run(bench, "the bench says above which measurement failed")
}
