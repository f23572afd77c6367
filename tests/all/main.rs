//! The integration tests: one binary, so that the harness is compiled and linked once.
#![expect(clippy::unwrap_used, reason = "a helper of tests that cannot go on fails its test")]

mod api;
mod authorization;
mod egress_rules;
mod imitation;
mod probes;
mod store;
mod tidy;
mod upstream;
