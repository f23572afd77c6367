//! An account: one user's authorization of a connection, and the states it goes through.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{AccountId, ConnectionId, ProjectId, Timestamp};

/// One user's authorization of a connection. The credential itself is not here: it stays sealed in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its identifier; the same across reconnects.
    pub id: AccountId,
    /// The tenant.
    pub project: ProjectId,
    /// What it authorizes.
    pub connection: ConnectionId,
    /// The user, in the words of whoever runs the project.
    pub identifier: String,
    /// The user's organization; empty for none.
    pub organization: String,
    /// Tells several accounts of one user apart; empty for the first.
    pub label: String,
    /// Whether it serves all users who have no account of their own on its connection.
    pub shared: bool,
    /// Whether it can be used.
    pub state: AccountState,
    /// Calls are refused while set; the credential stays.
    pub disabled: bool,
    /// Public fields, such as a domain.
    pub fields: BTreeMap<String, String>,
    /// A JSON object as text, laid over the connection's settings.
    pub settings: String,
    /// Scopes the provider granted.
    pub scopes: Vec<String>,
    /// Hosts that the credential may be sent to, as patterns: authenticated together with it.
    pub hosts: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When a call last went through it, as of the last time that this was written down.
    pub last_used_at: Option<Timestamp>,
}

/// Whether an account can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// Known, but not authorized yet.
    Pending,
    /// Authorized.
    Active,
    /// The credential ran out and could not be renewed.
    Expired,
    /// The provider or the user withdrew it.
    Revoked,
    /// The provider refuses the credential for another reason.
    Error,
}

/// A change of state that is not allowed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("an account cannot go from {} to {}", .from.as_str(), .to.as_str())]
pub struct TransitionError {
    /// Where it is.
    pub from: AccountState,
    /// Where it was to go.
    pub to: AccountState,
}

impl AccountState {
    const ALL: [Self; 5] = [Self::Pending, Self::Active, Self::Expired, Self::Revoked, Self::Error];

    /// As it is written in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Error => "error",
        }
    }

    /// Reads [`AccountState::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// A credential was stored and works. Any state may be connected (again).
    pub fn connected(self) -> Self {
        Self::Active
    }

    /// The provider refused a stored credential.
    pub fn refused(self) -> Result<Self, TransitionError> {
        match self {
            Self::Active | Self::Error => Ok(Self::Error),
            from => Err(TransitionError { from, to: Self::Error }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_connected_account_can_be_refused() {
        assert_eq!(AccountState::Active.refused(), Ok(AccountState::Error));
        for state in [AccountState::Pending, AccountState::Expired, AccountState::Revoked] {
            assert!(state.refused().is_err(), "{state:?}");
        }
        for state in AccountState::ALL {
            assert_eq!(state.connected(), AccountState::Active);
            assert_eq!(AccountState::parse(state.as_str()), Some(state));
        }
    }
}
