//! The only outbound connection: `Egress::send` takes a guest's request and a grant, and nothing else leaves.

mod error;
mod grant;
mod request;

pub use error::EgressError;
pub use grant::{Grant, IdempotencyKey, Injection};
pub use request::{Body, Part, Request, Response};
