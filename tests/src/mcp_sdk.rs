//! A client that nobody of this project wrote: MCP's TypeScript SDK, which finds its way from one URL.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// What npm installs, once for each target folder.
const PACKAGE: &str = "@modelcontextprotocol/sdk@1.32.2";

/// How long npm may take: seconds where it has the package, and less than anybody waits where it has no network.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running client. It ends when this is dropped.
pub struct SdkClient {
    _process: Child,
    tells: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
}

impl SdkClient {
    /// Starts one that goes to this URL; `None` where Node or the package cannot be had, which is said on standard error.
    pub async fn start(url: &str) -> Option<Self> {
        let folder = folder();
        std::fs::create_dir_all(&folder).expect("the target folder can be written to");
        if let Err(why) = install(&folder).await {
            // Nobody reads a closed standard error.
            let _ = writeln!(std::io::stderr(), "skipped: {PACKAGE} cannot be had here: {why}");
            return None;
        }
        // Node looks for packages beside the program.
        let program = folder.join("client.mjs");
        std::fs::write(&program, include_str!("../independent/client.mjs"))
            .expect("the target folder can be written to");
        let mut process = Command::new("node")
            .args([program.as_os_str(), url.as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("npm does not work without node");
        let tells = process.stdin.take().expect("it was piped");
        let says = BufReader::new(process.stdout.take().expect("it was piped")).lines();
        Some(Self { _process: process, tells, says })
    }

    /// The next thing that it says.
    pub async fn hear(&mut self) -> Value {
        let line = self.says.next_line().await.expect("its output can be read").expect("it says more before it ends");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"))
    }

    /// Tells it a line, and gives what it says then.
    pub async fn ask(&mut self, line: &str) -> Value {
        self.tells.write_all(format!("{line}\n").as_bytes()).await.expect("it reads its input");
        self.hear().await
    }
}

async fn install(folder: &Path) -> Result<(), String> {
    if folder.join("node_modules/@modelcontextprotocol/sdk/package.json").is_file() {
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
    program.ancestors().nth(3).expect("it is in target/debug/deps").join("mcp-sdk")
}
