//! The hostile guest: one tool per misbehaviour.

use gloveport_sdk::{Failure, Json};

/// Misbehaves in every way that a guest can.
#[gloveport_sdk::connector(
    title = "Probe",
    publisher = "Gloveport",
    base_url = "https://api.probe.test",
    hosts = ["api.probe.test", "*.wild.probe.test"],
    auth = [none(name = "none", title = "No account")],
    tools = [echo],
)]
pub struct ProbeConnector;

/// Answers its input unchanged.
#[gloveport_sdk::tool(effect = read)]
pub fn echo(input: Json) -> Result<Json, Failure> {
    Ok(input)
}
