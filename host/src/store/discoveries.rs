//! MCP servers that the host asks for their tools by itself: with whose account, when next, and what came of it.

use std::collections::BTreeSet;

use sqlx::AnyConnection;

use super::row::Columns;
use super::{Store, StoreError};
use crate::model::{AccountId, KeyId, ProjectId, ShownTools, Timestamp};

/// Servers that one turn asks: a host that has more asks them in the next one.
const MAX_DUE: i64 = 100;

/// Accounts of one connector that the host asks with by itself: with more of them, servers are asked all day.
const MAX_ACCOUNTS: i64 = 1_000;

/// Different lists of one server that are looked at to find out what it still has for somebody.
const MAX_LISTS: i64 = 10_000;

/// A server, and the account that it is asked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryRow {
    /// The tenant.
    pub project: ProjectId,
    /// The connector's name.
    pub name: String,
    /// The account that the server is asked with.
    pub account: AccountId,
    /// The user that it acts for, where one was named.
    pub identifier: Option<String>,
    /// The user's organization, where one was named.
    pub organization: Option<String>,
    /// Who asked first.
    pub asked_by: KeyId,
    /// When the server was asked last.
    pub asked_at: Timestamp,
    /// When the host asks again; `None` if not before an operator does.
    pub next_at: Option<Timestamp>,
    /// For how many milliseconds the server said that its list stays.
    pub fresh_for: Option<i64>,
    /// How often it failed in a row.
    pub failures: i64,
    /// Why it failed the last time.
    pub error: Option<String>,
}

/// What becomes of the questions to a server when its declaration is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asking {
    /// Nothing: what is stored came of such a question.
    #[default]
    AsItIs,
    /// There is nothing to ask any more, or nobody has asked there yet.
    Forgotten,
    /// The host does not ask by itself.
    Never,
    /// So many milliseconds after the last time, where the server does not say when.
    Every(i64),
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT project, name, account, identifier, organization, asked_by, asked_at, next_at, fresh_for, failures, \
             error FROM discoveries ",
            $rest
        )
    };
}

