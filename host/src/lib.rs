#![doc = include_str!("../ARCHITECTURE.md")]

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
