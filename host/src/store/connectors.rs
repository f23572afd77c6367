//! Installed connectors: components by digest, and the versions that point to them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sqlx::AnyConnection;

use super::error::or_conflict;
use super::row::{Columns, stored, texts_json};
use super::{Act, Detail, Store, StoreError};
use crate::model::{Action, By, ProjectId, Timestamp};

/// One installed version of a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorRow {
    /// The tenant.
    pub project: ProjectId,
    /// Unique in the project.
    pub name: String,
    /// Unique among those of this name.
    pub version: String,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// The manifest as the component carries it: JSON.
    pub manifest: String,
    /// What the component described when it was installed: JSON.
    pub tools: String,
    /// Names of the imports that the operator granted.
    pub imports: Vec<String>,
    /// When it was installed.
    pub installed_at: Timestamp,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT v.project, v.name, v.version, v.digest, v.manifest, v.tools, v.imports, v.installed_at \
             FROM connector_versions v JOIN connectors c ON c.project = v.project AND c.name = v.name ",
            $rest
        )
    };
}

impl Store {
    /// Adds a version with its bytes and makes it the current one, all or nothing. `true` if it is new, `false` if the
    /// same bytes were installed under it already; a conflict if other bytes were.
    pub async fn install_connector(&self, by: &By, connector: &ConnectorRow, wasm: &[u8]) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        insert_component(&mut transaction, &connector.digest, wasm).await?;
        let declared = sqlx::query("SELECT 1 AS one FROM declarations WHERE project = $1 AND name = $2")
            .bind(connector.project.as_str())
            .bind(connector.name.as_str())
            .fetch_optional(&mut *transaction)
            .await?;
        if declared.is_some() {
            return Err(StoreError::Conflict(format!("connector `{}` is made of a document", connector.name)));
        }
        let (created, act) = put_version(&mut transaction, by, connector, Detail::default()).await?;
        self.append(&mut transaction, act).await?;
        transaction.commit().await?;
        Ok(created)
    }

    /// The current version of each connector of the project, by name.
    pub async fn list_connectors(&self, project: &ProjectId) -> Result<Vec<ConnectorRow>, StoreError> {
        let rows = sqlx::query(select!("WHERE v.version = c.current_version AND c.project = $1 ORDER BY v.name"))
            .bind(project.as_str())
            .fetch_all(self.read())
            .await?;
        rows.iter().map(read_connector).collect()
    }

    /// The current version of each connector of all projects: what a host loads when it starts.
    pub async fn all_connectors(&self) -> Result<Vec<ConnectorRow>, StoreError> {
        let rows = sqlx::query(select!("WHERE v.version = c.current_version ORDER BY v.project, v.name"))
            .fetch_all(self.read())
            .await?;
        rows.iter().map(read_connector).collect()
    }

    /// How often connectors were installed or removed: another number means that there is something to read anew.
    pub async fn connectors_revision(&self) -> Result<i64, StoreError> {
        let row =
            sqlx::query("SELECT revision FROM revisions WHERE subject = 'connectors'").fetch_one(self.read()).await?;
        Columns::of(&row).number()
    }

    /// All versions of a connector, in the order of their installation.
    pub async fn connector_versions(&self, project: &ProjectId, name: &str) -> Result<Vec<ConnectorRow>, StoreError> {
        let rows = sqlx::query(select!("WHERE v.project = $1 AND v.name = $2 ORDER BY v.installed_at, v.version"))
            .bind(project.as_str())
            .bind(name)
            .fetch_all(self.read())
            .await?;
        rows.iter().map(read_connector).collect()
    }

    /// The current version of a connector.
    pub async fn find_connector(&self, project: &ProjectId, name: &str) -> Result<Option<ConnectorRow>, StoreError> {
        let row = sqlx::query(select!("WHERE v.version = c.current_version AND v.project = $1 AND v.name = $2"))
            .bind(project.as_str())
            .bind(name)
            .fetch_optional(self.read())
            .await?;
        row.as_ref().map(read_connector).transpose()
    }

    /// The bytes with this digest. Whoever knows a digest was given it with a row of its own project.
    pub async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("SELECT wasm FROM components WHERE digest = $1")
            .bind(digest)
            .fetch_optional(self.read())
            .await?;
        row.map(|row| Columns::of(&row).parsed(|text| STANDARD.decode(text).ok())).transpose()
    }

    /// Removes all versions of a connector, and bytes that nothing points to any more. `false` if there is none such;
    /// a conflict while connections use it.
    pub async fn delete_connector(&self, by: &By, project: &ProjectId, name: &str) -> Result<bool, StoreError> {
        let in_use = || format!("connections use connector `{name}`");
        let mut transaction = self.begin().await?;
        for delete in [
            "DELETE FROM applied WHERE project = $1 AND kind = 'connector' AND name = $2",
            "DELETE FROM discoveries WHERE project = $1 AND name = $2",
            "DELETE FROM declarations WHERE project = $1 AND name = $2",
            "DELETE FROM connector_versions WHERE project = $1 AND name = $2",
        ] {
            sqlx::query(delete).bind(project.as_str()).bind(name).execute(&mut *transaction).await?;
        }
        let done = sqlx::query("DELETE FROM connectors WHERE project = $1 AND name = $2")
            .bind(project.as_str())
            .bind(name)
            .execute(&mut *transaction)
            .await
            .map_err(|error| or_conflict(error, in_use))?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        count_change(&mut transaction).await?;
        self.append(&mut transaction, Act::new(project, by, Action::ConnectorDeleted, name)).await?;
        transaction.commit().await?;
        self.sweep_components().await?;
        Ok(true)
    }

    /// Removes bytes that nothing points to.
    pub(super) async fn sweep_components(&self) -> Result<(), StoreError> {
        if self.inner.is_joint {
            // It is done once all is true.
            return Ok(());
        }
        let swept = sqlx::query(
            "DELETE FROM components WHERE NOT EXISTS \
             (SELECT 1 FROM connector_versions v WHERE v.digest = components.digest) AND NOT EXISTS \
             (SELECT 1 FROM modifiers m WHERE m.component = components.digest)",
        )
        .execute(self.write())
        .await
        .map_err(|error| or_conflict(error, String::new));
        match swept {
            // Another host is installing these very bytes: then they are not left over.
            Err(StoreError::Conflict(_)) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Adds a version and makes it the current one. Whether it is new, and what the audit chain is to tell of it.
pub(super) async fn put_version(
    connection: &mut AnyConnection,
    by: &By,
    connector: &ConnectorRow,
    detail: Detail,
) -> Result<(bool, Act), StoreError> {
    sqlx::query(
        "INSERT INTO connectors (project, name, current_version) VALUES ($1, $2, $3) \
         ON CONFLICT (project, name) DO UPDATE SET current_version = excluded.current_version",
    )
    .bind(connector.project.as_str())
    .bind(connector.name.as_str())
    .bind(connector.version.as_str())
    .execute(&mut *connection)
    .await
    .map_err(|error| or_conflict(error, || "the project does not exist".into()))?;
    let created = insert_version(connection, connector).await?;
    if !created {
        check_same(connection, connector).await?;
    }
    count_change(connection).await?;
    let detail =
        detail.with("version", &connector.version).with("imports", &connector.imports.join(" ")).flag("new", created);
    let act = Act::new(&connector.project, by, Action::ConnectorInstalled, &connector.name);
    Ok((created, act.component(&connector.digest).detail(detail)))
}

/// Tells the other hosts, once the transaction is committed.
async fn count_change(connection: &mut AnyConnection) -> Result<(), StoreError> {
    sqlx::query("UPDATE revisions SET revision = revision + 1 WHERE subject = 'connectors'")
        .execute(connection)
        .await?;
    Ok(())
}

/// The update that changes nothing takes the row's lock, so that no sweep takes the bytes away before the commit.
pub(super) async fn insert_component(
    connection: &mut AnyConnection,
    digest: &str,
    wasm: &[u8],
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO components (digest, wasm, size) VALUES ($1, $2, $3) \
         ON CONFLICT (digest) DO UPDATE SET size = excluded.size",
    )
    .bind(digest)
    .bind(STANDARD.encode(wasm))
    .bind(stored(wasm.len() as u64))
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_version(connection: &mut AnyConnection, connector: &ConnectorRow) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO connector_versions (project, name, version, digest, manifest, tools, imports, installed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (project, name, version) DO NOTHING",
    )
    .bind(connector.project.as_str())
    .bind(connector.name.as_str())
    .bind(connector.version.as_str())
    .bind(connector.digest.as_str())
    .bind(connector.manifest.as_str())
    .bind(connector.tools.as_str())
    .bind(texts_json(&connector.imports))
    .bind(connector.installed_at.0)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The version is there: with the same bytes only the grant may have changed; with others it is a conflict.
async fn check_same(connection: &mut AnyConnection, connector: &ConnectorRow) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE connector_versions SET imports = $5 \
         WHERE project = $1 AND name = $2 AND version = $3 AND digest = $4",
    )
    .bind(connector.project.as_str())
    .bind(connector.name.as_str())
    .bind(connector.version.as_str())
    .bind(connector.digest.as_str())
    .bind(texts_json(&connector.imports))
    .execute(connection)
    .await?;
    if done.rows_affected() > 0 {
        return Ok(());
    }
    Err(StoreError::Conflict(format!("{} {} is installed with other contents", connector.name, connector.version)))
}

fn read_connector(row: &sqlx::any::AnyRow) -> Result<ConnectorRow, StoreError> {
    let mut columns = Columns::of(row);
    Ok(ConnectorRow {
        project: columns.parsed(ProjectId::parse)?,
        name: columns.text()?,
        version: columns.text()?,
        digest: columns.text()?,
        manifest: columns.text()?,
        tools: columns.text()?,
        imports: columns.texts()?,
        installed_at: columns.time()?,
    })
}
