//! Changes of calls that wait for a person: of the call, its approval and the audit chain, all or nothing.

use sqlx::AnyConnection;

use super::approvals::{Decided, Edited, Wait};
use super::audit::asked;
use super::row::Columns;
use super::{Act, Bodies, Detail, Store, StoreError, group_commit, idempotency, outbox, pauses};
use crate::model::{
    Action, Actor, Approval, ApprovalState, By, Code, Culprit, ExecutionId, ExecutionStatus, PolicyId, ProjectId,
    Surface, Timestamp,
};

impl Store {
    /// Makes a call wait: its record, its approval and what it needs to go on, all or nothing. A conflict if its
    /// idempotency key is taken.
    pub async fn record_wait(
        &self,
        wait: Wait<'_>,
        approval: &Approval,
        shown: &str,
        bodies: &Bodies,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let detail = match wait {
            Wait::Before { execution, host, with } => {
                if let Some(once) = &with.once
                    && !idempotency::reserve(&mut transaction, execution, once).await?
                {
                    return Err(idempotency::taken());
                }
                group_commit::insert_in(&mut transaction, execution, host, with).await?;
                asked(execution)
            }
            Wait::AtWrite { execution, timeline } => {
                stop_running(&mut transaction, execution, timeline).await?;
                Detail::default()
            }
        };
        sqlx::query(
            "INSERT INTO execution_bodies (execution, project, request, journal, input_seen, to_collect) \
             VALUES ($1, $2, $3, $4, $5, 1) \
             ON CONFLICT (execution) DO UPDATE SET journal = $4, to_collect = 1, \
             input_seen = COALESCE(execution_bodies.input_seen, $5)",
        )
        .bind(approval.execution.as_str())
        .bind(approval.project.as_str())
        .bind(bodies.request.as_str())
        .bind(bodies.journal.as_deref())
        .bind(bodies.input_seen.as_deref())
        .execute(&mut *transaction)
        .await?;
        insert_approval(&mut transaction, approval, shown).await?;
        let told = outbox::waiting(&mut transaction, &approval.id).await?;
        let by = By { actor: Actor::Key(approval.asked_by.clone()), at: approval.created_at };
        let detail = detail.with("approval", approval.id.as_str()).with_some("request", approval.request.as_deref());
        let act = act_of(approval, &by, ExecutionStatus::Waiting).detail(detail);
        self.append(&mut transaction, act).await?;
        self.commit_telling(transaction, told).await
    }

