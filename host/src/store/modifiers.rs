//! Modifiers: what stands before and after tools, in order.

use sqlx::AnyConnection;

use super::connectors::insert_component;
use super::error::or_conflict;
use super::revisions::{Subject, touch};
use super::row::{Columns, texts_json};
use super::{Act, Detail, Store, StoreError};
use crate::model::{Action, By, ModifierId, ProjectId, Timestamp, When};

/// A modifier as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModifierRow {
    /// Its identifier.
    pub id: ModifierId,
    /// The tenant.
    pub project: ProjectId,
    /// Unique in the project; never changes.
    pub name: String,
    /// Patterns of the tools that it speaks of.
    pub tools: Vec<String>,
    /// Names of the connections that it speaks of; `None` for all.
    pub connections: Option<Vec<String>>,
    /// On which side of a tool it stands.
    pub when: When,
    /// Modifiers run in this order; those at one position in the order in which they were made.
    pub position: i64,
    /// JSON text, which `call` reads; `None` if it is a component.
    pub steps: Option<String>,
    /// SHA-256 of the component, in hex.
    pub component: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// All modifiers of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModifierSet {
    /// Grows with each change.
    pub revision: i64,
    /// In the order in which they run.
    pub modifiers: Vec<ModifierRow>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, project, name, tools, connections, run_when, position, steps, component, created_at, updated_at \
             FROM modifiers ",
            $rest
        )
    };
}

impl Store {
    /// The project's modifiers.
    pub async fn modifiers(&self, project: &ProjectId) -> Result<ModifierSet, StoreError> {
        // The revision first: if a change comes in between, what was read is taken for older than it is, and read again.
        let set = sqlx::query("SELECT revision FROM modifier_sets WHERE project = $1")
            .bind(project.as_str())
            .fetch_optional(self.read())
            .await?;
        let rows = sqlx::query(select!("WHERE project = $1 ORDER BY position, registered"))
            .bind(project.as_str())
            .fetch_all(self.read())
            .await?;
        let revision = set.map_or(Ok(0), |row| Columns::of(&row).number())?;
        let modifiers = rows.iter().map(|row| read_modifier(&mut Columns::of(row))).collect::<Result<_, _>>()?;
        Ok(ModifierSet { revision, modifiers })
    }

    /// The modifier of this name.
    pub async fn find_modifier(&self, project: &ProjectId, name: &str) -> Result<Option<ModifierRow>, StoreError> {
        let row = sqlx::query(select!("WHERE project = $1 AND name = $2"))
            .bind(project.as_str())
            .bind(name)
            .fetch_optional(self.read())
            .await?;
        row.map(|row| read_modifier(&mut Columns::of(&row))).transpose()
    }

    /// Adds a modifier with the bytes of its component, if it is one. A conflict if its name is taken.
    pub async fn insert_modifier(
        &self,
        by: &By,
        modifier: &ModifierRow,
        wasm: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        touch(&mut transaction, Subject::Modifiers, &modifier.project).await?;
        keep(&mut transaction, modifier, wasm).await?;
        sqlx::query(
            "INSERT INTO modifiers (id, project, name, tools, connections, run_when, position, steps, component, \
             created_at, updated_at, registered) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, revision FROM modifier_sets WHERE project = $2",
        )
        .bind(modifier.id.as_str())
        .bind(modifier.project.as_str())
        .bind(modifier.name.as_str())
        .bind(texts_json(&modifier.tools))
        .bind(modifier.connections.as_deref().map(texts_json))
        .bind(modifier.when.as_str())
        .bind(modifier.position)
        .bind(modifier.steps.as_deref())
        .bind(modifier.component.as_deref())
        .bind(modifier.created_at.0)
        .bind(modifier.updated_at.0)
        .execute(&mut *transaction)
        .await
        .map_err(|error| or_conflict(error, || format!("modifier `{}` exists already", modifier.name)))?;
        self.append(&mut transaction, told(modifier, by, Action::ModifierCreated)).await?;
        Ok(transaction.commit().await?)
    }

    /// Writes what can change of a modifier. `false` if the project has none with its identifier.
    pub async fn update_modifier(
        &self,
        by: &By,
        modifier: &ModifierRow,
        wasm: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        // In the order of `insert_modifier`: two changes at once must not wait for each other.
        touch(&mut transaction, Subject::Modifiers, &modifier.project).await?;
        keep(&mut transaction, modifier, wasm).await?;
        let done = sqlx::query(
            "UPDATE modifiers SET tools = $3, connections = $4, run_when = $5, position = $6, steps = $7, \
             component = $8, updated_at = $9 WHERE project = $1 AND id = $2",
        )
        .bind(modifier.project.as_str())
        .bind(modifier.id.as_str())
        .bind(texts_json(&modifier.tools))
        .bind(modifier.connections.as_deref().map(texts_json))
        .bind(modifier.when.as_str())
        .bind(modifier.position)
        .bind(modifier.steps.as_deref())
        .bind(modifier.component.as_deref())
        .bind(modifier.updated_at.0)
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        self.append(&mut transaction, told(modifier, by, Action::ModifierChanged)).await?;
        transaction.commit().await?;
        self.sweep_components().await?;
        Ok(true)
    }

    /// Removes a modifier. `false` if the project has none such.
    pub async fn delete_modifier(&self, by: &By, project: &ProjectId, name: &str) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let done = sqlx::query("DELETE FROM modifiers WHERE project = $1 AND name = $2")
            .bind(project.as_str())
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        touch(&mut transaction, Subject::Modifiers, project).await?;
        self.append(&mut transaction, Act::new(project, by, Action::ModifierDeleted, name)).await?;
        transaction.commit().await?;
        self.sweep_components().await?;
        Ok(true)
    }
}

/// Keeps the bytes that a modifier runs.
async fn keep(connection: &mut AnyConnection, modifier: &ModifierRow, wasm: Option<&[u8]>) -> Result<(), StoreError> {
    match (&modifier.component, wasm) {
        (Some(digest), Some(wasm)) => insert_component(connection, digest, wasm).await,
        _ => Ok(()),
    }
}

fn told(modifier: &ModifierRow, by: &By, action: Action) -> Act {
    let mut detail = Detail::default()
        .with("id", modifier.id.as_str())
        .with("when", modifier.when.as_str())
        .number("position", modifier.position.unsigned_abs())
        .digest("tools", &texts_json(&modifier.tools));
    if let Some(connections) = &modifier.connections {
        detail = detail.digest("connections", &texts_json(connections));
    }
    if let Some(steps) = &modifier.steps {
        detail = detail.digest("steps", steps);
    }
    let act = Act::new(&modifier.project, by, action, &modifier.name).detail(detail);
    match &modifier.component {
        Some(digest) => act.component(digest),
        None => act,
    }
}

fn read_modifier(columns: &mut Columns<'_>) -> Result<ModifierRow, StoreError> {
    Ok(ModifierRow {
        id: columns.parsed(ModifierId::parse)?,
        project: columns.parsed(ProjectId::parse)?,
        name: columns.text()?,
        tools: columns.texts()?,
        connections: columns.maybe_parsed(|text| serde_json::from_str(text).ok())?,
        when: columns.parsed(When::parse)?,
        position: columns.number()?,
        steps: columns.maybe_text()?,
        component: columns.maybe_text()?,
        created_at: columns.time()?,
        updated_at: columns.time()?,
    })
}
