//! Named secrets. Their values pass through here sealed, never in clear.

use super::error::or_conflict;
use super::page::{Listing, Order};
use super::row::{Columns, texts_json};
use super::{Act, Detail, Page, PageRequest, Store, StoreError};
use crate::model::{Action, By, NamedSecret, ProjectId, SecretId, SecretOwner, SecretSource};

/// A named secret with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRow {
    /// All but the value.
    pub secret: NamedSecret,
    /// The value, sealed; of one that is elsewhere, nothing is sealed but what it belongs to.
    pub sealed: String,
    /// The project's name, by which an operator says what it may read.
    pub project_name: String,
}

/// Which secrets to list. What is `None` does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretFilter {
    /// Only those of this name.
    pub name: Option<String>,
    /// Only those of this user; `Some("")` is those of no user.
    pub identifier: Option<String>,
    /// Only those of this organization; `Some("")` is those of none.
    pub organization: Option<String>,
    /// Only those whose name contains this, whatever the case.
    pub query: Option<String>,
}

macro_rules! columns {
    () => {
        "s.id, s.project, s.name, s.identifier, s.organization, s.source, s.hosts, s.created_at, s.updated_at, \
         s.sealed, (SELECT p.name FROM projects p WHERE p.id = s.project)"
    };
}

impl Store {
    /// Adds a secret, or replaces it if it is there under the same identifier. Whether it is new.
    ///
    /// A conflict if there is one of this name and owner under another identifier, which happens when two requests make it
    /// at once: its identifier is sealed with its value, so it has to be looked up and sealed again.
    pub async fn put_secret(&self, by: &By, secret: &NamedSecret, sealed: &str) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let replaced = sqlx::query(
            "UPDATE secrets SET source = $1, hosts = $2, sealed = $3, updated_at = $4 \
             WHERE id = $5 AND project = $6 AND name = $7 AND identifier = $8 AND organization = $9",
        )
        .bind(secret.source.text())
        .bind(texts_json(&secret.hosts))
        .bind(sealed)
        .bind(secret.updated_at.0)
        .bind(secret.id.as_str())
        .bind(secret.project.as_str())
        .bind(secret.name.as_str())
        .bind(secret.owner.identifier.as_str())
        .bind(secret.owner.organization.as_str())
        .execute(&mut *transaction)
        .await?;
        let is_new = replaced.rows_affected() == 0;
        if is_new {
            sqlx::query(
                "INSERT INTO secrets (id, project, name, identifier, organization, source, hosts, sealed, created_at, \
                 updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .bind(secret.id.as_str())
            .bind(secret.project.as_str())
            .bind(secret.name.as_str())
            .bind(secret.owner.identifier.as_str())
            .bind(secret.owner.organization.as_str())
            .bind(secret.source.text())
            .bind(texts_json(&secret.hosts))
            .bind(sealed)
            .bind(secret.created_at.0)
            .bind(secret.updated_at.0)
            .execute(&mut *transaction)
            .await
            .map_err(|error| or_conflict(error, || "the secret was made or removed at the same time".into()))?;
        }
        let action = if is_new { Action::SecretCreated } else { Action::SecretChanged };
        let act = Act::new(&secret.project, by, action, secret.id.as_str()).detail(detail(secret, sealed));
        self.append(&mut transaction, act).await?;
        transaction.commit().await?;
        Ok(is_new)
    }

