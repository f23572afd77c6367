//! Write Gloveport connectors in Rust: plain functions become sandboxed tools.
#![doc = ""]
#![doc = include_str!("../README.md")]

// The macros name the crate from outside, also in its own tests.
#[cfg(test)]
extern crate self as gloveport_sdk;

pub mod account;
#[cfg(not(target_arch = "wasm32"))]
pub mod fake_host;
pub mod http;
pub mod input;
mod json;
pub mod log;
#[cfg(all(target_arch = "wasm32", feature = "allocator"))]
mod memory;
mod pointer;
mod schema;
pub mod tools;

mod failure;
mod glue;
mod host;
mod outside;

#[doc(hidden)]
pub mod bindings;

pub use failure::{Failure, FieldError, RateLimit, UpstreamError};
pub use gloveport_sdk_macros::{connector, path, tool};
pub use glue::Connector;
pub use json::Json;
pub use outside::{clock, progress, random};

/// What the macros' expansions name. Not for authors.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings;
    pub use crate::bindings::gloveport::connector::types::Effect;
    pub use crate::glue::*;
}
