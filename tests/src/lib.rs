//! The harness of the integration tests: imitated providers, a host to call, and a credential to look for.
#![expect(clippy::expect_used, reason = "a harness that cannot go on fails its test")]

pub mod authorization;
pub mod browser;
pub mod canary;
pub mod conformance;
pub mod conformance_client;
pub mod conversation;
pub mod host;
pub mod imitation;
pub mod independent;
pub mod inspector;
mod installing;
pub mod issuer;
pub mod mcp_sdk;
pub mod oauth1;
pub mod postgres;
pub mod programs;
pub mod python;
pub mod sdk_client;
pub mod upstream;
pub mod vendors;
pub mod wat_guest;
