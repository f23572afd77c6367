//! The OAuth clients of connections: given by an operator, sealed for the hosts of the pattern's endpoints, or named (HC-06).

use std::collections::BTreeMap;

use super::endpoints::{self, host_templates};
use super::exchange::{Client, member};
use super::tokens::CONSUMER;
use super::{OAuth, OAuthError};
use crate::model::{
    AuthPattern, By, ClientAuth, ClientSecretFrom, Connection, OAuthClientId, ProjectId, Secret, SecretOwner,
};
use crate::store::OAuthClient;
use crate::vault::Binding;

/// What an operator gives.
#[derive(Debug)]
pub enum ClientChange {
    /// A client as it is.
    Given {
        /// Its identifier at the authorization server.
        client_id: String,
        /// Its secret; `None` for a public client.
        secret: Option<Secret>,
    },
    /// A client whose secret is a named one, read anew for each request.
    Named {
        /// Its identifier at the authorization server.
        client_id: String,
        /// The secret's name.
        secret: String,
    },
    /// The name of a secret that holds identifier and secret: several connections may have one client by it, and who stores it
    /// anew changes them all.
    Credential(String),
}

/// Members of a secret that holds a client.
const CLIENT_ID: &str = "client_id";
const CLIENT_SECRET: &str = "client_secret";

/// Bytes of a client's identifier: vendors' are URLs at most.
const MAX_CLIENT_ID: usize = 4_096;

