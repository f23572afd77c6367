//! The Model Context Protocol: wire to `call` and back; no decision lives here.
//!
//! One endpoint serves both eras of the protocol, and keeps nothing between requests. Revision 2026-07-28 says with each
//! request what the client is and can; the earlier ones say it once, in `initialize`, so what has to be known later is put
//! into the session's name, which clients repeat. See decisions/0027-mcp.md.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{any, get};

use crate::call::Host;

mod answer;
mod ask;
mod content;
mod door;
mod endpoint;
mod era;
mod follow;
mod limits;
mod link;
mod list;
mod listen;
mod message;
mod metadata;
mod names;
mod opener;
mod prompts;
mod question;
mod reached;
mod resources;
mod running;
mod schema;
mod stream;
mod tasks;
mod tools;
mod way;
mod whose;

use listen::Listening;
use running::Running;

/// What the endpoint's requests share.
#[derive(Clone)]
struct Endpoint {
    host: Host,
    running: Arc<Running>,
    listening: Arc<Listening>,
}

/// The routes of MCP clients: that of instances, whose URL is the credential, that of keys, and that of clients which ask
/// their users.
pub fn router(host: Host) -> Router {
    let endpoint = Endpoint { host, running: Arc::default(), listening: Arc::default() };
    Router::new()
        .route("/mcp", any(endpoint::by_key))
        .route("/mcp/{token}", any(endpoint::by_url))
        .route("/mcp/c/{config}", any(endpoint::by_grant))
        .layer(DefaultBodyLimit::max(limits::BODY))
        .layer(middleware::from_fn_with_state(endpoint.clone(), door::guard))
        // Anybody may know these: no page can do anything with them.
        .route("/.well-known/oauth-protected-resource", get(metadata::resource))
        .route("/.well-known/oauth-protected-resource/{*path}", get(metadata::resource))
        .route("/.well-known/oauth-authorization-server", get(metadata::server))
        .route("/.well-known/oauth-authorization-server/{*path}", get(metadata::server))
        .with_state(endpoint)
}