impl Store {
    /// Remembers with whose account a server is asked. `alone` forgets all others of the connector.
    pub async fn remember_discovery(&self, row: &DiscoveryRow, alone: bool) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        if alone {
            sqlx::query("DELETE FROM discoveries WHERE project = $1 AND name = $2 AND account <> $3")
                .bind(row.project.as_str())
                .bind(row.name.as_str())
                .bind(row.account.as_str())
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query(
            "INSERT INTO discoveries (project, name, account, identifier, organization, asked_by, asked_at, next_at, \
             fresh_for, failures, error) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
             ON CONFLICT (project, name, account) DO UPDATE SET identifier = excluded.identifier, \
             organization = excluded.organization, asked_by = excluded.asked_by, asked_at = excluded.asked_at, \
             next_at = excluded.next_at, fresh_for = excluded.fresh_for, failures = excluded.failures, \
             error = excluded.error",
        )
        .bind(row.project.as_str())
        .bind(row.name.as_str())
        .bind(row.account.as_str())
        .bind(row.identifier.as_deref())
        .bind(row.organization.as_deref())
        .bind(row.asked_by.as_str())
        .bind(row.asked_at.0)
        .bind(row.next_at.map(|at| at.0))
        .bind(row.fresh_for)
        .bind(row.failures)
        .bind(row.error.as_deref())
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    /// With whose accounts a connector's server is asked, the last one first.
    pub async fn discoveries(&self, project: &ProjectId, name: &str) -> Result<Vec<DiscoveryRow>, StoreError> {
        let rows = sqlx::query(select!("WHERE project = $1 AND name = $2 ORDER BY asked_at DESC, account LIMIT $3"))
            .bind(project.as_str())
            .bind(name)
            .bind(MAX_DUE)
            .fetch_all(self.read())
            .await?;
        rows.iter().map(read_discovery).collect()
    }

    /// Servers of all projects that are to be asked now, those that wait longest first.
    pub async fn due_discoveries(&self, now: Timestamp) -> Result<Vec<DiscoveryRow>, StoreError> {
        let rows = sqlx::query(select!("WHERE next_at <= $1 ORDER BY next_at LIMIT $2"))
            .bind(now.0)
            .bind(MAX_DUE)
            .fetch_all(self.read())
            .await?;
        rows.iter().map(read_discovery).collect()
    }

    /// Lets this host alone ask a server that is due. `false` if another one does, or somebody asked meanwhile. `lease` is
    /// when it is due again if this host ends before it says what came of it.
    pub async fn claim_discovery(
        &self,
        row: &DiscoveryRow,
        now: Timestamp,
        lease: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE discoveries SET asked_at = $5, next_at = $6 \
             WHERE project = $1 AND name = $2 AND account = $3 AND next_at = $4",
        )
        .bind(row.project.as_str())
        .bind(row.name.as_str())
        .bind(row.account.as_str())
        .bind(row.next_at.map(|at| at.0))
        .bind(now.0)
        .bind(lease.0)
        .execute(self.write())
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Says what came of a question that was claimed until `lease`. Whoever wants the server to be asked sooner, and said so
    /// meanwhile, has that.
    pub async fn end_discovery(&self, row: &DiscoveryRow, lease: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE discoveries SET next_at = CASE WHEN next_at = $4 THEN $5 ELSE next_at END, fresh_for = $6, \
             failures = $7, error = $8 WHERE project = $1 AND name = $2 AND account = $3 AND asked_at = $9",
        )
        .bind(row.project.as_str())
        .bind(row.name.as_str())
        .bind(row.account.as_str())
        .bind(lease.0)
        .bind(row.next_at.map(|at| at.0))
        .bind(row.fresh_for)
        .bind(row.failures)
        .bind(row.error.as_deref())
        .bind(row.asked_at.0)
        .execute(self.write())
        .await?;
        Ok(())
    }

