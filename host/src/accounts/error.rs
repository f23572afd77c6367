//! Why an account was not connected.

use thiserror::Error;

use crate::model::InputError;
use crate::vault::VaultError;

/// Why an account was not connected.
#[derive(Debug, Error)]
pub enum AccountError {
    /// What was filled in is not what the auth pattern asks for.
    #[error("the credentials do not fit the auth pattern")]
    Invalid(Vec<InputError>),
    /// What was filled in changes where the credential goes, and a part of it would stay as it was.
    #[error("this changes the hosts that the credential may be sent to: give {} again too", .fields.join(", "))]
    Moved {
        /// Secret fields that would stay.
        fields: Vec<String>,
    },
    /// A stored field no longer fits the URL that it belongs to.
    #[error("{0}")]
    Field(String),
    /// Sealing failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}
