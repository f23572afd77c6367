//! A small batch on SQLite in one trip to its thread: a lone call waits for the disk, and not for hand-overs.
//!
//! `BEGIN`, the rows of executions, the head and the rows of the audit chain, and `COMMIT` are one text. Whatever is not
//! as expected is an error within it, before the commit; then nothing is kept, and the batch goes the usual way. So does
//! one of whose executions somebody wants to hear how they end.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::AssertSqlSafe;

use super::super::Kind;
use super::super::audit::{bind_end, push_end};
use super::statements::{Begins, Ends, Row, Texts, bind_all};
use super::{Job, Updated, Writer, Written, acts};
use crate::model::{ExecutionId, ExecutionStatus, ProjectId};

/// Jobs in such a batch. In larger ones the trips are shared by many, and each size is two texts to keep prepared, or
/// four where bodies are kept of some calls.
const MAX_JOBS: usize = 4;

/// Executions of which project and component are remembered while they run: more than run at once. Each is some two
/// hundred bytes.
const MAX_RUNNING: usize = 16_384;

/// What small batches need.
pub(super) struct Small {
    /// None on PostgreSQL.
    starts: Texts,
    outcomes: Texts,
    /// What this host began: the chain tells the component with the outcome.
    running: Mutex<HashMap<ExecutionId, (ProjectId, String)>>,
    /// Whether somebody wanted to hear how executions end when it was last asked. If so, the usual way is taken at once;
    /// if that is no longer true, one trip says so.
    heard: AtomicBool,
}

impl Small {
    pub(super) fn new(kind: Kind) -> Self {
        let most = match kind {
            Kind::Sqlite => MAX_JOBS,
            Kind::Postgres => 0,
        };
        Self {
            starts: Texts::new(most, text_of::<Begins<'_>>),
            outcomes: Texts::new(most, text_of::<Ends<'_>>),
            running: Mutex::default(),
            heard: AtomicBool::new(false),
        }
    }

    /// Remembers what of a batch runs now and whether somebody heard how executions ended, and forgets what has ended.
    pub(super) fn committed(&self, batch: &[Job], told: bool) {
        if self.starts.get(1, false).is_none() {
            return;
        }
        if batch.iter().any(ends) {
            self.heard.store(told, Ordering::Relaxed);
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        for job in batch {
            match job {
                Job::Start { execution, .. } if execution.status == ExecutionStatus::Started => {
                    if running.len() >= MAX_RUNNING {
                        running.clear();
                    }
                    let component = execution.component().unwrap_or_default().to_owned();
                    running.insert(execution.id.clone(), (execution.project.clone(), component));
                }
                Job::Outcome { execution, .. } => drop(running.remove(execution)),
                Job::Start { .. } | Job::Act { .. } => {}
            }
        }
    }

    /// The executions that a batch ends, if each of its jobs ends another one that this host began.
    fn ending(&self, batch: &[Job]) -> Option<Updated> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut updated = Updated::with_capacity(batch.len());
        for job in batch {
            let Job::Outcome { execution, outcome, .. } = job else { return None };
            // An answer that is kept is a statement of its own.
            if outcome.answer.is_some() {
                return None;
            }
            let before = updated.insert(execution.as_str().to_owned(), running.get(execution)?.clone());
            if before.is_some() {
                return None;
            }
        }
        Some(updated)
    }
}

impl Writer {
    /// Writes a batch of a few starts, or of a few outcomes, with its audit rows. `None` if it is not such a batch, or
    /// anything went wrong: then nothing was written.
    pub(super) async fn in_one_trip(&self, batch: &[Job]) -> Option<Written> {
        let mut starts: Vec<Begins<'_>> = Vec::new();
        let mut outcomes: Vec<Ends<'_>> = Vec::new();
        for job in batch {
            match job {
                Job::Start { execution, host, with, .. } if with.once.is_none() => {
                    starts.push(Begins { execution, host, with });
                }
                Job::Outcome { execution, outcome, .. } => outcomes.push(Ends { execution, outcome }),
                Job::Start { .. } | Job::Act { .. } => return None,
            }
        }
        let ends = batch.iter().any(ends);
        if ends && self.small.heard.load(Ordering::Relaxed) {
            return None;
        }
        let (sql, updated) = match (starts.as_slice(), outcomes.as_slice()) {
            (starts, []) => (self.small.starts.get(starts.len(), with_bodies(starts)?)?, Updated::new()),
            ([], ends) => (self.small.outcomes.get(ends.len(), with_bodies(ends)?)?, self.small.ending(batch)?),
            _ => return None,
        };
        let written = Written { updated, taken: HashSet::new(), heard: Vec::new() };
        let acts = acts(batch, &written);
        let (head, entries) = self.ledger.planned(&acts)?;
        let query = sqlx::query(AssertSqlSafe(Arc::clone(sql)));
        let query = bind_all(query, &starts, starts.iter().any(Row::has_body));
        let query = bind_all(query, &outcomes, outcomes.iter().any(Row::has_body));
        let mut connection = self.pool.acquire().await.ok()?;
        let query = bind_end(query, batch.len(), ends, head, &entries);
        if query.execute(&mut *connection).await.is_err() {
            // SQLite may have rolled back by itself; then there is nothing to roll back.
            let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
            return None;
        }
        self.ledger.remember(acts.first()?.project(), &entries);
        self.small.committed(batch, false);
        Some(written)
    }
}

/// Whether an execution has reached its last status with a job. One that was denied ends where it begins.
fn ends(job: &Job) -> bool {
    match job {
        Job::Start { execution, .. } => execution.status != ExecutionStatus::Started,
        Job::Outcome { .. } => true,
        Job::Act { .. } => false,
    }
}

/// The text for so many rows: only its statement before the last but two counts, which is that of executions.
fn text_of<R: Row>(rows: usize, with_bodies: bool) -> String {
    let mut sql = format!("BEGIN IMMEDIATE; {}", R::text(Kind::Sqlite, rows, with_bodies));
    push_end(&mut sql, rows * R::columns(with_bodies) + 1, rows);
    sql
}

/// Whether something is kept of each of these calls, or of none; `None` if it is of some.
fn with_bodies<R: Row>(rows: &[R]) -> Option<bool> {
    let first = rows.first()?.has_body();
    rows.iter().all(|row| row.has_body() == first).then_some(first)
}
