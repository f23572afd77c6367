//! The end of the demo: the audit chain, verified in the database itself, and what it says of one call.

use std::convert::Infallible;
use std::fmt::Write as _;

use super::DemoError;
use crate::config::Database;
use crate::model::Entry;
use crate::store::{AuditWalkError, Store};

/// Walks every chain from its first row to its head, as `gloveport audit verify` does: past the host, which need not be
/// trusted. Gives what a person is to see of it.
///
/// # Errors
///
/// [`DemoError::Audit`] with the first row that is not as it was written.
pub(super) async fn verified(database: &Database, execution: &str) -> Result<String, DemoError> {
    let broken = |error: String| DemoError::Audit(error);
    let store = Store::open(database).await.map_err(|error| broken(error.to_string()))?;
    let mut text = format!("{:>5}  {:<24} {:<32} approved by\n", "row", "what became of the call", "by");
    let projects = store.audit_projects().await.map_err(|error| broken(error.to_string()))?;
    if projects.is_empty() {
        return Err(broken("there are no rows".into()));
    }
    for project in projects {
        let visit = |entry: &Entry| {
            if entry.subject == execution {
                let approver = entry.approver.as_deref().unwrap_or("-");
                // A String takes all that is written to it.
                let _ = writeln!(text, "{:>5}  {:<24} {:<32} {approver}", entry.seq, entry.action, entry.actor);
            }
            Ok::<(), Infallible>(())
        };
        let chain = store.walk_audit(&project, visit).await.map_err(|error| match error {
            AuditWalkError::Broken(found) => broken(found.to_string()),
            error => broken(error.to_string()),
        })?;
        let head = chain.head();
        let _ = writeln!(text, "\n{} rows, each hashed with the one before it: unbroken; head {}", head.seq, head.hash);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, By, Clock, ProjectId, Random};
    use crate::store::Act;

    #[tokio::test]
    async fn an_empty_chain_proves_nothing_and_rows_of_the_call_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(folder.path().join("a.db"));
        assert!(matches!(verified(&database, "exec_1").await, Err(DemoError::Audit(_))), "an empty chain");
        let store = Store::open(&database).await.unwrap();
        let clock = Clock::system();
        let project = ProjectId::new(&clock, &Random::system());
        for subject in ["exec_1", "exec_2"] {
            let act = Act::new(&project, &By::host(clock.now()), Action::ConnectionDeleted, subject);
            store.record_act(act).await.unwrap();
        }
        let text = verified(&database, "exec_1").await.unwrap();
        assert!(text.contains("2 rows") && text.contains("connection.deleted"), "{text}");
        assert_eq!(text.matches("connection.deleted").count(), 1, "of that call only: {text}");
    }
}
