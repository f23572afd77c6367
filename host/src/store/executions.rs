//! Executions: written down before the first byte leaves, and again when the outcome is known.

use std::time::Duration;

use super::audit::lost;
use super::idempotency::{KeptAnswer, Reservation};
use super::kept::{KeptEnd, KeptStart};
use super::page::{Listing, Order};
use super::row::Columns;
use super::{Page, PageRequest, Store, StoreError, decisions, outbox};
use crate::model::{
    AccountId, Code, ConnectionId, Culprit, Execution, ExecutionId, ExecutionStatus, KeyId, Latency, PolicyId,
    ProjectId, Surface, Through, Timestamp,
};

/// What is written down with the record of an execution as it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beginning {
    /// The idempotency key that it takes.
    pub once: Option<Reservation>,
    /// What is kept of the call besides.
    pub kept: Option<KeptStart>,
    /// What has happened already, as a JSON list.
    pub timeline: Option<String>,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Anything but `Started`.
    pub status: ExecutionStatus,
    /// Why it failed.
    pub code: Option<Code>,
    /// Who has to act.
    pub culprit: Option<Culprit>,
    /// One sentence for people; never a body.
    pub detail: Option<String>,
    /// The rule that said no.
    pub rule: Option<PolicyId>,
    /// When the outcome was known.
    pub finished_at: Timestamp,
    /// Where the time went.
    pub latency: Latency,
    /// Requests that left.
    pub requests: u32,
    /// Bytes sent and received in bodies.
    pub bytes: (u64, u64),
    /// How often the credential was removed from what came back.
    pub scrubbed: u32,
    /// What happened in it, as a JSON list; `None` leaves what is there.
    pub timeline: Option<String>,
    /// What is kept for who asks again with the same idempotency key.
    pub answer: Option<KeptAnswer>,
    /// What is kept of the call, if anything was kept when it began.
    pub kept: Option<KeptEnd>,
}

/// Which executions to list. What is `None` does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// Only those that stand so.
    pub status: Option<ExecutionStatus>,
    /// Only those of the tool with this full name.
    pub tool: Option<String>,
    /// Only those of this conversation.
    pub chat_id: Option<String>,
    /// Only those set off by this.
    pub trigger_type: Option<String>,
    /// Only those as this user.
    pub identifier: Option<String>,
    /// Only those made for this execution.
    pub parent: Option<ExecutionId>,
    /// Only those that began at this time or later.
    pub since: Option<Timestamp>,
    /// Only those that began before this time.
    pub until: Option<Timestamp>,
    /// Only those that this key asked for: an agent sees no others.
    pub key: Option<KeyId>,
}

macro_rules! columns {
    () => {
        "id, project, api_key, tool, component, connection, account, identifier, tool_call_id, parent, chat_id, \
         trigger_type, input_digest, simulated, surface, rule, status, code, culprit, detail, started_at, finished_at, total_us, guest_us, \
         upstream_us, requests, bytes_sent, bytes_received, scrubbed"
    };
}

impl Store {
    /// Writes down that `host` is about to run an execution, or that it will not. When this returns it is on disk:
    /// only then may a request leave. An identifier that is there already is a conflict.
    pub async fn record_start(&self, execution: &Execution, host: &str) -> Result<(), StoreError> {
        self.record_start_with(execution, host, Beginning::default()).await
    }

    /// The same with more than the record. A conflict if its idempotency key is taken: then nothing was written.
    pub async fn record_start_with(
        &self,
        execution: &Execution,
        host: &str,
        with: Beginning,
    ) -> Result<(), StoreError> {
        self.inner.journal.start(execution, host, with).await
    }

    /// Writes down how an execution ended. When this returns it is on disk. A conflict if there is no such execution,
    /// or its outcome is known already: the first one stays.
    pub async fn record_outcome(&self, execution: &ExecutionId, outcome: &Outcome) -> Result<(), StoreError> {
        self.inner.journal.outcome(execution, outcome).await
    }