    /// A server hinted that its list is another one, the one of this account if each has its own: it is asked as soon as `gap` milliseconds after the last time are over.
    /// Where the host does not ask by itself, or not sooner by this, nothing changes.
    pub async fn hasten_discovery(
        &self,
        project: &ProjectId,
        name: &str,
        account: Option<&AccountId>,
        gap: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE discoveries SET next_at = asked_at + $3 WHERE project = $1 AND name = $2 \
             AND next_at > asked_at + $3 AND ($4 IS NULL OR account = $4)",
        )
        .bind(project.as_str())
        .bind(name)
        .bind(gap)
        .bind(account.map(AccountId::as_str))
        .execute(self.write())
        .await?;
        Ok(())
    }

    /// Lets a server be asked with each active account of its connector, in the name of who asks now: at once with those that it
    /// was not asked with yet, and those where that failed.
    pub async fn remember_accounts(
        &self,
        project: &ProjectId,
        name: &str,
        asked_by: &KeyId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO discoveries (project, name, account, asked_by, asked_at, next_at, failures) \
             SELECT a.project, c.connector, a.id, CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($4 AS BIGINT), 0 \
             FROM accounts a JOIN connections c ON c.project = a.project AND c.id = a.connection \
             WHERE a.project = $1 AND c.connector = $2 AND a.state = 'active' AND a.disabled = 0 \
             ORDER BY a.id LIMIT $5 \
             ON CONFLICT (project, name, account) DO UPDATE SET asked_by = excluded.asked_by, failures = 0, error = NULL, \
             next_at = CASE WHEN discoveries.error IS NULL THEN COALESCE(discoveries.next_at, excluded.next_at) \
             ELSE excluded.next_at END",
        )
        .bind(project.as_str())
        .bind(name)
        .bind(asked_by.as_str())
        .bind(now.0)
        .bind(MAX_ACCOUNTS)
        .execute(self.write())
        .await?;
        Ok(())
    }

    /// Lets a server be asked now with an account too, in the name of who asked last. Where nobody has, nobody does.
    pub async fn remember_account(
        &self,
        project: &ProjectId,
        name: &str,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO discoveries (project, name, account, asked_by, asked_at, next_at, failures) \
             SELECT d.project, d.name, CAST($3 AS TEXT), d.asked_by, CAST($4 AS BIGINT), CAST($4 AS BIGINT), 0 \
             FROM discoveries d WHERE d.project = $1 AND d.name = $2 ORDER BY d.asked_at DESC LIMIT 1 \
             ON CONFLICT (project, name, account) DO UPDATE SET next_at = excluded.next_at, failures = 0, error = NULL",
        )
        .bind(project.as_str())
        .bind(name)
        .bind(account.as_str())
        .bind(now.0)
        .execute(self.write())
        .await?;
        Ok(())
    }

    /// Remembers which tools a server shows with an account.
    pub async fn set_shown_tools(
        &self,
        project: &ProjectId,
        account: &AccountId,
        shown: &ShownTools,
    ) -> Result<(), StoreError> {
        let _changing = self.inner.cache.changing();
        sqlx::query(
            "UPDATE accounts SET shown_tools = $3 WHERE project = $1 AND id = $2 \
             AND (shown_tools IS NULL OR shown_tools <> $3)",
        )
        .bind(project.as_str())
        .bind(account.as_str())
        .bind(shown.as_str())
        .execute(self.write())
        .await?;
        Ok(())
    }

    /// The tools that a connector's server shows with any account, by its own names.
    pub async fn shown_to_any(&self, project: &ProjectId, connector: &str) -> Result<BTreeSet<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT a.shown_tools FROM accounts a JOIN connections c \
             ON c.project = a.project AND c.id = a.connection \
             WHERE a.project = $1 AND c.connector = $2 AND a.shown_tools IS NOT NULL LIMIT $3",
        )
        .bind(project.as_str())
        .bind(connector)
        .bind(MAX_LISTS)
        .fetch_all(self.read())
        .await?;
        let mut names = BTreeSet::new();
        for row in rows {
            names.extend(ShownTools::read(&Columns::of(&row).text()?).iter().map(str::to_owned));
        }
        Ok(names)
    }
}

/// The same transaction in which a declaration is stored brings the questions to its server in line.
pub(super) async fn bring_in_line(
    connection: &mut AnyConnection,
    project: &ProjectId,
    name: &str,
    asking: Asking,
) -> Result<(), StoreError> {
    let (sql, period) = match asking {
        Asking::AsItIs => return Ok(()),
        Asking::Forgotten => ("DELETE FROM discoveries WHERE project = $1 AND name = $2", None),
        Asking::Never => ("UPDATE discoveries SET next_at = NULL WHERE project = $1 AND name = $2", None),
        Asking::Every(period) => (
            "UPDATE discoveries SET next_at = asked_at + COALESCE(fresh_for, $3) \
             WHERE project = $1 AND name = $2 AND error IS NULL",
            Some(period),
        ),
    };
    let query = sqlx::query(sql).bind(project.as_str()).bind(name);
    match period {
        Some(period) => query.bind(period),
        None => query,
    }
    .execute(connection)
    .await?;
    Ok(())
}

fn read_discovery(row: &sqlx::any::AnyRow) -> Result<DiscoveryRow, StoreError> {
    let mut columns = Columns::of(row);
    Ok(DiscoveryRow {
        project: columns.parsed(ProjectId::parse)?,
        name: columns.text()?,
        account: columns.parsed(AccountId::parse)?,
        identifier: columns.maybe_text()?,
        organization: columns.maybe_text()?,
        asked_by: columns.parsed(KeyId::parse)?,
        asked_at: columns.time()?,
        next_at: columns.maybe_number()?.map(Timestamp),
        fresh_for: columns.maybe_number()?,
        failures: columns.number()?,
        error: columns.maybe_text()?,
    })
}
