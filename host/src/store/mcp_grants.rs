//! What users let MCP clients do: found by the hash of a token, gone with whatever they rest on.

use sqlx::{Any, AnyConnection, Executor, Transaction};

use super::error::or_conflict;
use super::page::{Listing, Order};
use super::row::Columns;
use super::{Act, Detail, Page, PageRequest, Store, StoreError};
use crate::model::{
    Action, BoundProfile, By, KeyId, McpGrant, McpGrantId, McpInstance, McpInstanceId, ProfileId, ProjectId, Timestamp,
};

/// Grants that are ended in one round of clearing up; the others wait for the next.
const EXPIRED_AT_ONCE: i64 = 100;

/// The hashes of a grant's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantTokens {
    /// Of the half of the refresh token that stays.
    pub family: String,
    /// Of the half that is replaced.
    pub refresh: String,
    /// Of the access token.
    pub access: String,
    /// Until when that is good.
    pub access_until: Timestamp,
}

/// A grant, and what it is called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// The grant.
    pub grant: McpGrant,
    /// That of its instance: what its calls are made with.
    pub key: KeyId,
    /// The hash of the half of its refresh token that is replaced.
    pub refresh: String,
}

/// Which grants to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct McpGrantFilter {
    /// Only those of the config of this name.
    pub config: Option<String>,
    /// Only those of this user.
    pub identifier: Option<String>,
    /// Only those of this client.
    pub client: Option<String>,
}

/// What grants rest on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ground<'a> {
    /// All instances of a config.
    Config(&'a ProjectId, &'a ProfileId),
    /// A user's instance.
    Instance(&'a McpInstance),
    /// The word of whoever came with this key.
    Voucher(&'a ProjectId, &'a KeyId),
    /// The word of whoever came with a token of what is trusted under this name, but for this issuer.
    Issuer { project: &'a ProjectId, name: &'a str, stays: &'a str },
}

macro_rules! columns {
    () => {
        "g.id, g.project, g.instance, i.profile, p.name, i.identifier, g.organization, g.client, g.client_name, \
         g.vouched_by, g.created_at, g.refreshed_at, g.expires_at, i.api_key, g.refresh"
    };
}

macro_rules! from {
    () => {
        "mcp_grants g JOIN mcp_instances i ON i.id = g.instance JOIN profiles p ON p.id = i.profile"
    };
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), " FROM ", from!(), " WHERE ", $rest)
    };
}

impl Store {
    /// The grant whose access token has this hash, if that is still good.
    pub async fn mcp_grant_of_access(&self, hash: &str, now: Timestamp) -> Result<Option<GrantRow>, StoreError> {
        let row = sqlx::query(select!(
            "(g.access = $1 AND g.access_until > $2) OR (g.access_before = $1 AND g.before_until > $2)"
        ))
        .bind(hash)
        .bind(now.0)
        .fetch_optional(self.read())
        .await?;
        row.map(|row| read_grant(&mut Columns::of(&row))).transpose()
    }

    /// The grant of which this is the hash of an access token, however old it is.
    pub async fn mcp_grant_of_any_access(&self, hash: &str) -> Result<Option<GrantRow>, StoreError> {
        let row = sqlx::query(select!("g.access = $1 OR g.access_before = $1"))
            .bind(hash)
            .fetch_optional(self.read())
            .await?;
        row.map(|row| read_grant(&mut Columns::of(&row))).transpose()
    }

    /// The grant whose refresh tokens all have this hash of the half that stays.
    pub async fn mcp_grant_of_family(&self, hash: &str) -> Result<Option<GrantRow>, StoreError> {
        let row = sqlx::query(select!("g.family = $1")).bind(hash).fetch_optional(self.write()).await?;
        row.map(|row| read_grant(&mut Columns::of(&row))).transpose()
    }

    /// The grant with this identifier.
    pub async fn mcp_grant(&self, project: &ProjectId, id: &McpGrantId) -> Result<Option<GrantRow>, StoreError> {
        let row = sqlx::query(select!("g.project = $1 AND g.id = $2"))
            .bind(project.as_str())
            .bind(id.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| read_grant(&mut Columns::of(&row))).transpose()
    }

