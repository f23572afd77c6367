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
mod listening;
mod sdks;
mod searched;

pub(super) use client::Mcp;
