//! Calls that wait for a person: the approval, and what going on takes.

use super::page::{Listing, Order};
use super::row::Columns;
use super::{Beginning, Page, PageRequest, Store, StoreError};
use crate::model::{
    Approval, ApprovalId, ApprovalState, Execution, ExecutionId, KeyId, PolicyId, ProjectId, Timestamp,
};

/// How a call comes to wait.
#[derive(Clone, Copy, Debug)]
pub enum Wait<'a> {
    /// Nothing of it has run: its record begins here. The name is the host's.
    Before {
        /// The record.
        execution: &'a Execution,
        /// Name of the host.
        host: &'a str,
        /// What is written down with it.
        with: &'a Beginning,
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
    /// In place of [`Bodies::request`](super::Bodies::request).
    pub request: String,
    /// In place of the execution's.
    pub input_digest: String,
    /// In place of [`Bodies::input_seen`](super::Bodies::input_seen).
    pub input_seen: Option<String>,
}

macro_rules! columns {
    () => {
        "id, project, execution, state, at, tool, asked_by, rule, why, ask, request, created_at, expires_at, \
         decided_at, decided_by, reason"
    };
}

impl Store {
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

    /// The approval that a call waits for now, and until when.
    pub async fn pending_approval(
        &self,
        execution: &ExecutionId,
    ) -> Result<Option<(ApprovalId, Timestamp)>, StoreError> {
        let row = sqlx::query("SELECT id, expires_at FROM approvals WHERE execution = $1 AND state = 'pending'")
            .bind(execution.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| {
            let mut columns = Columns::of(&row);
            Ok((columns.parsed(ApprovalId::parse)?, columns.time()?))
        })
        .transpose()
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
