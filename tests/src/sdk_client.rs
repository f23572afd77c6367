//! Clients that nobody of this project wrote: MCP's SDKs, each of which goes to one URL and does what it is told.
//!
//! A client says first `{revision, server}`. It is told `{"do": "list"}` and says `{tools: [{name, output}]}`;
//! `{"do": "call", tool, arguments}`, and says `{failed, structured, text, steps}` or `{error: {code, message, data}}`, and
//! before that `{open: url}` when it has been asked to open a link, after which it waits for a line; `{"do": "cancel", …}`
//! likewise, which waits for a line, gives the call up, and says `{cancelled}`; `{"do": "listen"}`, and says
//! `{listening: true}`, and `{heard}` when the list of tools has changed.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::independent;
use crate::python::PythonProgram;

/// What pip installs for the Python SDK: this version speaks both eras.
const PYTHON: [&str; 1] = ["mcp==2.3.0"];

/// What npm installs for the TypeScript SDK: this version speaks both eras.
const TYPESCRIPT: [&str; 1] = ["@modelcontextprotocol/client@2.4.0"];

/// Who made a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sdk {
    /// The official one in Python.
    Python,
    /// The official one in TypeScript.
    TypeScript,
}

/// A running client. It ends when this is dropped.
pub struct SdkClient {
    _process: Child,
    tells: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
}

impl SdkClient {
    /// Starts one that goes to this URL in an era, `modern` or `legacy`; `None` where it cannot be had, which is said on
    /// standard error.
    ///
    /// # Panics
    ///
    /// When it is there and does not start.
    pub async fn start(sdk: Sdk, url: &str, era: &str) -> Option<Self> {
        let mut command = match sdk {
            Sdk::Python => {
                let text = include_str!("../independent/mcp_client.py");
                PythonProgram::of("mcp_client.py", text, &PYTHON).await?.command()
            }
            Sdk::TypeScript => {
                let text = include_str!("../independent/mcp_client.mjs");
                let program = independent::program("mcp_client.mjs", text, &TYPESCRIPT).await?;
                let mut command = Command::new("node");
                command.arg(program);
                command
            }
        };
        let command = command.args([url, era]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("what installs packages can run them");
        let tells = process.stdin.take().expect("it was piped");
        let says = BufReader::new(process.stdout.take().expect("it was piped")).lines();
        Some(Self { _process: process, tells, says })
    }

    /// The next thing that it says.
    ///
    /// # Panics
    ///
    /// When it has ended; why is on standard error.
    pub async fn hear(&mut self) -> Value {
        let line = self.says.next_line().await.expect("its output can be read").expect("it says more before it ends");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"))
    }

    /// Tells it a line.
    ///
    /// # Panics
    ///
    /// When it has ended.
    pub async fn tell(&mut self, line: &Value) {
        self.tells.write_all(format!("{line}\n").as_bytes()).await.expect("it reads its input");
    }

    /// Tells it a line, and gives what it says then.
    pub async fn ask(&mut self, line: &Value) -> Value {
        self.tell(line).await;
        self.hear().await
    }
}
