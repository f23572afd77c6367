//! Users authorize accounts: a link that works once, what they fill in or consent to, and an active account at its end.
//!
//! Whoever has a link may use it once; from then on only the browser that used it goes on. Looking at a page changes
//! nothing: programs that look at links before people do must not use them up. See decisions/0023-authorizing.md.

mod browser;
mod error;
mod limits;

mod link;
mod mend;
mod visit;

mod consent;
mod fill;

mod advance;
mod callback;
mod choose;
mod own_client;
mod verify;

mod kept;
mod legs;
mod lookups;

pub use advance::Came;
pub use browser::{Browser, hash, is_unguessable, unguessable};
pub use callback::{Answer, come_back};
pub use choose::{Question, choose, question};
pub use consent::{Asked, Begun, begin, redirect_uri};
pub use error::ConnectError;
pub use fill::{Filled, fill};
pub use limits::{LINK_LIFETIME, MAX_ATTEMPTS};
pub use link::{Link, LinkRequest, check_verify_url, offer, page};
pub use mend::mend;
pub use own_client::client_document;
pub use verify::verify;
pub use visit::{Ending, Seen, Visit, ending, look};
