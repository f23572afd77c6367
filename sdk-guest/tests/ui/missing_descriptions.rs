//! What models and people read is not left out.

#![allow(unused_imports)]

use gloveport_sdk::{Failure, connector, tool};

#[tool(effect = read, routes = ["GET /x"])]
fn get() -> Result<u8, Failure> {
    Ok(1)
}

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
