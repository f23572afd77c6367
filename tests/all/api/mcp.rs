//! The Model Context Protocol: what is offered to whom, and what its clients get.

mod asked;
mod attacks;
mod calls;
mod client;
mod configs;
mod connecting;
mod eras;
mod listening;
mod searched;

pub(super) use client::Mcp;
