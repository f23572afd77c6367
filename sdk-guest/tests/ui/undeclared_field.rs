//! What a pattern names is among its fields.

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
    auth = [bearer(name = "a", title = "A", field = "tokne", fields = [password(name = "token", label = "T")])],
    tools = [get],
)]
struct Ui;

fn main() {}
