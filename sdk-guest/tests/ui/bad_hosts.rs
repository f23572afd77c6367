//! Hosts are patterns, not URLs.

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
    hosts = ["api.example.com", "https://b.example.com", "a*.example.com", "api.example.com"],
    auth = [none(name = "none", title = "None")],
    tools = [get],
)]
struct Ui;

fn main() {}
