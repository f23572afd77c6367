//! A tool takes one argument or none, and returns a result.

#![allow(unused_imports)]

use gloveport_sdk::{Failure, connector, tool};

/// Does.
#[tool(effect = read)]
fn two(a: u8, b: u8) -> Result<u8, Failure> {
    Ok(1)
}

/// Does.
#[tool(effect = read)]
async fn late() -> Result<u8, Failure> {
    Ok(1)
}

/// Does.
#[tool(effect = read)]
fn nothing() {}


fn main() {}
