//! What one call needs of the database, in one statement.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::accounts::{MAX_OF_ONE_USER, account_columns, read_account};
use super::cache::ContextKey;
use super::connections::{connection_columns, read_connection};
use super::row::Columns;
use super::{Store, StoreError};
use crate::model::{Account, AccountId, Connection, ProjectId};

/// A connection, an account on it, and the account's sealed credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallContext {
    /// Through what.
    pub connection: Connection,
    /// As whom.
    pub account: Account,
    /// The account's secret fields, each sealed.
    pub sealed: BTreeMap<String, String>,
}

/// More than one candidate is refused as ambiguous; these many are enough to name some of them.
pub const MAX_CANDIDATES: usize = 16;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            connection_columns!(),
            ", ",
            account_columns!(),
            ", a.sealed FROM accounts a JOIN connections c ON c.project = a.project AND c.id = a.connection WHERE ",
            $rest
        )
    };
}

/// Through which accounts a tool could be called.
#[derive(Clone, Copy, Debug)]
pub struct ContextQuery<'a> {
    /// The tool's connector.
    pub connector: &'a str,
    /// Only through the connection of this name.
    pub connection: Option<&'a str>,
    /// Only as this user: through their own accounts and through shared ones.
    pub identifier: Option<&'a str>,
    /// Only as a user of this organization. Shared accounts of an organization serve nobody who does not say it.
    pub organization: Option<&'a str>,
    /// Only this account.
    pub account: Option<&'a AccountId>,
}

/// Holds for accounts `a` of the project `$1` that serve the user `$2` of the organization `$3`, if one is said: told
/// without an OR, which would keep databases from their indexes.
macro_rules! serves {
    () => {
        "a.id IN (SELECT o.id FROM accounts o WHERE o.project = $1 AND o.identifier = $2 \
         AND ($3 IS NULL OR o.organization = $3) UNION ALL SELECT s.id FROM accounts s WHERE s.project = $1 \
         AND s.shared = 1 AND s.organization IN ('', COALESCE($3, '')))"
    };
}

impl Store {
    /// The accounts that fit; an identifier or an account must be given. At most 16: a user's own before shared ones, each
    /// oldest first.
    pub async fn call_contexts(
        &self,
        project: &ProjectId,
        wanted: &ContextQuery<'_>,
    ) -> Result<Vec<Arc<CallContext>>, StoreError> {
        let key = ContextKey::of(project, wanted);
        let reading = match self.inner.cache.contexts(&key) {
            Ok(found) => return Ok(found),
            Err(reading) => reading,
        };
        // A statement for each case, because a database chooses its index before it knows which values are there.
        let query = match (wanted.account, wanted.identifier) {
            (Some(account), None) => sqlx::query(select!(
                "a.project = $1 AND a.id = $5 AND ($2 IS NULL) AND ($3 IS NULL OR a.organization = $3) \
                 AND c.connector = $4 AND ($6 IS NULL OR c.name = $6) LIMIT $7"
            ))
            .bind(project.as_str())
            .bind(None::<&str>)
            .bind(wanted.organization)
            .bind(wanted.connector)
            .bind(account.as_str()),
            (account, identifier) => sqlx::query(concat!(
                select!("a.project = $1 AND "),
                serves!(),
                " AND c.connector = $4 AND ($5 IS NULL OR a.id = $5) AND ($6 IS NULL OR c.name = $6) \
                 ORDER BY COALESCE(a.shared, 0), a.id LIMIT $7"
            ))
            .bind(project.as_str())
            .bind(identifier)
            .bind(wanted.organization)
            .bind(wanted.connector)
            .bind(account.map(AccountId::as_str)),
        };
        let rows = query.bind(wanted.connection).bind(MAX_CANDIDATES as i64).fetch_all(self.read()).await?;
        let found: Vec<_> = rows
            .iter()
            .map(|row| read_context(&mut Columns::of(row)).map(Arc::new))
            .collect::<Result<_, StoreError>>()?;
        self.inner.cache.keep_contexts(reading, key, &found);
        Ok(found)
    }

    /// All accounts that serve a user, of any connector: their own before shared ones, each oldest first. At most a
    /// thousand.
    pub async fn contexts_of_user(
        &self,
        project: &ProjectId,
        identifier: &str,
        organization: Option<&str>,
    ) -> Result<Vec<Arc<CallContext>>, StoreError> {
        let rows = sqlx::query(concat!(
            select!("a.project = $1 AND "),
            serves!(),
            " ORDER BY COALESCE(a.shared, 0), a.id LIMIT $4"
        ))
        .bind(project.as_str())
        .bind(identifier)
        .bind(organization)
        .bind(MAX_OF_ONE_USER)
        .fetch_all(self.read())
        .await?;
        rows.iter().map(|row| read_context(&mut Columns::of(row)).map(Arc::new)).collect()
    }
}

fn read_context(columns: &mut Columns<'_>) -> Result<CallContext, StoreError> {
    Ok(CallContext {
        connection: read_connection(columns)?,
        account: read_account(columns)?,
        sealed: columns.text_map()?,
    })
}
