//! The failure of a tool is a `Failure`.

#![allow(unused_imports)]

use gloveport_sdk::{Failure, connector, tool};

/// Does.
#[tool(effect = read)]
fn text() -> Result<u8, String> {
    Ok(1)
}

fn main() {}
