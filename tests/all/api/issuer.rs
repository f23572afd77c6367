//! This host as authorization server for MCP clients: users let a client call in their name, and nobody else gets there.

mod attacks;
mod browser;
mod documents;
mod ending;
mod independent;
mod stage;
mod way;
