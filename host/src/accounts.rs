//! Accounts with static credentials: what a user filled in becomes an account and its sealed credential.

mod error;
mod prepare;

pub use error::AccountError;
pub use prepare::{Candidate, Prepared, Sorted, allowed_hosts, known_hosts, prepare, rendered_base_url, sort_fields};
