//! Notices, written with what they tell of: in the same transaction, one row for each webhook that wants to hear of it.
//!
//! Which webhooks these are is asked in that transaction too, in the statement that reads what there is to tell. So it
//! is never out of date, on no host, and where nobody listens nothing is written. What every call passes does not even
//! ask: the statement that writes its outcome counts who listens (see `group_commit`).

use serde_json::{Map, Value};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::row::Columns;
use super::values::{Type, push_rows};
use super::{HeldTools, StoreError};
use crate::model::{AccountId, AccountState, ApprovalId, Event, MessageId, ProjectId, Timestamp};

/// Executions asked about in one statement. It is always written for so many, so that it is one statement to prepare.
const MAX_ASKED: usize = 32;

/// Rows in the larger one of the two statements that add notices; the other one adds one.
const MAX_ROWS: usize = 16;

const COLUMNS: usize = 10;

/// Holds for webhooks `w` that want to hear of an event.
macro_rules! wants {
    ($event:literal) => {
        concat!("w.disabled = 0 AND (w.events = '[]' OR w.events LIKE '%\"", $event, "\"%')")
    };
}

/// The approval `$1` for each webhook `w` of its project; the time of what is told is the argument.
macro_rules! approval_sql {
    ($at:literal) => {
        concat!(
            "SELECT w.id, a.project, ",
            $at,
            ", a.expires_at, a.id, a.execution, a.tool, a.at, a.state, a.rule, a.asked_by, a.decided_by, \
             e.connection, c.name, e.account, e.identifier FROM approvals a JOIN executions e ON e.id = a.execution \
             JOIN webhooks w ON w.project = a.project LEFT JOIN connections c ON c.id = e.connection WHERE a.id = $1"
        )
    };
}

/// The account `$1` for each webhook that wants to hear of the event.
macro_rules! account_sql {
    ($event:literal) => {
        concat!(
            "SELECT w.id, a.project, a.id, a.connection, c.name, a.identifier, a.organization, a.label, \
             a.state FROM accounts a JOIN connections c ON c.id = a.connection JOIN webhooks w ON w.project = a.project \
             WHERE a.id = $1 AND ",
            wants!($event)
        )
    };
}

/// Holds for webhooks `w` that want to hear how executions end.
pub(super) const WANTS_FINISHED: &str = wants!("execution.finished");

/// One row.
struct Notice {
    id: MessageId,
    project: String,
    webhook: String,
    event: Event,
    at: Timestamp,
    data: String,
}

/// Tells that executions have reached their last status. Whether anybody hears of it.
pub(super) async fn finished(connection: &mut AnyConnection, executions: &[&str]) -> Result<bool, StoreError> {
    const NAMES: &[&str] = &[
        "execution_id",
        "tool",
        "connection_id",
        "connection",
        "account_id",
        "identifier",
        "status",
        "code",
        "culprit",
        "parent",
        "tool_call_id",
        "chat_id",
        "trigger_type",
    ];
    let mut notices = Vec::new();
    for asked in executions.chunks(MAX_ASKED) {
        let Some(last) = asked.last() else { continue };
        let filled = asked.iter().chain(std::iter::repeat(last)).take(MAX_ASKED);
        let query = filled.fold(sqlx::query(AssertSqlSafe(finished_sql())), |query, id| query.bind((*id).to_owned()));
        for row in query.fetch_all(&mut *connection).await? {
            let mut columns = Columns::of(&row);
            let (webhook, project, at) = (columns.text()?, columns.text()?, columns.time()?);
            let data = read_data(&mut columns, NAMES)?;
            notices.push(Notice::new(
                webhook,
                project,
                Event::ExecutionFinished,
                at,
                &["execution_id", "status"],
                data,
            ));
        }
    }
    write(connection, &notices).await
}

