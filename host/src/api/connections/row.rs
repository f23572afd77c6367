//! A connection as it is to be stored, checked.

use std::sync::Arc;

use super::checks::{auth_pattern, check_base_url, check_name, presets_text, settings_text};
use super::{NewConnection, filled, oauth};
use crate::api::{ApiState, Problem};
use crate::catalog::Installed;
use crate::model::{Caller, Connection, ConnectionId};
use crate::oauth::ClientChange;
use crate::store::{OAuthClient, StoreError};

/// A connection that is not stored yet, or not in this form.
pub(in crate::api) struct Checked {
    /// What is stored of it.
    pub(in crate::api) connection: Connection,
    /// The OAuth client that was given with it.
    pub(in crate::api) client: Option<ClientChange>,
    installed: Arc<Installed>,
}

impl Checked {
    /// Gives the stored connection the client that came with it, if one did.
    pub(in crate::api) async fn set_client(
        self,
        state: &ApiState,
        caller: &Caller,
    ) -> Result<Option<OAuthClient>, Problem> {
        let Self { connection, client, installed } = self;
        let pattern = installed.connector.auth_pattern(&connection.auth_pattern);
        let (Some(client), Some(pattern)) = (client, pattern) else { return Ok(None) };
        let by = caller.by(state.host.clock.now());
        let set = state.host.oauth.set_client(&by, &connection, pattern, client).await;
        set.map(Some).map_err(oauth::problem)
    }
}

/// Checks a connection and everything in it.
pub(in crate::api) async fn new_row(state: &ApiState, caller: &Caller, new: NewConnection) -> Result<Checked, Problem> {
    let host = &state.host;
    check_name(&new.name)?;
    let installed = host
        .catalog
        .find_connector(&host.store, &caller.project, &new.connector)
        .await?
        .ok_or_else(|| Problem::not_found("there is no such connector: install it first"))?;
    let now = host.clock.now();
    let auth_pattern = auth_pattern(&installed, new.auth_pattern)?;
    let connection = Connection {
        id: ConnectionId::new(&host.clock, &host.random),
        project: caller.project.clone(),
        name: new.name,
        credentials: filled::checked(&installed, &auth_pattern, new.credentials)?,
        auth_pattern,
        connector: new.connector,
        base_url: new.base_url.map(check_base_url).transpose()?,
        settings: settings_text(new.settings.unwrap_or_default())?,
        presets: presets_text(&installed, new.presets.unwrap_or_default())?,
        scopes: new.oauth.as_ref().and_then(|oauth| oauth.scopes.clone()).unwrap_or_default(),
        disabled: false,
        demo: new.demo,
        proxy_enabled: new.proxy_enabled,
        reveals_tokens: new.reveals_tokens,
        created_at: now,
        updated_at: now,
    };
    let client = oauth::checked(host, &installed, &connection, new.oauth).await?.map(|(_, client)| client);
    Ok(Checked { connection, client, installed })
}

/// Stores a new connection.
pub(in crate::api) async fn insert(state: &ApiState, caller: &Caller, new: &Connection) -> Result<(), Problem> {
    let by = caller.by(new.created_at);
    state.host.store.insert_connection(&by, new).await.map_err(|error| match error {
        StoreError::Conflict(_) => Problem::conflict("there is a connection of this name"),
        error => error.into(),
    })
}
