//! What a command has to hand: its streams, and the caller's key.

use std::io::{Read, Write};

use zeroize::Zeroizing;

/// The surroundings of one command, so that tests can stand in for the process's own.
pub struct Session<'a> {
    /// For results.
    pub out: &'a mut dyn Write,
    /// For progress, warnings and errors.
    pub err: &'a mut dyn Write,
    /// For secrets and inputs.
    pub input: &'a mut (dyn Read + Send),
    /// Whether a person types at `input`.
    pub interactive: bool,
    /// The API key from the environment.
    pub key: Option<Zeroizing<String>>,
}