    /// The secret of exactly this name and owner.
    pub async fn secret_of(
        &self,
        project: &ProjectId,
        name: &str,
        owner: &SecretOwner,
    ) -> Result<Option<SecretRow>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM secrets s WHERE s.project = $1 AND s.name = $2 AND s.identifier = $3 AND s.organization = $4"
        ))
        .bind(project.as_str())
        .bind(name)
        .bind(owner.identifier.as_str())
        .bind(owner.organization.as_str())
        .fetch_optional(self.read())
        .await?;
        row.map(|row| read_secret(&mut Columns::of(&row))).transpose()
    }

    /// The secret of this name that a call for this user and organization uses: the user's own, else the organization's,
    /// else the project's (SI-13).
    pub async fn secret_for(
        &self,
        project: &ProjectId,
        name: &str,
        caller: &SecretOwner,
    ) -> Result<Option<SecretRow>, StoreError> {
        // An empty text sorts before all others, so the first row is the one that says most.
        let row = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM secrets s WHERE s.project = $1 AND s.name = $2 AND s.identifier IN ('', $3) \
             AND s.organization IN ('', $4) ORDER BY s.identifier DESC, s.organization DESC LIMIT 1"
        ))
        .bind(project.as_str())
        .bind(name)
        .bind(caller.identifier.as_str())
        .bind(caller.organization.as_str())
        .fetch_optional(self.read())
        .await?;
        row.map(|row| read_secret(&mut Columns::of(&row))).transpose()
    }

    /// The project's secrets, oldest first.
    pub async fn list_secrets(
        &self,
        project: &ProjectId,
        filter: &SecretFilter,
        request: &PageRequest,
    ) -> Result<Page<SecretRow>, StoreError> {
        Listing::of(columns!(), "secrets s", "s.id", Order::OldestFirst)
            .only("s.project = ?", project.as_str())
            .only_if("s.name = ?", filter.name.as_deref())
            .only_if("s.identifier = ?", filter.identifier.as_deref())
            .only_if("s.organization = ?", filter.organization.as_deref())
            .containing_if("LOWER(s.name) LIKE LOWER(?) ESCAPE '!'", filter.query.as_deref())
            .page(self.read(), request, |text| SecretId::parse(text).is_some(), read_secret)
            .await
    }

    /// Removes a secret. `false` if there is none of this name and owner.
    pub async fn delete_secret(
        &self,
        by: &By,
        project: &ProjectId,
        name: &str,
        owner: &SecretOwner,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let gone = sqlx::query(
            "DELETE FROM secrets WHERE project = $1 AND name = $2 AND identifier = $3 AND organization = $4 \
             RETURNING id",
        )
        .bind(project.as_str())
        .bind(name)
        .bind(owner.identifier.as_str())
        .bind(owner.organization.as_str())
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(gone) = gone else { return Ok(false) };
        let id = Columns::of(&gone).text()?;
        let act = Act::new(project, by, Action::SecretDeleted, &id).detail(Detail::default().with("name", name));
        self.append(&mut transaction, act).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Secrets of all projects after this one, in the order of their identifiers: to seal them anew.
    pub async fn secrets_after(&self, after: Option<&SecretId>, limit: u32) -> Result<Vec<SecretRow>, StoreError> {
        let rows =
            sqlx::query(concat!("SELECT ", columns!(), " FROM secrets s WHERE s.id > $1 ORDER BY s.id LIMIT $2"))
                .bind(after.map_or("", SecretId::as_str))
                .bind(i64::from(limit))
                .fetch_all(self.read())
                .await?;
        rows.iter().map(|row| read_secret(&mut Columns::of(row))).collect()
    }

    /// Puts the same value, sealed anew, in the place of the one that was read. `false` if there is another by now.
    pub async fn reseal_secret(&self, by: &By, row: &SecretRow, anew: &str) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let done = sqlx::query("UPDATE secrets SET sealed = $1 WHERE id = $2 AND sealed = $3")
            .bind(anew)
            .bind(row.secret.id.as_str())
            .bind(row.sealed.as_str())
            .execute(&mut *transaction)
            .await?;
        let act = Act::new(&row.secret.project, by, Action::SecretResealed, row.secret.id.as_str());
        self.commit_change(transaction, &done, act.detail(Detail::default().digest("secret", anew))).await
    }
}

/// The value is there as a digest of its sealed text: it tells one from another, and nothing else.
fn detail(secret: &NamedSecret, sealed: &str) -> Detail {
    Detail::default()
        .with("name", &secret.name)
        .with("owner", secret.owner.kind())
        .with_some("identifier", Some(secret.owner.identifier.as_str()).filter(|text| !text.is_empty()))
        .with_some("organization", Some(secret.owner.organization.as_str()).filter(|text| !text.is_empty()))
        .with("source", &secret.source.text())
        .with("hosts", &secret.hosts.join(" "))
        .digest("secret", sealed)
}

fn read_secret(columns: &mut Columns<'_>) -> Result<SecretRow, StoreError> {
    Ok(SecretRow {
        secret: NamedSecret {
            id: columns.parsed(SecretId::parse)?,
            project: columns.parsed(ProjectId::parse)?,
            name: columns.text()?,
            owner: SecretOwner { identifier: columns.text()?, organization: columns.text()? },
            source: columns.parsed(SecretSource::parse)?,
            hosts: columns.texts()?,
            created_at: columns.time()?,
            updated_at: columns.time()?,
        },
        sealed: columns.text()?,
        project_name: columns.text()?,
    })
}