    /// Carries a decision out, once: the approval is no longer pending, and its call goes on or ends. `false` if
    /// somebody else decided before, or it was too late.
    pub async fn decide_approval(&self, decided: &Decided<'_>) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query(
            "UPDATE approvals SET state = $1, decided_at = $2, decided_by = $3, reason = $4 \
             WHERE id = $5 AND state = 'pending' AND expires_at > $2 RETURNING project, execution, rule",
        )
        .bind(decided.state.as_str())
        .bind(decided.at.0)
        .bind(decided.by.as_str())
        .bind(decided.reason)
        .bind(decided.approval.as_str())
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(false) };
        let mut columns = Columns::of(&row);
        let project = columns.parsed(ProjectId::parse)?;
        let execution = columns.parsed(ExecutionId::parse)?;
        let rule = columns.maybe_parsed(PolicyId::parse)?;
        let status = if decided.state == ApprovalState::Approved {
            change_status(&mut transaction, &execution, "waiting", ExecutionStatus::Started, None).await?;
            moved_to(&mut transaction, &execution, decided.host).await?;
            if let Some(edited) = &decided.edited {
                start_over(&mut transaction, &execution, edited).await?;
            }
            ExecutionStatus::Started
        } else {
            let detail = decided.reason.unwrap_or("no reason was given");
            let end = End::unapproved(detail, decided.at);
            change_status(&mut transaction, &execution, "waiting", ExecutionStatus::Rejected, Some(end)).await?;
            ExecutionStatus::Rejected
        };
        let told = tell_decided(&mut transaction, decided.approval.as_str(), &execution, status).await?;
        let by = By { actor: Actor::Key(decided.by.clone()), at: decided.at };
        let detail = Detail::default()
            .with("approval", decided.approval.as_str())
            .with_some("input", decided.edited.as_ref().map(|edited| edited.input_digest.as_str()));
        let act = Act::new(&project, &by, Action::Execution(status), execution.as_str());
        let act = rule.iter().fold(act, |act, rule| act.rule(rule.as_str()));
        self.append(&mut transaction, act.approver(&by.actor).detail(detail)).await?;
        self.commit_telling(transaction, told).await?;
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
             RETURNING project, execution, id",
        )
        .bind(now.0)
        .fetch_all(&mut *transaction)
        .await?;
        let mut acts = Vec::with_capacity(rows.len());
        let mut told = false;
        for row in &rows {
            let mut columns = Columns::of(row);
            let project = columns.parsed(ProjectId::parse)?;
            let execution = columns.parsed(ExecutionId::parse)?;
            let status = ExecutionStatus::Expired;
            acts.push(Act::new(&project, &By::host(now), Action::Execution(status), execution.as_str()));
            let end = End::unapproved("nobody approved it in time", now);
            change_status(&mut transaction, &execution, "waiting", status, Some(end)).await?;
            told |= tell_decided(&mut transaction, &columns.text()?, &execution, status).await?;
        }
        if !acts.is_empty() {
            self.inner.ledger.append(&mut transaction, &acts).await?;
        }
        self.commit_telling(transaction, told).await?;
        Ok(rows.len() as u64)
    }

    /// Ends a call that waits, and what it waits for. `false` if it does not wait any more.
    pub async fn cancel_waiting(
        &self,
        by: &By,
        project: &ProjectId,
        execution: &ExecutionId,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let (culprit, detail) = (Culprit::Caller, "it was cancelled while it waited");
        let end = End { code: Code::Cancelled, culprit, detail, at: by.at };
        let Some(told) = end_waiting(&mut transaction, execution, end).await? else { return Ok(false) };
        let act = Act::new(project, by, Action::Execution(ExecutionStatus::Cancelled), execution.as_str());
        self.append(&mut transaction, act).await?;
        self.commit_telling(transaction, told).await?;
        Ok(true)
    }
}

/// Ends a call that waits, and what it waits for; whether anybody hears of it. `None` if it does not wait any more.
async fn end_waiting(
    transaction: &mut AnyConnection,
    execution: &ExecutionId,
    end: End<'_>,
) -> Result<Option<bool>, StoreError> {
    // Whoever decides takes the approval first, too: one of the two finds it pending.
    let approval = sqlx::query(
        "UPDATE approvals SET state = 'cancelled', decided_at = $1 WHERE execution = $2 AND state = 'pending' \
         RETURNING id",
    )
    .bind(end.at.0)
    .bind(execution.as_str())
    .fetch_optional(&mut *transaction)
    .await?;
    let waits = pauses::forget(transaction, execution).await?;
    if approval.is_none() && !waits {
        return Ok(None);
    }
    let status = ExecutionStatus::Cancelled;
    change_status(transaction, execution, "waiting", status, Some(end)).await?;
    let told = match approval {
        Some(row) => tell_decided(transaction, &Columns::of(&row).text()?, execution, status).await?,
        None => outbox::finished(transaction, &[execution.as_str()]).await?,
    };
    Ok(Some(told))
}

/// Ends what waits of the calls that lost ones had made, and of the calls that those had made: nobody is left who would
/// wait for them. Gives what the chain says of it, and whether anybody hears of it.
pub(super) async fn end_inner(
    transaction: &mut AnyConnection,
    lost: &[String],
    now: Timestamp,
) -> Result<(Vec<Act>, bool), StoreError> {
    let (mut acts, mut told) = (Vec::new(), false);
    let mut outer = lost.to_vec();
    while let Some(parent) = outer.pop() {
        let rows = sqlx::query(
            "SELECT e.id, e.project FROM executions p JOIN executions e ON e.project = p.project AND e.parent = p.id \
             WHERE p.id = $1 AND e.surface = $2 AND e.status = 'waiting'",
        )
        .bind(parent)
        .bind(Surface::Inner.as_str())
        .fetch_all(&mut *transaction)
        .await?;
        for row in &rows {
            let mut columns = Columns::of(row);
            let (id, project) = (columns.parsed(ExecutionId::parse)?, columns.parsed(ProjectId::parse)?);
            let detail = "the host ended while the call ran that it was made for";
            let end = End { code: Code::Cancelled, culprit: Culprit::Host, detail, at: now };
            // One that was decided on at this moment goes on, and finds out by itself.
            let Some(heard) = end_waiting(transaction, &id, end).await? else { continue };
            told |= heard;
            let status = Action::Execution(ExecutionStatus::Cancelled);
            acts.push(Act::new(&project, &By::host(now), status, id.as_str()));
            outer.push(id.to_string());
        }
    }
    Ok((acts, told))
}

