//! Callers by token that came: what their identifiers stand for in records, approvals and the audit chain.

use super::page::{Listing, Order};
use super::row::Columns;
use super::{Act, Detail, Page, PageRequest, Store, StoreError};
use crate::model::{Action, By, KeyId, ProjectId, Role};

/// A caller by token, as it was when it came last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalRow {
    /// What records call it: made of issuer and subject, so that it is the same each time.
    pub id: KeyId,
    /// The tenant.
    pub project: ProjectId,
    /// Identifier of its client, or name of its issuer's row.
    pub source: String,
    /// Who signed.
    pub issuer: String,
    /// Who it is.
    pub subject: String,
    /// For people, and for rules that name approvers.
    pub name: String,
    /// The only user that it may act for; any user of the project if `None`.
    pub identifier: Option<String>,
    /// The organization that it belongs to.
    pub organization: Option<String>,
    /// What policies see.
    pub role: Role,
}

macro_rules! columns {
    () => {
        "id, project, source, issuer, subject, name, identifier, organization, role"
    };
}

impl Store {
    /// Writes a caller down, if it is new or other than it was.
    pub async fn put_principal(&self, by: &By, row: &PrincipalRow) -> Result<(), StoreError> {
        if self.principal(&row.project, &row.id).await?.as_ref() == Some(row) {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO principals (id, project, source, issuer, subject, name, identifier, organization, role, \
             seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             ON CONFLICT (id) DO UPDATE SET source = excluded.source, name = excluded.name, \
             identifier = excluded.identifier, organization = excluded.organization, role = excluded.role, \
             seen_at = excluded.seen_at",
        )
        .bind(row.id.as_str())
        .bind(row.project.as_str())
        .bind(row.source.as_str())
        .bind(row.issuer.as_str())
        .bind(row.subject.as_str())
        .bind(row.name.as_str())
        .bind(row.identifier.as_deref())
        .bind(row.organization.as_deref())
        .bind(row.role.as_str())
        .bind(by.at.0)
        .execute(&mut *transaction)
        .await?;
        let detail = Detail::default()
            .with("issuer", &row.issuer)
            .with("subject", &row.subject)
            .with("role", row.role.as_str())
            .with_some("identifier", row.identifier.as_deref())
            .with_some("organization", row.organization.as_deref());
        let act = Act::new(&row.project, by, Action::CallerSeen, row.id.as_str()).detail(detail);
        self.append(&mut transaction, act).await?;
        Ok(transaction.commit().await?)
    }

    /// One caller by token.
    pub async fn principal(&self, project: &ProjectId, id: &KeyId) -> Result<Option<PrincipalRow>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", columns!(), " FROM principals WHERE project = $1 AND id = $2"))
            .bind(project.as_str())
            .bind(id.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| read_principal(&mut Columns::of(&row))).transpose()
    }

    /// The project's callers by token.
    pub async fn list_principals(
        &self,
        project: &ProjectId,
        request: &PageRequest,
    ) -> Result<Page<PrincipalRow>, StoreError> {
        Listing::of(columns!(), "principals", "id", Order::OldestFirst)
            .only("project = ?", project.as_str())
            .page(self.read(), request, |text| KeyId::parse(text).is_some(), read_principal)
            .await
    }
}

fn read_principal(columns: &mut Columns<'_>) -> Result<PrincipalRow, StoreError> {
    Ok(PrincipalRow {
        id: columns.parsed(KeyId::parse)?,
        project: columns.parsed(ProjectId::parse)?,
        source: columns.text()?,
        issuer: columns.text()?,
        subject: columns.text()?,
        name: columns.text()?,
        identifier: columns.maybe_text()?,
        organization: columns.maybe_text()?,
        role: columns.parsed(Role::parse)?,
    })
}
