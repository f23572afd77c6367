//! Calls that wait for a person: the approval, what going on takes, and the change of both at once.

use sqlx::AnyConnection;

use super::page::{Listing, Order};
use super::row::Columns;
use super::{Page, PageRequest, Reservation, Store, StoreError, group_commit, idempotency};
use crate::model::{
    Approval, ApprovalId, ApprovalState, Code, Culprit, Execution, ExecutionId, ExecutionStatus, KeyId, PolicyId,
    ProjectId, Timestamp,
};

/// What a call that waits needs to go on. All texts are sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bodies {
    /// What was asked for.
    pub request: String,
    /// What the guest was told so far; `None` where nothing has run.
    pub journal: Option<String>,
    /// What the call answered, once it has.
    pub output: Option<String>,
}

/// How a call comes to wait.
#[derive(Clone, Copy, Debug)]
pub enum Wait<'a> {
    /// Nothing of it has run: its record begins here. The name is the host's.
    Before {
        /// The record.
        execution: &'a Execution,
        /// Name of the host.
        host: &'a str,
        /// The idempotency key that it takes.
        once: Option<&'a Reservation>,
    },
    /// It runs, and stops here.
    AtWrite {
        /// Which one.
        execution: &'a ExecutionId,
        /// Its requests so far.
        timeline: Option<&'a str>,
    },
}

/// What a person decided.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// On what.
    pub approval: &'a ApprovalId,
    /// Anything but pending.
    pub state: ApprovalState,
    /// Who.
    pub by: &'a KeyId,
    /// When.
    pub at: Timestamp,
    /// What they said.
    pub reason: Option<&'a str>,
    /// The host that goes on with the call, if it does.
    pub host: &'a str,
}

macro_rules! columns {
    () => {
        "id, project, execution, state, at, tool, asked_by, rule, why, ask, request, created_at, expires_at, \
         decided_at, decided_by, reason"
    };
}

impl Store {
    /// Makes a call wait: its record, its approval and what it needs to go on, all or nothing. A conflict if its
    /// idempotency key is taken.
    pub async fn record_wait(
        &self,
        wait: Wait<'_>,
        approval: &Approval,
        shown: &str,
        bodies: &Bodies,
        kept_until: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        match wait {
            Wait::Before { execution, host, once } => {
                if let Some(once) = once
                    && !idempotency::reserve(&mut transaction, execution, once).await?
                {
                    return Err(idempotency::taken());
                }
                group_commit::insert_in(&mut transaction, execution, host).await?;
            }
            Wait::AtWrite { execution, timeline } => {
                change_status(&mut transaction, execution, "started", ExecutionStatus::Waiting, None).await?;
                sqlx::query("UPDATE executions SET timeline = COALESCE($2, timeline) WHERE id = $1")
                    .bind(execution.as_str())
                    .bind(timeline)
                    .execute(&mut *transaction)
                    .await?;
            }
        }
        sqlx::query(
            "INSERT INTO execution_bodies (execution, project, request, journal, kept_until) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (execution) DO UPDATE SET journal = $4, kept_until = $5",
        )
        .bind(approval.execution.as_str())
        .bind(approval.project.as_str())
        .bind(bodies.request.as_str())
        .bind(bodies.journal.as_deref())
        .bind(kept_until.0)
        .execute(&mut *transaction)
        .await?;
        insert_approval(&mut transaction, approval, shown).await?;
        Ok(transaction.commit().await?)
    }

