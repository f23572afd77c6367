//! What happened to accounts: written with what it tells of, in the same transaction.

use sqlx::AnyConnection;

use super::page::{Listing, Order};
use super::row::Columns;
use super::{Page, PageRequest, Store, StoreError};
use crate::model::{AccountEvent, AccountEventKind, AccountId, ProjectId, Timestamp};

/// How often the next number of an account is looked for: each time that it is taken, another host has written one.
const MAX_TRIES: u32 = 16;

/// Characters of a detail: a provider's sentence is shorter.
const MAX_DETAIL: usize = 1_000;

impl Store {
    /// What happened to an account, newest first.
    pub async fn account_events(
        &self,
        project: &ProjectId,
        account: &AccountId,
        request: &PageRequest,
    ) -> Result<Page<AccountEvent>, StoreError> {
        const COLUMNS: &str = "seq, account, kind, detail, at";
        Listing::of(COLUMNS, "account_events", "seq", Order::NewestFirst)
            .by_number()
            .only("project = ?", project.as_str())
            .only("account = ?", account.as_str())
            .page(self.read(), request, |text| text.parse::<i64>().is_ok(), read_event)
            .await
    }

    /// Removes what happened before; gives how many events those are.
    pub async fn forget_account_events(&self, before: Timestamp) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM account_events WHERE at < $1").bind(before.0).execute(self.write()).await?;
        Ok(done.rows_affected())
    }
}

/// Tells that this happened to an account.
pub(super) async fn add(
    connection: &mut AnyConnection,
    (project, account): (&ProjectId, &AccountId),
    kind: AccountEventKind,
    detail: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let detail: Option<String> = detail.map(|text| text.chars().take(MAX_DETAIL).collect());
    for _ in 0..MAX_TRIES {
        let done = sqlx::query(
            "INSERT INTO account_events (account, seq, project, kind, detail, at) \
             SELECT CAST($1 AS TEXT), COALESCE(MAX(seq), 0) + 1, CAST($2 AS TEXT), CAST($3 AS TEXT), \
             CAST($4 AS TEXT), CAST($5 AS BIGINT) FROM account_events WHERE account = $1 \
             ON CONFLICT (account, seq) DO NOTHING",
        )
        .bind(account.as_str())
        .bind(project.as_str())
        .bind(kind.as_str())
        .bind(detail.as_deref())
        .bind(at.0)
        .execute(&mut *connection)
        .await?;
        if done.rows_affected() > 0 {
            return Ok(());
        }
    }
    Err(StoreError::Unavailable("too many hosts tell of the same account at once".into()))
}

/// Removes what is told of an account that is removed.
pub(super) async fn forget(connection: &mut AnyConnection, account: &AccountId) -> Result<(), StoreError> {
    for statement in ["DELETE FROM account_events WHERE account = $1", "DELETE FROM auth_requests WHERE account = $1"] {
        sqlx::query(statement).bind(account.as_str()).execute(&mut *connection).await?;
    }
    Ok(())
}

fn read_event(columns: &mut Columns<'_>) -> Result<AccountEvent, StoreError> {
    Ok(AccountEvent {
        seq: columns.number()?,
        account: columns.parsed(AccountId::parse)?,
        kind: columns.parsed(AccountEventKind::parse)?,
        detail: columns.maybe_text()?,
        at: columns.time()?,
    })
}
