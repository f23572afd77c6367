//! Calls that wait for a person: the approval, and what going on takes.

use super::page::{Listing, Order};
use super::row::Columns;
use super::{Page, PageRequest, Reservation, Store, StoreError};
use crate::model::{
    Approval, ApprovalId, ApprovalState, Execution, ExecutionId, KeyId, PolicyId, ProjectId, Timestamp,
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
#[derive(Clone, Debug)]
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
    /// With which input it starts over, if it does.
    pub edited: Option<Edited>,
}

/// Another input for a call that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// In place of [`Bodies::request`].
    pub request: String,
    /// In place of the execution's.
    pub input_digest: String,
}

macro_rules! columns {
    () => {
        "id, project, execution, state, at, tool, asked_by, rule, why, ask, request, created_at, expires_at, \
         decided_at, decided_by, reason"
    };
}

impl Store {
    /// Removes what was kept of calls that ended and whose time is over; gives how many those are.
    pub async fn forget_bodies(&self, now: Timestamp) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM execution_bodies WHERE kept_until <= $1 AND NOT EXISTS (SELECT 1 FROM executions e \
             WHERE e.id = execution_bodies.execution AND e.status IN ('started', 'waiting'))",
        )
        .bind(now.0)
        .execute(self.write())
        .await?;
        // What people saw of them goes as well; that they decided, and on what, stays.
        sqlx::query(
            "UPDATE approvals SET shown = '' WHERE state <> 'pending' AND shown <> '' AND NOT EXISTS \
                     (SELECT 1 FROM execution_bodies b WHERE b.execution = approvals.execution)",
        )
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
             UNION SELECT DISTINCT substr(secret, 1, 12) FROM webhooks \
             UNION SELECT DISTINCT substr(previous, 1, 12) FROM webhooks WHERE previous IS NOT NULL \
             UNION SELECT DISTINCT substr(shown, 1, 12) FROM approvals WHERE shown <> '' \
             UNION SELECT DISTINCT substr(shown, 1, 12) FROM input_requests \
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
