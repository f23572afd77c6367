//! OAuth clients of connections: what a connection is known as at an authorization server. Secrets pass through sealed.

use sqlx::AnyConnection;

use super::row::{Columns, texts_json};
use super::{Act, Detail, Store, StoreError};
use crate::model::{Action, By, ClientSecretFrom, ConnectionId, OAuthClientId, ProjectId, Timestamp};

/// An OAuth client of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthClient {
    /// Its identifier here.
    pub id: OAuthClientId,
    /// The tenant.
    pub project: ProjectId,
    /// Whose client it is.
    pub connection: ConnectionId,
    /// Its identifier at the authorization server.
    pub client_id: String,
    /// Its secret, sealed; `None` for a public client.
    pub secret: Option<String>,
    /// Where the secret is instead.
    pub secret_from: Option<ClientSecretFrom>,
    /// The only hosts that the secret may be sent to: templates over an account's public fields, authenticated with it.
    pub hosts: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, project, connection, client_id, secret, hosts, created_at, secret_from FROM oauth_clients ",
            $rest
        )
    };
}

impl Store {
    /// Adds a client to a connection. From now on new authorizations use it; accounts stay with theirs.
    pub async fn insert_oauth_client(&self, by: &By, client: &OAuthClient) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let mut client = client.clone();
        client.created_at = after_others(&mut transaction, &client).await?;
        insert(&mut transaction, &client).await?;
        self.append(&mut transaction, act(by, &client)).await?;
        Ok(transaction.commit().await?)
    }

    /// The client that a connection's new authorizations use.
    pub async fn newest_oauth_client(
        &self,
        project: &ProjectId,
        connection: &ConnectionId,
    ) -> Result<Option<OAuthClient>, StoreError> {
        let row =
            sqlx::query(select!("WHERE project = $1 AND connection = $2 ORDER BY created_at DESC, id DESC LIMIT 1"))
                .bind(project.as_str())
                .bind(connection.as_str())
                .fetch_optional(self.read())
                .await?;
        row.map(|row| read_client(&mut Columns::of(&row))).transpose()
    }

    /// The newest client of each of a project's connections, as far as it has one.
    pub async fn oauth_clients(&self, project: &ProjectId) -> Result<Vec<OAuthClient>, StoreError> {
        let rows = sqlx::query(select!(
            "WHERE project = $1 AND NOT EXISTS (SELECT 1 FROM oauth_clients n WHERE n.project = $1 \
             AND n.connection = oauth_clients.connection AND (n.created_at > oauth_clients.created_at \
             OR (n.created_at = oauth_clients.created_at AND n.id > oauth_clients.id)))"
        ))
        .bind(project.as_str())
        .fetch_all(self.read())
        .await?;
        rows.iter().map(|row| read_client(&mut Columns::of(row))).collect()
    }

    /// One client.
    pub async fn oauth_client(
        &self,
        project: &ProjectId,
        id: &OAuthClientId,
    ) -> Result<Option<OAuthClient>, StoreError> {
        let row = sqlx::query(select!("WHERE project = $1 AND id = $2"))
            .bind(project.as_str())
            .bind(id.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| read_client(&mut Columns::of(&row))).transpose()
    }

    /// Clients of all projects in the order of their identifiers, after `after`, at most `limit`.
    pub async fn oauth_clients_after(
        &self,
        after: Option<&OAuthClientId>,
        limit: u32,
    ) -> Result<Vec<OAuthClient>, StoreError> {
        let rows = sqlx::query(select!("WHERE id > $1 ORDER BY id LIMIT $2"))
            .bind(after.map_or("", OAuthClientId::as_str))
            .bind(i64::from(limit))
            .fetch_all(self.read())
            .await?;
        rows.iter().map(|row| read_client(&mut Columns::of(row))).collect()
    }

    /// Puts the secret, sealed anew, in place of the one that was read. `false` if that is no longer there.
    pub async fn reseal_oauth_client(&self, by: &By, client: &OAuthClient, sealed: &str) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let done = sqlx::query("UPDATE oauth_clients SET secret = $1 WHERE id = $2 AND secret = $3")
            .bind(sealed)
            .bind(client.id.as_str())
            .bind(client.secret.as_deref())
            .execute(&mut *transaction)
            .await?;
        let act = Act::new(&client.project, by, Action::OAuthClientResealed, client.id.as_str());
        self.commit_change(transaction, &done, act.detail(Detail::default().digest("secret", sealed))).await
    }
}

/// When a client was made, as it is stored: after all others of its connection, whatever the clocks of hosts say, since the
/// newest is the one that is used.
async fn after_others(connection: &mut AnyConnection, client: &OAuthClient) -> Result<Timestamp, StoreError> {
    let latest: Option<i64> =
        sqlx::query_scalar("SELECT MAX(created_at) FROM oauth_clients WHERE project = $1 AND connection = $2")
            .bind(client.project.as_str())
            .bind(client.connection.as_str())
            .fetch_one(connection)
            .await?;
    Ok(latest.map_or(client.created_at, |latest| client.created_at.max(Timestamp(latest.saturating_add(1)))))
}

async fn insert(connection: &mut AnyConnection, client: &OAuthClient) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO oauth_clients (id, project, connection, client_id, secret, hosts, created_at, secret_from) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(client.id.as_str())
    .bind(client.project.as_str())
    .bind(client.connection.as_str())
    .bind(client.client_id.as_str())
    .bind(client.secret.as_deref())
    .bind(texts_json(&client.hosts))
    .bind(client.created_at.0)
    .bind(client.secret_from.as_ref().map(ClientSecretFrom::text))
    .execute(connection)
    .await?;
    Ok(())
}

fn act(by: &By, client: &OAuthClient) -> Act {
    let detail = Detail::default()
        .with("connection", client.connection.as_str())
        .with("client_id", &client.client_id)
        .with("hosts", &client.hosts.join(" "));
    let detail = match &client.secret {
        Some(secret) => detail.digest("secret", secret),
        None => detail,
    };
    let detail = detail.with_some("secret_from", client.secret_from.as_ref().map(ClientSecretFrom::text).as_deref());
    Act::new(&client.project, by, Action::OAuthClientCreated, client.id.as_str()).detail(detail)
}

fn read_client(columns: &mut Columns<'_>) -> Result<OAuthClient, StoreError> {
    Ok(OAuthClient {
        id: columns.parsed(OAuthClientId::parse)?,
        project: columns.parsed(ProjectId::parse)?,
        connection: columns.parsed(ConnectionId::parse)?,
        client_id: columns.text()?,
        secret: columns.maybe_text()?,
        hosts: columns.texts()?,
        created_at: columns.time()?,
        secret_from: columns.maybe_parsed(ClientSecretFrom::parse)?,
    })
}
