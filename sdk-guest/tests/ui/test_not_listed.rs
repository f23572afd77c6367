//! The test call is one of the tools.

#![allow(unused_imports)]

use gloveport_sdk::{Failure, connector, tool};

/// Reads.
#[tool(effect = read, routes = ["GET /x"])]
fn get() -> Result<u8, Failure> {
    Ok(1)
}

/// Does.
#[tool(effect = read)]
fn other() -> Result<u8, Failure> {
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
    test = other({}),
    tools = [get],
)]
struct Ui;

fn main() {}
