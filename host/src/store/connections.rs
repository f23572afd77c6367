//! Connections: named configurations of a connector.

use super::error::{is_unique_violation, or_conflict};
use super::page::{Listing, Order};
use super::row::{Columns, text_map_json, texts_json};
use super::{Act, Detail, Page, PageRequest, Store, StoreError};
use crate::model::{Action, By, Connection, ConnectionId, ProjectId, Timestamp};

/// Which connections to list. What is `None` does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionFilter {
    /// Only those of this connector.
    pub connector: Option<String>,
}

/// What a connection without presets has.
const NO_PRESETS: &str = "{}";

macro_rules! columns {
    () => {
        "c.id, c.project, c.name, c.connector, c.auth_pattern, c.base_url, c.settings, c.presets, c.credentials, c.scopes, \
         c.disabled, c.demo, c.proxy_enabled, c.reveals_tokens, c.created_at, c.updated_at"
    };
}
pub(super) use columns as connection_columns;

impl Store {
    /// Adds a connection. A conflict if its name is taken in the project, or its connector is not installed.
    pub async fn insert_connection(&self, by: &By, connection: &Connection) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO connections (id, project, name, connector, auth_pattern, base_url, settings, presets, \
             credentials, disabled, demo, created_at, updated_at, scopes, proxy_enabled, reveals_tokens) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        )
        .bind(connection.id.as_str())
        .bind(connection.project.as_str())
        .bind(connection.name.as_str())
        .bind(connection.connector.as_str())
        .bind(connection.auth_pattern.as_str())
        .bind(connection.base_url.as_deref())
        .bind(connection.settings.as_str())
        .bind(stored_presets(connection))
        .bind(stored_credentials(connection))
        .bind(i64::from(connection.disabled))
        .bind(i64::from(connection.demo))
        .bind(connection.created_at.0)
        .bind(connection.updated_at.0)
        .bind(stored_scopes(connection))
        .bind(i64::from(connection.proxy_enabled))
        .bind(connection.reveals_tokens.then_some(1))
        .execute(&mut *transaction)
        .await
        .map_err(|error| {
            let taken = is_unique_violation(&error);
            or_conflict(error, || match taken {
                true => format!("connection `{}` exists already", connection.name),
                false => format!("connector `{}` is not installed", connection.connector),
            })
        })?;
        let act = Act::new(&connection.project, by, Action::ConnectionCreated, connection.id.as_str());
        self.append(&mut transaction, act.detail(detail(connection))).await?;
        Ok(transaction.commit().await?)
    }

    /// The connection of this name.
    pub async fn find_connection(&self, project: &ProjectId, name: &str) -> Result<Option<Connection>, StoreError> {
        let row =
            sqlx::query(concat!("SELECT ", columns!(), " FROM connections c WHERE c.project = $1 AND c.name = $2"))
                .bind(project.as_str())
                .bind(name)
                .fetch_optional(self.read())
                .await?;
        row.map(|row| read_connection(&mut Columns::of(&row))).transpose()
    }

    /// The project's connections, oldest first, each with the number of its accounts.
    pub async fn list_connections(
        &self,
        project: &ProjectId,
        filter: &ConnectionFilter,
        request: &PageRequest,
    ) -> Result<Page<(Connection, u64)>, StoreError> {
        const COLUMNS: &str = concat!(
            columns!(),
            ", (SELECT COUNT(*) FROM accounts a WHERE a.project = c.project AND a.connection = c.id)"
        );
        Listing::of(COLUMNS, "connections c", "c.id", Order::OldestFirst)
            .only("c.project = ?", project.as_str())
            .only_if("c.connector = ?", filter.connector.as_deref())
            .page(
                self.read(),
                request,
                |text| ConnectionId::parse(text).is_some(),
                |columns| Ok((read_connection(columns)?, columns.count()?)),
            )
            .await
    }

    /// Writes what can change of a connection (auth pattern, base URL, settings, presets, secrets, flags) if nobody else has since
    /// `expected_updated_at`. `false` if somebody has, or the project has none such. The name, the connector and the
    /// time of its making stay.
    pub async fn update_connection(
        &self,
        by: &By,
        connection: &Connection,
        expected_updated_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        // Two changes within a millisecond must not look like one.
        let updated_at = connection.updated_at.0.max(expected_updated_at.0.saturating_add(1));
        let mut transaction = self.begin().await?;
        let done = sqlx::query(
            "UPDATE connections SET auth_pattern = $1, base_url = $2, settings = $3, presets = $4, \
             credentials = $5, disabled = $6, demo = $7, updated_at = $8, scopes = $12, proxy_enabled = $13, \
             reveals_tokens = $14 WHERE project = $9 AND id = $10 \
             AND updated_at = $11",
        )
        .bind(connection.auth_pattern.as_str())
        .bind(connection.base_url.as_deref())
        .bind(connection.settings.as_str())
        .bind(stored_presets(connection))
        .bind(stored_credentials(connection))
        .bind(i64::from(connection.disabled))
        .bind(i64::from(connection.demo))
        .bind(updated_at)
        .bind(connection.project.as_str())
        .bind(connection.id.as_str())
        .bind(expected_updated_at.0)
        .bind(stored_scopes(connection))
        .bind(i64::from(connection.proxy_enabled))
        .bind(connection.reveals_tokens.then_some(1))
        .execute(&mut *transaction)
        .await?;
        let act = Act::new(&connection.project, by, Action::ConnectionChanged, connection.id.as_str());
        self.commit_change(transaction, &done, act.detail(detail(connection))).await
    }

    /// Removes a connection. `false` if the project has none such; a conflict while accounts use it.
    pub async fn delete_connection(&self, by: &By, project: &ProjectId, name: &str) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        // They go with it: accounts, which name theirs, keep it from being removed.
        sqlx::query(
            "DELETE FROM oauth_clients WHERE project = $1 AND connection IN (SELECT c.id FROM connections c \
             WHERE c.project = $1 AND c.name = $2)",
        )
        .bind(project.as_str())
        .bind(name)
        .execute(&mut *transaction)
        .await?;
        let gone = sqlx::query("DELETE FROM connections WHERE project = $1 AND name = $2 RETURNING id")
            .bind(project.as_str())
            .bind(name)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(|error| or_conflict(error, || format!("accounts use connection `{name}`")))?;
        let Some(gone) = gone else { return Ok(false) };
        let id = Columns::of(&gone).text()?;
        let act = Act::new(project, by, Action::ConnectionDeleted, &id).detail(Detail::default().with("name", name));
        self.append(&mut transaction, act).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// Base URLs and settings can hold what only looks public, such as the path of a webhook: they are there as digests.
