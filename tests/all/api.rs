//! The real server over HTTP: what it promises, and what it refuses.

mod audit;
mod bad_input;
mod bed;
mod calls;
mod cli;
mod connectors;
mod credentials;
mod documented;
mod durability;
mod install;
mod metrics;
mod openapi;
mod postgres;
mod projects;
mod stripe;
mod tools;
mod wasi;
mod wasm;
