//! What gets prompts and resources is a tool of the connector, with JSON of what it gets.

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
    base_url = "https://api.example.com",
    hosts = ["api.example.com"],
    auth = [none(name = "none", title = "None")],
    tools = [get],
    prompts = "get",
    resources = elsewhere({"list": []}),
)]
struct Ui;

/// A connector.
#[connector(
    name = "other",
    title = "Other",
    publisher = "Example",
    base_url = "https://api.example.com",
    hosts = ["api.example.com"],
    auth = [none(name = "none", title = "None")],
    tools = [get],
    prompts = get({list: []}),
    resources = get([]),
)]
struct Other;

fn main() {}
