//! The journal of executions: writers that wait at the same time share one transaction, and one wait for the disk.
//!
//! One task writes. While the disk is busy with a batch, the next one gathers in the queue; so batches grow with the
//! load, and a lone caller waits for nobody. Nobody is answered before the commit. The rows of the audit chain that tell
//! of a batch are written with it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe};
use tokio::sync::{Notify, mpsc, oneshot};

use super::audit::{Act, Ledger, ended, started};
use super::error::or_conflict;
use super::idempotency;
use super::row::Columns;
use super::{Beginning, Kind, Outcome, StoreError, outbox, pool};
use crate::config::FaultPoint;
use crate::model::{Execution, ExecutionId, ExecutionStatus, ProjectId};

mod one_trip;
mod statements;

use statements::{Begins, Ends, MAX_ROWS, Row, Texts, bind_all};

/// Jobs that wait. Each is about a kilobyte, with what is kept of its call some more, and each belongs to a call that
/// waits too and has the same in memory: beyond this, callers wait for room, which slows them down to what the disk can
/// take.
pub const MAX_QUEUE: usize = 4_096;

/// Jobs in one transaction: enough that the wait for the disk is a small part of each, few enough that a batch takes
/// milliseconds.
pub const MAX_BATCH: usize = 256;

/// The way into the queue. The task behind it ends when all of these are gone.
#[derive(Clone)]
pub(super) struct Journal {
    jobs: mpsc::Sender<Job>,
}

enum Job {
    Start {
        execution: Box<Execution>,
        host: String,
        with: Box<Beginning>,
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
    pub(super) async fn start(&self, execution: &Execution, host: &str, with: Beginning) -> Result<(), StoreError> {
        let (done, written) = oneshot::channel();
        let (execution, with) = (Box::new(execution.clone()), Box::new(with));
        self.send(Job::Start { execution, host: host.into(), with, done }, written).await
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
        inserts: Texts::new(MAX_ROWS, |rows, with_bodies| Begins::text(kind, 0, rows, with_bodies)),
        outcomes: Texts::new(MAX_ROWS, |rows, with_bodies| Ends::text(kind, 0, rows, with_bodies)),
        small: one_trip::Small::new(kind),
    };
    tokio::spawn(async move {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        while gather(&mut receiver, &mut batch).await {
            let later = writer.small.split(&mut batch);
            writer.write(std::mem::replace(&mut batch, later)).await;
        }
    });
    Journal { jobs: sender }
}

/// Takes what waits behind what was left of the last batch; waits only if nothing was. `false` at the end.
async fn gather(receiver: &mut mpsc::Receiver<Job>, batch: &mut Vec<Job>) -> bool {
    if batch.is_empty() {
        return receiver.recv_many(batch, MAX_BATCH).await > 0;
    }
    while batch.len() < MAX_BATCH
        && let Ok(job) = receiver.try_recv()
    {
        batch.push(job);
    }
    true
}

struct Writer {
    kind: Kind,
    pool: AnyPool,
    ledger: Arc<Ledger>,
    /// Told when notices were written.
    noticed: Arc<Notify>,
    inserts: Texts,
    outcomes: Texts,
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
                Job::Start { execution, host, with, .. } => {
                    let begins = Begins { execution, host, with };
                    match &with.once {
                        None => starts.push(begins),
                        Some(once) => keyed.push((begins, once)),
                    }
                }
                // Of two outcomes of one execution, the first; the other will be told that it is known already.
                Job::Outcome { execution, outcome, .. } if ending.insert(execution) => {
                    outcomes.push(Ends { execution, outcome });
                }
                Job::Outcome { .. } | Job::Act { .. } => {}
            }
        }
        let mut written =
            Written { updated: HashMap::with_capacity(outcomes.len()), taken: HashSet::new(), heard: Vec::new() };
        let mut transaction = pool::begin(self.kind, &self.pool).await?;
        // Every writer takes keys in this order, so that none waits for one that waits for it.
        keyed.sort_by_key(|(Begins { execution, .. }, once)| {
            (execution.project.as_str(), execution.key.as_str(), once.key.as_str())
        });
        for (begins, once) in keyed {
            if idempotency::reserve(&mut transaction, begins.execution, once).await? {
                starts.push(begins);
            } else {
                written.taken.insert(begins.execution.id.as_str().to_owned());
            }
        }
        self.run(&mut transaction, &starts, &outcomes, &mut written).await?;
        // One that was denied, or that nothing carries out, ends where it begins.
        let at_once = starts.iter().filter(|begins| begins.execution.status != ExecutionStatus::Started);
        let at_once = at_once.map(|begins| begins.execution.id.as_str());
        let ended: Vec<&str> = written.heard.iter().map(String::as_str).chain(at_once).collect();
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
        starts: &[Begins<'_>],
        outcomes: &[Ends<'_>],
        written: &mut Written,
    ) -> Result<(), StoreError> {
        for (rows, with_bodies) in alike(starts) {
            let Some(sql) = self.inserts.get(rows.len(), with_bodies) else { continue };
            bind_all(sqlx::query(AssertSqlSafe(Arc::clone(sql))), &rows, with_bodies)
                .execute(&mut *connection)
                .await
                .map_err(|error| or_conflict(error, || "an execution with this identifier exists already".into()))?;
        }
        for (rows, with_bodies) in alike(outcomes) {
            let Some(sql) = self.outcomes.get(rows.len(), with_bodies) else { continue };
            let updated: Vec<AnyRow> = bind_all(sqlx::query(AssertSqlSafe(Arc::clone(sql))), &rows, with_bodies)
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
        for Ends { execution, outcome } in outcomes {
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

/// Adds one execution as a part of `transaction`.
pub(super) async fn insert_in(
    transaction: &mut AnyConnection,
    execution: &Execution,
    host: &str,
    with: &Beginning,
) -> Result<(), StoreError> {
    // Without bodies it is the same text on both databases.
    let query = sqlx::query(AssertSqlSafe(Begins::text(Kind::Sqlite, 0, 1, false)));
    Begins { execution, host, with }.bind(query).execute(transaction).await?;
    Ok(())
}

/// Rows that go into one statement each: those with bodies, and those without.
fn alike<R: Row + Copy>(rows: &[R]) -> Vec<(Vec<R>, bool)> {
    let (with, without): (Vec<R>, Vec<R>) = rows.iter().partition(|row| row.has_body());
    let chunks = [(without, false), (with, true)].into_iter().flat_map(|(rows, with_bodies)| {
        rows.chunks(MAX_ROWS).map(|rows| (rows.to_vec(), with_bodies)).collect::<Vec<_>>()
    });
    chunks.collect()
}
