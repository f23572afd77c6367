//! What is kept of calls besides their records: sealed texts, which go when their time is over, and so do the records.

use super::row::Columns;
use super::{Store, StoreError};
use crate::model::{ExecutionId, ProjectId, Timestamp};

/// What is kept of a call as its record begins. All texts are sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptStart {
    /// What was asked for.
    pub request: String,
    /// [`Bodies::input_seen`].
    pub input_seen: Option<String>,
    /// [`Bodies::to_collect`].
    pub to_collect: bool,
}

/// What is kept of a call as its outcome is known, beside what was kept when it began. All texts are sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEnd {
    /// What the guest was told.
    pub journal: Option<String>,
    /// What the call answered.
    pub output: Option<String>,
    /// [`Bodies::input_seen`]; `None` leaves what is there.
    pub input_seen: Option<String>,
    /// [`Bodies::output_seen`].
    pub output_seen: Option<String>,
    /// [`Bodies::to_collect`].
    pub to_collect: bool,
}

/// What is kept of a call. All texts are sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bodies {
    /// What was asked for.
    pub request: String,
    /// What the guest was told; `None` where nothing has run, or it was too much.
    pub journal: Option<String>,
    /// What the call answered, once it has.
    pub output: Option<String>,
    /// What of the input people may see: empty where they may see it as it is, `None` where that is not known.
    pub input_seen: Option<String>,
    /// The same of the output.
    pub output_seen: Option<String>,
    /// Whether whoever asked got only an identifier, and comes for the output.
    pub to_collect: bool,
}

/// Rows that go in one transaction: it takes some milliseconds, for which calls wait.
const ROWS_AT_ONCE: i64 = 500;

/// Records whose time is over: the oldest of those that were made before `$1` and ended at `$2` or earlier.
///
/// By identifier, which sorts by time: so no index is needed for this alone. What was made before and has not ended is
/// only what waits or runs. What a call waits for stays until it has been told.
macro_rules! over {
    ($from:literal, $id:literal) => {
        concat!(
            "SELECT ",
            $id,
            " FROM ",
            $from,
            " WHERE ",
            $id,
            " < $1 AND e.finished_at <= $2 AND e.status NOT IN ('started', 'waiting') \
             AND NOT EXISTS (SELECT 1 FROM awaited_calls a WHERE a.child = e.id) ORDER BY ",
            $id,
            " LIMIT $3"
        )
    };
}

/// Removes what was kept with records that are gone. Not with those that go next: between two statements another host may
/// have removed these, or made others ready to go.
macro_rules! left_behind {
    ($table:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE execution < $1 AND NOT EXISTS (SELECT 1 FROM executions e WHERE e.id = ",
            $table,
            ".execution)"
        )
    };
}

/// Below this identifier are all records that ended at this time or earlier: one may have ended before, and have been
/// made in the same millisecond.
fn made_before(ended: Timestamp) -> ExecutionId {
    ExecutionId::first_of(Timestamp(ended.0.saturating_add(1)))
}

impl Store {
    /// What is kept of a call.
    pub async fn bodies(&self, project: &ProjectId, execution: &ExecutionId) -> Result<Option<Bodies>, StoreError> {
        let row = sqlx::query(
            "SELECT request, journal, output, input_seen, output_seen, to_collect FROM execution_bodies \
             WHERE project = $1 AND execution = $2",
        )
        .bind(project.as_str())
        .bind(execution.as_str())
        .fetch_optional(self.read())
        .await?;
        row.map(|row| {
            let mut columns = Columns::of(&row);
            Ok(Bodies {
                request: columns.text()?,
                journal: columns.maybe_text()?,
                output: columns.maybe_text()?,
                input_seen: columns.maybe_text()?,
                output_seen: columns.maybe_text()?,
                to_collect: columns.maybe_number()? != Some(0),
            })
        })
        .transpose()
    }

