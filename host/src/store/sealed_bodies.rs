//! Sealed texts that are no credentials: where they are, and how they are put in anew under another master key.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;

use super::row::Columns;
use super::{Act, Detail, Store, StoreError};
use crate::model::{Action, By, ProjectId, part};

/// A column of texts that are sealed as a part of their record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SealedColumn {
    /// Its table, which also says the project.
    pub table: &'static str,
    /// The column with the record that its texts are authenticated with; no two rows have the same.
    pub record: &'static str,
    /// The column itself. Where it is empty or NULL, nothing is sealed.
    pub column: &'static str,
    /// Which part of the record it is.
    pub part: &'static str,
}

/// All such columns. One that is not here would keep an old master key in use for as long as its rows are there.
pub const SEALED_COLUMNS: [SealedColumn; 10] = [
    of_call("request", part::REQUEST),
    of_call("journal", part::JOURNAL),
    of_call("output", part::OUTPUT),
    of_call("input_seen", part::INPUT_SEEN),
    of_call("output_seen", part::OUTPUT_SEEN),
    SealedColumn { table: "approvals", record: "id", column: "shown", part: part::SHOWN },
    SealedColumn { table: "input_requests", record: "execution", column: "shown", part: part::QUESTION },
    SealedColumn { table: "idempotency_keys", record: "execution", column: "answer", part: part::ANSWER },
    SealedColumn { table: "signing_keys", record: "id", column: "sealed", part: part::SIGNING_KEY },
    SealedColumn { table: "mcp_instances", record: "id", column: "sealed", part: part::INSTANCE_TOKEN },
];

/// A sealed text and what it is authenticated with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBody {
    /// The tenant.
    pub project: ProjectId,
    /// Whose part it is.
    pub record: String,
    /// The text.
    pub sealed: String,
}

const fn of_call(column: &'static str, part: &'static str) -> SealedColumn {
    SealedColumn { table: "execution_bodies", record: "execution", column, part }
}

impl Store {
    /// Texts of a column, of all projects, that do not begin with `start`, in the order of their records after `after`; at
    /// most `limit`.
    pub async fn sealed_bodies_after(
        &self,
        column: &SealedColumn,
        start: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<SealedBody>, StoreError> {
        let SealedColumn { table, record, column, .. } = column;
        let sql = format!(
            "SELECT project, {record}, {column} FROM {table} WHERE {record} > $1 AND {column} <> '' \
             AND substr({column}, 1, {}) <> $2 ORDER BY {record} LIMIT $3",
            start.len()
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(after)
            .bind(start)
            .bind(i64::from(limit))
            .fetch_all(self.read())
            .await?;
        let read = |row| {
            let mut columns = Columns::of(row);
            let project = columns.parsed(ProjectId::parse)?;
            Ok(SealedBody { project, record: columns.text()?, sealed: columns.text()? })
        };
        rows.iter().map(read).collect()
    }

    /// Puts the second text of each in place of the first, where that is still there; gives how many it changed.
    pub async fn reseal_bodies(
        &self,
        by: &By,
        column: &SealedColumn,
        anew: &[(SealedBody, String)],
    ) -> Result<u64, StoreError> {
        let SealedColumn { table, record, column, .. } = column;
        let sql = format!("UPDATE {table} SET {column} = $1 WHERE {record} = $2 AND {column} = $3");
        let mut transaction = self.begin().await?;
        let mut changed: BTreeMap<&ProjectId, u64> = BTreeMap::new();
        for (body, sealed) in anew {
            let query = sqlx::query(AssertSqlSafe(sql.clone())).bind(sealed).bind(&body.record).bind(&body.sealed);
            let rows = query.execute(&mut *transaction).await?.rows_affected();
            if rows > 0 {
                *changed.entry(&body.project).or_default() += rows;
            }
        }
        let subject = format!("{table}.{column}");
        let act = |(project, rows): (&&ProjectId, &u64)| {
            Act::new(project, by, Action::BodiesResealed, &subject).detail(Detail::default().number("texts", *rows))
        };
        let acts: Vec<Act> = changed.iter().map(act).collect();
        self.inner.ledger.append(&mut transaction, &acts).await?;
        transaction.commit().await?;
        Ok(changed.values().sum())
    }
}
