#![doc = include_str!("../ARCHITECTURE.md")]

/// A call makes and drops hundreds of small pieces, on all threads, and many end on another thread than they began on.
/// The system's allocator took a tenth of a call's time for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod model;

pub mod config;

pub mod egress;
pub mod formats;
pub mod policy;
pub mod store;

pub mod identity;
pub mod runtime;
pub mod vault;

pub mod oauth;

pub mod accounts;
pub mod catalog;
pub mod issuing;

pub mod call;
pub mod notices;

pub mod connect;

pub mod endpoints;
pub mod issuer;

pub mod api;
pub mod mcp;
pub mod pages;

pub mod app;
pub mod cli;
pub mod demo;
pub mod server;
