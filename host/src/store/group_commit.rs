//! The journal of executions: writers that wait at the same time share one transaction, and one wait for the disk.
//!
//! One task writes. While the disk is busy with a batch, the next one gathers in the queue; so batches grow with the
//! load, and a lone caller waits for nobody. Nobody is answered before the commit. The rows of the audit chain that tell
//! of a batch are written with it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe};
use tokio::sync::{Notify, mpsc, oneshot};

use super::audit::{Act, Ledger, ended, started};
use super::error::or_conflict;
use super::idempotency::{self, Reservation};
use super::row::{Columns, stored};
use super::values::{Type, push_rows};
use super::{Kind, Outcome, StoreError, outbox, pool};
use crate::config::FaultPoint;
use crate::model::{Execution, ExecutionId, ExecutionStatus, ProjectId};

mod one_trip;

/// Jobs that wait. Each is about a kilobyte, and each belongs to a call that waits too: beyond this, callers wait for
/// room, which slows them down to what the disk can take.
pub const MAX_QUEUE: usize = 4_096;

/// Jobs in one transaction: enough that the wait for the disk is a small part of each, few enough that a batch takes
/// milliseconds.
pub const MAX_BATCH: usize = 256;

/// Rows in one statement. Each number of rows is a statement of its own to the database, and sqlx keeps a hundred of
/// them prepared: two times 32 leaves room for the others.
const MAX_ROWS: usize = 32;

const INSERT_COLUMNS: usize = 21;
const OUTCOME_COLUMNS: usize = 13;

/// The way into the queue. The task behind it ends when all of these are gone.
pub(super) struct Journal {
    jobs: mpsc::Sender<Job>,
}

enum Job {
    Start {
        execution: Box<Execution>,
        host: String,
        once: Option<Reservation>,
        done: Done,
    },
    Outcome {
        execution: ExecutionId,
        outcome: Box<Outcome>,
        done: Done,
    },
    /// Only a row of the audit chain.
    Act {
        act: Box<Act>,
        done: Done,
    },
}

type Done = oneshot::Sender<Result<(), StoreError>>;

impl Journal {
    pub(super) async fn start(
        &self,
        execution: &Execution,
        host: &str,
        once: Option<&Reservation>,
    ) -> Result<(), StoreError> {
        let (done, written) = oneshot::channel();
        let execution = Box::new(execution.clone());
        self.send(Job::Start { execution, host: host.into(), once: once.cloned(), done }, written).await
    }

    pub(super) async fn outcome(&self, execution: &ExecutionId, outcome: &Outcome) -> Result<(), StoreError> {
        let (done, written) = oneshot::channel();
        let outcome = Box::new(outcome.clone());
        self.send(Job::Outcome { execution: execution.clone(), outcome, done }, written).await
    }

    pub(super) async fn act(&self, act: Act) -> Result<(), StoreError> {
        let (done, written) = oneshot::channel();
        self.send(Job::Act { act: Box::new(act), done }, written).await
    }

    async fn send(&self, job: Job, written: oneshot::Receiver<Result<(), StoreError>>) -> Result<(), StoreError> {
        let ended = || StoreError::Unavailable("the journal of executions has ended".into());
        self.jobs.send(job).await.map_err(|_| ended())?;
        written.await.map_err(|_| ended())?
    }
}

/// Starts the task that writes.
pub(super) fn start(kind: Kind, pool: AnyPool, ledger: Arc<Ledger>, noticed: Arc<Notify>) -> Journal {
    let (sender, mut receiver) = mpsc::channel(MAX_QUEUE);
    let writer = Writer {
        kind,
        pool,
        ledger,
        noticed,
        inserts: statements(insert_sql),
        outcomes: statements(outcome_sql),
        small: one_trip::Small::new(kind),
    };
    tokio::spawn(async move {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        while receiver.recv_many(&mut batch, MAX_BATCH).await > 0 {
            writer.write(std::mem::take(&mut batch)).await;
        }
    });
    Journal { jobs: sender }
}

