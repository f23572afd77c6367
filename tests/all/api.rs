//! The real server over HTTP: what it promises, and what it refuses.

mod bad_input;
mod bed;
mod documented;
mod install;
mod openapi;
mod wasm;
