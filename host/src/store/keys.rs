//! API keys: stored as a hash, found by it.

use super::error::or_conflict;
use super::mcp_grants::Ground;
use super::page::{Listing, Order};
use super::row::Columns;
use super::{Act, Detail, Page, PageRequest, Store, StoreError};
use crate::model::{Action, BoundProfile, By, KeyId, ProfileId, ProjectId, Role, Scopes, Timestamp};

/// An API key, without the text that proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its identifier.
    pub id: KeyId,
    /// The tenant.
    pub project: ProjectId,
    /// What it may do.
    pub role: Role,
    /// The only user it may act for; any user of the project if `None`.
    pub identifier: Option<String>,
    /// All that it may use; everything of the project if `None`.
    pub profile: Option<BoundProfile>,
    /// What it may do; what its role may do if `None`.
    pub scopes: Option<Scopes>,
    /// For people.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, project, role, identifier, name, created_at, scopes, profile, \
         (SELECT p.name FROM profiles p WHERE p.id = api_keys.profile)"
    };
}

impl Store {
    /// Adds a key whose text hashes to `hash`. A conflict if that key is known already, or its profile is not.
    pub async fn insert_key(&self, by: &By, key: &ApiKey, hash: &str) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO api_keys (id, project, hash, role, identifier, name, created_at, profile, scopes) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(key.id.as_str())
        .bind(key.project.as_str())
        .bind(hash)
        .bind(key.role.as_str())
        .bind(key.identifier.as_deref())
        .bind(key.name.as_str())
        .bind(key.created_at.0)
        .bind(key.profile.as_ref().map(|profile| profile.id.as_str()))
        .bind(key.scopes.map(scopes_text))
        .execute(&mut *transaction)
        .await
        .map_err(|error| or_conflict(error, || "this key exists already, or its project or profile does not".into()))?;
        let detail = Detail::default()
            .with("role", key.role.as_str())
            .with_some("identifier", key.identifier.as_deref())
            .with_some("profile", key.profile.as_ref().map(|profile| profile.name.as_str()))
            .with_some("scopes", key.scopes.map(scopes_text).as_deref())
            .with("name", &key.name);
        let act = Act::new(&key.project, by, Action::KeyCreated, key.id.as_str()).detail(detail);
        self.append(&mut transaction, act).await?;
        Ok(transaction.commit().await?)
    }

    /// The key with this hash, of any project: the key is what tells the project.
    pub async fn find_key(&self, hash: &str) -> Result<Option<ApiKey>, StoreError> {
        let reading = match self.inner.cache.key(hash) {
            Ok(key) => return Ok(Some(key)),
            Err(reading) => reading,
        };
        let row = sqlx::query(concat!("SELECT ", columns!(), " FROM api_keys WHERE hash = $1"))
            .bind(hash)
            .fetch_optional(self.read())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let key = read_key(&mut Columns::of(&row))?;
        self.inner.cache.keep_key(reading, hash, &key);
        Ok(Some(key))
    }

    /// The key with this identifier.
    pub async fn key(&self, project: &ProjectId, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", columns!(), " FROM api_keys WHERE project = $1 AND id = $2"))
            .bind(project.as_str())
            .bind(id.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| read_key(&mut Columns::of(&row))).transpose()
    }

    /// The project's keys, oldest first.
    pub async fn list_keys(&self, project: &ProjectId, request: &PageRequest) -> Result<Page<ApiKey>, StoreError> {
        Listing::of(columns!(), "api_keys", "id", Order::OldestFirst)
            // Those of MCP instances are removed and replaced with these.
            .only(
                "NOT EXISTS (SELECT 1 FROM mcp_instances i WHERE i.api_key = api_keys.id) AND project = ?",
                project.as_str(),
            )
            .page(self.read(), request, |text| KeyId::parse(text).is_some(), read_key)
            .await
    }

    /// Removes a key: it opens nothing from then on. `false` if the project has none such; a conflict if it is of an MCP
    /// instance.
    pub async fn delete_key(&self, by: &By, project: &ProjectId, key: &KeyId) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let mut acts = self.end_grants_on(&mut transaction, by, Ground::Voucher(project, key)).await?;
        let done = sqlx::query("DELETE FROM api_keys WHERE project = $1 AND id = $2")
            .bind(project.as_str())
            .bind(key.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(|error| or_conflict(error, || "an MCP instance calls with this key".into()))?;
        acts.push(Act::new(project, by, Action::KeyDeleted, key.as_str()));
        self.commit_changes(transaction, &done, &acts).await
    }

    /// How many keys of the project may administer it.
    pub async fn count_admin_keys(&self, project: &ProjectId) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) FROM api_keys WHERE project = $1 AND role = $2")
            .bind(project.as_str())
            .bind(Role::Admin.as_str())
            .fetch_one(self.read())
            .await?;
        Columns::of(&row).count()
    }
}

fn read_key(columns: &mut Columns<'_>) -> Result<ApiKey, StoreError> {
    let (id, project) = (columns.parsed(KeyId::parse)?, columns.parsed(ProjectId::parse)?);
    let role = columns.parsed(Role::parse)?;
    let (identifier, name, created_at) = (columns.maybe_text()?, columns.text()?, columns.time()?);
    // Likewise one whose scopes cannot be read: without them it might do more.
    let scopes = columns.maybe_parsed(read_scopes)?;
    // A key whose profile cannot be read opens nothing: without the profile it would open more.
    let profile = match columns.maybe_parsed(ProfileId::parse)? {
        Some(id) => Some(BoundProfile { id, name: columns.text()? }),
        None => None,
    };
    Ok(ApiKey { id, project, role, identifier, profile, scopes, name, created_at })
}

/// Scopes as they are stored: their names, with spaces between.
pub(super) fn scopes_text(scopes: Scopes) -> String {
    scopes.names().join(" ")
}

/// Reads [`scopes_text`] back.
pub(super) fn read_scopes(text: &str) -> Option<Scopes> {
    Scopes::parse(text.split_ascii_whitespace()).ok()
}
