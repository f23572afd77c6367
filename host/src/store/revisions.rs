//! What hosts keep in memory of a project is told apart by numbers that grow with each change.

use sqlx::AnyConnection;

use super::row::Columns;
use super::{Store, StoreError};
use crate::model::ProjectId;

/// What a project's revision counts the changes of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Rules, and what holds where none does.
    Policies,
    /// Profiles.
    Profiles,
    /// Modifiers.
    Modifiers,
}

impl Subject {
    fn select(self) -> &'static str {
        match self {
            Self::Policies => "SELECT revision FROM policy_sets WHERE project = $1",
            Self::Profiles => "SELECT revision FROM profile_sets WHERE project = $1",
            Self::Modifiers => "SELECT revision FROM modifier_sets WHERE project = $1",
        }
    }

    fn count(self) -> &'static str {
        match self {
            Self::Policies => {
                "INSERT INTO policy_sets (project, revision) VALUES ($1, 1) \
                 ON CONFLICT (project) DO UPDATE SET revision = policy_sets.revision + 1"
            }
            Self::Profiles => {
                "INSERT INTO profile_sets (project, revision) VALUES ($1, 1) \
                 ON CONFLICT (project) DO UPDATE SET revision = profile_sets.revision + 1"
            }
            Self::Modifiers => {
                "INSERT INTO modifier_sets (project, revision) VALUES ($1, 1) \
                 ON CONFLICT (project) DO UPDATE SET revision = modifier_sets.revision + 1"
            }
        }
    }
}

impl Store {
    /// The number that changes with what a project has of a subject; 0 where nothing was ever set.
    pub async fn revision(&self, of: Subject, project: &ProjectId) -> Result<i64, StoreError> {
        let reading = match self.inner.cache.revision(of, project) {
            Ok(revision) => return Ok(revision),
            Err(reading) => reading,
        };
        let row = sqlx::query(of.select()).bind(project.as_str()).fetch_optional(self.read()).await?;
        let revision = row.map_or(Ok(0), |row| Columns::of(&row).number())?;
        self.inner.cache.keep_revision(reading, of, project, revision);
        Ok(revision)
    }
}

/// Tells all hosts that a subject of a project changed.
pub(super) async fn touch(transaction: &mut AnyConnection, of: Subject, project: &ProjectId) -> Result<(), StoreError> {
    sqlx::query(of.count()).bind(project.as_str()).execute(transaction).await?;
    Ok(())
}
