//! What one call needs of the database, in one statement.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::accounts::{account_columns, read_account};
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

impl Store {
    /// The accounts through which a tool of `connector` could be called: of the connection named `connection` if
    /// given, of the user `identifier` if given, and the one account `account` if given. One of the last two must be.
    /// At most 16, oldest first.
    pub async fn call_contexts(
        &self,
        project: &ProjectId,
        connector: &str,
        connection: Option<&str>,
        identifier: Option<&str>,
        account: Option<&AccountId>,
    ) -> Result<Vec<Arc<CallContext>>, StoreError> {
        let wanted = ContextKey {
            project: project.clone(),
            connector: connector.to_owned(),
            connection: connection.map(str::to_owned),
            identifier: identifier.map(str::to_owned),
            account: account.cloned(),
        };
        let reading = match self.inner.cache.contexts(&wanted) {
            Ok(found) => return Ok(found),
            Err(reading) => reading,
        };
        // Two statements, because a database chooses its index before it knows which values are there.
        let query = match account {
            Some(account) => sqlx::query(select!(
                "a.project = $1 AND a.id = $5 AND c.connector = $2 AND ($3 IS NULL OR c.name = $3) \
                 AND ($4 IS NULL OR a.identifier = $4) LIMIT $6"
            ))
            .bind(project.as_str())
            .bind(connector)
            .bind(connection)
            .bind(identifier)
            .bind(account.as_str()),
            None => sqlx::query(select!(
                "a.project = $1 AND a.identifier = $4 AND c.connector = $2 AND ($3 IS NULL OR c.name = $3) \
                 ORDER BY a.id LIMIT $5"
            ))
            .bind(project.as_str())
            .bind(connector)
            .bind(connection)
            .bind(identifier),
        };
        let rows = query.bind(MAX_CANDIDATES as i64).fetch_all(self.read()).await?;
        let found: Vec<_> = rows
            .iter()
            .map(|row| read_context(&mut Columns::of(row)).map(Arc::new))
            .collect::<Result<_, StoreError>>()?;
        self.inner.cache.keep_contexts(reading, wanted, &found);
        Ok(found)
    }
}

fn read_context(columns: &mut Columns<'_>) -> Result<CallContext, StoreError> {
    Ok(CallContext {
        connection: read_connection(columns)?,
        account: read_account(columns)?,
        sealed: columns.text_map()?,
    })
}