    /// The execution with this identifier.
    pub async fn find_execution(&self, project: &ProjectId, id: &ExecutionId) -> Result<Option<Execution>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", columns!(), " FROM executions WHERE project = $1 AND id = $2"))
            .bind(project.as_str())
            .bind(id.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| read_execution(&mut Columns::of(&row))).transpose()
    }

    /// What happened in an execution, as far as its record tells: a JSON list.
    pub async fn timeline(&self, project: &ProjectId, id: &ExecutionId) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT timeline FROM executions WHERE project = $1 AND id = $2")
            .bind(project.as_str())
            .bind(id.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map_or(Ok(None), |row| Columns::of(&row).maybe_text())
    }

    /// Name of the host that runs an execution, or was the last to.
    pub async fn execution_host(&self, id: &ExecutionId) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT host FROM executions WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| Columns::of(&row).text()).transpose()
    }

    /// The project's executions, newest first.
    pub async fn list_executions(
        &self,
        project: &ProjectId,
        filter: &ExecutionFilter,
        request: &PageRequest,
    ) -> Result<Page<Execution>, StoreError> {
        listing(project, filter)
            .page(self.read(), request, |text| ExecutionId::parse(text).is_some(), read_execution)
            .await
    }

    /// How the database would count and read for [`Store::list_executions`], in its own words: for who wonders why a list
    /// is slow.
    pub async fn plan_of_list(
        &self,
        project: &ProjectId,
        filter: &ExecutionFilter,
        request: &PageRequest,
    ) -> Result<(Vec<String>, Vec<String>), StoreError> {
        let is_key = |text: &str| ExecutionId::parse(text).is_some();
        listing(project, filter).plans(self.inner.kind, self.read(), request, is_key).await
    }

    /// What `host` was running when it ended has an outcome that nobody knows; gives how many those are. For the start
    /// of a host, before it takes calls: its own name must not be in use by another one that runs. Calls that those had made
    /// and that wait end with them.
    pub async fn recover_started(&self, host: &str, now: Timestamp) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        let rows = sqlx::query(
            "UPDATE executions SET status = $1, finished_at = $2, detail = $3, culprit = $4 \
             WHERE host = $5 AND status = 'started' RETURNING id, project, component",
        )
        .bind(ExecutionStatus::UnknownOutcome.as_str())
        .bind(now.0)
        .bind("the host ended while this ran: whether a write reached the provider is not known")
        .bind(Culprit::Host.as_str())
        .bind(host)
        .fetch_all(&mut *transaction)
        .await?;
        let mut acts = Vec::with_capacity(rows.len());
        let mut ids = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut columns = Columns::of(row);
            let id = columns.text()?;
            acts.push(lost(&columns.parsed(ProjectId::parse)?, &columns.text()?, &id, host, now));
            ids.push(id);
        }
        let told = outbox::finished(&mut transaction, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let (inner, heard) = decisions::end_inner(&mut transaction, &ids, now).await?;
        acts.extend(inner);
        self.inner.ledger.append(&mut transaction, &acts).await?;
        self.commit_telling(transaction, told || heard).await?;
        Ok(rows.len() as u64)
    }
}

/// The columns were made NOT NULL when every execution went somewhere: empty texts stand for nothing there.
fn read_through(columns: &mut Columns<'_>) -> Result<Option<Through>, StoreError> {
    let component = columns.text()?;
    if component.is_empty() {
        let _nothing = (columns.text()?, columns.text()?);
        return Ok(None);
    }
    let (connection, account) = (columns.parsed(ConnectionId::parse)?, columns.parsed(AccountId::parse)?);
    Ok(Some(Through { component, connection, account }))
}

/// How much earlier than its record begins a call may get its identifier: it may wait for its neighbours between the two,
/// for at most its whole time of two minutes.
const MADE_EARLIER: Duration = Duration::from_secs(10 * 60);

/// Times are compared by identifier, too, which sorts by time: so a list ends where its time does, and not at the end of
/// the table.
fn listing(project: &ProjectId, filter: &ExecutionFilter) -> Listing {
    let first = filter.since.map(|since| ExecutionId::first_of(since.minus(MADE_EARLIER)));
    let end = filter.until.map(ExecutionId::first_of);
    Listing::of(columns!(), "executions", "id", Order::NewestFirst)
        .only("project = ?", project.as_str())
        .only_if("status = ?", filter.status.map(ExecutionStatus::as_str))
        .only_if("tool = ?", filter.tool.as_deref())
        .only_if("chat_id = ?", filter.chat_id.as_deref())
        .only_if("trigger_type = ?", filter.trigger_type.as_deref())
        .only_if("identifier = ?", filter.identifier.as_deref())
        .only_if("parent = ?", filter.parent.as_ref().map(ExecutionId::as_str))
        .only_if("api_key = ?", filter.key.as_ref().map(KeyId::as_str))
        .only_if("id >= ?", first.as_ref().map(ExecutionId::as_str))
        .only_number_if("started_at >= ?", filter.since.map(|since| since.0))
        .only_if("id < ?", end.as_ref().map(ExecutionId::as_str))
        .only_number_if("started_at < ?", filter.until.map(|until| until.0))
}

fn read_execution(columns: &mut Columns<'_>) -> Result<Execution, StoreError> {
    Ok(Execution {
        id: columns.parsed(ExecutionId::parse)?,
        project: columns.parsed(ProjectId::parse)?,
        key: columns.parsed(KeyId::parse)?,
        tool: columns.text()?,
        through: read_through(columns)?,
        identifier: Some(columns.text()?).filter(|identifier| !identifier.is_empty()),
        tool_call_id: columns.maybe_text()?,
        parent: columns.maybe_parsed(ExecutionId::parse)?,
        chat_id: columns.maybe_text()?,
        trigger_type: columns.maybe_text()?,
        input_digest: columns.text()?,
        simulated: columns.newer_flag()?,
        surface: columns.maybe_parsed(Surface::parse)?,
        rule: columns.maybe_parsed(PolicyId::parse)?,
        status: columns.parsed(ExecutionStatus::parse)?,
        code: columns.maybe_parsed(Code::parse)?,
        culprit: columns.maybe_parsed(Culprit::parse)?,
        detail: columns.maybe_text()?,
        started_at: columns.time()?,
        finished_at: columns.maybe_number()?.map(Timestamp),
        latency: Latency { total_us: columns.count()?, guest_us: columns.count()?, upstream_us: columns.count()? },
        requests: columns.count()?,
        bytes: (columns.count()?, columns.count()?),
        scrubbed: columns.count()?,
    })
}
