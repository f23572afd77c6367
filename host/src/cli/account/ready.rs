//! `gloveport account ready`: which connections a user can use now, and what keeps them from the others.

use clap::Args as ClapArgs;

use super::super::remote::Remote;
use super::super::table::{Column, array_at, write_items};
use super::super::{CliError, Session};

/// Whose connections.
#[derive(ClapArgs, Debug)]
pub(super) struct Ready {
    /// The user, in your words.
    identifier: String,
    /// The user's organization.
    #[arg(long)]
    organization: Option<String>,
}

const COLUMNS: &[Column] = &[
    ("CONNECTION", "/connection"),
    ("LABEL", "/label"),
    ("READY", "/ready"),
    ("STATUS", "/status"),
    ("SHARED", "/shared"),
    ("LAST USED", "/last_used_at"),
    ("WHY NOT", "/code"),
];

pub(super) async fn run(remote: &Remote, ready: &Ready, session: &mut Session<'_>) -> Result<(), CliError> {
    let query = [("identifier", Some(ready.identifier.as_str())), ("organization", ready.organization.as_deref())];
    let answer = remote.client(session)?.get(&["v1", "accounts", "readiness"], &query).await?;
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    let connections = array_at(&answer.value, "/connections");
    if connections.is_empty() {
        return Ok(writeln!(
            session.err,
            "There is no connection: `gloveport connection add NAME --connector CONNECTOR`."
        )?);
    }
    Ok(write_items(session.out, COLUMNS, connections)?)
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{Fake, run_at};

    #[tokio::test]
    async fn each_connection_has_its_line() {
        let body = r#"{"ready": false, "connections": [
            {"connection": "work", "label": null, "ready": true, "status": "active", "shared": false,
             "last_used_at": "2026-11-21T10:00:00.000Z", "code": null},
            {"connection": "mail", "label": null, "ready": false, "status": "not_connected", "shared": false,
             "last_used_at": null, "code": "account_not_connected"}]}"#;
        let fake = Fake::answering(200, body).await;
        let ran = run_at(&fake, "account ready a&b --organization acme", "").await;
        let table = "\
CONNECTION  LABEL  READY  STATUS         SHARED  LAST USED                 WHY NOT
work        -      yes    active         no      2026-11-21T10:00:00.000Z  -
mail        -      no     not_connected  no      -                         account_not_connected
";
        assert_eq!((ran.code, ran.out.as_str()), (0, table));
        assert_eq!(fake.request().target, "/v1/accounts/readiness?identifier=a%26b&organization=acme");
        let fake = Fake::answering(200, r#"{"ready": true, "connections": []}"#).await;
        let ran = run_at(&fake, "account ready ada", "").await;
        assert_eq!((ran.code, ran.out.as_str()), (0, ""));
        assert!(ran.err.contains("connection add"), "{}", ran.err);
    }
}
