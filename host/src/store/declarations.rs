//! Declared connectors: the documents that they are made of, beside the versions that came of them.

use std::collections::BTreeSet;

use super::connectors::{insert_component, put_version};
use super::discoveries::{Asking, bring_in_line};
use super::row::Columns;
use super::{ConnectorRow, Detail, Store, StoreError, outbox};
use crate::model::{By, ProjectId, Timestamp};

/// What a declared connector is made of, but for the document itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclarationRow {
    /// The tenant.
    pub project: ProjectId,
    /// The connector's name.
    pub name: String,
    /// Where the document was fetched, if it was.
    pub url: Option<String>,
    /// JSON text: what the operator said of the import.
    pub options: String,
    /// JSON text: a list of operations with their tools, those that were removed among them.
    pub operations: String,
    /// JSON text: what was found at the MCP server that it is made of.
    pub found: Option<String>,
    /// When it was imported last.
    pub imported_at: Timestamp,
    /// How often it was changed. Who stores another says which one it was made of; `None` for the first.
    pub revision: Option<i64>,
}

/// What of an MCP server is new with a declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerNews {
    /// What waits for an operator since now.
    pub held: Option<HeldTools>,
    /// How the host goes on asking.
    pub asking: Asking,
}

/// Tools that a server has, and that nobody has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldTools {
    /// What an operator accepts them by.
    pub digest: String,
    /// How many are new.
    pub added: u64,
    /// How many are not what they were.
    pub changed: u64,
}

impl Store {
    /// Adds a version of a declared connector, makes it the current one, and keeps what it was made of; all or nothing.
    /// `true` if the version is new; a conflict if the connector is a component of its own, or somebody changed it since it
    /// was read.
    pub async fn declare_connector(
        &self,
        by: &By,
        connector: &ConnectorRow,
        wasm: &[u8],
        declaration: &DeclarationRow,
        document: &str,
        news: &ServerNews,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        insert_component(&mut transaction, &connector.digest, wasm).await?;
        let detail = Detail::default().digest("document", document).digest("options", &declaration.options);
        let detail = match &declaration.found {
            Some(found) => detail.digest("found", found),
            None => detail,
        };
        let (created, act) = put_version(&mut transaction, by, connector, detail).await?;
        let others = sqlx::query(
            "SELECT 1 AS one FROM connector_versions v WHERE v.project = $1 AND v.name = $2 AND v.version <> $3 \
             AND NOT EXISTS (SELECT 1 FROM declarations d WHERE d.project = v.project AND d.name = v.name)",
        );
        let others = others
            .bind(connector.project.as_str())
            .bind(connector.name.as_str())
            .bind(connector.version.as_str())
            .fetch_optional(&mut *transaction)
            .await?;
        if others.is_some() {
            return Err(StoreError::Conflict(format!("connector `{}` is a component of its own", connector.name)));
        }
        let sql = match declaration.revision {
            None => {
                "INSERT INTO declarations (project, name, document, url, options, operations, imported_at, found, revision) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (project, name) DO NOTHING"
            }
            Some(_) => {
                "UPDATE declarations SET document = $3, url = $4, options = $5, operations = $6, imported_at = $7, \
                 found = $8, revision = revision + 1 WHERE project = $1 AND name = $2 AND revision = $9"
            }
        };
        let stored = sqlx::query(sql)
            .bind(declaration.project.as_str())
            .bind(declaration.name.as_str())
            .bind(document)
            .bind(declaration.url.as_deref())
            .bind(declaration.options.as_str())
            .bind(declaration.operations.as_str())
            .bind(declaration.imported_at.0)
            .bind(declaration.found.as_deref())
            .bind(declaration.revision.unwrap_or_default())
            .execute(&mut *transaction)
            .await?;
        if stored.rows_affected() == 0 {
            let name = &connector.name;
            return Err(StoreError::Conflict(format!(
                "connector `{name}` was changed by somebody else meanwhile: try again"
            )));
        }
        bring_in_line(&mut transaction, &connector.project, &connector.name, news.asking).await?;
        let told = match &news.held {
            Some(held) => outbox::held(&mut transaction, (&connector.project, &connector.name), held, by.at).await?,
            None => false,
        };
        self.append(&mut transaction, act).await?;
        self.commit_telling(transaction, told).await?;
        Ok(created)
    }

    /// What a declared connector is made of; `None` if there is none such, or it is a component of its own.
    pub async fn find_declaration(
        &self,
        project: &ProjectId,
        name: &str,
    ) -> Result<Option<DeclarationRow>, StoreError> {
        let row = sqlx::query(
            "SELECT project, name, url, options, operations, found, imported_at, revision FROM declarations \
             WHERE project = $1 AND name = $2",
        )
        .bind(project.as_str())
        .bind(name)
        .fetch_optional(self.read())
        .await?;
        row.map(|row| read_declaration(&mut Columns::of(&row))).transpose()
    }

    /// Names of a project's declared connectors.
    pub async fn declared_names(&self, project: &ProjectId) -> Result<BTreeSet<String>, StoreError> {
        let rows = sqlx::query("SELECT name FROM declarations WHERE project = $1")
            .bind(project.as_str())
            .fetch_all(self.read())
            .await?;
        rows.iter().map(|row| Columns::of(row).text()).collect()
    }

    /// The document of a declared connector: up to some megabytes.
    pub async fn declared_document(&self, project: &ProjectId, name: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT document FROM declarations WHERE project = $1 AND name = $2")
            .bind(project.as_str())
            .bind(name)
            .fetch_optional(self.read())
            .await?;
        row.map(|row| Columns::of(&row).text()).transpose()
    }
}

fn read_declaration(columns: &mut Columns<'_>) -> Result<DeclarationRow, StoreError> {
    Ok(DeclarationRow {
        project: columns.parsed(ProjectId::parse)?,
        name: columns.text()?,
        url: columns.maybe_text()?,
        options: columns.text()?,
        operations: columns.text()?,
        found: columns.maybe_text()?,
        imported_at: columns.time()?,
        revision: Some(columns.number()?),
    })
}
