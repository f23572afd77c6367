//! The OAuth clients of connections: given by an operator, sealed for the hosts of the pattern's endpoints.

use super::endpoints::{self, host_templates};
use super::exchange::Client;
use super::tokens::CONSUMER;
use super::{OAuth, OAuthError};
use crate::model::{AuthPattern, By, ClientAuth, Connection, OAuthClientId, Secret};
use crate::store::OAuthClient;
use crate::vault::Binding;

/// What an operator gives.
#[derive(Debug)]
pub struct ClientChange {
    /// Its identifier at the authorization server.
    pub client_id: String,
    /// Its secret; `None` for a public client.
    pub secret: Option<Secret>,
}

impl OAuth {
    /// Gives a connection another client, for new authorizations. Accounts stay with the one that they were authorized
    /// with (AK-210).
    ///
    /// # Errors
    /// [`OAuthError::Configuration`] if the pattern's URLs are none; those of vault and database.
    pub async fn set_client(
        &self,
        by: &By,
        connection: &Connection,
        pattern: &AuthPattern,
        change: ClientChange,
    ) -> Result<OAuthClient, OAuthError> {
        let parts = &self.0;
        let hosts = host_templates(&pattern.kind).map_err(OAuthError::configuration)?;
        let mut client = OAuthClient {
            id: OAuthClientId::new(&parts.clock, &parts.random),
            project: connection.project.clone(),
            connection: connection.id.clone(),
            client_id: change.client_id,
            secret: None,
            hosts,
            created_at: by.at,
        };
        if let Some(secret) = &change.secret {
            client.secret = Some(parts.vault.seal(&Binding::of_oauth_client(&client), secret)?);
        }
        parts.store.insert_oauth_client(by, &client).await?;
        Ok(client)
    }

    /// Whether what is given is the client that a connection has: the same identifier, and the same secret if one is given.
    ///
    /// # Errors
    /// [`OAuthError::Vault`] if the stored secret cannot be opened.
    pub fn is_client(&self, stored: &OAuthClient, given: &ClientChange) -> Result<bool, OAuthError> {
        if stored.client_id != given.client_id {
            return Ok(false);
        }
        let Some(secret) = &given.secret else { return Ok(true) };
        Ok(self.secret_of(stored)?.is_some_and(|stored| stored.is_same(secret)))
    }

    /// The client that new authorizations through a connection use.
    ///
    /// # Errors
    /// [`OAuthError::Configuration`] if it has none; those of the database.
    pub async fn client(&self, connection: &Connection) -> Result<OAuthClient, OAuthError> {
        let found = self.0.store.newest_oauth_client(&connection.project, &connection.id).await?;
        found.ok_or_else(|| {
            let name = &connection.name;
            OAuthError::configuration(format!("connection `{name}` has no OAuth client: give it one with `oauth`"))
        })
    }

    /// A client as sealed fields of an account of OAuth 1.0a, which signs with them for as long as it lives (AK-210).
    ///
    /// # Errors
    /// [`OAuthError::Vault`] if its secret cannot be opened.
    pub fn consumer(&self, client: &OAuthClient) -> Result<[(&'static str, Secret); 2], OAuthError> {
        let secret = self.secret_of(client)?.unwrap_or_else(|| Secret::new(String::new()));
        let [key, field] = CONSUMER;
        Ok([(key, Secret::new(client.client_id.clone())), (field, secret)])
    }

    /// A client with its secret open, and the hosts that this may be sent to for one account.
    pub(super) fn opened(
        &self,
        client: &OAuthClient,
        auth: ClientAuth,
        fields: &std::collections::BTreeMap<String, String>,
    ) -> Result<(Client, Vec<String>), OAuthError> {
        let secret = self.secret_of(client)?;
        let hosts = endpoints::hosts(&client.hosts, fields).map_err(OAuthError::configuration)?;
        Ok((Client { id: client.client_id.clone(), secret, auth }, hosts))
    }

    fn secret_of(&self, client: &OAuthClient) -> Result<Option<Secret>, OAuthError> {
        let open = |sealed: &String| self.0.vault.open(&Binding::of_oauth_client(client), sealed);
        Ok(client.secret.as_ref().map(open).transpose()?)
    }
}
