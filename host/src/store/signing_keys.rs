//! What a project's tokens are signed with: the public part to check them, the private part sealed.

use super::error::or_conflict;
use super::row::Columns;
use super::{Act, Store, StoreError};
use crate::model::{Action, By, ProjectId, Timestamp};

/// A key of a project's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// Its name, the `kid`.
    pub id: String,
    /// The tenant.
    pub project: ProjectId,
    /// The point of the curve, base64url.
    pub public: String,
    /// PKCS #8, sealed.
    pub sealed: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When another key took over; `None` for the one that signs.
    pub retired_at: Option<Timestamp>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, project, public, sealed, created_at, retired_at FROM signing_keys ", $rest)
    };
}

impl Store {
    /// The key that a project signs with.
    pub async fn current_signing_key(&self, project: &ProjectId) -> Result<Option<SigningKeyRow>, StoreError> {
        let row = sqlx::query(select!("WHERE project = $1 AND retired_at IS NULL"))
            .bind(project.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| read_key(&mut Columns::of(&row))).transpose()
    }

    /// The key of this name, of any project: it is what tells the project.
    pub async fn signing_key(&self, id: &str) -> Result<Option<SigningKeyRow>, StoreError> {
        let row = sqlx::query(select!("WHERE id = $1")).bind(id).fetch_optional(self.read()).await?;
        row.map(|row| read_key(&mut Columns::of(&row))).transpose()
    }

    /// The keys of all projects that sign, or were retired after `since`; oldest first, at most `limit`.
    pub async fn published_signing_keys(&self, since: Timestamp, limit: u32) -> Result<Vec<SigningKeyRow>, StoreError> {
        let rows = sqlx::query(select!("WHERE retired_at IS NULL OR retired_at > $1 ORDER BY created_at, id LIMIT $2"))
            .bind(since.0)
            .bind(i64::from(limit))
            .fetch_all(self.read())
            .await?;
        rows.iter().map(|row| read_key(&mut Columns::of(row))).collect()
    }

    /// Makes `key` the one that signs; the one before it signs no more, and those that were retired before `gone` are
    /// forgotten. A conflict if somebody else makes one at the same time.
    pub async fn rotate_signing_key(
        &self,
        by: &By,
        (before, key): (Option<&str>, &SigningKeyRow),
        gone: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        // If another took its place meanwhile, there are two that sign, which the index refuses.
        sqlx::query("UPDATE signing_keys SET retired_at = $2 WHERE project = $1 AND retired_at IS NULL AND id = $3")
            .bind(key.project.as_str())
            .bind(by.at.0)
            .bind(before.unwrap_or_default())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM signing_keys WHERE project = $1 AND retired_at <= $2")
            .bind(key.project.as_str())
            .bind(gone.0)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO signing_keys (id, project, public, sealed, created_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(key.id.as_str())
            .bind(key.project.as_str())
            .bind(key.public.as_str())
            .bind(key.sealed.as_str())
            .bind(key.created_at.0)
            .execute(&mut *transaction)
            .await
            .map_err(|error| or_conflict(error, || "another signing key was made at the same time".into()))?;
        self.append(&mut transaction, Act::new(&key.project, by, Action::SigningKeyRotated, &key.id)).await?;
        Ok(transaction.commit().await?)
    }
}

fn read_key(columns: &mut Columns<'_>) -> Result<SigningKeyRow, StoreError> {
    Ok(SigningKeyRow {
        id: columns.text()?,
        project: columns.parsed(ProjectId::parse)?,
        public: columns.text()?,
        sealed: columns.text()?,
        created_at: columns.time()?,
        retired_at: columns.maybe_number()?.map(Timestamp),
    })
}
