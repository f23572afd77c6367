//! What a pattern needs is there, and what it has is known.

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
    auth = [
        oauth2(
            name = "a",
            title = "A",
            authorise_url = "https://a.example/authorize",
            token_url = "http://a.example/token",
            pkce = no,
        ),
        aws_sigv4(
            name = "b",
            title = "B",
            region = "eu-central-1",
            secret_key = "secret",
            access_key = "idd",
            fields = [password(name = "secret", label = "S", default = "x"), text(name = "id", label = "I", form = "a")],
        ),
        oauth3(name = "c", title = "C"),
        signed_jwt(name = "d", title = "D", jwt = { "algorithm": RS256 }),
    ],
    tools = [get],
)]
struct Ui;

fn main() {}