    /// Carries a decision out, once: the approval is no longer pending, and its call goes on or ends. `false` if
    /// somebody else decided before, or it was too late.
    pub async fn decide_approval(&self, decided: &Decided<'_>) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query(
            "UPDATE approvals SET state = $1, decided_at = $2, decided_by = $3, reason = $4 \
             WHERE id = $5 AND state = 'pending' AND expires_at > $2 RETURNING execution",
        )
        .bind(decided.state.as_str())
        .bind(decided.at.0)
        .bind(decided.by.as_str())
        .bind(decided.reason)
        .bind(decided.approval.as_str())
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(false) };
        let execution = Columns::of(&row).parsed(ExecutionId::parse)?;
        if decided.state == ApprovalState::Approved {
            change_status(&mut transaction, &execution, "waiting", ExecutionStatus::Started, None).await?;
            sqlx::query("UPDATE executions SET host = $2 WHERE id = $1")
                .bind(execution.as_str())
                .bind(decided.host)
                .execute(&mut *transaction)
                .await?;
        } else {
            let detail = decided.reason.unwrap_or("no reason was given");
            let end = Some((decided.at, detail));
            change_status(&mut transaction, &execution, "waiting", ExecutionStatus::Rejected, end).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Ends what has waited too long; gives how many those are.
    pub async fn expire_approvals(&self, now: Timestamp) -> Result<u64, StoreError> {
        let due = sqlx::query("SELECT 1 FROM approvals WHERE state = 'pending' AND expires_at <= $1 LIMIT 1")
            .bind(now.0)
            .fetch_optional(self.read())
            .await?;
        if due.is_none() {
            return Ok(0);
        }
        let mut transaction = self.begin().await?;
        let rows = sqlx::query(
            "UPDATE approvals SET state = 'expired', decided_at = $1 WHERE state = 'pending' AND expires_at <= $1 \
             RETURNING execution",
        )
        .bind(now.0)
        .fetch_all(&mut *transaction)
        .await?;
        for row in &rows {
            let execution = Columns::of(row).parsed(ExecutionId::parse)?;
            let end = Some((now, "nobody approved it in time"));
            change_status(&mut transaction, &execution, "waiting", ExecutionStatus::Expired, end).await?;
        }
        transaction.commit().await?;
        Ok(rows.len() as u64)
    }

    /// Ends a call that waits, and what it waits for. `false` if it does not wait any more.
    pub async fn cancel_waiting(&self, execution: &ExecutionId, now: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        // Whoever decides takes the approval first, too: one of the two finds it pending.
        let approvals = sqlx::query(
            "UPDATE approvals SET state = 'cancelled', decided_at = $1 WHERE execution = $2 AND state = 'pending'",
        )
        .bind(now.0)
        .bind(execution.as_str())
        .execute(&mut *transaction)
        .await?;
        if approvals.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(
            "UPDATE executions SET status = $1, code = $2, culprit = $3, detail = $4, finished_at = $5 \
             WHERE id = $6 AND status = 'waiting'",
        )
        .bind(ExecutionStatus::Cancelled.as_str())
        .bind(Code::Cancelled.as_str())
        .bind(Culprit::Caller.as_str())
        .bind("it was cancelled while it waited for a person")
        .bind(now.0)
        .bind(execution.as_str())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Removes what was kept of calls that ended and whose time is over; gives how many those are.
    pub async fn forget_bodies(&self, now: Timestamp) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM execution_bodies WHERE kept_until <= $1 AND NOT EXISTS (SELECT 1 FROM executions e \
             WHERE e.id = execution_bodies.execution AND e.status IN ('started', 'waiting'))",
        )
        .bind(now.0)
        .execute(self.write())
        .await?;
        Ok(done.rows_affected())
    }

    /// Keeps what a call answered that nobody waited for. All texts but the identifiers are sealed.
    pub async fn keep_output(
        &self,
        execution: &Execution,
        request: &str,
        output: &str,
        kept_until: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO execution_bodies (execution, project, request, output, kept_until) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (execution) DO UPDATE SET output = $4, kept_until = $5",
        )
        .bind(execution.id.as_str())
        .bind(execution.project.as_str())
        .bind(request)
        .bind(output)
        .bind(kept_until.0)
        .execute(self.write())
        .await?;
        Ok(())
    }

    /// What is kept of a call.
    pub async fn bodies(&self, project: &ProjectId, execution: &ExecutionId) -> Result<Option<Bodies>, StoreError> {
        let row =
            sqlx::query("SELECT request, journal, output FROM execution_bodies WHERE project = $1 AND execution = $2")
                .bind(project.as_str())
                .bind(execution.as_str())
                .fetch_optional(self.read())
                .await?;
        row.map(|row| {
            let mut columns = Columns::of(&row);
            Ok(Bodies { request: columns.text()?, journal: columns.maybe_text()?, output: columns.maybe_text()? })
        })
        .transpose()
    }

    /// The first characters of the different keys' sealed texts, which name the key.
    pub async fn sealed_body_starts(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT substr(request, 1, 12) FROM execution_bodies \
             UNION SELECT DISTINCT substr(journal, 1, 12) FROM execution_bodies WHERE journal IS NOT NULL \
             UNION SELECT DISTINCT substr(output, 1, 12) FROM execution_bodies WHERE output IS NOT NULL \
             UNION SELECT DISTINCT substr(shown, 1, 12) FROM approvals \
             UNION SELECT DISTINCT substr(answer, 1, 12) FROM idempotency_keys WHERE answer IS NOT NULL",
        )
        .fetch_all(self.read())
        .await?;
        rows.iter().map(|row| Columns::of(row).text()).collect()
    }

    /// An approval, and what people see of it, sealed.
    pub async fn find_approval(
        &self,
        project: &ProjectId,
        id: &ApprovalId,
    ) -> Result<Option<(Approval, String)>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", columns!(), ", shown FROM approvals WHERE project = $1 AND id = $2"))
            .bind(project.as_str())
            .bind(id.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| {
            let mut columns = Columns::of(&row);
            Ok((read_approval(&mut columns)?, columns.text()?))
        })
        .transpose()
    }

    /// What a call waited for, in order.
    pub async fn approvals_of(
        &self,
        project: &ProjectId,
        execution: &ExecutionId,
    ) -> Result<Vec<Approval>, StoreError> {
        const QUERY: &str =
            concat!("SELECT ", columns!(), " FROM approvals WHERE project = $1 AND execution = $2 ORDER BY id");
        let rows = sqlx::query(QUERY).bind(project.as_str()).bind(execution.as_str()).fetch_all(self.read()).await?;
        rows.iter().map(|row| read_approval(&mut Columns::of(row))).collect()
    }

    /// The approval that a call waits for now.
    pub async fn pending_approval(&self, execution: &ExecutionId) -> Result<Option<ApprovalId>, StoreError> {
        let row = sqlx::query("SELECT id FROM approvals WHERE execution = $1 AND state = 'pending'")
            .bind(execution.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| Columns::of(&row).parsed(ApprovalId::parse)).transpose()
    }

    /// The project's approvals, newest first.
    pub async fn list_approvals(
        &self,
        project: &ProjectId,
        state: Option<ApprovalState>,
        request: &PageRequest,
    ) -> Result<Page<Approval>, StoreError> {
        Listing::of(columns!(), "approvals", "id", Order::NewestFirst)
            .only("project = ?", project.as_str())
            .only_if("state = ?", state.map(ApprovalState::as_str))
            .page(self.read(), request, |text| ApprovalId::parse(text).is_some(), read_approval)
            .await
    }
}

