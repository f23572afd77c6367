//! The audit chain: what was decided and changed, one row each, hashed with the row before it.
//!
//! A row is written in the transaction of the change that it tells of, so there is neither without the other. The head
//! of the project's chain is changed first: whoever else appends waits for the commit, so a chain has no forks, however
//! many hosts write. See decisions/0015-audit-chain.md.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::any::AnyQueryResult;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Transaction};

use super::outbox::WANTS_FINISHED;
use super::row::{Columns, stored};
use super::values::{Type, push_rows, push_rows_from};
use super::{Kind, Store, StoreError};
use crate::model::{Action, Actor, By, Entry, Head, ProjectId};

mod detail;
mod executions;
mod read;

pub use detail::Detail;
pub(super) use executions::{asked, ended, lost, started};
pub use read::{AuditFilter, AuditWalkError};

const COLUMNS: usize = 12;

/// Rows in one statement. What is more is put together from whole ones and one for the rest, so that there are not too
/// many statements for sqlx to keep prepared (a hundred, of which executions have 64).
const MAX_ROWS: usize = 16;

/// The most chains whose heads are remembered. Each is some hundred bytes; a head that is not is read again.
const MAX_HEADS: usize = 4_096;

/// Something that was decided or changed, before it has its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    project: ProjectId,
    by: By,
    action: Action,
    subject: String,
    component: Option<String>,
    rule: Option<String>,
    approver: Option<Actor>,
    detail: Detail,
}

impl Act {
    /// `by` did `action` to `subject`, which is an identifier or a name, never a secret.
    pub fn new(project: &ProjectId, by: &By, action: Action, subject: &str) -> Self {
        Self {
            project: project.clone(),
            by: by.clone(),
            action,
            subject: subject.into(),
            component: None,
            rule: None,
            approver: None,
            detail: Detail::default(),
        }
    }

    /// The tenant.
    pub(super) fn project(&self) -> &ProjectId {
        &self.project
    }

    /// With the digest of the component that was concerned; an empty one if none was.
    pub fn component(self, digest: &str) -> Self {
        Self { component: Some(digest.to_owned()).filter(|digest| !digest.is_empty()), ..self }
    }

    /// With the rule that decided.
    pub fn rule(self, rule: &str) -> Self {
        Self { rule: Some(rule.into()), ..self }
    }

    /// With the one who approved.
    pub fn approver(self, approver: &Actor) -> Self {
        Self { approver: Some(approver.clone()), ..self }
    }

    /// With more about it.
    pub fn detail(self, detail: Detail) -> Self {
        Self { detail, ..self }
    }
}

/// Appends to the chains.
pub(super) struct Ledger {
    /// The heads as this process left them. Wrong ones (another process wrote, a transaction was not kept) cost two
    /// statements: the database compares before it appends.
    heads: Mutex<HashMap<ProjectId, Head>>,
    kind: Kind,
    /// The statement for `n` rows at `n - 1`.
    inserts: Vec<Arc<str>>,
    /// For SQLite: moves the head and adds `n` rows, at `n - 1`.
    moves: Vec<Arc<str>>,
}

impl Ledger {
    pub(super) fn new(kind: Kind) -> Self {
        let statements = |of_rows: fn(usize) -> String| (1..=MAX_ROWS).map(|rows| of_rows(rows).into()).collect();
        Self { heads: Mutex::default(), kind, inserts: statements(insert_sql), moves: statements(move_sql) }
    }

    /// Appends what was done, in this order, within the transaction that does it; as its last statements, because all
    /// others who append wait from here to the commit.
    pub(super) async fn append(&self, connection: &mut AnyConnection, acts: &[Act]) -> Result<(), StoreError> {
        // In the order of the projects: two transactions that each wait for the other's head would wait for ever.
        let mut chains: BTreeMap<&ProjectId, Vec<&Act>> = BTreeMap::new();
        for act in acts {
            chains.entry(&act.project).or_default().push(act);
        }
        for (project, acts) in chains {
            if !self.append_at_once(connection, project, &acts).await? {
                let entries = self.reserve(connection, project, &acts).await?;
                self.insert(connection, &entries).await?;
            }
        }
        Ok(())
    }

    /// The rows that acts of one project become, if they are, and the remembered head of its chain.
    pub(super) fn planned(&self, acts: &[Act]) -> Option<(Head, Vec<Entry>)> {
        let project = &acts.first()?.project;
        if acts.iter().any(|act| act.project != *project) {
            return None;
        }
        let head = self.remembered(project)?;
        let entries = chained(&acts.iter().collect::<Vec<_>>(), &head);
        Some((head, entries))
    }

