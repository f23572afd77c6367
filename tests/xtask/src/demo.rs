//! `cargo xtask demo`: builds the host and the connectors, and runs `gloveport demo`.

use std::ffi::OsString;

use crate::cargo::{self, cargo};
use crate::steps::{Failure, Steps};
use crate::{check, plugins};

/// How the demo runs.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Passed on to `gloveport demo`, such as `--keep`; `gloveport demo --help` lists all.
    #[arg(value_name = "OPTIONS", trailing_var_arg = true, allow_hyphen_values = true)]
    passed_on: Vec<OsString>,
}

/// Builds what the demo needs, and runs it.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut steps = Steps::new(2);
    steps.step("build the connectors", || check::plugins(&plugins::Options::all()))?;
    steps.step("build the host", || {
        // The whole workspace: cargo unites features, so anything less would be built once more for the tests.
        cargo::run(cargo(&["build", "--workspace", "--bins"]), "mend the build")
    })?;
    let mut demo = cargo::program("debug", "gloveport")?;
    demo.arg("demo").args(&options.passed_on);
    cargo::run(demo, "the demo says above which step failed")
}
