//! A small batch on SQLite in one trip to its thread: a call waits for the disk, and not for hand-overs.
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
use super::super::values::nameless;
use super::statements::{Begins, Ends, Row, bind_all};
use super::{Job, Updated, Writer, Written, acts};
use crate::model::{ExecutionId, ExecutionStatus, ProjectId};

/// How many starts, and how many outcomes, such a batch may have. Each pair is a text to keep prepared, of which sqlx keeps
/// a hundred: 48 pairs leave room for the others. What a batch has beyond one of these sizes is written with the next.
const SIZES: [usize; 6] = [1, 2, 3, 4, 6, 8];

/// Jobs beyond which the trips are shared by so many that they are a small part of each.
const MAX_JOBS: usize = 24;

/// Executions of which project and component are remembered while they run: more than run at once. Each is some two
/// hundred bytes.
const MAX_RUNNING: usize = 16_384;

/// What tells one text from another: starts and outcomes, and of which something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Shape {
    starts: usize,
    outcomes: usize,
    /// Of the starts, and of the outcomes.
    with_bodies: (bool, bool),
}

/// What small batches need.
pub(super) struct Small {
    /// Not on PostgreSQL.
    possible: bool,
    /// Made at their first use.
    texts: Mutex<HashMap<Shape, Arc<str>>>,
    /// What this host began: the chain tells the component with the outcome.
    running: Mutex<HashMap<ExecutionId, (ProjectId, String)>>,
    /// Whether somebody wanted to hear how executions end when it was last asked. If so, the usual way is taken at once;
    /// if that is no longer true, one trip says so.
    heard: AtomicBool,
}

impl Small {
    pub(super) fn new(kind: Kind) -> Self {
        let possible = kind == Kind::Sqlite;
        Self { possible, texts: Mutex::default(), running: Mutex::default(), heard: AtomicBool::new(false) }
    }

    /// Leaves in a batch as many jobs as one trip takes, the first of each kind, and gives the others, which are written
    /// next. No execution has two jobs at once, so their order is free. A batch that goes the usual way stays whole.
    pub(super) fn split(&self, batch: &mut Vec<Job>) -> Vec<Job> {
        if !self.possible || batch.len() > MAX_JOBS || self.heard.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let (mut starts, mut outcomes) = (0, 0);
        for job in batch.iter() {
            match job {
                Job::Start { with, .. } if with.once.is_none() => starts += 1,
                Job::Outcome { outcome, .. } if outcome.answer.is_none() => outcomes += 1,
                Job::Start { .. } | Job::Outcome { .. } | Job::Act { .. } => return Vec::new(),
            }
        }
        let fitting = |count| SIZES.into_iter().rev().find(|size| *size <= count).unwrap_or(0);
        let (mut starts, mut outcomes) = (fitting(starts), fitting(outcomes));
        let (now, later) = std::mem::take(batch).into_iter().partition(|job| {
            let left = if matches!(job, Job::Start { .. }) { &mut starts } else { &mut outcomes };
            let fits = *left > 0;
            *left = left.saturating_sub(1);
            fits
        });
        *batch = now;
        later
    }

