//! The only outbound connection: `Egress::send` takes a guest's request and a grant, and nothing else leaves.

mod error;
mod grant;
mod request;
mod resolve;

use std::sync::Arc;

use crate::config::PrivateNetworks;

pub use error::EgressError;
pub use grant::{Grant, GrantState, IdempotencyKey, Injection};
pub use request::{Body, Part, Request, Response};
pub use resolve::{Resolver, Resolving, SystemResolver};

/// What the operator decides about the way out.
#[derive(Clone, Debug)]
pub struct EgressConfig {
    /// Networks that are not public and may be reached all the same. Metadata addresses stay refused.
    pub private_networks: PrivateNetworks,
    /// PEM of one or more certificate authorities that are trusted besides the system's, for internal APIs.
    pub ca_certificate: Option<String>,
    /// Where addresses come from: the system, or a test's own answers.
    pub resolver: Arc<dyn Resolver>,
}

impl EgressConfig {
    /// The system's resolver, and no authorities but the system's.
    pub fn new(private_networks: PrivateNetworks) -> Self {
        Self { private_networks, ca_certificate: None, resolver: Arc::new(SystemResolver) }
    }
}

/// The way out: one for the whole process, shared by all calls, so that connections are reused between them.
#[derive(Debug)]
pub struct Egress(());

impl Egress {
    /// Prepares the connection pools and reads the system's certificate authorities.
    pub fn new(config: EgressConfig) -> Result<Self, EgressError> {
        let _ = config;
        Ok(Self(()))
    }

    /// Sends one request within `grant` and follows its redirects.
    pub async fn send(&self, grant: &Grant, request: Request) -> Result<Response, EgressError> {
        let _ = (grant, request);
        Err(EgressError::Unreachable("not written yet".into()))
    }
}
