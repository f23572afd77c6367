//! Why users could not go on.

use thiserror::Error;

use crate::call::Failed;
use crate::catalog::CatalogError;
use crate::model::{AuthFailure, Fault};
use crate::oauth::OAuthError;
use crate::store::StoreError;
use crate::vault::VaultError;

/// Why a link was not made, or a page could not be shown.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// What was asked for makes no sense, or somebody else failed.
    #[error("{}", .0.detail)]
    Refused(Fault),
    /// The database failed.
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
    /// The connector cannot be loaded.
    #[error("the connector cannot be loaded: {0}")]
    Catalog(#[from] CatalogError),
    /// The vault failed.
    #[error("the vault failed: {0}")]
    Vault(#[from] VaultError),
    /// The attempt is over: why, and what the provider said.
    #[error("the attempt is over: {}", .0.as_str())]
    Ended(AuthFailure, Option<String>),
    /// The work on it ended abnormally.
    #[error("the work ended abnormally")]
    Unfinished,
}

impl From<Fault> for ConnectError {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}

impl From<Failed> for ConnectError {
    fn from(failed: Failed) -> Self {
        Self::Refused(failed.fault)
    }
}

/// Why a provider gave nothing, as its user is told.
impl From<OAuthError> for ConnectError {
    fn from(error: OAuthError) -> Self {
        match error {
            OAuthError::Transient { reason, .. } => Self::Ended(AuthFailure::ProviderFailed, Some(reason)),
            OAuthError::Expired { reason } | OAuthError::Revoked { reason } => {
                Self::Ended(AuthFailure::ExchangeRefused, Some(reason))
            }
            OAuthError::Configuration { reason } => Self::Ended(AuthFailure::Misconfigured, Some(reason)),
            OAuthError::Vault(error) => error.into(),
            OAuthError::Store(error) => error.into(),
        }
    }
}
