//! An authorization server that nobody of this project wrote: npm's `oidc-provider`, on the loopback.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// What npm installs, once for each target folder.
const PACKAGE: &str = "oidc-provider@9.13.3";

/// How long npm may take: seconds where it has the package, and less than anybody waits where it has no network.
const PATIENCE: Duration = Duration::from_secs(90);

/// The secret of its only client, `gloveport`.
pub const CLIENT_SECRET: &str = "cnry_the-secret-of-an-independent-server";

/// A running server. It ends when this is dropped.
pub struct IndependentServer {
    _process: Child,
    /// Its URL and its name as an issuer, which are the same.
    pub url: String,
}

impl IndependentServer {
    /// Starts one that sends browsers back to `redirect_uri` only; `None` where Node or its package cannot be had, which
    /// is said on standard error.
    pub async fn start(redirect_uri: &str) -> Option<Self> {
        let folder = folder();
        std::fs::create_dir_all(&folder).expect("the target folder can be written to");
        if let Err(why) = install(&folder).await {
            // Nobody reads a closed standard error.
            let _ = writeln!(std::io::stderr(), "skipped: {PACKAGE} cannot be had here: {why}");
            return None;
        }
        // Node looks for packages beside the program.
        let program = folder.join("server.mjs");
        std::fs::write(&program, include_str!("../independent/server.mjs"))
            .expect("the target folder can be written to");
        let mut process = Command::new("node")
            .arg(program)
            .arg(redirect_uri)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("npm does not work without node");
        let mut lines = BufReader::new(process.stdout.take().expect("it was piped")).lines();
        let port = loop {
            let line =
                lines.next_line().await.expect("its output can be read").expect("it says its port before it ends");
            if let Some(port) = line.strip_prefix("port ") {
                break port.to_owned();
            }
        };
        // Whatever else it says must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Some(Self { _process: process, url: format!("http://127.0.0.1:{port}") })
    }
}

async fn install(folder: &Path) -> Result<(), String> {
    if folder.join("node_modules/oidc-provider/package.json").is_file() {
        return Ok(());
    }
    let npm = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", PACKAGE, "--prefix"])
        .arg(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let ended = tokio::time::timeout(PATIENCE, npm).await.map_err(|_| "npm takes too long".to_owned())?;
    let ended = ended.map_err(|error| format!("npm: {error}"))?;
    match ended.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&ended.stderr).lines().last().unwrap_or("npm failed").to_owned()),
    }
}

/// Beside what was built: `target/debug/deps/all-…` is this program.
fn folder() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows where it is");
    program.ancestors().nth(3).expect("it is in target/debug/deps").join("independent")
}
