//! An effect is one of three words.

#![allow(unused_imports)]

use gloveport_sdk::{Failure, connector, tool};

/// Does.
#[tool(effect = reads)]
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
)]
struct Ui;

fn main() {}
