//! What stands in `{{…}}` is a public field.

#![allow(unused_imports)]

use gloveport_sdk::{Failure, connector, tool};

/// Reads.
#[tool(effect = read, routes = ["GET /x"])]
fn get() -> Result<u8, Failure> {
    Ok(1)
}

/// A connector.
#[connector(
    name = "ui",
    title = "Ui",
    publisher = "Example",
    base_url = "https://{{site}}.example.com",
    hosts = ["{{site}}.example.com"],
    auth = [bearer(name = "a", title = "A", fields = [password(name = "site", label = "T")])],
    tools = [get],
)]
struct Ui;

fn main() {}
