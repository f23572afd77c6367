//! What a user filled in becomes an account and its sealed credential, and what an operator stored a named secret.

mod error;
mod prepare;
mod secrets;

pub use error::AccountError;
pub use prepare::{
    Candidate, Kept, Prepared, Sorted, allowed_hosts, base_url_text, known_hosts, prepare, rendered_base_url,
    sort_fields,
};
pub use secrets::{NewSecret, SecretError, put_secret};
