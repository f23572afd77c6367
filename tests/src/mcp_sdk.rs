//! A client that nobody of this project wrote: MCP's TypeScript SDK, which finds its way from one URL.

use tokio::process::Command;

use crate::conversation::Conversation;
use crate::independent::program;

/// What npm installs, once for each target folder.
const PACKAGES: [&str; 1] = ["@modelcontextprotocol/sdk@1.32.2"];

/// Starts one that goes to this URL; `None` where Node or the package cannot be had, which is said on standard error.
///
/// # Panics
///
/// When it is there and does not start.
pub async fn start(url: &str) -> Option<Conversation> {
    let program = program("client.mjs", include_str!("../independent/client.mjs"), &PACKAGES).await?;
    Some(Conversation::start(Command::new("node").args([program.as_os_str(), url.as_ref()])))
}
