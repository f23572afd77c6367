//! A client that nobody of this project wrote: MCP's TypeScript SDK, which finds its way from one URL.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::independent::program;

/// What npm installs, once for each target folder.
const PACKAGES: [&str; 1] = ["@modelcontextprotocol/sdk@1.32.2"];

/// A running client. It ends when this is dropped.
pub struct SdkClient {
    _process: Child,
    tells: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
}

impl SdkClient {
    /// Starts one that goes to this URL; `None` where Node or the package cannot be had, which is said on standard error.
    pub async fn start(url: &str) -> Option<Self> {
        let program = program("client.mjs", include_str!("../independent/client.mjs"), &PACKAGES).await?;
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
