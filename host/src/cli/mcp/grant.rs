//! `gloveport mcp grant`: what users let MCP clients do.

use clap::Subcommand;

use super::super::client::Client;
use super::super::list::{self, MAX_ITEMS};
use super::super::remote::Remote;
use super::super::table::Column;
use super::super::{CliError, Session};

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// List who may call for whom.
    List {
        /// Only those of this config.
        #[arg(long)]
        config: Option<String>,
        /// Only those of this user.
        #[arg(long)]
        identifier: Option<String>,
        /// Only those of this client: an identifier of this host, or the URL of the client's document.
        #[arg(long, value_name = "ID")]
        client_id: Option<String>,
    },
    /// End one: its tokens open nothing from then on.
    Remove {
        /// Its id, such as mcp_grant_….
        id: String,
    },
}

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("CONFIG", "/config"),
    ("IDENTIFIER", "/identifier"),
    ("ORGANIZATION", "/organization"),
    ("CLIENT", "/client_name"),
    ("CLIENT ID", "/client_id"),
    ("REFRESHED", "/refreshed_at"),
    ("ENDS", "/expires_at"),
];

/// Runs `gloveport mcp grant`.
pub(super) async fn run(
    remote: &Remote,
    client: &Client,
    action: Action,
    session: &mut Session<'_>,
) -> Result<(), CliError> {
    match action {
        Action::List { config, identifier, client_id } => {
            let query = [
                ("config", config.as_deref()),
                ("identifier", identifier.as_deref()),
                ("client_id", client_id.as_deref()),
            ];
            let list = list::fetch(client, &["v1", "mcp", "grants"], &query, MAX_ITEMS).await?;
            list.show(session, remote.json, COLUMNS, "No user lets an MCP client do anything.")
        }
        Action::Remove { id } => {
            client.delete(&["v1", "mcp", "grants", &id], &[]).await?;
            Ok(writeln!(session.err, "Ended {id}: its tokens open nothing any more.")?)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{Fake, run_at};

    #[tokio::test]
    async fn grants_are_listed_and_ended() {
        let one = r#"{"items": [{"id": "mcp_grant_1", "config": "desk", "identifier": "ada", "organization": null,
            "client_id": "https://c.example/x", "client_name": "Claude", "refreshed_at": "r", "expires_at": "e"}],
            "next_cursor": null}"#;
        let fake = Fake::answering(200, one).await;
        let ran =
            run_at(&fake, "mcp grant list --config desk --identifier ada --client-id https://c.example/x", "").await;
        assert_eq!(
            fake.request().line(),
            "GET /v1/mcp/grants?config=desk&identifier=ada&client_id=https%3A%2F%2Fc.example%2Fx&limit=200"
        );
        assert!(
            ran.code == 0 && ran.out.contains("mcp_grant_1") && ran.out.contains("Claude"),
            "{}{}",
            ran.out,
            ran.err
        );
        let fake = Fake::answering(200, r#"{"items": [], "next_cursor": null}"#).await;
        let ran = run_at(&fake, "mcp grant list", "").await;
        assert!(ran.code == 0 && ran.err.contains("No user"), "{}{}", ran.out, ran.err);
        let fake = Fake::answering(204, "").await;
        let ran = run_at(&fake, "mcp grant remove mcp_grant_1", "").await;
        assert_eq!((ran.code, fake.request().line()), (0, "DELETE /v1/mcp/grants/mcp_grant_1".to_owned()));
    }
}
