//! Policies: rules in their order, and what holds where none does.

use super::revisions::{Subject, touch};
use super::row::Columns;
use super::{Act, Detail, Store, StoreError};
use crate::model::{Action, By, PolicyId, ProjectId, Timestamp};

/// A rule as it is stored: condition and outcome are texts that the policy module reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRow {
    /// Its identifier.
    pub id: PolicyId,
    /// The tenant.
    pub project: ProjectId,
    /// Rules are tried in this order.
    pub position: i64,
    /// For people.
    pub name: String,
    /// CEL.
    pub condition: String,
    /// JSON text.
    pub outcome: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// All that decides on the calls of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySet {
    /// Grows with each change.
    pub revision: i64,
    /// JSON text of the outcomes where no rule holds; `None` if none were ever set.
    pub fallback: Option<String>,
    /// In the order in which they are tried.
    pub rules: Vec<PolicyRow>,
}

impl Store {
    /// The project's rules.
    pub async fn policies(&self, project: &ProjectId) -> Result<PolicySet, StoreError> {
        // The revision first: if a change comes in between, what was read is taken for older than it is, and read again.
        let set = sqlx::query("SELECT revision, fallback FROM policy_sets WHERE project = $1")
            .bind(project.as_str())
            .fetch_optional(self.read())
            .await?;
        let rows = sqlx::query(
            "SELECT id, project, position, name, condition, outcome, created_at, updated_at FROM policies \
             WHERE project = $1 ORDER BY position, id",
        )
        .bind(project.as_str())
        .fetch_all(self.read())
        .await?;
        let (revision, fallback) = match set {
            Some(row) => {
                let mut columns = Columns::of(&row);
                (columns.number()?, columns.maybe_text()?)
            }
            None => (0, None),
        };
        let rules = rows.iter().map(|row| read_policy(&mut Columns::of(row))).collect::<Result<_, _>>()?;
        Ok(PolicySet { revision, fallback, rules })
    }

    /// Adds a rule, or puts it in place of the one with its identifier.
    pub async fn put_policy(&self, by: &By, policy: &PolicyRow) -> Result<(), StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO policies (id, project, position, name, condition, outcome, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET position = $3, name = $4, \
             condition = $5, outcome = $6, updated_at = $8 WHERE policies.project = $2",
        )
        .bind(policy.id.as_str())
        .bind(policy.project.as_str())
        .bind(policy.position)
        .bind(policy.name.as_str())
        .bind(policy.condition.as_str())
        .bind(policy.outcome.as_str())
        .bind(policy.created_at.0)
        .bind(policy.updated_at.0)
        .execute(&mut *transaction)
        .await?;
        touch(&mut transaction, Subject::Policies, &policy.project).await?;
        let detail = Detail::default()
            .with("name", &policy.name)
            .number("position", policy.position.unsigned_abs())
            .digest("condition", &policy.condition)
            .digest("outcome", &policy.outcome);
        let act = Act::new(&policy.project, by, Action::PolicyChanged, policy.id.as_str()).detail(detail);
        self.append(&mut transaction, act).await?;
        Ok(transaction.commit().await?)
    }

    /// Removes a rule. `false` if the project has none such.
    pub async fn delete_policy(&self, by: &By, project: &ProjectId, id: &PolicyId) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let done = sqlx::query("DELETE FROM policies WHERE project = $1 AND id = $2")
            .bind(project.as_str())
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        touch(&mut transaction, Subject::Policies, project).await?;
        self.append(&mut transaction, Act::new(project, by, Action::PolicyDeleted, id.as_str())).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Sets what holds where no rule does: JSON text.
    pub async fn put_policy_fallback(&self, by: &By, project: &ProjectId, fallback: &str) -> Result<(), StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        touch(&mut transaction, Subject::Policies, project).await?;
        sqlx::query("UPDATE policy_sets SET fallback = $2 WHERE project = $1")
            .bind(project.as_str())
            .bind(fallback)
            .execute(&mut *transaction)
            .await?;
        let detail = Detail::default().digest("outcomes", fallback);
        let act = Act::new(project, by, Action::PolicyDefaults, project.as_str()).detail(detail);
        self.append(&mut transaction, act).await?;
        Ok(transaction.commit().await?)
    }
}

fn read_policy(columns: &mut Columns<'_>) -> Result<PolicyRow, StoreError> {
    Ok(PolicyRow {
        id: columns.parsed(PolicyId::parse)?,
        project: columns.parsed(ProjectId::parse)?,
        position: columns.number()?,
        name: columns.text()?,
        condition: columns.text()?,
        outcome: columns.text()?,
        created_at: columns.time()?,
        updated_at: columns.time()?,
    })
}
