//! Whoever looks at a prompt or a resource changes nothing.

#![allow(unused_imports)]

use gloveport_sdk::{Failure, connector, tool};

/// Writes.
#[tool(effect = write, routes = ["POST /x"])]
fn put() -> Result<u8, Failure> {
    Ok(1)
}

/// A connector.
#[connector(
    name = "ui",
    title = "Ui",
    publisher = "Example",
    base_url = "https://api.example.com",
    hosts = ["api.example.com"],
    auth = [none(name = "none", title = "None")],
    tools = [put],
    resources = put({"list": []}),
)]
struct Ui;

fn main() {}