async fn change_status(
    transaction: &mut AnyConnection,
    execution: &ExecutionId,
    from: &'static str,
    to: ExecutionStatus,
    end: Option<(Timestamp, &str)>,
) -> Result<(), StoreError> {
    let ended = end.is_some();
    let done = sqlx::query(
        "UPDATE executions SET status = $1, code = $2, culprit = $3, detail = $4, \
         finished_at = CAST($5 AS BIGINT) WHERE id = $6 AND status = $7",
    )
    .bind(to.as_str())
    .bind(ended.then_some(Code::ApprovalRejected.as_str()))
    .bind(ended.then_some(Culprit::Policy.as_str()))
    .bind(end.map(|(_, detail)| detail))
    .bind(end.map(|(at, _)| at.0))
    .bind(execution.as_str())
    .bind(from)
    .execute(transaction)
    .await?;
    match done.rows_affected() {
        0 => Err(StoreError::Conflict(format!("{execution} is no longer {from}"))),
        _ => Ok(()),
    }
}

async fn insert_approval(transaction: &mut AnyConnection, approval: &Approval, shown: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO approvals (id, project, execution, state, at, tool, asked_by, rule, why, ask, request, shown, \
         created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(approval.id.as_str())
    .bind(approval.project.as_str())
    .bind(approval.execution.as_str())
    .bind(approval.state.as_str())
    .bind(approval.at.as_str())
    .bind(approval.tool.as_str())
    .bind(approval.asked_by.as_str())
    .bind(approval.rule.as_ref().map(PolicyId::as_str))
    .bind(approval.why.as_str())
    .bind(approval.ask.as_str())
    .bind(approval.request.as_deref())
    .bind(shown)
    .bind(approval.created_at.0)
    .bind(approval.expires_at.0)
    .execute(transaction)
    .await?;
    Ok(())
}

fn read_approval(columns: &mut Columns<'_>) -> Result<Approval, StoreError> {
    Ok(Approval {
        id: columns.parsed(ApprovalId::parse)?,
        project: columns.parsed(ProjectId::parse)?,
        execution: columns.parsed(ExecutionId::parse)?,
        state: columns.parsed(ApprovalState::parse)?,
        at: columns.text()?,
        tool: columns.text()?,
        asked_by: columns.parsed(KeyId::parse)?,
        rule: columns.maybe_parsed(PolicyId::parse)?,
        why: columns.text()?,
        ask: columns.text()?,
        request: columns.maybe_text()?,
        created_at: columns.time()?,
        expires_at: columns.time()?,
        decided_at: columns.maybe_number()?.map(Timestamp),
        decided_by: columns.maybe_parsed(KeyId::parse)?,
        reason: columns.maybe_text()?,
    })
}
