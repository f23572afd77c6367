//! Programs in Python that use packages nobody of this project wrote: the types and clients that others publish.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

use crate::installing;
use crate::programs::target_folder;

/// How long pip may take: half a minute with a network, and less than anybody waits without one.
const PATIENCE: Duration = Duration::from_secs(180);

/// A program that can be run, with its packages around it.
#[derive(Clone, Debug)]
pub struct PythonProgram {
    /// The interpreter that finds the packages.
    pub python: PathBuf,
    /// The program.
    pub file: PathBuf,
}

impl PythonProgram {
    /// Writes `text` down as `name`, and installs exactly these packages (`name==version`) for it, once for each target
    /// folder; `None` where Python or the packages cannot be had, which is said on standard error.
    ///
    /// # Panics
    ///
    /// When the target folder cannot be written to.
    pub async fn of(name: &str, text: &str, packages: &[&str]) -> Option<Self> {
        let folder = target_folder("python").join(name.trim_end_matches(".py"));
        std::fs::create_dir_all(&folder).expect("the target folder can be written to");
        let python = folder.join("venv/bin/python");
        if let Err(why) = install(&folder, &python, packages).await {
            // Nobody reads a closed standard error.
            let _ = writeln!(std::io::stderr(), "skipped: {} cannot be had here: {why}", packages.join(", "));
            return None;
        }
        let file = folder.join(name);
        std::fs::write(&file, text).expect("the target folder can be written to");
        Some(Self { python, file })
    }

    /// The program, to be started with arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(&self.file).stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

/// Installs what is not there: the list of packages beside them says that they are, once they all are.
async fn install(folder: &Path, python: &Path, packages: &[&str]) -> Result<(), String> {
    let _turn = installing::turn().await;
    let (list, wanted) = (folder.join("packages.txt"), packages.join("\n"));
    if python.is_file() && std::fs::read_to_string(&list).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    ended(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv"))).await?;
    let options = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"];
    ended(Command::new(python).args(options).args(packages)).await?;
    std::fs::write(list, wanted).map_err(|error| error.to_string())
}

async fn ended(command: &mut Command) -> Result<Output, String> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, output).await.map_err(|_| "it takes too long".to_owned())?;
    let output = output.map_err(|error| format!("python3: {error}"))?;
    match output.status.success() {
        true => Ok(output),
        false => Err(String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("it failed").to_owned()),
    }
}