    /// The first characters of the different keys' sealed texts, which name the key.
    pub async fn sealed_body_starts(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT substr(request, 1, 12) FROM execution_bodies \
             UNION SELECT DISTINCT substr(journal, 1, 12) FROM execution_bodies WHERE journal IS NOT NULL \
             UNION SELECT DISTINCT substr(output, 1, 12) FROM execution_bodies WHERE output IS NOT NULL \
             UNION SELECT DISTINCT substr(input_seen, 1, 12) FROM execution_bodies WHERE input_seen <> '' \
             UNION SELECT DISTINCT substr(output_seen, 1, 12) FROM execution_bodies WHERE output_seen <> '' \
             UNION SELECT DISTINCT substr(secret, 1, 12) FROM webhooks \
             UNION SELECT DISTINCT substr(sealed, 1, 12) FROM signing_keys \
             UNION SELECT DISTINCT substr(previous, 1, 12) FROM webhooks WHERE previous IS NOT NULL \
             UNION SELECT DISTINCT substr(sealed, 1, 12) FROM secrets \
             UNION SELECT DISTINCT substr(secret, 1, 12) FROM oauth_clients WHERE secret IS NOT NULL \
             UNION SELECT DISTINCT substr(shown, 1, 12) FROM approvals WHERE shown <> '' \
             UNION SELECT DISTINCT substr(shown, 1, 12) FROM input_requests \
             UNION SELECT DISTINCT substr(sealed, 1, 12) FROM mcp_instances \
             UNION SELECT DISTINCT substr(kept, 1, 12) FROM auth_requests WHERE kept IS NOT NULL \
             UNION SELECT DISTINCT substr(answer, 1, 12) FROM idempotency_keys WHERE answer IS NOT NULL",
        )
        .fetch_all(self.read())
        .await?;
        rows.iter().map(|row| Columns::of(row).text()).collect()
    }

    /// Removes what was kept of calls that ended at this time or earlier; gives how many those are.
    pub async fn forget_bodies(&self, ended: Timestamp) -> Result<u64, StoreError> {
        let made_before = made_before(ended);
        let mut forgotten = 0;
        loop {
            let done = sqlx::query(concat!(
                "DELETE FROM execution_bodies WHERE execution IN (",
                over!("execution_bodies b JOIN executions e ON e.id = b.execution", "b.execution"),
                ")"
            ))
            .bind(made_before.as_str())
            .bind(ended.0)
            .bind(ROWS_AT_ONCE)
            .execute(self.write())
            .await?;
            forgotten += done.rows_affected();
            if done.rows_affected() < ROWS_AT_ONCE.unsigned_abs() {
                break;
            }
        }
        // What people saw of them goes as well; that they decided, and on what, stays.
        sqlx::query(
            "UPDATE approvals SET shown = '' WHERE state <> 'pending' AND shown <> '' AND NOT EXISTS \
                     (SELECT 1 FROM execution_bodies b WHERE b.execution = approvals.execution)",
        )
        .execute(self.write())
        .await?;
        Ok(forgotten)
    }

    /// Removes records of calls that ended at this time or earlier, and all that is kept with them but the audit chain;
    /// gives how many those are. What runs or waits stays.
    pub async fn forget_executions(&self, ended: Timestamp) -> Result<u64, StoreError> {
        let made_before = made_before(ended);
        let mut forgotten = 0;
        loop {
            let mut transaction = self.begin().await?;
            let records = concat!("DELETE FROM executions WHERE id IN (", over!("executions e", "e.id"), ")");
            let records = sqlx::query(records).bind(made_before.as_str()).bind(ended.0).bind(ROWS_AT_ONCE);
            let removed = records.execute(&mut *transaction).await?.rows_affected();
            for statement in
                [left_behind!("execution_bodies"), left_behind!("approvals"), left_behind!("idempotency_keys")]
            {
                sqlx::query(statement).bind(made_before.as_str()).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            forgotten += removed;
            if removed < ROWS_AT_ONCE.unsigned_abs() {
                return Ok(forgotten);
            }
        }
    }
}
