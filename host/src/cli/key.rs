//! `gloveport key`: API keys, and the rotation of the master key.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use http::Method;
use serde::Serialize;

use super::list::{self, MAX_ITEMS};
use super::remote::Remote;
use super::table::{Column, clean, str_at};
use super::{CliError, Session, rotate};

/// Options of `gloveport key`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an API key; it is shown this once.
    #[command(after_help = "Example:\n  gloveport key add --role agent --identifier ada@example.com > agent.key")]
    Add(Add),
    /// List API keys; the keys themselves cannot be shown.
    List,
    /// Remove an API key; requests with it are refused from then on.
    Remove {
        /// Its id, such as key_….
        id: String,
    },
    /// Seal every credential with a new master key, in the data folder of a host.
    Rotate(rotate::Args),
}

#[derive(ClapArgs, Debug, Serialize)]
struct Add {
    /// What the key may do: an agent lists and executes tools, an admin does everything.
    #[arg(long)]
    role: Role,
    /// The only user it may act for.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<String>,
    /// Name of the profile that says what it may use.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    /// What it may do, if that is less or more than its role says, such as approvals:read,approvals:decide.
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    /// For people.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
enum Role {
    Agent,
    Admin,
}

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("NAME", "/name"),
    ("ROLE", "/role"),
    ("IDENTIFIER", "/identifier"),
    ("PROFILE", "/profile"),
    ("MADE", "/created_at"),
];

/// Runs `gloveport key`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, action } = args;
    match action {
        Action::Add(add) => {
            let answer = remote.client(session)?.send(Method::POST, &["v1", "keys"], &[], &add).await?;
            if remote.json {
                writeln!(session.out, "{}", answer.text.trim_end())?;
            } else {
                writeln!(session.out, "{}", clean(str_at(&answer.value, "/key")))?;
            }
            let id = clean(str_at(&answer.value, "/id"));
            Ok(writeln!(
                session.err,
                "This is the only time that the key {id} is shown: keep it now, and keep it secret."
            )?)
        }
        Action::List => {
            let list = list::fetch(&remote.client(session)?, &["v1", "keys"], &[], MAX_ITEMS).await?;
            list.show(session, remote.json, COLUMNS, "There is no key: `gloveport key add --role agent`.")
        }
        Action::Remove { id } => {
            remote.client(session)?.delete(&["v1", "keys", &id], &[]).await?;
            Ok(writeln!(session.err, "Removed the key {id}.")?)
        }
        Action::Rotate(args) => rotate::run(args, session).await,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::testing::{Fake, run_at};

    #[tokio::test]
    async fn a_new_key_is_all_of_standard_output() {
        let fake = Fake::answering(201, r#"{"id": "key_1", "key": "gp_new", "role": "agent"}"#).await;
        let ran = run_at(&fake, "key add --role agent --identifier ada --name laptop", "").await;
        assert_eq!((ran.code, ran.out.as_str()), (0, "gp_new\n"));
        assert!(ran.err.contains("only time") && !ran.err.contains("gp_new"), "{}", ran.err);
        assert_eq!(fake.request().line(), "POST /v1/keys");
        assert_eq!(fake.request().json(), json!({"role": "agent", "identifier": "ada", "name": "laptop"}));

        let fake = Fake::answering(201, r#"{"id": "key_1", "key": "gp_new"}"#).await;
        assert_eq!(run_at(&fake, "key add --role agent --profile support", "").await.code, 0);
        assert_eq!(fake.request().json(), json!({"role": "agent", "profile": "support"}));

        let fake = Fake::answering(201, r#"{"id": "key_1", "key": "gp_new"}"#).await;
        let line = "key add --role agent --scopes approvals:read,approvals:decide";
        assert_eq!(run_at(&fake, line, "").await.code, 0);
        let scopes = json!(["approvals:read", "approvals:decide"]);
        assert_eq!(fake.request().json(), json!({"role": "agent", "scopes": scopes}));

        let fake = Fake::answering(201, r#"{"id": "key_1", "key": "gp_new"}"#).await;
        let ran = run_at(&fake, "key add --role admin --json", "").await;
        assert_eq!(ran.out, "{\"id\": \"key_1\", \"key\": \"gp_new\"}\n");
        assert_eq!(fake.request().json(), json!({"role": "admin"}));
    }

    #[tokio::test]
    async fn list_and_remove() {
        let body = r#"{"items": [{"id": "key_1", "role": "agent", "identifier": "ada", "profile": "support"}],
            "next_cursor": null}"#;
        let fake = Fake::answering(200, body).await;
        let table = "\
ID     NAME  ROLE   IDENTIFIER  PROFILE  MADE
key_1  -     agent  ada         support  -
";
        assert_eq!(run_at(&fake, "key list", "").await.out, table);
        let fake = Fake::answering(204, "").await;
        assert_eq!(run_at(&fake, "key remove key_1", "").await.code, 0);
        assert_eq!(fake.request().line(), "DELETE /v1/keys/key_1");
    }
}
