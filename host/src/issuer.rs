//! This host as authorization server for MCP clients: a user lets a client call in their name, with the tools of one config.
//!
//! Nobody signs in here. The application that made the config says who sits at the browser, and only the browser that came
//! with a client's request goes on to the page where its user says yes or no. See decisions/0034-authorization-server.md.

use thiserror::Error;

use crate::call::Host;
use crate::connect::ConnectError;
use crate::endpoints::EndpointError;
use crate::model::{CallerScope, ProfileId};
use crate::store::StoreError;

mod begin;
mod client;
mod consent;
mod document;
mod limits;
mod open;
mod redirect;
mod register;
mod tokens;
mod vouch;

pub use begin::{Asked, begin};
pub use consent::{ConnectionState, Consent, Seen, decide, look};
pub use document::Documents;
pub use limits::ACCESS_LIFE;
pub use open::open;
pub use register::{Registration, register};
pub use tokens::{Given, Redemption, Renewal, redeem, renew, revoke};
pub use vouch::{Word, vouch};

/// All that a client can be let do, and what each is: to list a config's tools and to call them.
pub const SCOPES: [CallerScope; 2] = [CallerScope::ToolsRead, CallerScope::ToolsExecute];

/// Why a client gets nothing.
#[derive(Debug, Error)]
pub enum IssuerError {
    /// What it asks for is not given: in a word of the standards, and in words for people.
    #[error("{detail}")]
    Refused {
        /// RFC 6749 sections 4.1.2.1 and 5.2, RFC 7591 section 3.2.2, RFC 8707 section 2.
        error: &'static str,
        /// Why.
        detail: String,
    },
    /// Too many do the same just now.
    #[error("too many clients ask at the same time: try again in a moment")]
    Busy,
    /// The database failed.
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
    /// The user's instance cannot be made.
    #[error("the user's instance cannot be made: {0}")]
    Endpoint(#[from] EndpointError),
    /// What is shown of connections cannot be read.
    #[error("what is asked for cannot be read: {0}")]
    Connect(#[from] ConnectError),
}

fn refuse<T>(error: &'static str, detail: impl Into<String>) -> Result<T, IssuerError> {
    Err(IssuerError::Refused { error, detail: detail.into() })
}

/// The URL of a config, which is for whoever has a token for it.
pub fn config_url(host: &Host, config: &ProfileId) -> String {
    format!("{}{CONFIG_PATH}{config}", host.identity.issuer())
}

/// What follows this host's URL, before a config's identifier.
const CONFIG_PATH: &str = "/mcp/c/";

/// The config of a URL that [`config_url`] makes, letter by letter.
fn config_of(host: &Host, resource: &str) -> Option<ProfileId> {
    let id = resource.strip_prefix(host.identity.issuer())?.strip_prefix(CONFIG_PATH)?;
    ProfileId::parse(id).filter(|parsed| parsed.as_str() == id)
}
