//! Projects: the tenants.

use super::row::Columns;
use super::{Store, StoreError};
use crate::model::{Clock, ProjectId, Random};

/// The project that a host starts with.
const DEFAULT: &str = "default";

impl Store {
    /// The project named `default`, made if it is missing. Hosts that start together get the same one.
    pub async fn default_project(&self, clock: &Clock, random: &Random) -> Result<ProjectId, StoreError> {
        self.ensure_project(DEFAULT, clock, random).await
    }

    /// The project of this name, made if it is missing.
    pub async fn ensure_project(&self, name: &str, clock: &Clock, random: &Random) -> Result<ProjectId, StoreError> {
        sqlx::query("INSERT INTO projects (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING")
            .bind(ProjectId::new(clock, random).as_str())
            .bind(name)
            .bind(clock.now().0)
            .execute(self.write())
            .await?;
        let row = sqlx::query("SELECT id FROM projects WHERE name = $1").bind(name).fetch_one(self.write()).await?;
        Columns::of(&row).parsed(ProjectId::parse)
    }
}
