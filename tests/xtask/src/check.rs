//! `cargo xtask test`: what CI runs, cheapest first, stopping at the first step that fails.

use crate::cargo::{self, Tally, cargo};
use crate::dependencies;
use crate::plugins::{self, Options};
use crate::steps::{Failure, Steps, note};

/// Runs every check of the repository.
pub(crate) fn run() -> Result<(), Failure> {
    let mut steps = Steps::new(6);
    steps.step("format", format)?;
    steps.step("dependency rules", dependency_rules)?;
    steps.step("lints", lints)?;
    steps.step("connectors", || plugins(&Options::all()))?;
    steps.step("programs", programs)?;
    let tally = steps.step("tests", tests)?;
    steps.finish(&summary(tally));
    Ok(())
}

fn format() -> Result<(), Failure> {
    cargo::run(
        cargo(&["fmt", "--all", "--", "--check"]),
        "run `cargo fmt --all` (needs `rustup component add rustfmt`)",
    )
}

fn dependency_rules() -> Result<(), Failure> {
    let broken = dependencies::check(&cargo::metadata()?);
    for finding in &broken {
        note(finding);
    }
    if broken.is_empty() {
        return Ok(());
    }
    let what = format!("{} dependencies break a rule", broken.len());
    Err(Failure::new(what, "choose another crate or other features; the rules are in tests/xtask/src/dependencies.rs"))
}

fn lints() -> Result<(), Failure> {
    cargo::run(
        cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]),
        "mend what clippy names; an exception is written `#[expect(lint, reason = \"…\")]`",
    )
}

/// The programs that tests start: cargo builds these by itself only for the tests of their own package.
fn programs() -> Result<(), Failure> {
    cargo::run(cargo(&["build", "--quiet", "--workspace", "--bins"]), "mend the build")
}

/// `cargo xtask plugins`, and the step of that name of the other commands.
pub(crate) fn plugins(options: &Options) -> Result<(), Failure> {
    match plugins::build(options) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new(error, "see sdk-guest/README.md for what building connectors needs")),
    }
}

fn tests() -> Result<Tally, Failure> {
    let (success, tally) = cargo::run_tests(cargo(&["test", "--workspace", "--no-fail-fast", "--quiet"]))?;
    if success && tally.passed > 0 {
        return Ok(tally);
    }
    Err(Failure::new(summary(tally), "the names are above; one test alone: `cargo test --workspace NAME`"))
}

fn summary(tally: Tally) -> String {
    let Tally { passed, failed, ignored } = tally;
    match ignored {
        0 => format!("{passed} passed, {failed} failed"),
        _ => format!("{passed} passed, {failed} failed, {ignored} ignored"),
    }
}