struct Writer {
    kind: Kind,
    pool: AnyPool,
    ledger: Arc<Ledger>,
    /// Told when notices were written.
    noticed: Arc<Notify>,
    /// The statement for `n` rows at `n - 1`.
    inserts: Vec<Arc<str>>,
    outcomes: Vec<Arc<str>>,
    small: one_trip::Small,
}

impl Writer {
    /// Writes a batch and answers each of its jobs. Those who gave up waiting are written all the same.
    async fn write(&self, batch: Vec<Job>) {
        match self.commit(&batch).await {
            Ok(written) => answer(batch, written),
            // Trying one by one would only make everyone wait for the same failure again.
            Err(error @ (StoreError::Unavailable(_) | StoreError::Full)) => {
                for job in batch {
                    job.done(Err(error.clone()));
                }
            }
            Err(error) if batch.len() == 1 => {
                for job in batch {
                    job.done(Err(error.clone()));
                }
            }
            // One row is bad: its neighbours must not fail with it.
            Err(_) => {
                for job in batch {
                    let alone = vec![job];
                    match self.commit(&alone).await {
                        Ok(written) => answer(alone, written),
                        Err(error) => alone.into_iter().for_each(|job| job.done(Err(error.clone()))),
                    }
                }
            }
        }
    }

    /// Writes a batch and its audit rows in one transaction.
    async fn commit(&self, batch: &[Job]) -> Result<Written, StoreError> {
        FaultPoint::Committing.pass();
        if let Some(written) = self.in_one_trip(batch).await {
            FaultPoint::Committed.pass();
            return Ok(written);
        }
        let mut starts = Vec::new();
        let mut keyed = Vec::new();
        let mut outcomes = Vec::new();
        let mut ending = HashSet::new();
        for job in batch {
            match job {
                Job::Start { execution, host, once: None, .. } => starts.push((&**execution, host.as_str())),
                Job::Start { execution, host, once: Some(once), .. } => keyed.push((&**execution, host.as_str(), once)),
                // Of two outcomes of one execution, the first; the other will be told that it is known already.
                Job::Outcome { execution, outcome, .. } if ending.insert(execution) => {
                    outcomes.push((execution, &**outcome));
                }
                Job::Outcome { .. } | Job::Act { .. } => {}
            }
        }
        let mut written =
            Written { updated: HashMap::with_capacity(outcomes.len()), taken: HashSet::new(), heard: Vec::new() };
        let mut transaction = pool::begin(self.kind, &self.pool).await?;
        // Every writer takes keys in this order, so that none waits for one that waits for it.
        keyed.sort_by_key(|(execution, _, once)| (execution.project.as_str(), execution.key.as_str(), &once.key));
        for (execution, host, once) in keyed {
            if idempotency::reserve(&mut transaction, execution, once).await? {
                starts.push((execution, host));
            } else {
                written.taken.insert(execution.id.as_str().to_owned());
            }
        }
        self.run(&mut transaction, &starts, &outcomes, &mut written).await?;
        // An execution that was denied ends where it begins.
        let denied = starts.iter().filter(|(execution, _)| execution.status != ExecutionStatus::Started);
        let denied = denied.map(|(execution, _)| execution.id.as_str());
        let ended: Vec<&str> = written.heard.iter().map(String::as_str).chain(denied).collect();
        let told = outbox::finished(&mut transaction, &ended).await?;
        self.ledger.append(&mut transaction, &acts(batch, &written)).await?;
        transaction.commit().await?;
        FaultPoint::Committed.pass();
        self.small.committed(batch, told);
        if told {
            self.noticed.notify_one();
        }
        Ok(written)
    }

