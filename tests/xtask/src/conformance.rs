//! `cargo xtask conformance`: builds the host, and lets the official suite of MCP judge it.

use crate::cargo::{self, cargo};
use crate::steps::{Failure, Steps};
use crate::{check, plugins};

/// Builds what is judged, and runs the suite.
pub(crate) fn run() -> Result<(), Failure> {
    let mut steps = Steps::new(3);
    steps.step("build the connectors", || check::plugins(&plugins::Options::all()))?;
    steps.step("build the host", || cargo::run(cargo(&["build", "--workspace", "--bins"]), "mend the build"))?;
    let suite = cargo::program("debug", "conformance")?;
    let remedy = "what is not offered is listed with its reason in tests/conformance; everything else has to pass";
    steps.step("the suite", || cargo::run(suite, remedy))?;
    steps.finish("both revisions as expected");
    Ok(())
}
