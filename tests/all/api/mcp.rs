//! The Model Context Protocol: what is offered to whom, and what its clients get.

mod asked;
mod attacks;
mod bridge;
mod calls;
mod client;
mod configs;
mod conformance;
mod connecting;
mod eras;
mod idle;
mod inspected;
mod listening;
mod native;
mod sdks;
mod searched;
mod tasks;

pub(super) use bridge::bridged;
pub(super) use client::Mcp;
pub(super) use listening::{Open, listen};