    /// On SQLite, where each statement is a trip to another thread: moves the remembered head and adds the rows in one.
    /// `false` if the head is elsewhere, or this cannot be done so; then nothing was written.
    async fn append_at_once(
        &self,
        connection: &mut AnyConnection,
        project: &ProjectId,
        acts: &[&Act],
    ) -> Result<bool, StoreError> {
        let (Kind::Sqlite, Some(head), Some(sql)) =
            (self.kind, self.remembered(project), self.moves.get(acts.len().wrapping_sub(1)))
        else {
            return Ok(false);
        };
        let entries = chained(acts, &head);
        let Some(last) = entries.last() else { return Ok(true) };
        let query = sqlx::query(AssertSqlSafe(Arc::clone(sql)))
            .bind(last.seq)
            .bind(last.hash.clone())
            .bind(last.project.clone())
            .bind(head.seq)
            .bind(head.hash);
        let done = entries.iter().fold(query, bind).execute(connection).await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        self.remember(project, &entries);
        Ok(true)
    }

    /// Moves the head of a chain over new rows, which locks it, and gives the rows.
    async fn reserve(
        &self,
        connection: &mut AnyConnection,
        project: &ProjectId,
        acts: &[&Act],
    ) -> Result<Vec<Entry>, StoreError> {
        if let Some(head) = self.remembered(project) {
            let entries = chained(acts, &head);
            if move_head(connection, project, &head, &entries).await? {
                self.remember(project, &entries);
                return Ok(entries);
            }
        }
        let head = lock_head(connection, project).await?;
        let entries = chained(acts, &head);
        if !move_head(connection, project, &head, &entries).await? {
            return Err(StoreError::Corrupt(format!("the head of the audit chain of {project} moved while locked")));
        }
        self.remember(project, &entries);
        Ok(entries)
    }

    async fn insert(&self, connection: &mut AnyConnection, entries: &[Entry]) -> Result<(), StoreError> {
        for rows in entries.chunks(MAX_ROWS) {
            let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.inserts[rows.len() - 1])));
            rows.iter().fold(query, bind).execute(&mut *connection).await?;
        }
        Ok(())
    }

    fn remembered(&self, project: &ProjectId) -> Option<Head> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).get(project).cloned()
    }

    pub(super) fn remember(&self, project: &ProjectId, entries: &[Entry]) {
        let Some(last) = entries.last() else { return };
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        if heads.len() >= MAX_HEADS {
            heads.clear();
        }
        heads.insert(project.clone(), Head { seq: last.seq, hash: last.hash.clone() });
    }
}

impl Store {
    /// Writes down a decision that changes no other row. When this returns it is on disk. It shares its wait for the
    /// disk with the records of executions.
    pub async fn record_act(&self, act: Act) -> Result<(), StoreError> {
        self.inner.journal.act(act).await
    }

    /// Appends to the chain what a transaction changes: to be called last in it.
    pub(super) async fn append(&self, transaction: &mut AnyConnection, act: Act) -> Result<(), StoreError> {
        self.inner.ledger.append(transaction, &[act]).await
    }

    /// Ends a transaction that was to change one row: tells the chain of it and commits. `false` if there was none to
    /// change; then nothing is told.
    pub(super) async fn commit_change(
        &self,
        transaction: Transaction<'static, Any>,
        done: &AnyQueryResult,
        act: Act,
    ) -> Result<bool, StoreError> {
        self.commit_changes(transaction, done, &[act]).await
    }

