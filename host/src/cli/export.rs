//! `gloveport export`: what a host has, as `gloveport apply` takes it.

mod emit;

use clap::Args as ClapArgs;
use serde_json::Value;

use super::remote::Remote;
use super::table::clean;
use super::{CliError, Session};

/// Options of `gloveport export`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    /// Only these: connectors, connections, secrets, profiles, policies, policy_defaults, modifiers, mcp_configs, webhooks.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    kinds: Vec<String>,
}

/// Runs `gloveport export`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, kinds } = args;
    let client = remote.client(session)?;
    let kinds = kinds.join(",");
    let answer =
        client.get(&["v1", "export"], &[("kinds", Some(kinds.as_str()).filter(|kinds| !kinds.is_empty()))]).await?;
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    for left_out in answer.value["left_out"].as_array().into_iter().flatten() {
        let text = |name: &str| left_out[name].as_str().map(clean).unwrap_or_default();
        writeln!(session.out, "# left out of {} {}: {}", text("kind"), text("name"), text("reason"))?;
    }
    let mut resources = answer.value["resources"].clone();
    for connector in resources.get_mut("connectors").and_then(Value::as_array_mut).into_iter().flatten() {
        readable(connector);
    }
    Ok(write!(session.out, "{}", emit::yaml(&resources))?)
}

/// A document in JSON is readable as YAML, and says the same.
fn readable(connector: &mut Value) {
    let Some(Value::String(text)) = connector.get("document") else { return };
    if let Ok(document @ Value::Object(_)) = serde_json::from_str::<Value>(text) {
        connector["document"] = document;
    }
}