/// Tells that a call waits for a person. Whether anybody hears of it.
pub(super) async fn waiting(connection: &mut AnyConnection, approval: &ApprovalId) -> Result<bool, StoreError> {
    const QUERY: &str = concat!(approval_sql!("a.created_at"), " AND ", wants!("approval.waiting"));
    told_of_approval(connection, QUERY, Event::ApprovalWaiting, approval.as_str()).await
}

/// Tells that an approval is no longer pending. Whether anybody hears of it.
pub(super) async fn decided(connection: &mut AnyConnection, approval: &str) -> Result<bool, StoreError> {
    const QUERY: &str =
        concat!(approval_sql!("COALESCE(a.decided_at, a.created_at)"), " AND ", wants!("approval.decided"));
    told_of_approval(connection, QUERY, Event::ApprovalDecided, approval).await
}

/// Tells that an account went from one state to another, if it stopped to be active or is so again. Whether anybody
/// hears of it.
pub(super) async fn account_moved(
    connection: &mut AnyConnection,
    account: &AccountId,
    (from, to): (AccountState, AccountState),
    at: Timestamp,
) -> Result<bool, StoreError> {
    const NAMES: &[&str] =
        &["account_id", "connection_id", "connection", "identifier", "organization", "label", "status"];
    let (query, event) = match (from, to) {
        (AccountState::Active, AccountState::Active) => return Ok(false),
        (AccountState::Active, _) => (account_sql!("account.needs_attention"), Event::AccountNeedsAttention),
        (AccountState::Expired | AccountState::Revoked | AccountState::Error, AccountState::Active) => {
            (account_sql!("account.recovered"), Event::AccountRecovered)
        }
        _ => return Ok(false),
    };
    let mut notices = Vec::new();
    for row in sqlx::query(query).bind(account.as_str()).fetch_all(&mut *connection).await? {
        let mut columns = Columns::of(&row);
        let (webhook, project) = (columns.text()?, columns.text()?);
        let mut data = read_data(&mut columns, NAMES)?;
        data.insert("status_before".into(), from.as_str().into());
        notices.push(Notice::new(webhook, project, event, at, &["account_id", "status", "status_before"], data));
    }
    write(connection, &notices).await
}

/// Tells that tools of an MCP server wait to be accepted. Whether anybody hears of it.
pub(super) async fn held(
    connection: &mut AnyConnection,
    (project, connector): (&ProjectId, &str),
    held: &HeldTools,
    at: Timestamp,
) -> Result<bool, StoreError> {
    const QUERY: &str =
        concat!("SELECT w.id FROM webhooks w WHERE w.project = $1 AND ", wants!("connector.tools_held"));
    let mut notices = Vec::new();
    for row in sqlx::query(QUERY).bind(project.as_str()).fetch_all(&mut *connection).await? {
        let webhook = Columns::of(&row).text()?;
        let mut data = Map::new();
        data.insert("connector".into(), connector.into());
        data.insert("digest".into(), held.digest.as_str().into());
        data.insert("added".into(), held.added.into());
        data.insert("changed".into(), held.changed.into());
        let (project, told) = (project.as_str().to_owned(), &["connector", "digest"]);
        notices.push(Notice::new(webhook, project, Event::ConnectorToolsHeld, at, told, data));
    }
    write(connection, &notices).await
}

/// Writes a notice for one webhook alone.
pub(super) async fn test(
    connection: &mut AnyConnection,
    project: &str,
    webhook: &str,
    id: &MessageId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let data = Value::from(Map::from_iter([("webhook_id".to_owned(), Value::from(webhook))])).to_string();
    let (project, webhook) = (project.into(), webhook.into());
    let notice = Notice { id: id.clone(), project, webhook, event: Event::WebhookTest, at, data };
    write(connection, &[notice]).await.map(drop)
}

