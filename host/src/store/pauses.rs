//! Calls that wait for the user, or for calls that they made: how they come to wait, and how they go on.

use sqlx::AnyConnection;

use super::decisions::{End, change_status, moved_to, stop_running};
use super::row::Columns;
use super::{Act, Bodies, Detail, Store, StoreError, outbox};
use crate::model::{Action, Actor, By, Code, Culprit, Execution, ExecutionId, ExecutionStatus, ProjectId, Timestamp};

/// What a call waits for that is no approval.
#[derive(Clone, Copy, Debug)]
pub enum Pause<'a> {
    /// The user.
    Input {
        /// The question, sealed.
        shown: &'a str,
        /// When it is too late for an answer.
        expires_at: Timestamp,
    },
    /// Calls that it made.
    Calls(&'a [ExecutionId]),
}

/// A question to the user that has no answer yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputRequest {
    /// The question, sealed.
    pub shown: String,
    /// When it is too late for an answer.
    pub expires_at: Timestamp,
}

impl Store {
    /// Makes a call that runs wait: its record, and what it needs to go on, all or nothing. What is noted is added to its
    /// timeline, as it is in the next two.
    pub async fn record_pause(
        &self,
        execution: &Execution,
        (timeline, noted): (Option<&str>, &str),
        pause: Pause<'_>,
        bodies: &Bodies,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        stop_running(&mut transaction, &execution.id, timeline).await?;
        note(&mut transaction, &execution.id, noted).await?;
        sqlx::query(
            "INSERT INTO execution_bodies (execution, project, request, journal, input_seen, to_collect) \
             VALUES ($1, $2, $3, $4, $5, 1) \
             ON CONFLICT (execution) DO UPDATE SET request = $3, journal = $4, to_collect = 1, \
             input_seen = COALESCE(execution_bodies.input_seen, $5)",
        )
        .bind(execution.id.as_str())
        .bind(execution.project.as_str())
        .bind(bodies.request.as_str())
        .bind(bodies.journal.as_deref())
        .bind(bodies.input_seen.as_deref())
        .execute(&mut *transaction)
        .await?;
        let detail = insert(&mut transaction, execution, pause).await?;
        let by = By { actor: Actor::Key(execution.key.clone()), at: now };
        let status = Action::Execution(ExecutionStatus::Waiting);
        self.append(&mut transaction, Act::new(&execution.project, &by, status, execution.id.as_str()).detail(detail))
            .await?;
        Ok(transaction.commit().await?)
    }

    /// The question that a call waits with.
    pub async fn input_request(&self, execution: &ExecutionId) -> Result<Option<InputRequest>, StoreError> {
        let row = sqlx::query("SELECT shown, expires_at FROM input_requests WHERE execution = $1")
            .bind(execution.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| {
            let mut columns = Columns::of(&row);
            Ok(InputRequest { shown: columns.text()?, expires_at: columns.time()? })
        })
        .transpose()
    }

    /// The calls that a call waits for.
    pub async fn awaited_calls(&self, execution: &ExecutionId) -> Result<Vec<ExecutionId>, StoreError> {
        let rows = sqlx::query("SELECT child FROM awaited_calls WHERE parent = $1 ORDER BY child")
            .bind(execution.as_str())
            .fetch_all(self.read())
            .await?;
        rows.iter().map(|row| Columns::of(row).parsed(ExecutionId::parse)).collect()
    }

