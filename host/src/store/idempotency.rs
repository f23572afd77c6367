//! Idempotency keys: taken in the transaction in which a call starts, so that of two with the same key one runs.

use sqlx::AnyConnection;

use super::row::Columns;
use super::{Store, StoreError};
use crate::model::{Execution, ExecutionId, KeyId, ProjectId, Timestamp};

/// A key that a call takes when it starts. It is the project's and the API key's: others may have the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// Digest of the key.
    pub key: String,
    /// Digest of what was asked for.
    pub request: String,
    /// When it is free again, unless its call has not ended then.
    pub kept_until: Timestamp,
}

/// A key that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// Digest of what was asked for then.
    pub request: String,
    /// The call.
    pub execution: ExecutionId,
    /// Its answer, sealed, once there is one.
    pub answer: Option<String>,
}

/// The answer of a call that took a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Sealed.
    pub sealed: String,
    /// When it is removed.
    pub until: Timestamp,
}

/// Whose time is over, and of whose call it is known how it ended: a write that may have left is never repeated by itself.
macro_rules! over {
    ($now:literal) => {
        concat!(
            "kept_until <= ",
            $now,
            " AND NOT EXISTS (SELECT 1 FROM executions e WHERE e.id = idempotency_keys.execution \
             AND e.status IN ('started', 'waiting', 'unknown_outcome'))"
        )
    };
}

impl Store {
    /// What this key was taken for; one whose time is over is free again.
    pub async fn reserved(
        &self,
        project: &ProjectId,
        api_key: &KeyId,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Reserved>, StoreError> {
        let row = sqlx::query(
            "SELECT request, execution, answer, kept_until FROM idempotency_keys \
             WHERE project = $1 AND api_key = $2 AND key = $3",
        )
        .bind(project.as_str())
        .bind(api_key.as_str())
        .bind(key)
        .fetch_optional(self.read())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let mut columns = Columns::of(&row);
        let reserved = Reserved {
            request: columns.text()?,
            execution: columns.parsed(ExecutionId::parse)?,
            answer: columns.maybe_text()?,
        };
        if columns.time()? > now {
            return Ok(Some(reserved));
        }
        let freed = sqlx::query(concat!("DELETE FROM idempotency_keys WHERE execution = $2 AND ", over!("$1")))
            .bind(now.0)
            .bind(reserved.execution.as_str())
            .execute(self.write())
            .await?;
        Ok((freed.rows_affected() == 0).then_some(reserved))
    }

    /// Removes keys whose time is over and whose call has ended; gives how many those are.
    pub async fn forget_reservations(&self, now: Timestamp) -> Result<u64, StoreError> {
        let done = sqlx::query(concat!("DELETE FROM idempotency_keys WHERE ", over!("$1")))
            .bind(now.0)
            .execute(self.write())
            .await?;
        Ok(done.rows_affected())
    }
}

/// Takes a key for an execution as a part of the transaction in which that starts. `false` if it is taken.
///
/// An insert that does nothing waits for nobody but another transaction that is inserting the same key; so who takes
/// several takes them in order.
pub(super) async fn reserve(
    connection: &mut AnyConnection,
    execution: &Execution,
    reservation: &Reservation,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO idempotency_keys (project, api_key, key, request, execution, kept_until) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (project, api_key, key) DO NOTHING",
    )
    .bind(execution.project.as_str())
    .bind(execution.key.as_str())
    .bind(reservation.key.as_str())
    .bind(reservation.request.as_str())
    .bind(execution.id.as_str())
    .bind(reservation.kept_until.0)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps the answer of an execution that took a key, as a part of the transaction that writes its outcome.
pub(super) async fn keep_answer(
    connection: &mut AnyConnection,
    execution: &ExecutionId,
    answer: &KeptAnswer,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE idempotency_keys SET answer = $2, kept_until = $3 WHERE execution = $1")
        .bind(execution.as_str())
        .bind(answer.sealed.as_str())
        .bind(answer.until.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// What a caller with a taken key is told, where nobody looks for the answer.
pub(super) fn taken() -> StoreError {
    StoreError::Conflict("this idempotency key is taken".into())
}