impl OAuth {
    /// Gives a connection another client, for new authorizations. Accounts stay with the one that they were authorized
    /// with (AK-210).
    ///
    /// # Errors
    /// [`OAuthError::Configuration`] if the pattern's URLs are none, or a secret that is to hold the client does not; those
    /// of vault and database.
    pub async fn set_client(
        &self,
        by: &By,
        connection: &Connection,
        pattern: &AuthPattern,
        change: ClientChange,
    ) -> Result<OAuthClient, OAuthError> {
        let parts = &self.0;
        let hosts = host_templates(&pattern.kind).map_err(OAuthError::configuration)?;
        let (client_id, secret, secret_from) = match change {
            ClientChange::Given { client_id, secret } => (client_id, secret, None),
            ClientChange::Named { client_id, secret } => (client_id, None, Some(ClientSecretFrom::Secret(secret))),
            ClientChange::Credential(name) => {
                let client_id = self.named_id(&connection.project, &name).await?;
                (client_id, None, Some(ClientSecretFrom::Credential(name)))
            }
        };
        let mut client = OAuthClient {
            id: OAuthClientId::new(&parts.clock, &parts.random),
            project: connection.project.clone(),
            connection: connection.id.clone(),
            client_id,
            secret: None,
            secret_from,
            hosts,
            created_at: by.at,
        };
        if let Some(secret) = &secret {
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
        match given {
            ClientChange::Given { client_id, secret } => {
                if stored.client_id != *client_id || stored.secret_from.is_some() {
                    return Ok(false);
                }
                let Some(secret) = secret else { return Ok(true) };
                Ok(self.own_secret(stored)?.is_some_and(|stored| stored.is_same(secret)))
            }
            ClientChange::Named { client_id, secret } => {
                let from = ClientSecretFrom::Secret(secret.clone());
                Ok(stored.client_id == *client_id && stored.secret_from == Some(from))
            }
            ClientChange::Credential(name) => {
                Ok(stored.secret_from == Some(ClientSecretFrom::Credential(name.clone())))
            }
        }
    }

    /// Whether a client can be given, before anything is stored.
    ///
    /// # Errors
    /// [`OAuthError::Configuration`] if a secret that is to hold the client does not; those of vault and database.
    pub async fn check_client(&self, project: &ProjectId, change: &ClientChange) -> Result<(), OAuthError> {
        match change {
            ClientChange::Credential(name) => self.named_id(project, name).await.map(drop),
            ClientChange::Given { .. } | ClientChange::Named { .. } => Ok(()),
        }
    }

    /// The client that new authorizations through a connection use.
    ///
    /// # Errors
    /// [`OAuthError::Configuration`] if it has none, or the secret that holds it does not; those of the database.
    pub async fn client(&self, connection: &Connection) -> Result<OAuthClient, OAuthError> {
        let found = self.0.store.newest_oauth_client(&connection.project, &connection.id).await?;
        let client = found.ok_or_else(|| {
            let name = &connection.name;
            OAuthError::configuration(format!("connection `{name}` has no OAuth client: give it one with `oauth`"))
        })?;
        let Some(ClientSecretFrom::Credential(name)) = &client.secret_from else { return Ok(client) };
        let client_id = self.named_id(&client.project, name).await?;
        if client_id == client.client_id {
            return Ok(client);
        }
        // Somebody stored another client under the name: new authorizations are its.
        let (id, by) = (OAuthClientId::new(&self.0.clock, &self.0.random), By::host(self.0.clock.now()));
        let other = OAuthClient { id, client_id, created_at: by.at, ..client };
        self.0.store.insert_oauth_client(&by, &other).await?;
        Ok(other)
    }

    /// A client as sealed fields of an account of OAuth 1.0a, which signs with them for as long as it lives (AK-210).
    ///
    /// # Errors
    /// [`OAuthError::Vault`] if its secret cannot be opened.
    pub fn consumer(&self, client: &OAuthClient) -> Result<[(&'static str, Secret); 2], OAuthError> {
        let secret = self.own_secret(client)?.unwrap_or_else(|| Secret::new(String::new()));
        let [key, field] = CONSUMER;
        Ok([(key, Secret::new(client.client_id.clone())), (field, secret)])
    }

    /// A client with its secret open, and the hosts that this may be sent to for one account.
    pub(super) async fn opened(
        &self,
        client: &OAuthClient,
        auth: ClientAuth,
        fields: &BTreeMap<String, String>,
    ) -> Result<(Client, Vec<String>), OAuthError> {
        let hosts = endpoints::hosts(&client.hosts, fields).map_err(OAuthError::configuration)?;
        let secret = match &client.secret_from {
            Some(from) => Some(self.named_secret(&client.project, from, &hosts).await?),
            None => self.own_secret(client)?,
        };
        Ok((Client { id: client.client_id.clone(), secret, auth }, hosts))
    }

    /// The secret of a client that is a named one, for requests to these hosts and nowhere else. What is missing may be there
    /// in a minute, and no account ends by it.
    pub(super) async fn named_secret(
        &self,
        project: &ProjectId,
        from: &ClientSecretFrom,
        hosts: &[String],
    ) -> Result<Secret, OAuthError> {
        let value = self.named(project, from.name(), hosts).await?;
        match from {
            ClientSecretFrom::Secret(_) => Ok(value),
            ClientSecretFrom::Credential(name) => member(&value, CLIENT_SECRET).ok_or_else(|| {
                OAuthError::transient(format!("the secret `{name}` is no JSON object with `{CLIENT_SECRET}`"))
            }),
        }
    }

    /// The identifier in a secret that holds a client. It is no secret, and no other member is ever shown.
    async fn named_id(&self, project: &ProjectId, name: &str) -> Result<String, OAuthError> {
        let value = self.named(project, name, &[]).await.map_err(|error| match error {
            OAuthError::Transient { reason, .. } => OAuthError::configuration(reason),
            error => error,
        })?;
        let id = member(&value, CLIENT_ID).map(Secret::into_public);
        let usable = |id: &String| id.len() <= MAX_CLIENT_ID && !id.chars().any(char::is_control);
        id.filter(usable).ok_or_else(|| {
            OAuthError::configuration(format!("the secret `{name}` is no JSON object with `{CLIENT_ID}`"))
        })
    }

    /// A secret of the project: no user's own is a client of everybody.
    async fn named(&self, project: &ProjectId, name: &str, hosts: &[String]) -> Result<Secret, OAuthError> {
        let found = self.0.store.secret_for(project, name, &SecretOwner::default()).await?;
        let row = found.ok_or_else(|| {
            let how = format!("an administrator stores it with PUT /v1/secrets/{name}");
            OAuthError::transient(format!("the project has no secret `{name}`: {how}"))
        })?;
        self.0.vault.open_named(&row, hosts).map_err(|error| OAuthError::transient(error.to_string()))
    }

    fn own_secret(&self, client: &OAuthClient) -> Result<Option<Secret>, OAuthError> {
        let open = |sealed: &String| self.0.vault.open(&Binding::of_oauth_client(client), sealed);
        Ok(client.secret.as_ref().map(open).transpose()?)
    }
}