    fn text(&self, shape: Shape) -> Option<Arc<str>> {
        let is_size = |count: usize| count == 0 || SIZES.contains(&count);
        if !self.possible || !is_size(shape.starts) || !is_size(shape.outcomes) {
            return None;
        }
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(texts.entry(shape).or_insert_with(|| text_of(shape).into())))
    }

    /// Remembers what of a batch runs now and whether somebody heard how executions ended, and forgets what has ended.
    pub(super) fn committed(&self, batch: &[Job], told: bool) {
        if !self.possible {
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

    /// The executions that a batch ends, if each is another one that this host began.
    fn ending(&self, batch: &[Job]) -> Option<Updated> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut updated = Updated::with_capacity(batch.len());
        for job in batch {
            let Job::Outcome { execution, outcome, .. } = job else { continue };
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
    /// Writes a batch of a few starts and outcomes with its audit rows. `None` if it is not such a batch, or anything went
    /// wrong: then nothing was written.
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
        let kept = (with_bodies(&starts)?, with_bodies(&outcomes)?);
        let shape = Shape { starts: starts.len(), outcomes: outcomes.len(), with_bodies: kept };
        let sql = self.small.text(shape)?;
        let updated = self.small.ending(batch)?;
        let written = Written { updated, taken: HashSet::new(), heard: Vec::new() };
        let acts = acts(batch, &written);
        let (head, entries) = self.ledger.planned(&acts)?;
        let query = sqlx::query(AssertSqlSafe(sql));
        let query = bind_all(query, &starts, kept.0);
        let query = bind_all(query, &outcomes, kept.1);
        let mut connection = self.pool.acquire().await.ok()?;
        let query = bind_end(query, shape.last(), ends, head, &entries);
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

impl Shape {
    /// How many executions the last statement but those of the chain changes. A row that cannot be added is an error by
    /// itself; one that is not as it should be for its outcome is only not changed.
    fn last(self) -> usize {
        if self.outcomes > 0 { self.outcomes } else { self.starts }
    }
}

fn text_of(shape: Shape) -> String {
    let Shape { starts, outcomes, with_bodies } = shape;
    let before = starts * Begins::columns(with_bodies.0);
    let mut sql = String::from("BEGIN IMMEDIATE");
    if starts > 0 {
        sql.push_str("; ");
        sql.push_str(&Begins::text(Kind::Sqlite, 0, starts, with_bodies.0));
    }
    if outcomes > 0 {
        sql.push_str("; ");
        sql.push_str(&Ends::text(Kind::Sqlite, before, outcomes, with_bodies.1));
    }
    push_end(&mut sql, before + outcomes * Ends::columns(with_bodies.1) + 1, starts + outcomes);
    // Whatever goes wrong ends all of it: no statement has to keep what it would take to undo it alone.
    let sql = sql.replace("INSERT INTO", "INSERT OR ROLLBACK INTO").replace(" UPDATE ", " UPDATE OR ROLLBACK ");
    nameless(&sql).unwrap_or(sql)
}

/// Whether something is kept of each of these calls, or of none; `None` if it is of some.
fn with_bodies<R: Row>(rows: &[R]) -> Option<bool> {
    let first = rows.first().is_some_and(Row::has_body);
    rows.iter().all(|row| row.has_body() == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_each_shape_has_its_parameters_by_place() {
        for starts in [0, 1, 8] {
            for outcomes in [0, 1, 8] {
                for with_bodies in [(false, false), (true, false), (false, true), (true, true)] {
                    let text = text_of(Shape { starts, outcomes, with_bodies });
                    let rows = starts * Begins::columns(with_bodies.0) + outcomes * Ends::columns(with_bodies.1);
                    let chain = 7 + (starts + outcomes) * 12;
                    assert_eq!(text.matches('?').count(), rows + chain, "{text}");
                    assert!(!text.contains('$'), "{text}");
                    assert_eq!(text.matches("INSERT").count(), text.matches("INSERT OR ROLLBACK INTO ").count());
                    assert_eq!(text.matches("UPDATE").count(), text.matches("UPDATE OR ROLLBACK ").count());
                }
            }
        }
    }

    /// An outcome, or only a row of the chain.
    fn job(only_told: bool) -> Job {
        use crate::model::{Clock, Latency, Random, Timestamp};
        use crate::store::Outcome;
        let (done, _) = tokio::sync::oneshot::channel();
        let execution = ExecutionId::new(&Clock::system(), &Random::system());
        if only_told {
            let act = super::super::super::audit::lost(
                &ProjectId::new(&Clock::system(), &Random::system()),
                "",
                execution.as_str(),
                "h",
                Timestamp(0),
            );
            return Job::Act { act: Box::new(act), done };
        }
        let outcome = Outcome {
            status: ExecutionStatus::Succeeded,
            code: None,
            culprit: None,
            detail: None,
            rule: None,
            finished_at: Timestamp(0),
            latency: Latency::default(),
            requests: 0,
            bytes: (0, 0),
            scrubbed: 0,
            timeline: None,
            answer: None,
            kept: None,
        };
        Job::Outcome { execution, outcome: Box::new(outcome), done }
    }

    #[test]
    fn a_batch_is_cut_to_a_size_that_has_a_text_and_the_rest_keeps_its_order() {
        let small = Small::new(Kind::Sqlite);
        for (count, now) in [(1, 1), (4, 4), (5, 4), (7, 6), (8, 8), (11, 8), (24, 8), (25, 25)] {
            let mut batch: Vec<Job> = (0..count).map(|_| job(false)).collect();
            let name = |job: &Job| match job {
                Job::Outcome { execution, .. } => execution.as_str().to_owned(),
                Job::Start { .. } | Job::Act { .. } => String::new(),
            };
            let before: Vec<String> = batch.iter().map(name).collect();
            let later = small.split(&mut batch);
            assert_eq!(batch.len(), now, "of {count}");
            let after: Vec<String> = batch.iter().chain(&later).map(name).collect();
            assert_eq!(after, before);
        }
        // What goes the usual way goes as a whole.
        let mut mixed: Vec<Job> = (0..5).map(|number| job(number == 2)).collect();
        assert!(small.split(&mut mixed).is_empty() && mixed.len() == 5);
        let mut batch: Vec<Job> = (0..5).map(|_| job(false)).collect();
        assert!(Small::new(Kind::Postgres).split(&mut batch).is_empty());
        small.heard.store(true, Ordering::Relaxed);
        assert!(small.split(&mut batch).is_empty() && batch.len() == 5);
    }
}
