//! The statements that write executions, for as many rows as a batch has, alone or with what is kept of the calls.
//!
//! Bodies go in the same statement, or on SQLite in the same text before it: so they cost no trip of their own, and what
//! the text's last statement changed is the rows of executions.

use std::sync::Arc;

use sqlx::Any;

use super::super::kept::KeptEnd;
use super::super::row::stored;
use super::super::values::{Type, push_rows_from};
use super::super::{Kind, outbox};
use crate::model::{Execution, ExecutionId, PolicyId, Surface};
use crate::store::{Beginning, Outcome};

/// Rows in one statement. Each number of rows is a statement of its own to the database, and sqlx keeps a hundred of
/// them prepared: two times 32 leaves room for the others. With bodies they are other statements, but hosts keep those
/// of all calls or of few.
pub(super) const MAX_ROWS: usize = 32;

const START_COLUMNS: usize = 24;
const START_BODY_COLUMNS: usize = 5;
const OUTCOME_COLUMNS: usize = 14;
const OUTCOME_BODY_COLUMNS: usize = 6;

pub(super) type Query = sqlx::query::Query<'static, Any, sqlx::any::AnyArguments>;

/// A row that begins.
#[derive(Clone, Copy)]
pub(super) struct Begins<'a> {
    pub(super) execution: &'a Execution,
    pub(super) host: &'a str,
    pub(super) with: &'a Beginning,
}

/// A row that ends.
#[derive(Clone, Copy)]
pub(super) struct Ends<'a> {
    pub(super) execution: &'a ExecutionId,
    pub(super) outcome: &'a Outcome,
}

/// A row of a statement: it tells whether something is kept of its call.
pub(super) trait Row {
    /// Parameters of the row, alone or with its body.
    fn columns(with_bodies: bool) -> usize;
    /// The statement for so many rows, whose parameters come after so many others.
    fn text(kind: Kind, before: usize, rows: usize, with_bodies: bool) -> String;
    fn has_body(&self) -> bool;
    fn bind(&self, query: Query) -> Query;
    fn bind_body(&self, query: Query) -> Query;
}

/// The statements for up to `most` rows.
pub(super) struct Texts {
    /// For `n` rows at `n - 1`; alone and with bodies.
    texts: [Vec<Arc<str>>; 2],
}

impl Texts {
    /// What `of_rows` makes of a number of rows.
    pub(super) fn new(most: usize, of_rows: impl Fn(usize, bool) -> String) -> Self {
        let texts = |with_bodies| (1..=most).map(|rows| of_rows(rows, with_bodies).into()).collect();
        Self { texts: [texts(false), texts(true)] }
    }

    pub(super) fn get(&self, rows: usize, with_bodies: bool) -> Option<&Arc<str>> {
        self.texts[usize::from(with_bodies)].get(rows.checked_sub(1)?)
    }
}

/// Binds rows in the order of [`Row::text`], in which bodies come first: so their numbers run on through the text.
pub(super) fn bind_all<R: Row>(query: Query, rows: &[R], with_bodies: bool) -> Query {
    let query = if with_bodies { rows.iter().fold(query, |query, row| row.bind_body(query)) } else { query };
    rows.iter().fold(query, |query, row| row.bind(query))
}

impl Row for Begins<'_> {
    fn columns(with_bodies: bool) -> usize {
        START_COLUMNS + if with_bodies { START_BODY_COLUMNS } else { 0 }
    }

    fn text(kind: Kind, before: usize, rows: usize, with_bodies: bool) -> String {
        let mut sql = String::new();
        if with_bodies {
            sql.push_str(match kind {
                Kind::Sqlite => "",
                Kind::Postgres => "WITH kept AS (",
            });
            sql.push_str("INSERT INTO execution_bodies (execution, project, request, input_seen, to_collect) VALUES ");
            push_rows_from(&mut sql, before, rows, &[Type::Any; START_BODY_COLUMNS]);
            sql.push_str(match kind {
                Kind::Sqlite => "; ",
                Kind::Postgres => ") ",
            });
        }
        sql.push_str(
            "INSERT INTO executions (id, project, host, api_key, tool, component, connection, account, identifier, \
             tool_call_id, parent, chat_id, trigger_type, input_digest, simulated, status, started_at, code, culprit, \
             detail, surface, rule, timeline, finished_at) VALUES ",
        );
        let mut types = [Type::Any; START_COLUMNS];
        // PostgreSQL takes a NULL that may be a number for a text.
        types[START_COLUMNS - 1] = Type::Number;
        let before = if with_bodies { before + rows * START_BODY_COLUMNS } else { before };
        push_rows_from(&mut sql, before, rows, &types);
        sql
    }

    fn has_body(&self) -> bool {
        self.with.kept.is_some()
    }

    fn bind(&self, query: Query) -> Query {
        let execution = self.execution;
        query
            .bind(execution.id.as_str())
            .bind(execution.project.as_str())
            .bind(self.host)
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
            .bind(execution.surface.map(Surface::as_str))
            .bind(execution.rule.as_ref().map(PolicyId::as_str))
            .bind(self.with.timeline.as_deref())
            .bind(execution.finished_at.map(|at| at.0))
    }

    fn bind_body(&self, query: Query) -> Query {
        let Some(kept) = &self.with.kept else { return query };
        query
            .bind(self.execution.id.as_str())
            .bind(self.execution.project.as_str())
            .bind(kept.request.as_str())
            .bind(kept.input_seen.as_deref())
            .bind(i64::from(kept.to_collect))
    }
}

