//! The audit chain: what was decided and changed, one row each, hashed with the row before it.
//!
//! A row is written in the transaction of the change that it tells of, so there is neither without the other. The head
//! of the project's chain is changed first: whoever else appends waits for the commit, so a chain has no forks, however
//! many hosts write. See decisions/0013-audit-chain.md.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::{Any, AnyConnection, AssertSqlSafe};

use super::group_commit::{Type, push_rows};
use super::row::Columns;
use super::{Store, StoreError};
use crate::model::{Action, Actor, By, Entry, Head, ProjectId};

mod detail;
mod executions;
mod read;

pub use detail::Detail;
pub(super) use executions::{ended, lost, started};
pub use read::{AuditFilter, AuditWalkError};

const COLUMNS: usize = 12;

/// Sizes of statements, in rows. A batch is put together from them, so that they are few statements to prepare.
const SIZES: [usize; 6] = [32, 16, 8, 4, 2, 1];

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

    /// With the digest of the component that was concerned.
    pub fn component(self, digest: &str) -> Self {
        Self { component: Some(digest.into()), ..self }
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
    /// The statement for `SIZES[n]` rows at `n`.
    inserts: Vec<Arc<str>>,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { heads: Mutex::default(), inserts: SIZES.iter().map(|rows| insert_sql(*rows).into()).collect() }
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
            let entries = self.reserve(connection, project, &acts).await?;
            self.insert(connection, &entries).await?;
        }
        Ok(())
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
        let mut rest = entries;
        for (rows, sql) in SIZES.iter().zip(&self.inserts) {
            while let Some((now, later)) = rest.split_at_checked(*rows) {
                rest = later;
                let query = sqlx::query(AssertSqlSafe(Arc::clone(sql)));
                now.iter().fold(query, bind).execute(&mut *connection).await?;
            }
        }
        Ok(())
    }

    fn remembered(&self, project: &ProjectId) -> Option<Head> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).get(project).cloned()
    }

    fn remember(&self, project: &ProjectId, entries: &[Entry]) {
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

/// Moves the head if it is still where it was; it stays locked until the commit.
async fn move_head(
    connection: &mut AnyConnection,
    project: &ProjectId,
    from: &Head,
    entries: &[Entry],
) -> Result<bool, StoreError> {
    let Some(last) = entries.last() else { return Ok(true) };
    let done = sqlx::query("UPDATE audit_heads SET seq = $1, hash = $2 WHERE project = $3 AND seq = $4 AND hash = $5")
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

fn insert_sql(rows: usize) -> String {
    let mut sql = String::from(
        "INSERT INTO audit (project, seq, at, actor, action, subject, component, rule, approver, detail, previous, \
         hash) VALUES ",
    );
    push_rows(&mut sql, rows, &[Type::Any; COLUMNS]);
    sql
}
