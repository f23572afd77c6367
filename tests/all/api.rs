//! The real server over HTTP: what it promises, and what it refuses.

mod again;
mod background;
mod bad_input;
mod bed;
mod calls;
mod cli;
mod compiled;
mod connectors;
mod credentials;
mod demo;
mod documented;
mod durability;
mod github;
mod install;
mod metrics;
mod once;
mod openapi;
mod postgres;
mod projects;
mod refusals;
mod steps;
mod stripe;
mod tools;
mod wasi;
mod wasm;
