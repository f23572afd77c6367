//! What `apply` made, so that it removes nothing else.

use super::row::Columns;
use super::{Store, StoreError};
use crate::model::{ProjectId, Timestamp};

/// Something that `apply` made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedRow {
    /// The tenant.
    pub project: ProjectId,
    /// The set of files that it came of.
    pub file_set: String,
    /// What kind of thing.
    pub kind: String,
    /// What the files call it.
    pub name: String,
    /// Its identifier; empty for connectors, which have none.
    pub made: String,
    /// When it was made.
    pub applied_at: Timestamp,
}

impl Store {
    /// What was made of files, which may be there no more.
    pub async fn applied(&self, project: &ProjectId) -> Result<Vec<AppliedRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT project, file_set, kind, name, made, applied_at FROM applied \
             WHERE project = $1 ORDER BY kind, name",
        )
        .bind(project.as_str())
        .fetch_all(self.read())
        .await?;
        rows.iter().map(|row| read_applied(&mut Columns::of(row))).collect()
    }

    /// Writes down that something was made.
    pub async fn put_applied(&self, row: &AppliedRow) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO applied (project, file_set, kind, name, made, applied_at) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (project, kind, name) DO UPDATE SET file_set = excluded.file_set, made = excluded.made, \
             applied_at = excluded.applied_at",
        )
        .bind(row.project.as_str())
        .bind(row.file_set.as_str())
        .bind(row.kind.as_str())
        .bind(row.name.as_str())
        .bind(row.made.as_str())
        .bind(row.applied_at.0)
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    /// Forgets that something was made.
    pub async fn delete_applied(&self, row: &AppliedRow) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("DELETE FROM applied WHERE project = $1 AND kind = $2 AND name = $3")
            .bind(row.project.as_str())
            .bind(row.kind.as_str())
            .bind(row.name.as_str())
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }
}

fn read_applied(columns: &mut Columns<'_>) -> Result<AppliedRow, StoreError> {
    Ok(AppliedRow {
        project: columns.parsed(ProjectId::parse)?,
        file_set: columns.text()?,
        kind: columns.text()?,
        name: columns.text()?,
        made: columns.text()?,
        applied_at: columns.time()?,
    })
}
