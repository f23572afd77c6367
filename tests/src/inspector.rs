//! MCP's Inspector at its command line: a client that people look at servers with.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::conformance::Suite;
use crate::independent;

/// What npm installs.
const PACKAGES: [&str; 1] = ["@modelcontextprotocol/inspector@2.12.0"];

/// It, ready to run.
pub struct Inspector {
    node: PathBuf,
    program: PathBuf,
    /// Where it keeps what it keeps.
    home: TempDir,
}

/// What one run of it said.
#[derive(Debug)]
pub struct Said {
    /// How it ended.
    pub code: Option<i32>,
    /// The result that it printed; null if there is none.
    pub result: Value,
    /// What it said to people.
    pub errors: String,
}

impl Inspector {
    /// Installs it; `None` where it cannot be had, which is said on standard error.
    ///
    /// # Panics
    ///
    /// When there is no room for a temporary folder.
    pub async fn install() -> Option<Self> {
        let program =
            independent::program("inspector.mjs", include_str!("../independent/inspector.mjs"), &PACKAGES).await?;
        // It needs a Node as new as the suite's.
        let suite = Suite::install().await.map_err(|why| {
            // Nobody reads a closed standard error.
            let _ = writeln!(std::io::stderr(), "skipped: a Node for the Inspector cannot be had here: {why}");
        });
        let home = tempfile::tempdir().expect("there is room for a temporary folder");
        Some(Self { node: suite.ok()?.node().to_owned(), program, home })
    }

    /// Runs it at this URL, in an era.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn run(&self, url: &str, era: &str, arguments: &[&str]) -> Said {
        let output = Command::new(&self.node)
            .arg(&self.program)
            .args(["--cli", url, "--transport", "http", "--protocol-era", era])
            .args(["--format", "json", "--quiet", "--stored-auth-only"])
            .args(arguments)
            .env("HOME", self.home.path())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .expect("Node starts");
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let result = printed["result"].clone();
        Said { code: output.status.code(), result, errors: String::from_utf8_lossy(&output.stderr).into_owned() }
    }
}