    /// Takes the user's answer to the question that was `shown`, once: the call goes on on `host` with this journal. `false`
    /// if it does not wait with that question any more.
    pub async fn answer_input(
        &self,
        by: &By,
        execution: &Execution,
        (shown, journal, noted): (&str, &str, &str),
        host: &str,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let taken = sqlx::query("DELETE FROM input_requests WHERE execution = $1 AND expires_at > $2 AND shown = $3")
            .bind(execution.id.as_str())
            .bind(by.at.0)
            .bind(shown)
            .execute(&mut *transaction)
            .await?;
        if taken.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("UPDATE execution_bodies SET journal = $2 WHERE execution = $1")
            .bind(execution.id.as_str())
            .bind(journal)
            .execute(&mut *transaction)
            .await?;
        note(&mut transaction, &execution.id, noted).await?;
        self.goes_on(&mut transaction, by, &execution.project, &execution.id, host).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Calls that wait for calls of which none is left to wait for: of all, or of those that wait for this one.
    pub async fn ready_parents(
        &self,
        child: Option<&ExecutionId>,
    ) -> Result<Vec<(ProjectId, ExecutionId)>, StoreError> {
        macro_rules! ready {
            ($of:literal) => {
                concat!(
                    "SELECT DISTINCT project, parent FROM awaited_calls a WHERE ",
                    $of,
                    " NOT EXISTS (SELECT 1 FROM awaited_calls b JOIN executions e ON e.id = b.child \
                     WHERE b.parent = a.parent AND e.finished_at IS NULL) ORDER BY parent"
                )
            };
        }
        let query = match child {
            None => sqlx::query(ready!("")),
            Some(child) => sqlx::query(ready!("a.child = $1 AND")).bind(child.as_str()),
        };
        let rows = query.fetch_all(self.read()).await?;
        rows.iter()
            .map(|row| {
                let mut columns = Columns::of(row);
                Ok((columns.parsed(ProjectId::parse)?, columns.parsed(ExecutionId::parse)?))
            })
            .collect()
    }

    /// Takes a call whose own calls have ended, once: it goes on on `host`. `false` if somebody else has it.
    pub async fn take_parent(
        &self,
        project: &ProjectId,
        parent: &ExecutionId,
        noted: &str,
        host: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        // It may have gone on meanwhile, and wait for others now.
        let taken = sqlx::query(
            "DELETE FROM awaited_calls WHERE parent = $1 AND NOT EXISTS (SELECT 1 FROM awaited_calls b \
             JOIN executions e ON e.id = b.child WHERE b.parent = $1 AND e.finished_at IS NULL)",
        )
        .bind(parent.as_str())
        .execute(&mut *transaction)
        .await?;
        if taken.rows_affected() == 0 {
            return Ok(false);
        }
        note(&mut transaction, parent, noted).await?;
        self.goes_on(&mut transaction, &By::host(now), project, parent, host).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Ends calls whose user has not answered in time; gives how many those are.
    pub async fn expire_input(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        let rows = sqlx::query("DELETE FROM input_requests WHERE expires_at <= $1 RETURNING project, execution")
            .bind(now.0)
            .fetch_all(&mut *transaction)
            .await?;
        let (mut told, mut acts) = (false, Vec::with_capacity(rows.len()));
        for row in &rows {
            let mut columns = Columns::of(row);
            let project = columns.parsed(ProjectId::parse)?;
            let execution = columns.parsed(ExecutionId::parse)?;
            let end = End {
                code: Code::InputRequired,
                culprit: Culprit::Caller,
                detail: "nobody answered its question in time",
                at: now,
            };
            change_status(&mut transaction, &execution, "waiting", ExecutionStatus::Expired, Some(end)).await?;
            let status = Action::Execution(ExecutionStatus::Expired);
            acts.push(Act::new(&project, &By::host(now), status, execution.as_str()));
            told |= outbox::finished(&mut transaction, &[execution.as_str()]).await?;
        }
        if !acts.is_empty() {
            self.inner.ledger.append(&mut transaction, &acts).await?;
        }
        self.commit_telling(transaction, told).await?;
        Ok(rows.len() as u64)
    }

    async fn goes_on(
        &self,
        transaction: &mut AnyConnection,
        by: &By,
        project: &ProjectId,
        execution: &ExecutionId,
        host: &str,
    ) -> Result<(), StoreError> {
        change_status(transaction, execution, "waiting", ExecutionStatus::Started, None).await?;
        moved_to(transaction, execution, host).await?;
        let status = Action::Execution(ExecutionStatus::Started);
        self.append(transaction, Act::new(project, by, status, execution.as_str())).await
    }
}

/// Adds a JSON object to a call's timeline, which is a JSON list.
async fn note(transaction: &mut AnyConnection, execution: &ExecutionId, noted: &str) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE executions SET timeline = CASE WHEN timeline IS NULL THEN '[' || $2 || ']' \
         ELSE SUBSTR(timeline, 1, LENGTH(timeline) - 1) || ',' || $2 || ']' END WHERE id = $1",
    )
    .bind(execution.as_str())
    .bind(noted)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Forgets what a call waits for that is no approval; whether there was anything.
pub(super) async fn forget(transaction: &mut AnyConnection, execution: &ExecutionId) -> Result<bool, StoreError> {
    let mut found = 0;
    for statement in ["DELETE FROM input_requests WHERE execution = $1", "DELETE FROM awaited_calls WHERE parent = $1"]
    {
        found += sqlx::query(statement).bind(execution.as_str()).execute(&mut *transaction).await?.rows_affected();
    }
    Ok(found > 0)
}

async fn insert(
    transaction: &mut AnyConnection,
    execution: &Execution,
    pause: Pause<'_>,
) -> Result<Detail, StoreError> {
    match pause {
        Pause::Input { shown, expires_at } => {
            sqlx::query("INSERT INTO input_requests (execution, project, shown, expires_at) VALUES ($1, $2, $3, $4)")
                .bind(execution.id.as_str())
                .bind(execution.project.as_str())
                .bind(shown)
                .bind(expires_at.0)
                .execute(transaction)
                .await?;
            Ok(Detail::default().with("for", "input"))
        }
        Pause::Calls(children) => {
            for child in children {
                sqlx::query("INSERT INTO awaited_calls (parent, child, project) VALUES ($1, $2, $3)")
                    .bind(execution.id.as_str())
                    .bind(child.as_str())
                    .bind(execution.project.as_str())
                    .execute(&mut *transaction)
                    .await?;
            }
            let children: Vec<_> = children.iter().map(ExecutionId::as_str).collect();
            Ok(Detail::default().with("for", &children.join(" ")))
        }
    }
}
