//! What the host tells a guest, handed through.

use gloveport_sdk::{Failure, Json, account, clock, log, random, tool};
use schemars::JsonSchema;
use serde::Deserialize;

/// A name.
#[derive(Deserialize, JsonSchema)]
pub struct Name {
    /// The name.
    name: String,
}

/// A number.
#[derive(Deserialize, JsonSchema)]
pub struct Count {
    /// How many.
    count: u32,
}

/// Lines.
#[derive(Deserialize, JsonSchema)]
pub struct Lines {
    /// One message a line.
    messages: Vec<String>,
}

/// Reads the clock twice.
#[tool(effect = read)]
pub fn clock_now() -> Result<Vec<u64>, Failure> {
    Ok(vec![clock::now_ms(), clock::now_ms()])
}

/// Answers random bytes.
#[tool(effect = read)]
pub fn random_bytes(input: Count) -> Result<Vec<u8>, Failure> {
    Ok(random::bytes(input.count))
}

/// Answers a public field of the account, or null.
#[tool(effect = read)]
pub fn account_field(input: Name) -> Result<Option<String>, Failure> {
    Ok(account::field(&input.name))
}

/// Answers a setting of the connection, or null.
#[tool(effect = read)]
pub fn setting(input: Name) -> Result<Option<Json>, Failure> {
    account::setting(&input.name)
}

/// Reports progress step by step.
#[tool(effect = read)]
pub fn progress(input: Count) -> Result<(), Failure> {
    for step in 1..=input.count {
        gloveport_sdk::progress::report(step.into(), input.count.into(), "step");
    }
    Ok(())
}

/// Logs the lines that it is given.
#[tool(effect = read)]
pub fn log_lines(input: Lines) -> Result<(), Failure> {
    input.messages.iter().for_each(|message| log::info!("{message}"));
    Ok(())
}