async fn told_of_approval(
    connection: &mut AnyConnection,
    query: &'static str,
    event: Event,
    approval: &str,
) -> Result<bool, StoreError> {
    const NAMES: &[&str] = &[
        "approval_id",
        "execution_id",
        "tool",
        "at",
        "status",
        "rule",
        "asked_by",
        "decided_by",
        "connection_id",
        "connection",
        "account_id",
        "identifier",
    ];
    let mut notices = Vec::new();
    for row in sqlx::query(query).bind(approval.to_owned()).fetch_all(&mut *connection).await? {
        let mut columns = Columns::of(&row);
        let (webhook, project, at) = (columns.text()?, columns.text()?, columns.time()?);
        let expires_at = columns.time()?;
        let mut data = read_data(&mut columns, NAMES)?;
        // Milliseconds; written as a time when it is sent.
        data.insert("expires_at".into(), expires_at.0.into());
        notices.push(Notice::new(webhook, project, event, at, &["approval_id", "status"], data));
    }
    write(connection, &notices).await
}

impl Notice {
    /// `told` names the members of `data` that tell this from other notices of the same kind and time.
    fn new(
        webhook: String,
        project: String,
        event: Event,
        at: Timestamp,
        told: &[&str],
        data: Map<String, Value>,
    ) -> Self {
        let mut parts = vec![webhook.as_str(), event.as_str()];
        parts.extend(told.iter().filter_map(|name| data.get(*name)?.as_str()));
        let id = MessageId::of(at, &parts);
        Self { id, project, webhook, event, at, data: Value::from(data).to_string() }
    }
}

fn read_data(columns: &mut Columns<'_>, names: &[&str]) -> Result<Map<String, Value>, StoreError> {
    let mut data = Map::new();
    for name in names {
        data.insert((*name).into(), columns.maybe_text()?.into());
    }
    Ok(data)
}

async fn write(connection: &mut AnyConnection, notices: &[Notice]) -> Result<bool, StoreError> {
    for rows in notices.chunks(MAX_ROWS) {
        // Two statements to prepare, and not one for each number of rows.
        for rows in rows.chunks(if rows.len() == MAX_ROWS { MAX_ROWS } else { 1 }) {
            let query = rows.iter().fold(sqlx::query(AssertSqlSafe(insert_sql(rows.len()))), |query, notice| {
                query
                    .bind(notice.id.as_str().to_owned())
                    .bind(notice.project.clone())
                    .bind(notice.webhook.clone())
                    .bind(notice.event.as_str())
                    .bind(notice.at.0)
                    .bind(notice.data.clone())
                    .bind("pending")
                    .bind(notice.at.0)
                    .bind(0_i64)
                    .bind("[]")
            });
            query.execute(&mut *connection).await?;
        }
    }
    Ok(!notices.is_empty())
}

/// What is told twice, such as after an outcome that was written and not answered, is there once.
fn insert_sql(rows: usize) -> String {
    let mut sql = String::from(
        "INSERT INTO notices (id, project, webhook, event, at, data, state, due_at, leases, attempts, failures) \
         SELECT v.*, 0 FROM (VALUES ",
    );
    let mut types = [Type::Text; COLUMNS];
    for number in [4, 7, 8] {
        types[number] = Type::Number;
    }
    push_rows(&mut sql, rows, &types);
    sql.push_str(") AS v WHERE 1 = 1 ON CONFLICT (id) DO NOTHING");
    sql
}

fn finished_sql() -> String {
    let mut sql = String::from(
        "SELECT w.id, e.project, COALESCE(e.finished_at, e.started_at), e.id, e.tool, e.connection, c.name, e.account, \
         e.identifier, e.status, e.code, e.culprit, e.parent, e.tool_call_id, e.chat_id, e.trigger_type \
         FROM executions e JOIN webhooks w ON w.project = e.project LEFT JOIN connections c ON c.id = e.connection \
         WHERE ",
    );
    sql.push_str(WANTS_FINISHED);
    sql.push_str(" AND e.id IN (");
    for number in 1..=MAX_ASKED {
        sql.push_str(&format!("{}${number}", if number == 1 { "" } else { ", " }));
    }
    sql.push(')');
    sql
}
