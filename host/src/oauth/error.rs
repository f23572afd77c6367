//! Why there is no token. Whoever calls acts on the difference: wait, ask the user, or ask the operator.

use std::time::Duration;

use thiserror::Error;

use crate::egress::EgressError;
use crate::model::AccountState;
use crate::store::StoreError;
use crate::vault::VaultError;

/// Why there is no token. No text holds a secret.
#[derive(Debug, Error)]
pub enum OAuthError {
    /// Nothing is known about the authorization: the provider could not be asked, or did not say. Another try may help.
    #[error("the provider gives no token now: {reason}")]
    Transient {
        /// What happened.
        reason: String,
        /// When the provider wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The authorization is over, and only the user can give another.
    #[error("the authorization is over: {reason}")]
    Expired {
        /// In the provider's words, as far as these can be shown.
        reason: String,
    },
    /// The user or the provider took the authorization back.
    #[error("the authorization was withdrawn: {reason}")]
    Revoked {
        /// In the provider's words, as far as these can be shown.
        reason: String,
    },
    /// The client, the connection or the connector is not what the provider expects: an operator has to look.
    #[error("the authorization is not set up right: {reason}")]
    Configuration {
        /// What is wrong.
        reason: String,
    },
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OAuthError {
    pub(super) fn transient(reason: impl Into<String>) -> Self {
        Self::Transient { reason: reason.into(), retry_after: None }
    }

    pub(super) fn configuration(reason: impl Into<String>) -> Self {
        Self::Configuration { reason: reason.into() }
    }

    /// The state that an account gets by it, with the reason; `None` where it stays what it is.
    pub fn ends_as(&self, from: AccountState) -> Option<(AccountState, &str)> {
        let (to, reason) = match self {
            Self::Expired { reason } => (from.expired(), reason),
            Self::Revoked { reason } => (from.revoked(), reason),
            Self::Configuration { reason } => (from.refused(), reason),
            Self::Transient { .. } | Self::Vault(_) | Self::Store(_) => return None,
        };
        Some((to.ok()?, reason))
    }
}

/// Only what says that nothing was answered may pass by itself; a request that this host refuses to send will not.
impl From<EgressError> for OAuthError {
    fn from(error: EgressError) -> Self {
        match error {
            // Where a name leads may be another thing in a minute, and nothing was sent to where it leads now.
            EgressError::Timeout(_)
            | EgressError::Unreachable(_)
            | EgressError::AddressNotAllowed(_)
            | EgressError::Broken(_)
            | EgressError::Limit(_) => Self::transient(error.to_string()),
            error => Self::configuration(error.to_string()),
        }
    }
}
