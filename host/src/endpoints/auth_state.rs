//! Which connections a user of an endpoint can use, and a link for those that the user still has to connect.

use serde::Deserialize;

use crate::call::Host;
use crate::connect::{self, ConnectError, Link, LinkRequest};
use crate::model::{Account, AccountState, Caller, Connection, ProjectId};
use crate::store::StoreError;

/// How a user stands with one connection of a profile.
#[derive(Clone, Debug)]
pub struct ConnectionState {
    /// Its name, as the profile has it.
    pub name: String,
    /// The connection; `None` if it is gone.
    pub connection: Option<Connection>,
    /// The tools of it that the profile has, by their full names; all of them if `None`.
    pub tools: Option<Vec<String>>,
    /// The account that is nearest to being usable, of the user or shared; `None` if there is none.
    pub account: Option<Account>,
}

impl ConnectionState {
    /// In one word: `active`, `disabled`, `not_connected`, `missing` where the connection is gone, or the account's state.
    pub fn status(&self) -> &'static str {
        match (&self.connection, &self.account) {
            (None, _) => "missing",
            (Some(connection), _) if connection.disabled => "disabled",
            (Some(_), None) => "not_connected",
            (Some(_), Some(account)) if account.disabled => "disabled",
            (Some(_), Some(account)) => account.state.as_str(),
        }
    }

    /// Whether it helps that the user connects: not where an operator switched something off, nor where the account is not
    /// the user's own.
    pub fn can_connect(&self) -> bool {
        let Some(connection) = &self.connection else { return false };
        let lacks_credential = match &self.account {
            None => true,
            Some(account) => !account.shared && !account.disabled && account.state != AccountState::Active,
        };
        lacks_credential && !connection.disabled && !connection.demo
    }
}

/// The part of a stored profile that is read here.
#[derive(Deserialize)]
struct Named {
    connection: String,
    #[serde(default)]
    tools: Option<Vec<String>>,
}

/// How a user stands with each connection of a profile, in the profile's order: as a member of an organization, if one is
/// given, and else with all that is theirs.
///
/// # Errors
///
/// Those of the database.
pub async fn auth_state(
    host: &Host,
    project: &ProjectId,
    profile: &str,
    (identifier, organization): (&str, Option<&str>),
) -> Result<Vec<ConnectionState>, StoreError> {
    let profile = host.store.find_profile(project, profile).await?;
    let named: Vec<Named> =
        profile.and_then(|profile| serde_json::from_str(&profile.connections).ok()).unwrap_or_default();
    let mut all = host.store.contexts_of_user(project, identifier, organization).await?;
    // Of several accounts on one connection the first that works counts.
    all.sort_by_key(|found| (found.account.disabled, found.account.state != AccountState::Active));
    let mut states = Vec::with_capacity(named.len());
    for Named { connection: name, tools } in named {
        let found = all.iter().find(|found| found.connection.name == name);
        let (connection, account) = match found {
            Some(found) => (Some(found.connection.clone()), Some(found.account.clone())),
            None => (host.store.find_connection(project, &name).await?, None),
        };
        states.push(ConnectionState { name, connection, tools, account });
    }
    Ok(states)
}

/// A link with which the user connects; `None` where that would not help. `scopes` are those that a call lacked.
///
/// # Errors
///
/// Those of [`connect::offer`].
pub async fn link(
    host: &Host,
    caller: &Caller,
    (identifier, organization): (&str, Option<&str>),
    state: &ConnectionState,
    scopes: &[String],
) -> Result<Option<Link>, ConnectError> {
    let Some(connection) = &state.connection else { return Ok(None) };
    if !state.can_connect() && scopes.is_empty() {
        return Ok(None);
    }
    let own = state.account.as_ref().filter(|account| !account.shared);
    let wanted = LinkRequest {
        identifier: identifier.to_owned(),
        organization: own.map_or_else(|| organization.unwrap_or_default().to_owned(), |own| own.organization.clone()),
        label: own.map(|account| account.label.clone()).unwrap_or_default(),
        verify: None,
        scopes: scopes.to_vec(),
    };
    connect::offer(host, caller, connection, wanted).await.map(Some)
}