    /// The same where more was changed with it.
    pub(super) async fn commit_changes(
        &self,
        mut transaction: Transaction<'static, Any>,
        done: &AnyQueryResult,
        acts: &[Act],
    ) -> Result<bool, StoreError> {
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        self.inner.ledger.append(&mut transaction, acts).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

fn chained(acts: &[&Act], head: &Head) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(acts.len());
    let mut head = head.clone();
    for act in acts {
        let mut entry = Entry {
            project: act.project.as_str().into(),
            seq: head.seq + 1,
            at: act.by.at.0,
            actor: act.by.actor.as_str().into(),
            action: act.action.name().into_owned(),
            subject: act.subject.clone(),
            component: act.component.clone(),
            rule: act.rule.clone(),
            approver: act.approver.as_ref().map(|approver| approver.as_str().into()),
            detail: act.detail.text(),
            previous: head.hash,
            hash: String::new(),
        };
        entry.hash = entry.digest();
        head = Head { seq: entry.seq, hash: entry.hash.clone() };
        entries.push(entry);
    }
    entries
}

const MOVE: &str = "UPDATE audit_heads SET seq = $1, hash = $2 WHERE project = $3 AND seq = $4 AND hash = $5";

/// Moves the head if it is still where it was; it stays locked until the commit.
async fn move_head(
    connection: &mut AnyConnection,
    project: &ProjectId,
    from: &Head,
    entries: &[Entry],
) -> Result<bool, StoreError> {
    let Some(last) = entries.last() else { return Ok(true) };
    let done = sqlx::query(MOVE)
        .bind(last.seq)
        .bind(last.hash.as_str())
        .bind(project.as_str())
        .bind(from.seq)
        .bind(from.hash.as_str())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Reads the head and locks it; makes it if the chain has none. The update changes nothing but takes the lock.
async fn lock_head(connection: &mut AnyConnection, project: &ProjectId) -> Result<Head, StoreError> {
    let none = Head::genesis();
    let row = sqlx::query(
        "INSERT INTO audit_heads (project, seq, hash) VALUES ($1, $2, $3) \
         ON CONFLICT (project) DO UPDATE SET seq = audit_heads.seq RETURNING seq, hash",
    )
    .bind(project.as_str())
    .bind(none.seq)
    .bind(none.hash)
    .fetch_one(connection)
    .await?;
    let mut columns = Columns::of(&row);
    Ok(Head { seq: columns.number()?, hash: columns.text()? })
}

type Query = sqlx::query::Query<'static, Any, sqlx::any::AnyArguments>;

fn bind(query: Query, entry: &Entry) -> Query {
    query
        .bind(entry.project.clone())
        .bind(entry.seq)
        .bind(entry.at)
        .bind(entry.actor.clone())
        .bind(entry.action.clone())
        .bind(entry.subject.clone())
        .bind(entry.component.clone())
        .bind(entry.rule.clone())
        .bind(entry.approver.clone())
        .bind(entry.detail.clone())
        .bind(entry.previous.clone())
        .bind(entry.hash.clone())
}

/// What every statement that adds rows begins with.
const INSERT: &str = "INSERT INTO audit (project, seq, at, actor, action, subject, component, rule, approver, detail, \
                      previous, hash) ";

fn insert_sql(rows: usize) -> String {
    let mut sql = format!("{INSERT}VALUES ");
    push_rows(&mut sql, rows, &[Type::Any; COLUMNS]);
    sql
}

/// `changes()` is what the statement before it changed: no row is added if the head is not where it was.
fn move_sql(rows: usize) -> String {
    let mut sql = format!("{MOVE}; {INSERT}SELECT * FROM (VALUES ");
    push_rows_from(&mut sql, 5, rows, &[Type::Any; COLUMNS]);
    sql.push_str(") WHERE changes() = 1");
    sql
}

/// The end of a transaction of SQLite's, after the statement that changed as many rows as its parameter `first` says:
/// moves the head, adds `rows` rows and commits. An error, and no commit, if it did not change so many rows, or the head
/// is not where it was, or somebody wants to hear how executions end and one does: the head's number must not be NULL.
pub(super) fn push_end(sql: &mut String, first: usize, rows: usize) {
    let [count, seq, hash, ends, to, last, project] = std::array::from_fn(|at| first + at);
    let _ = write!(
        sql,
        "; UPDATE audit_heads SET seq = CASE WHEN changes() = ${count} AND seq = ${seq} AND hash = ${hash} \
         AND (${ends} = 0 OR NOT EXISTS (SELECT 1 FROM webhooks w WHERE {WANTS_FINISHED})) \
         THEN ${to} END, hash = ${last} WHERE project = ${project}; {INSERT}VALUES "
    );
    push_rows_from(sql, first + 6, rows, &[Type::Any; COLUMNS]);
    sql.push_str("; COMMIT");
}

/// The parameters of [`push_end`].
pub(super) fn bind_end(query: Query, changed: usize, ends: bool, head: Head, entries: &[Entry]) -> Query {
    let Some(last) = entries.last() else { return query };
    let query = query
        .bind(stored(changed as u64))
        .bind(head.seq)
        .bind(head.hash)
        .bind(i64::from(ends))
        .bind(last.seq)
        .bind(last.hash.clone())
        .bind(last.project.clone());
    entries.iter().fold(query, bind)
}
