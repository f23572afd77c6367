//! Whether the host runs, is ready and loads its connectors.

use serde_json::Value;

use super::super::CliError;
use super::super::client::Client;
use super::super::table::{array_at, str_at};
use super::{Check, clock};
use crate::model::Clock;

/// What the API says of a connector that can be called.
const LOADED: &[&str] = &["ready", "not_loaded"];

/// Asks the host. One that the operator named has to answer.
pub(super) async fn checks(client: &Client, is_named: bool) -> Vec<Check> {
    let server = client.server();
    let (status, date) = match client.ping(&["readyz"]).await {
        Ok(answer) => answer,
        Err(error) if is_named => return vec![Check::fail("host", error.to_string(), "start it, or correct --server")],
        Err(_) => {
            let advice = "start it with `gloveport serve`, or name another with --server";
            return vec![Check::warn("host", format!("nothing answers at {server}"), advice)];
        }
    };
    let ready = match status {
        200..=299 => Check::ok("host", format!("{server} is ready")),
        _ => Check::fail("host", format!("{server} is not ready: HTTP {status}"), "see the host's log"),
    };
    vec![ready, clock::compare(date.as_deref(), Clock::system().now()), check_connectors(client).await]
}

async fn check_connectors(client: &Client) -> Check {
    let list = match super::super::list::fetch(client, &["v1", "connectors"], &[], super::super::list::MAX_ITEMS).await
    {
        Ok(list) => list,
        Err(CliError::Problem(problem)) if matches!(problem.code.as_str(), "unauthenticated" | "forbidden") => {
            let advice = "set GLOVEPORT_KEY to an admin key, or name a file that holds one with --key-file";
            return Check::warn("connectors", format!("not looked at: {}", problem.title), advice);
        }
        Err(error) => return Check::fail("connectors", error.to_string(), "see the host's log"),
    };
    judge(&list.values())
}

fn judge(connectors: &[Value]) -> Check {
    let broken: Vec<String> = connectors
        .iter()
        .filter(|connector| !LOADED.contains(&str_at(connector, "/status")))
        .map(|connector| format!("{} ({})", str_at(connector, "/name"), str_at(connector, "/status")))
        .collect();
    if !broken.is_empty() {
        let advice = "`gloveport connector inspect NAME` says why; add the connector again in a version for this host";
        return Check::fail("connectors", format!("not loaded: {}", broken.join(", ")), advice);
    }
    let tools: usize = connectors.iter().map(|connector| array_at(connector, "/tools").len()).sum();
    Check::ok("connectors", format!("{} loaded, {tools} tools", connectors.len()))
}