    async fn run(
        &self,
        connection: &mut AnyConnection,
        starts: &[(&Execution, &str)],
        outcomes: &[(&ExecutionId, &Outcome)],
        written: &mut Written,
    ) -> Result<(), StoreError> {
        for rows in starts.chunks(MAX_ROWS) {
            let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.inserts[rows.len() - 1])));
            rows.iter()
                .fold(query, |query, (execution, host)| bind_start(query, execution, host))
                .execute(&mut *connection)
                .await
                .map_err(|error| or_conflict(error, || "an execution with this identifier exists already".into()))?;
        }
        for rows in outcomes.chunks(MAX_ROWS) {
            let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.outcomes[rows.len() - 1])));
            let updated: Vec<AnyRow> = rows
                .iter()
                .fold(query, |query, (execution, outcome)| bind_outcome(query, execution, outcome))
                .fetch_all(&mut *connection)
                .await?;
            for row in &updated {
                let mut columns = Columns::of(row);
                let execution = columns.text()?;
                let told = (columns.parsed(ProjectId::parse)?, columns.text()?);
                if columns.flag()? {
                    written.heard.push(execution.clone());
                }
                written.updated.insert(execution, told);
            }
        }
        for (execution, outcome) in outcomes {
            if let Some(answer) = &outcome.answer
                && written.updated.contains_key(execution.as_str())
            {
                idempotency::keep_answer(&mut *connection, execution, answer).await?;
            }
        }
        Ok(())
    }
}

/// What came of a batch.
struct Written {
    /// Executions whose outcome was written.
    updated: Updated,
    /// Executions that do not start: somebody else has their idempotency key.
    taken: HashSet<String>,
    /// Executions of which somebody wants to hear how they ended.
    heard: Vec<String>,
}

impl Job {
    fn done(self, result: Result<(), StoreError>) {
        let (Self::Start { done, .. } | Self::Outcome { done, .. } | Self::Act { done, .. }) = self;
        // The caller may have been cancelled; what was written stays.
        let _ = done.send(result);
    }
}

/// Executions whose outcome was written, each with its project and the digest of its component, which is empty if it
/// has none.
type Updated = HashMap<String, (ProjectId, String)>;

/// What the chain will say of a batch, in its order.
fn acts(batch: &[Job], written: &Written) -> Vec<Act> {
    let mut told = HashSet::new();
    let act = |job: &Job| match job {
        Job::Start { execution, .. } if written.taken.contains(execution.id.as_str()) => None,
        Job::Start { execution, host, .. } => Some(started(execution, host)),
        Job::Outcome { execution, outcome, .. } => {
            let (project, component) = written.updated.get(execution.as_str())?;
            told.insert(execution.clone()).then(|| ended(project, component, execution, outcome))
        }
        Job::Act { act, .. } => Some((**act).clone()),
    };
    batch.iter().filter_map(act).collect()
}

fn answer(batch: Vec<Job>, mut written: Written) {
    for job in batch {
        let result = match &job {
            Job::Start { execution, .. } if written.taken.contains(execution.id.as_str()) => Err(idempotency::taken()),
            Job::Outcome { execution, .. } if written.updated.remove(execution.as_str()).is_none() => {
                Err(StoreError::Conflict(format!("{execution} does not exist, or its outcome is known already")))
            }
            _ => Ok(()),
        };
        job.done(result);
    }
}

type Query = sqlx::query::Query<'static, Any, sqlx::any::AnyArguments>;

fn bind_start(query: Query, execution: &Execution, host: &str) -> Query {
    query
        .bind(execution.id.as_str())
        .bind(execution.project.as_str())
        .bind(host)
        .bind(execution.key.as_str())
        .bind(execution.tool.as_str())
        .bind(execution.component().unwrap_or_default())
        .bind(execution.through.as_ref().map_or("", |through| through.connection.as_str()))
        .bind(execution.through.as_ref().map_or("", |through| through.account.as_str()))
        .bind(execution.identifier.as_deref().unwrap_or_default())
        .bind(execution.tool_call_id.as_deref())
        .bind(execution.parent.as_ref().map(ExecutionId::as_str))
        .bind(execution.chat_id.as_deref())
        .bind(execution.trigger_type.as_deref())
        .bind(execution.input_digest.as_str())
        .bind(i64::from(execution.simulated))
        .bind(execution.status.as_str())
        .bind(execution.started_at.0)
        .bind(execution.code.map(|code| code.as_str()))
        .bind(execution.culprit.map(|culprit| culprit.as_str()))
        .bind(execution.detail.as_deref())
        .bind(execution.finished_at.map(|at| at.0))
}