fn act_of(approval: &Approval, by: &By, status: ExecutionStatus) -> Act {
    let act = Act::new(&approval.project, by, Action::Execution(status), approval.execution.as_str());
    approval.rule.iter().fold(act, |act, rule| act.rule(rule.as_str()))
}

/// Tells what became of an approval, and of its call if that is over. Whether anybody hears of it.
async fn tell_decided(
    transaction: &mut AnyConnection,
    approval: &str,
    execution: &ExecutionId,
    status: ExecutionStatus,
) -> Result<bool, StoreError> {
    let told = outbox::decided(transaction, approval).await?;
    if status == ExecutionStatus::Started {
        return Ok(told);
    }
    Ok(outbox::finished(transaction, &[execution.as_str()]).await? || told)
}

async fn start_over(
    transaction: &mut AnyConnection,
    execution: &ExecutionId,
    edited: &Edited,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE execution_bodies SET request = $2, journal = NULL, input_seen = $3 WHERE execution = $1")
        .bind(execution.as_str())
        .bind(edited.request.as_str())
        .bind(edited.input_seen.as_deref())
        .execute(&mut *transaction)
        .await?;
    sqlx::query("UPDATE executions SET input_digest = $2 WHERE id = $1")
        .bind(execution.as_str())
        .bind(edited.input_digest.as_str())
        .execute(transaction)
        .await?;
    Ok(())
}

/// How a call ends that waited.
#[derive(Clone, Copy, Debug)]
pub(super) struct End<'a> {
    pub(super) code: Code,
    pub(super) culprit: Culprit,
    pub(super) detail: &'a str,
    pub(super) at: Timestamp,
}

impl<'a> End<'a> {
    fn unapproved(detail: &'a str, at: Timestamp) -> Self {
        Self { code: Code::ApprovalRejected, culprit: Culprit::Policy, detail, at }
    }
}

/// Moves a call on, if it stands as it should.
pub(super) async fn change_status(
    transaction: &mut AnyConnection,
    execution: &ExecutionId,
    from: &'static str,
    to: ExecutionStatus,
    end: Option<End<'_>>,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE executions SET status = $1, code = $2, culprit = $3, detail = $4, \
         finished_at = CAST($5 AS BIGINT) WHERE id = $6 AND status = $7",
    )
    .bind(to.as_str())
    .bind(end.map(|end| end.code.as_str()))
    .bind(end.map(|end| end.culprit.as_str()))
    .bind(end.map(|end| end.detail))
    .bind(end.map(|end| end.at.0))
    .bind(execution.as_str())
    .bind(from)
    .execute(transaction)
    .await?;
    match done.rows_affected() {
        0 => Err(StoreError::Conflict(format!("{execution} is no longer {from}"))),
        _ => Ok(()),
    }
}

/// Makes a call that runs wait, with its requests so far.
pub(super) async fn stop_running(
    transaction: &mut AnyConnection,
    execution: &ExecutionId,
    timeline: Option<&str>,
) -> Result<(), StoreError> {
    change_status(transaction, execution, "started", ExecutionStatus::Waiting, None).await?;
    sqlx::query("UPDATE executions SET timeline = COALESCE($2, timeline) WHERE id = $1")
        .bind(execution.as_str())
        .bind(timeline)
        .execute(transaction)
        .await?;
    Ok(())
}

/// Notes which host goes on with a call.
pub(super) async fn moved_to(
    transaction: &mut AnyConnection,
    execution: &ExecutionId,
    host: &str,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE executions SET host = $2 WHERE id = $1")
        .bind(execution.as_str())
        .bind(host)
        .execute(transaction)
        .await?;
    Ok(())
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