    /// The project's grants, oldest first.
    pub async fn list_mcp_grants(
        &self,
        project: &ProjectId,
        filter: &McpGrantFilter,
        request: &PageRequest,
    ) -> Result<Page<GrantRow>, StoreError> {
        Listing::of(columns!(), from!(), "g.id", Order::OldestFirst)
            .only("g.project = ?", project.as_str())
            .only_if("p.name = ?", filter.config.as_deref())
            .only_if("i.identifier = ?", filter.identifier.as_deref())
            .only_if("g.client = ?", filter.client.as_deref())
            .page(self.read(), request, |text| McpGrantId::parse(text).is_some(), read_grant)
            .await
    }

    /// Gives a grant other tokens in place of those that were seen; the access token before them stays good for its time.
    /// `false` if somebody else was faster.
    pub async fn refresh_mcp_grant(
        &self,
        row: &GrantRow,
        tokens: &GrantTokens,
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE mcp_grants SET refresh = $1, access_before = access, before_until = access_until, access = $2, \
             access_until = $3, refreshed_at = $4, expires_at = $5 WHERE id = $6 AND refresh = $7 AND expires_at > $4",
        )
        .bind(tokens.refresh.as_str())
        .bind(tokens.access.as_str())
        .bind(tokens.access_until.0)
        .bind(now.0)
        .bind(expires_at.0)
        .bind(row.grant.id.as_str())
        .bind(row.refresh.as_str())
        .execute(self.write())
        .await?;
        if done.rows_affected() > 0 {
            note_use(self.write(), &row.grant.client, now).await?;
        }
        Ok(done.rows_affected() > 0)
    }

    /// Ends a grant; its tokens open nothing from then on. `false` if it is gone.
    pub async fn end_mcp_grant(&self, by: &By, grant: &McpGrant, reason: &str) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let done = delete(&mut transaction, grant).await?;
        self.commit_change(transaction, &done, ended(by, grant, reason)).await
    }

    /// Ends a grant because something of it came a second time, and tells of both. `false` if it is gone.
    pub async fn end_reused_mcp_grant(&self, by: &By, grant: &McpGrant, what: &str) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let done = delete(&mut transaction, grant).await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let detail = Detail::default().with("what", what).with("client", &grant.client);
        let seen = Act::new(&grant.project, by, Action::McpGrantReused, grant.id.as_str()).detail(detail);
        self.append(&mut transaction, seen).await?;
        self.commit_change(transaction, &done, ended(by, grant, "reused")).await
    }

    /// Ends grants whose time is over; gives how many those are.
    pub async fn end_expired_mcp_grants(&self, now: Timestamp) -> Result<u64, StoreError> {
        let rows = sqlx::query(select!("g.expires_at <= $1 ORDER BY g.expires_at LIMIT $2"))
            .bind(now.0)
            .bind(EXPIRED_AT_ONCE)
            .fetch_all(self.read())
            .await?;
        let mut count = 0;
        for row in &rows {
            let GrantRow { grant, .. } = read_grant(&mut Columns::of(row))?;
            count += u64::from(self.end_mcp_grant(&By::host(now), &grant, "expired").await?);
        }
        Ok(count)
    }

    /// Ends the grants that rest on what is being removed, within the transaction that removes it; gives what the chain is
    /// to be told of them, at the end of that transaction: whoever appends keeps all others from doing so.
    pub(super) async fn end_grants_on(
        &self,
        transaction: &mut Transaction<'static, Any>,
        by: &By,
        ground: Ground<'_>,
    ) -> Result<Vec<Act>, StoreError> {
        let (sql, values, reason) = match ground {
            Ground::Config(project, id) => (
                select!("i.profile = $1 AND g.project = $2 ORDER BY g.id"),
                vec![id.as_str(), project.as_str()],
                "config",
            ),
            Ground::Instance(instance) => (
                select!("g.instance = $1 AND g.project = $2 ORDER BY g.id"),
                vec![instance.id.as_str(), instance.project.as_str()],
                "instance",
            ),
            Ground::Voucher(project, key) => (
                select!("g.vouched_by = $1 AND g.project = $2 ORDER BY g.id"),
                vec![key.as_str(), project.as_str()],
                "key",
            ),
            Ground::Issuer { project, name, stays } => (
                select!(
                    "g.project = $2 AND g.vouched_by IN (SELECT v.id FROM principals v WHERE v.source = $1 \
                     AND v.project = $2 AND v.issuer <> $3) ORDER BY g.id"
                ),
                vec![name, project.as_str(), stays],
                "issuer",
            ),
        };
        let query = values.into_iter().fold(sqlx::query(sql), |query, value| query.bind(value));
        let rows = query.fetch_all(&mut **transaction).await?;
        let mut acts = Vec::with_capacity(rows.len() + 1);
        for row in &rows {
            let GrantRow { grant, .. } = read_grant(&mut Columns::of(row))?;
            if delete(transaction, &grant).await?.rows_affected() > 0 {
                acts.push(ended(by, &grant, reason));
            }
        }
        Ok(acts)
    }
}

