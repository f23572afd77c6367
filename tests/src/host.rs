//! A host to call, and the client that calls it.

mod client;
pub mod log;

pub use client::{Answer, Client};
