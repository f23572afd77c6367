//! Clients: programs that fetch short-lived tokens with a secret, of which only the hash is stored.

use super::error::or_conflict;
use super::keys::{read_scopes, scopes_text};
use super::mcp_grants::Ground;
use super::page::{Listing, Order};
use super::row::Columns;
use super::{Act, Detail, Page, PageRequest, Store, StoreError};
use crate::model::{Action, BoundProfile, By, ClientId, KeyId, ProfileId, ProjectId, Scopes, Timestamp};

/// A client, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRow {
    /// Its identifier, which it sends as `client_id`.
    pub id: ClientId,
    /// The tenant.
    pub project: ProjectId,
    /// For people, and for rules that name approvers.
    pub name: String,
    /// What its tokens may do at most.
    pub scopes: Scopes,
    /// The only user that it may act for; any user of the project if `None`.
    pub identifier: Option<String>,
    /// All that it may use; everything of the project if `None`.
    pub profile: Option<BoundProfile>,
    /// When it was made.
    pub created_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, project, name, scopes, identifier, created_at, profile, \
         (SELECT p.name FROM profiles p WHERE p.id = clients.profile)"
    };
}

impl Store {
    /// Adds a client whose secret hashes to `hash`. A conflict if its profile is gone.
    pub async fn insert_client(&self, by: &By, client: &ClientRow, hash: &str) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO clients (id, project, name, hash, scopes, identifier, profile, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(client.id.as_str())
        .bind(client.project.as_str())
        .bind(client.name.as_str())
        .bind(hash)
        .bind(scopes_text(client.scopes))
        .bind(client.identifier.as_deref())
        .bind(client.profile.as_ref().map(|profile| profile.id.as_str()))
        .bind(client.created_at.0)
        .execute(&mut *transaction)
        .await
        .map_err(|error| or_conflict(error, || "this client exists already, or its profile does not".into()))?;
        self.append(&mut transaction, told(client, by, Action::ClientCreated)).await?;
        Ok(transaction.commit().await?)
    }

    /// Writes what can change of a client: its name and its scopes. `false` if the project has none such.
    pub async fn update_client(&self, by: &By, client: &ClientRow) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let done = sqlx::query("UPDATE clients SET name = $3, scopes = $4 WHERE project = $1 AND id = $2")
            .bind(client.project.as_str())
            .bind(client.id.as_str())
            .bind(client.name.as_str())
            .bind(scopes_text(client.scopes))
            .execute(&mut *transaction)
            .await?;
        self.commit_change(transaction, &done, told(client, by, Action::ClientChanged)).await
    }

    /// Gives a client another secret: the old one opens nothing from then on. `false` if the project has none such.
    pub async fn rehash_client(
        &self,
        by: &By,
        project: &ProjectId,
        id: &ClientId,
        hash: &str,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let done = sqlx::query("UPDATE clients SET hash = $3 WHERE project = $1 AND id = $2")
            .bind(project.as_str())
            .bind(id.as_str())
            .bind(hash)
            .execute(&mut *transaction)
            .await?;
        self.commit_change(transaction, &done, Act::new(project, by, Action::ClientRotated, id.as_str())).await
    }

    /// Removes a client: neither its secret nor its tokens open anything from then on.
    pub async fn delete_client(&self, by: &By, project: &ProjectId, id: &ClientId) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        // What its tokens are known by, as `identity` makes it.
        let caller = KeyId::of(&["client", id.as_str()]);
        let mut acts = self.end_grants_on(&mut transaction, by, Ground::Voucher(project, &caller)).await?;
        let done = sqlx::query("DELETE FROM clients WHERE project = $1 AND id = $2")
            .bind(project.as_str())
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        acts.push(Act::new(project, by, Action::ClientDeleted, id.as_str()));
        self.commit_changes(transaction, &done, &acts).await
    }

    /// One client of a project.
    pub async fn client(&self, project: &ProjectId, id: &ClientId) -> Result<Option<ClientRow>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", columns!(), " FROM clients WHERE project = $1 AND id = $2"))
            .bind(project.as_str())
            .bind(id.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| read_client(&mut Columns::of(&row))).transpose()
    }

    /// The client with this identifier and this hash of its secret, of any project: it is what tells the project.
    pub async fn client_with_secret(&self, id: &ClientId, hash: &str) -> Result<Option<ClientRow>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", columns!(), " FROM clients WHERE id = $1 AND hash = $2"))
            .bind(id.as_str())
            .bind(hash)
            .fetch_optional(self.read())
            .await?;
        row.map(|row| read_client(&mut Columns::of(&row))).transpose()
    }

    /// The project's clients, oldest first.
    pub async fn list_clients(
        &self,
        project: &ProjectId,
        request: &PageRequest,
    ) -> Result<Page<ClientRow>, StoreError> {
        Listing::of(columns!(), "clients", "id", Order::OldestFirst)
            .only("project = ?", project.as_str())
            .page(self.read(), request, |text| ClientId::parse(text).is_some(), read_client)
            .await
    }
}

fn told(client: &ClientRow, by: &By, action: Action) -> Act {
    let detail = Detail::default()
        .with("name", &client.name)
        .with("scopes", &scopes_text(client.scopes))
        .with_some("identifier", client.identifier.as_deref())
        .with_some("profile", client.profile.as_ref().map(|profile| profile.name.as_str()));
    Act::new(&client.project, by, action, client.id.as_str()).detail(detail)
}

fn read_client(columns: &mut Columns<'_>) -> Result<ClientRow, StoreError> {
    let (id, project) = (columns.parsed(ClientId::parse)?, columns.parsed(ProjectId::parse)?);
    let (name, scopes) = (columns.text()?, columns.parsed(read_scopes)?);
    let (identifier, created_at) = (columns.maybe_text()?, columns.time()?);
    Ok(ClientRow { id, project, name, scopes, identifier, profile: bound(columns)?, created_at })
}

/// The profile that the last two columns name. Without it more would be allowed, so one that cannot be read is an error.
pub(super) fn bound(columns: &mut Columns<'_>) -> Result<Option<BoundProfile>, StoreError> {
    Ok(match columns.maybe_parsed(ProfileId::parse)? {
        Some(id) => Some(BoundProfile { id, name: columns.text()? }),
        None => None,
    })
}
