//! All that is missing is told at once.

#![allow(unused_imports)]

use gloveport_sdk::{Failure, connector, tool};

/// Reads.
#[tool(effect = read, routes = ["GET /x"])]
fn get() -> Result<u8, Failure> {
    Ok(1)
}

/// A connector.
#[connector(name = "ui")]
struct Ui;

fn main() {}
