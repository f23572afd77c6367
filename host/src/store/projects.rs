//! Projects: the tenants.

use super::error::or_conflict;
use super::row::Columns;
use super::{Act, Detail, Store, StoreError};
use crate::model::{Action, By, Clock, ProjectId, Random, Timestamp};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its identifier, in every row that is its own.
    pub id: ProjectId,
    /// Unique on the host.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The project that a host starts with.
const DEFAULT: &str = "default";

impl Store {
    /// The project named `default`, made if it is missing. Hosts that start together get the same one.
    pub async fn default_project(&self, clock: &Clock, random: &Random) -> Result<ProjectId, StoreError> {
        self.ensure_project(DEFAULT, clock, random).await
    }

    /// The name of a project.
    pub async fn project_name(&self, id: &ProjectId) -> Result<String, StoreError> {
        let row =
            sqlx::query("SELECT name FROM projects WHERE id = $1").bind(id.as_str()).fetch_one(self.read()).await?;
        Columns::of(&row).text()
    }

    /// Makes a project. A conflict if there is one of this name.
    pub async fn add_project(&self, by: &By, project: &Project) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("INSERT INTO projects (id, name, created_at) VALUES ($1, $2, $3)")
            .bind(project.id.as_str())
            .bind(project.name.as_str())
            .bind(project.created_at.0)
            .execute(&mut *transaction)
            .await
            .map_err(|error| or_conflict(error, || format!("there is a project `{}` already", project.name)))?;
        let act = Act::new(&project.id, by, Action::ProjectCreated, project.id.as_str());
        self.append(&mut transaction, act.detail(Detail::default().with("name", &project.name))).await?;
        Ok(transaction.commit().await?)
    }

    /// All projects, oldest first.
    pub async fn projects(&self) -> Result<Vec<Project>, StoreError> {
        let rows = sqlx::query("SELECT id, name, created_at FROM projects ORDER BY id").fetch_all(self.read()).await?;
        let read = |row| {
            let mut columns = Columns::of(row);
            Ok(Project { id: columns.parsed(ProjectId::parse)?, name: columns.text()?, created_at: columns.time()? })
        };
        rows.iter().map(read).collect()
    }

    /// The project of this name, made if it is missing.
    pub async fn ensure_project(&self, name: &str, clock: &Clock, random: &Random) -> Result<ProjectId, StoreError> {
        let (id, now) = (ProjectId::new(clock, random), clock.now());
        let mut transaction = self.begin().await?;
        let done = sqlx::query(
            "INSERT INTO projects (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
        )
        .bind(id.as_str())
        .bind(name)
        .bind(now.0)
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() > 0 {
            let act = Act::new(&id, &By::host(now), Action::ProjectCreated, id.as_str());
            self.append(&mut transaction, act.detail(Detail::default().with("name", name))).await?;
        }
        transaction.commit().await?;
        let row = sqlx::query("SELECT id FROM projects WHERE name = $1").bind(name).fetch_one(self.write()).await?;
        Columns::of(&row).parsed(ProjectId::parse)
    }
}
