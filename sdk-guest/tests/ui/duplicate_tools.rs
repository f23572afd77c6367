//! Tools have different names.

#![allow(unused_imports)]

use gloveport_sdk::{Failure, connector, tool};

/// Reads.
#[tool(effect = read, routes = ["GET /x"])]
fn get() -> Result<u8, Failure> {
    Ok(1)
}

mod more {
    use super::*;

    /// Reads.
    #[tool(effect = read)]
    pub fn get() -> Result<u8, Failure> {
        Ok(1)
    }
}

/// A connector.
#[connector(
    name = "ui",
    title = "Ui",
    publisher = "Example",
    base_url = "https://api.example.com",
    hosts = ["api.example.com"],
    auth = [none(name = "none", title = "None")],
    tools = [get, more::get],
)]
struct Ui;

fn main() {}
