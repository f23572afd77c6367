//! Reads the audit chain: a page at a time for people, and from end to end to verify it.

use thiserror::Error;

use super::super::page::{Listing, Order};
use super::super::row::Columns;
use super::super::{Page, PageRequest, Store, StoreError};
use crate::model::{Action, Broken, Chain, Entry, Head, ProjectId, Timestamp};

/// Rows read at a time by a walk: about half a megabyte.
const WALK_PAGE: i64 = 1_000;

/// Which rows to list. What is `None` does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those of this action.
    pub action: Option<Action>,
    /// Only those of what has this identifier or name.
    pub subject: Option<String>,
    /// Only those of this time or later.
    pub since: Option<Timestamp>,
}

/// Why a walk did not come to its end.
#[derive(Debug, Error)]
pub enum AuditWalkError<E> {
    /// The database could not be read; the row after so many is where.
    #[error("after {rows} rows of {project}: {source}")]
    Store {
        /// Whose chain.
        project: String,
        /// Rows that were read and are well.
        rows: i64,
        /// Why.
        source: StoreError,
    },
    /// The chain is broken.
    #[error("{0}")]
    Broken(Broken),
    /// Whoever was shown the rows did not want to go on.
    #[error("{0}")]
    Visitor(E),
}

macro_rules! columns {
    () => {
        "seq, project, at, actor, action, subject, component, rule, approver, detail, previous, hash"
    };
}

impl Store {
    /// The project's audit rows, newest first.
    pub async fn list_audit(
        &self,
        project: &ProjectId,
        filter: &AuditFilter,
        request: &PageRequest,
    ) -> Result<Page<Entry>, StoreError> {
        // Said in the words of the partial index, which is used only so.
        let action = match filter.action {
            Some(Action::Execution(_)) | None => "action = ?",
            Some(_) => "action NOT LIKE 'execution.%' AND action = ?",
        };
        Listing::of(columns!(), "audit", "seq", Order::NewestFirst)
            .by_number()
            .only("project = ?", project.as_str())
            .only_if(action, filter.action.map(Action::name).as_deref())
            .only_if("subject = ?", filter.subject.as_deref())
            .only_number_if("at >= ?", filter.since.map(|since| since.0))
            .page(self.read(), request, |text| text.parse::<i64>().is_ok(), read_entry)
            .await
    }

    /// The projects that have a chain, or a head of one, in their order.
    pub async fn audit_projects(&self) -> Result<Vec<String>, StoreError> {
        let mut projects: Vec<String> = Vec::new();
        loop {
            // From one project to the next by the primary keys: not every row is looked at.
            let row = sqlx::query(
                "SELECT (SELECT MIN(project) FROM audit WHERE project > $1), \
                 (SELECT MIN(project) FROM audit_heads WHERE project > $1)",
            )
            .bind(projects.last().map_or("", String::as_str))
            .fetch_one(self.read())
            .await?;
            let mut columns = Columns::of(&row);
            match [columns.maybe_text()?, columns.maybe_text()?].into_iter().flatten().min() {
                Some(next) => projects.push(next),
                None => return Ok(projects),
            }
        }
    }

    /// Walks a project's chain from its first row to its head, checks every row, and shows each to `visit`. Rows that
    /// are appended meanwhile are not looked at. Gives the chain as far as it was checked: all of it.
    ///
    /// # Errors
    ///
    /// At the first row that is not as it was written, if the database cannot be read, or if `visit` fails.
    pub async fn walk_audit<E>(
        &self,
        project: &str,
        mut visit: impl FnMut(&Entry) -> Result<(), E>,
    ) -> Result<Chain, AuditWalkError<E>> {
        let mut chain = Chain::of(project);
        let at = |chain: &Chain, source| AuditWalkError::Store {
            project: project.to_owned(),
            rows: chain.head().seq,
            source,
        };
        let (head, last) = self.audit_end(project).await.map_err(|source| at(&chain, source))?;
        // From the smallest number there can be: nobody else's row hides below the first.
        let mut from = i64::MIN;
        loop {
            let rows = self.audit_page(project, from, last).await.map_err(|source| at(&chain, source))?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                let entry = read_entry(&mut Columns::of(row)).map_err(|source| at(&chain, source))?;
                chain.take(&entry).map_err(AuditWalkError::Broken)?;
                visit(&entry).map_err(AuditWalkError::Visitor)?;
            }
            from = chain.head().seq + 1;
        }
        chain.end(&head).map_err(AuditWalkError::Broken)?;
        Ok(chain)
    }

    /// The head, and the number of the last row: of one moment, because it is one statement.
    async fn audit_end(&self, project: &str) -> Result<(Head, i64), StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT MAX(seq) FROM audit WHERE project = $1), \
             (SELECT seq FROM audit_heads WHERE project = $1), (SELECT hash FROM audit_heads WHERE project = $1)",
        )
        .bind(project)
        .fetch_one(self.read())
        .await?;
        let mut columns = Columns::of(&row);
        let last = columns.maybe_number()?.unwrap_or_default();
        let head = match (columns.maybe_number()?, columns.maybe_text()?) {
            (Some(seq), Some(hash)) => Head { seq, hash },
            _ => Head::genesis(),
        };
        Ok((head, last))
    }

    async fn audit_page(&self, project: &str, from: i64, last: i64) -> Result<Vec<sqlx::any::AnyRow>, StoreError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM audit WHERE project = $1 AND seq >= $2 AND seq <= $3 ORDER BY seq LIMIT $4"
        );
        let query = sqlx::query(sql).bind(project).bind(from).bind(last).bind(WALK_PAGE);
        Ok(query.fetch_all(self.read()).await?)
    }
}

fn read_entry(columns: &mut Columns<'_>) -> Result<Entry, StoreError> {
    Ok(Entry {
        seq: columns.number()?,
        project: columns.text()?,
        at: columns.number()?,
        actor: columns.text()?,
        action: columns.text()?,
        subject: columns.text()?,
        component: columns.maybe_text()?,
        rule: columns.maybe_text()?,
        approver: columns.maybe_text()?,
        detail: columns.text()?,
        previous: columns.text()?,
        hash: columns.text()?,
    })
}
