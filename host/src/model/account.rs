//! An account: one user's authorization of a connection, and the states it goes through.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{AccountId, ConnectionId, OAuthClientId, ProjectId, ShownTools, Timestamp};

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
    /// What is known of its token, where it has one that the host got.
    pub token: AccountToken,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When a call last went through it, as of the last time that this was written down.
    pub last_used_at: Option<Timestamp>,
    /// The tools that its MCP server shows with it; `None` where the server was not asked with it.
    pub shown: Option<ShownTools>,
}

/// What is known of a token that the host got for an account. The token itself is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountToken {
    /// From when on the provider no longer takes it, as far as it said so.
    pub expires_at: Option<Timestamp>,
    /// When the host got it.
    pub refreshed_at: Option<Timestamp>,
    /// The client of the connection that it was authorized with.
    pub client: Option<OAuthClientId>,
    /// Why the account is not active, for people.
    pub error: Option<String>,
    /// Hosts of sealed fields that go elsewhere than the account's others: refresh tokens go to the token endpoint.
    pub field_hosts: BTreeMap<String, Vec<String>>,
}

impl AccountToken {
    /// Of an account without one.
    pub fn none() -> Self {
        Self { expires_at: None, refreshed_at: None, client: None, error: None, field_hosts: BTreeMap::new() }
    }
}

impl Account {
    /// The only hosts that one of its sealed fields may be sent to.
    pub fn hosts_of(&self, field: &str) -> &[String] {
        self.token.field_hosts.get(field).unwrap_or(&self.hosts)
    }
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

    /// Its token ran out, and there is no other.
    pub fn expired(self) -> Result<Self, TransitionError> {
        self.ended(Self::Expired)
    }

    /// The provider or the user withdrew it.
    pub fn revoked(self) -> Result<Self, TransitionError> {
        self.ended(Self::Revoked)
    }

    /// Only what was authorized once can lose that.
    fn ended(self, to: Self) -> Result<Self, TransitionError> {
        match self {
            Self::Active | Self::Expired | Self::Error => Ok(to),
            from => Err(TransitionError { from, to }),
        }
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
    fn only_an_authorized_account_loses_that() {
        for state in [AccountState::Active, AccountState::Expired, AccountState::Error] {
            assert_eq!(state.expired(), Ok(AccountState::Expired));
            assert_eq!(state.revoked(), Ok(AccountState::Revoked));
        }
        for state in [AccountState::Pending, AccountState::Revoked] {
            assert!(state.expired().is_err() && state.revoked().is_err(), "{state:?}");
        }
    }

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
