//! `cargo xtask demo`: builds the demo of the tests package and runs it.

use crate::cargo::{self, cargo};
use crate::steps::{Failure, Steps};
use crate::{check, plugins};

/// How the demo runs.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Stay up afterwards, so that the printed URLs can be tried by hand.
    #[arg(long)]
    keep: bool,
}

/// Builds what the demo needs, and runs it.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut steps = Steps::new(2);
    steps.step("build the connectors", || check::plugins(&plugins::Options::all()))?;
    steps.step("build the host and the imitated providers", || {
        cargo::run(cargo(&["build", "--workspace", "--bins"]), "mend the build")
    })?;
    let mut demo = cargo::program("debug", "demo")?;
    if options.keep {
        demo.arg("--keep");
    }
    cargo::run(demo, "the demo says above which step failed")
}