fn detail(connection: &Connection) -> Detail {
    let mut detail = Detail::default()
        .with("name", &connection.name)
        .with("connector", &connection.connector)
        .with("auth_pattern", &connection.auth_pattern)
        .digest("settings", &connection.settings)
        .flag("disabled", connection.disabled)
        .flag("demo", connection.demo);
    if connection.proxy_enabled {
        detail = detail.flag("proxy_enabled", true);
    }
    let named = |(field, secret): (&String, &String)| format!("{field}={secret}");
    let credentials = connection.credentials.iter().map(named).collect::<Vec<_>>().join(" ");
    detail = detail.with_some("credentials", Some(credentials.as_str()).filter(|text| !text.is_empty()));
    if connection.reveals_tokens {
        detail = detail.flag("reveals_tokens", true);
    }
    if !connection.scopes.is_empty() {
        detail = detail.with("scopes", &connection.scopes.join(" "));
    }
    match &connection.base_url {
        Some(base_url) => detail.digest("base_url", base_url),
        None => detail,
    }
}

/// NULL where none are asked for, as in rows from before there were any.
fn stored_scopes(connection: &Connection) -> Option<String> {
    (!connection.scopes.is_empty()).then(|| texts_json(&connection.scopes))
}

/// NULL where nothing is preset, as in rows from before there were presets.
fn stored_presets(connection: &Connection) -> Option<&str> {
    Some(connection.presets.as_str()).filter(|presets| *presets != NO_PRESETS)
}

/// NULL where no field is filled by a secret, as in rows from before there were named ones.
fn stored_credentials(connection: &Connection) -> Option<String> {
    Some(&connection.credentials).filter(|credentials| !credentials.is_empty()).map(text_map_json)
}

pub(super) fn read_connection(columns: &mut Columns<'_>) -> Result<Connection, StoreError> {
    Ok(Connection {
        id: columns.parsed(ConnectionId::parse)?,
        project: columns.parsed(ProjectId::parse)?,
        name: columns.text()?,
        connector: columns.text()?,
        auth_pattern: columns.text()?,
        base_url: columns.maybe_text()?,
        settings: columns.text()?,
        presets: columns.maybe_text()?.unwrap_or_else(|| NO_PRESETS.to_owned()),
        credentials: columns.maybe_text_map()?,
        scopes: columns.maybe_parsed(|text| serde_json::from_str(text).ok())?.unwrap_or_default(),
        disabled: columns.flag()?,
        demo: columns.newer_flag()?,
        proxy_enabled: columns.newer_flag()?,
        reveals_tokens: columns.newer_flag()?,
        created_at: columns.time()?,
        updated_at: columns.time()?,
    })
}
