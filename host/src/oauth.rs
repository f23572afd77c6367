//! Tokens that the host gets: codes exchanged, clients and assertions shown, sessions begun; kept alive, and revoked.
//!
//! What is asked of a token endpoint is put together in `grants` and `renew`, goes out in `exchange`, the one file here that sees
//! secrets in clear, and its answer is read in `answer`. See decisions/0022-tokens.md.

mod error;
mod limits;
mod tokens;

mod due;
mod flights;
mod life;

mod client;
mod endpoints;
mod grants;
mod legs;
mod register;
mod renew;
mod revoke;

mod answer;
mod exchange;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use tokio_util::task::TaskTracker;

use crate::egress::Egress;
use crate::model::{Clock, Random};
use crate::store::Store;
use crate::vault::Vault;
use flights::Flights;

pub use client::ClientChange;
pub use endpoints::{asked_scopes, asks_for_scopes, endpoint_hosts, field_hosts, goes_to_endpoint, is_consented};
pub use error::OAuthError;
pub use grants::CodeExchange;
pub use legs::{Consumer, Temporary, is_consumer, own_consumer};
pub use life::Want;
pub use register::{OwnClient, described};
pub use renew::{can_renew, gets_tokens};
pub use revoke::Parting;
pub use tokens::{ACCESS_TOKEN, CONSUMER, REFRESH_TOKEN, TOKEN_PAIR, Tokens, placed};

/// What getting tokens takes. Cheap to clone.
#[derive(Clone)]
pub struct OAuth(Arc<Shared>);

/// The parts of [`OAuth`].
pub struct Parts {
    /// All rows.
    pub store: Store,
    /// Seals and opens credentials.
    pub vault: Arc<Vault>,
    /// The way out.
    pub egress: Arc<Egress>,
    /// The time.
    pub clock: Clock,
    /// Randomness for identifiers.
    pub random: Random,
    /// Tells what this host begins from what others on the same database begin.
    pub host_id: String,
    /// What is brought to its end before this host stops.
    pub running: TaskTracker,
}

struct Shared {
    parts: Parts,
    flights: Flights,
}

impl OAuth {
    /// Shares the parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Shared { parts, flights: Flights::none() }))
    }

    /// The same over another store, such as one within a transaction.
    pub fn over(&self, store: Store) -> Self {
        let parts = &self.0.parts;
        Self::new(Parts {
            store,
            vault: Arc::clone(&parts.vault),
            egress: Arc::clone(&parts.egress),
            clock: parts.clock.clone(),
            random: parts.random,
            host_id: parts.host_id.clone(),
            running: parts.running.clone(),
        })
    }
}

impl Deref for Shared {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OAuth")
    }
}
