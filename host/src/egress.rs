//! The only outbound connection: `Egress::send` takes a guest's request and a grant, and nothing else leaves.

mod error;
mod grant;
mod request;

pub use error::EgressError;
pub use grant::{Grant, IdempotencyKey, Injection};
pub use request::{Body, Part, Request, Response};

/// The way out.
#[derive(Debug)]
pub struct Egress(());

impl Egress {
    /// Sends one request within `grant` and follows its redirects.
    pub async fn send(&self, grant: &Grant, request: Request) -> Result<Response, EgressError> {
        let _ = (grant, request);
        Err(EgressError::Unreachable("not written yet".into()))
    }
}
