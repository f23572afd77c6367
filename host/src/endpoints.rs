//! MCP endpoints: whose they are, the URLs that open them, and what their users still have to connect.
//!
//! A config is a profile that is served; an instance is that profile for one user. An instance calls with a key of its
//! own, which is found by the token in its URL and by nothing else, so whatever holds for keys holds for it: profile,
//! policies, records, limits. See decisions/0027-mcp.md.

mod auth_state;
mod instance;
mod state;

pub use auth_state::{ConnectionState, auth_state, link};
pub use instance::{EndpointError, Opened, ensure, rotate};
pub use state::{CarriedCall, open_call, seal_call};
