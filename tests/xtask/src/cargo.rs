//! Runs cargo, with the same cargo that runs this program.
#![expect(clippy::print_stdout, reason = "the output of the tests is passed on as it comes")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::steps::Failure;

/// Tests as counted in the lines of `cargo test`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
    /// Tests that did not run; the tidy test forbids `#[ignore]`, so this stays 0.
    pub(crate) ignored: u64,
}

impl Tally {
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result: ").and_then(|(_, rest)| rest.split_once(". ")) else {
            return;
        };
        for count in counts.split("; ") {
            let (number, name) = count.split_once(' ').unwrap_or_default();
            let number: u64 = number.parse().unwrap_or(0);
            match name {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// A cargo command at the root of the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(root());
    command
}

/// Runs `command`, which reports on the terminal by itself.
pub(crate) fn run(mut command: Command, remedy: &str) -> Result<(), Failure> {
    let status = command.status().map_err(|error| not_started(&command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::new(described(&command, status), remedy)) }
}

/// Runs `command`, passes its output on, and counts the tests in it. The count is of use on failure too.
pub(crate) fn run_tests(mut command: Command) -> Result<(bool, Tally), Failure> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| not_started(&command, &error))?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            println!("{line}");
            tally.add(&line);
        }
    }
    let status = child.wait().map_err(|error| not_started(&command, &error))?;
    Ok((status.success(), tally))
}

/// What `cargo metadata` says of the workspace and all of its locked dependencies.
pub(crate) fn metadata() -> Result<Value, Failure> {
    let mut command = cargo(&["metadata", "--locked", "--format-version", "1"]);
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| not_started(&command, &error))?;
    if !output.status.success() {
        let remedy = "`cargo metadata` alone updates Cargo.lock; commit it with the change that needs it";
        return Err(Failure::new(described(&command, output.status), remedy));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure::new(format!("cargo metadata is not JSON: {error}"), "update cargo"))
}

/// A program that was built, to be run at the root of the workspace. `cargo run -p` would build it once more: cargo
/// unites features over the packages that it is asked for, and everything else asks for the whole workspace.
pub(crate) fn program(profile: &str, name: &str) -> Result<Command, Failure> {
    let metadata = metadata()?;
    let target = metadata["target_directory"].as_str().unwrap_or("target");
    let mut command = Command::new(Path::new(target).join(profile).join(name));
    command.current_dir(root());
    Ok(command)
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    let program = command.get_program().to_string_lossy();
    Failure::new(format!("cannot run {program}: {error}"), "install Rust 1.95 or newer from https://rustup.rs")
}

fn described(command: &Command, status: std::process::ExitStatus) -> String {
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    format!("{program} {}: {status}", arguments.join(" "))
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn counts_result_lines_and_nothing_else() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test tidy::layers_hold ... ok",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s",
            "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.31s",
            "test result: garbage",
            "",
        ] {
            tally.add(line);
        }
        assert_eq!(tally, Tally { passed: 7, failed: 2, ignored: 1 });
    }
}
