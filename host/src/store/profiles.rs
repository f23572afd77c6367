//! Profiles: what one agent may use.

use super::error::or_conflict;
use super::page::{Listing, Order};
use super::revisions::{Subject, touch};
use super::row::Columns;
use super::{Act, Detail, Page, PageRequest, Store, StoreError};
use crate::model::{Action, By, ProfileId, ProjectId, Timestamp};

/// A profile as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileRow {
    /// Its identifier.
    pub id: ProfileId,
    /// The tenant.
    pub project: ProjectId,
    /// Unique in the project; never changes.
    pub name: String,
    /// For people.
    pub description: String,
    /// JSON text: connections with their tools, which `call` reads.
    pub connections: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, project, name, description, connections, created_at, updated_at"
    };
}

impl Store {
    /// The profile of this name.
    pub async fn find_profile(&self, project: &ProjectId, name: &str) -> Result<Option<ProfileRow>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", columns!(), " FROM profiles WHERE project = $1 AND name = $2"))
            .bind(project.as_str())
            .bind(name)
            .fetch_optional(self.read())
            .await?;
        row.map(|row| read_profile(&mut Columns::of(&row))).transpose()
    }

    /// The project's profiles, oldest first.
    pub async fn list_profiles(
        &self,
        project: &ProjectId,
        request: &PageRequest,
    ) -> Result<Page<ProfileRow>, StoreError> {
        Listing::of(columns!(), "profiles", "id", Order::OldestFirst)
            .only("project = ?", project.as_str())
            .page(self.read(), request, |text| ProfileId::parse(text).is_some(), read_profile)
            .await
    }

    /// Adds a profile. A conflict if its name is taken.
    pub async fn insert_profile(&self, by: &By, profile: &ProfileRow) -> Result<(), StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO profiles (id, project, name, description, connections, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(profile.id.as_str())
        .bind(profile.project.as_str())
        .bind(profile.name.as_str())
        .bind(profile.description.as_str())
        .bind(profile.connections.as_str())
        .bind(profile.created_at.0)
        .bind(profile.updated_at.0)
        .execute(&mut *transaction)
        .await
        .map_err(|error| or_conflict(error, || format!("profile `{}` exists already", profile.name)))?;
        touch(&mut transaction, Subject::Profiles, &profile.project).await?;
        self.append(&mut transaction, told(profile, by, Action::ProfileCreated)).await?;
        Ok(transaction.commit().await?)
    }

    /// Writes what can change of a profile. `false` if the project has none with its identifier.
    pub async fn update_profile(&self, by: &By, profile: &ProfileRow) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let done = sqlx::query(
            "UPDATE profiles SET description = $3, connections = $4, updated_at = $5 WHERE project = $1 AND id = $2",
        )
        .bind(profile.project.as_str())
        .bind(profile.id.as_str())
        .bind(profile.description.as_str())
        .bind(profile.connections.as_str())
        .bind(profile.updated_at.0)
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        touch(&mut transaction, Subject::Profiles, &profile.project).await?;
        self.append(&mut transaction, told(profile, by, Action::ProfileChanged)).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Removes a profile. `false` if the project has none such; a conflict while a key is bound to it.
    pub async fn delete_profile(&self, by: &By, project: &ProjectId, name: &str) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let done = sqlx::query("DELETE FROM profiles WHERE project = $1 AND name = $2")
            .bind(project.as_str())
            .bind(name)
            .execute(&mut *transaction)
            .await
            .map_err(|error| or_conflict(error, || format!("keys are bound to profile `{name}`, or it is served")))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        touch(&mut transaction, Subject::Profiles, project).await?;
        self.append(&mut transaction, Act::new(project, by, Action::ProfileDeleted, name)).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

fn told(profile: &ProfileRow, by: &By, action: Action) -> Act {
    let detail = Detail::default().with("id", profile.id.as_str()).digest("connections", &profile.connections);
    Act::new(&profile.project, by, action, &profile.name).detail(detail)
}

pub(super) fn read_profile(columns: &mut Columns<'_>) -> Result<ProfileRow, StoreError> {
    Ok(ProfileRow {
        id: columns.parsed(ProfileId::parse)?,
        project: columns.parsed(ProjectId::parse)?,
        name: columns.text()?,
        description: columns.text()?,
        connections: columns.text()?,
        created_at: columns.time()?,
        updated_at: columns.time()?,
    })
}
