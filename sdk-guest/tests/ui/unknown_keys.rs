//! Unknown keys come with a guess.

#![allow(unused_imports)]

use gloveport_sdk::{Failure, connector, tool};

/// Reads.
#[tool(efect = read, routes = ["GET /x"])]
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
    titel = "Ui",
    tools = [get],
)]
struct Ui;

fn main() {}