/// An execution whose host was taken for dead may still report: what happened is better than "not known". Nothing
/// overwrites an outcome.
macro_rules! open {
    ($table:literal) => {
        concat!($table, ".status IN ('started', 'unknown_outcome')")
    };
}

impl Row for Ends<'_> {
    fn columns(with_bodies: bool) -> usize {
        OUTCOME_COLUMNS + if with_bodies { OUTCOME_BODY_COLUMNS } else { 0 }
    }

    fn text(kind: Kind, before: usize, rows: usize, with_bodies: bool) -> String {
        let mut sql = String::from("WITH ");
        if with_bodies {
            let mut types = [Type::Text; OUTCOME_BODY_COLUMNS];
            types[OUTCOME_BODY_COLUMNS - 1] = Type::Number;
            sql.push_str("b (execution, journal, output, input_seen, output_seen, to_collect) AS (VALUES ");
            push_rows_from(&mut sql, before, rows, &types);
            sql.push_str(match kind {
                Kind::Sqlite => ") ",
                Kind::Postgres => "), kept AS (",
            });
            sql.push_str(concat!(
                "UPDATE execution_bodies SET journal = b.journal, output = b.output, \
                 input_seen = COALESCE(b.input_seen, execution_bodies.input_seen), output_seen = b.output_seen, \
                 to_collect = b.to_collect FROM b \
                 WHERE execution_bodies.execution = b.execution \
                 AND EXISTS (SELECT 1 FROM executions e WHERE e.id = b.execution AND ",
                open!("e"),
                ")"
            ));
            sql.push_str(match kind {
                Kind::Sqlite => "; WITH ",
                Kind::Postgres => "), ",
            });
        }
        sql.push_str(
            "v (id, status, code, culprit, detail, finished_at, total_us, guest_us, upstream_us, requests, bytes_sent, \
             bytes_received, scrubbed, timeline) AS (VALUES ",
        );
        let mut types = [Type::Text; OUTCOME_COLUMNS];
        types[5..OUTCOME_COLUMNS - 1].fill(Type::Number);
        let before = if with_bodies { before + rows * OUTCOME_BODY_COLUMNS } else { before };
        push_rows_from(&mut sql, before, rows, &types);
        sql.push_str(concat!(
            ") UPDATE executions SET status = v.status, code = v.code, culprit = v.culprit, detail = v.detail, \
             finished_at = v.finished_at, total_us = v.total_us, guest_us = v.guest_us, upstream_us = v.upstream_us, \
             requests = v.requests, bytes_sent = v.bytes_sent, bytes_received = v.bytes_received, \
             scrubbed = v.scrubbed, timeline = COALESCE(v.timeline, executions.timeline) \
             FROM v WHERE executions.id = v.id AND ",
            open!("executions"),
            " RETURNING executions.id, executions.project, executions.component, \
             (SELECT COUNT(*) FROM webhooks w WHERE w.project = executions.project AND "
        ));
        sql.push_str(outbox::WANTS_FINISHED);
        sql.push(')');
        sql
    }

    fn has_body(&self) -> bool {
        self.outcome.kept.is_some()
    }

    fn bind(&self, query: Query) -> Query {
        let outcome = self.outcome;
        query
            .bind(self.execution.as_str())
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

    fn bind_body(&self, query: Query) -> Query {
        let Some(KeptEnd { journal, output, input_seen, output_seen, to_collect }) = &self.outcome.kept else {
            return query;
        };
        query
            .bind(self.execution.as_str())
            .bind(journal.as_deref())
            .bind(output.as_deref())
            .bind(input_seen.as_deref())
            .bind(output_seen.as_deref())
            .bind(i64::from(*to_collect))
    }
}