/// Adds a grant. A conflict if its instance is gone.
pub(super) async fn insert_grant(
    transaction: &mut Transaction<'static, Any>,
    grant: &McpGrant,
    tokens: &GrantTokens,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO mcp_grants (id, project, instance, organization, client, client_name, vouched_by, family, refresh, \
         access, access_until, created_at, refreshed_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13)",
    )
    .bind(grant.id.as_str())
    .bind(grant.project.as_str())
    .bind(grant.instance.as_str())
    .bind(grant.organization.as_deref())
    .bind(grant.client.as_str())
    .bind(grant.client_name.as_str())
    .bind(grant.vouched_by.as_str())
    .bind(tokens.family.as_str())
    .bind(tokens.refresh.as_str())
    .bind(tokens.access.as_str())
    .bind(tokens.access_until.0)
    .bind(grant.created_at.0)
    .bind(grant.expires_at.0)
    .execute(&mut **transaction)
    .await
    .map_err(|error| or_conflict(error, || "the instance is gone".into()))?;
    Ok(())
}

/// Notes that a client that registered by itself is used; one of a document is not written down.
pub(super) async fn note_use<'c>(
    executor: impl Executor<'c, Database = Any>,
    client: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE mcp_clients SET used_at = $1 WHERE id = $2").bind(now.0).bind(client).execute(executor).await?;
    Ok(())
}

async fn delete(connection: &mut AnyConnection, grant: &McpGrant) -> Result<sqlx::any::AnyQueryResult, StoreError> {
    let done = sqlx::query("DELETE FROM mcp_grants WHERE project = $1 AND id = $2")
        .bind(grant.project.as_str())
        .bind(grant.id.as_str())
        .execute(connection)
        .await?;
    Ok(done)
}

fn ended(by: &By, grant: &McpGrant, reason: &str) -> Act {
    let detail = Detail::default()
        .with("reason", reason)
        .with("config", &grant.config.name)
        .with("identifier", &grant.identifier)
        .with("client", &grant.client);
    Act::new(&grant.project, by, Action::McpGrantEnded, grant.id.as_str()).detail(detail)
}

fn read_grant(columns: &mut Columns<'_>) -> Result<GrantRow, StoreError> {
    let grant = McpGrant {
        id: columns.parsed(McpGrantId::parse)?,
        project: columns.parsed(ProjectId::parse)?,
        instance: columns.parsed(McpInstanceId::parse)?,
        config: BoundProfile { id: columns.parsed(ProfileId::parse)?, name: columns.text()? },
        identifier: columns.text()?,
        organization: columns.maybe_text()?,
        client: columns.text()?,
        client_name: columns.text()?,
        vouched_by: columns.parsed(KeyId::parse)?,
        created_at: columns.time()?,
        refreshed_at: columns.time()?,
        expires_at: columns.time()?,
    };
    Ok(GrantRow { grant, key: columns.parsed(KeyId::parse)?, refresh: columns.text()? })
}
