//! Clients that nobody of this project wrote: MCP's SDKs, each of which goes to one URL and does what it is told.
//!
//! A client says first `{revision, server}`. It is told `{"do": "list"}` and says `{tools: [{name, output}]}`;
//! `{"do": "call", tool, arguments}`, and says `{failed, structured, text, steps}` or `{error: {code, message, data}}`, and
//! before that `{open: url}` when it has been asked to open a link, after which it waits for a line; `{"do": "cancel", …}`
//! likewise, which waits for a line, gives the call up, and says `{cancelled}`; `{"do": "listen"}`, and says
//! `{listening: true}`, and `{heard}` when the list of tools has changed. The one in Rust follows tasks if its era is
//! `tasks`: `{"do": "task", tool, arguments}` says `{task}`, then the task when it asks something, after which it waits for
//! the answers by their names, and at last the task when it has ended.

use tokio::process::Command;

use crate::conversation::Conversation;
use crate::python::PythonProgram;
use crate::{independent, programs};

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
    /// The official one in Rust, `rmcp`.
    Rust,
}

/// Starts a client that goes to this URL in an era, `modern` or `legacy`; `None` where it cannot be had, which is said on
/// standard error.
///
/// # Panics
///
/// When it is there and does not start.
pub async fn start(sdk: Sdk, url: &str, era: &str) -> Option<Conversation> {
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
        Sdk::Rust => Command::new(programs::rmcp_client()),
    };
    Some(Conversation::start(command.args([url, era])))
}