/// Adds one execution as a part of `transaction`.
pub(super) async fn insert_in(
    transaction: &mut AnyConnection,
    execution: &Execution,
    host: &str,
) -> Result<(), StoreError> {
    bind_start(sqlx::query(AssertSqlSafe(insert_sql(1))), execution, host).execute(transaction).await?;
    Ok(())
}

fn bind_outcome(query: Query, execution: &ExecutionId, outcome: &Outcome) -> Query {
    query
        .bind(execution.as_str())
        .bind(outcome.status.as_str())
        .bind(outcome.code.map(|code| code.as_str()))
        .bind(outcome.culprit.map(|culprit| culprit.as_str()))
        .bind(outcome.detail.as_deref())
        .bind(outcome.finished_at.0)
        .bind(stored(outcome.latency.total_us))
        .bind(stored(outcome.latency.guest_us))
        .bind(stored(outcome.latency.upstream_us))
        .bind(i64::from(outcome.requests))
        .bind(stored(outcome.bytes.0))
        .bind(stored(outcome.bytes.1))
        .bind(i64::from(outcome.scrubbed))
        .bind(outcome.timeline.as_deref())
}

fn statements(of_rows: fn(usize) -> String) -> Vec<Arc<str>> {
    (1..=MAX_ROWS).map(|rows| of_rows(rows).into()).collect()
}

fn insert_sql(rows: usize) -> String {
    let mut sql = String::from(
        "INSERT INTO executions (id, project, host, api_key, tool, component, connection, account, identifier, \
         tool_call_id, parent, chat_id, trigger_type, input_digest, simulated, status, started_at, code, culprit, detail, \
         finished_at) VALUES ",
    );
    let mut types = [Type::Any; INSERT_COLUMNS];
    // PostgreSQL takes a NULL that may be a number for a text.
    types[INSERT_COLUMNS - 1] = Type::Number;
    push_rows(&mut sql, rows, &types);
    sql
}

/// An execution whose host was taken for dead may still report: what happened is better than "not known". Nothing
/// overwrites an outcome.
fn outcome_sql(rows: usize) -> String {
    let mut types = [Type::Text; OUTCOME_COLUMNS + 1];
    types[5..OUTCOME_COLUMNS].fill(Type::Number);
    let mut sql = String::from(
        "WITH v (id, status, code, culprit, detail, finished_at, total_us, guest_us, upstream_us, requests, \
         bytes_sent, bytes_received, scrubbed, timeline) AS (VALUES ",
    );
    push_rows(&mut sql, rows, &types);
    sql.push_str(
        ") UPDATE executions SET status = v.status, code = v.code, culprit = v.culprit, detail = v.detail, \
         finished_at = v.finished_at, total_us = v.total_us, guest_us = v.guest_us, upstream_us = v.upstream_us, \
         requests = v.requests, bytes_sent = v.bytes_sent, bytes_received = v.bytes_received, scrubbed = v.scrubbed, \
         timeline = COALESCE(v.timeline, executions.timeline) \
         FROM v WHERE executions.id = v.id AND executions.status IN ('started', 'unknown_outcome') \
         RETURNING executions.id, executions.project, executions.component, \
         (SELECT COUNT(*) FROM webhooks w WHERE w.project = executions.project AND ",
    );
    sql.push_str(outbox::WANTS_FINISHED);
    sql.push(')');
    sql
}
