//! `gloveport connection`: configure connectors.

use clap::{Args as ClapArgs, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use super::list::{self, MAX_ITEMS};
use super::remote::Remote;
use super::table::{Column, clean, str_at, write_list};
use super::{CliError, Session};

/// Options of `gloveport connection`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a connection of a connector.
    #[command(after_help = "Example:\n  gloveport connection add github-work --connector github --auth-pattern token")]
    Add(Add),
    /// List connections.
    List,
    /// Show a connection.
    Show {
        /// Name of the connection.
        name: String,
    },
    /// Remove a connection and its accounts.
    Remove {
        /// Name of the connection.
        name: String,
    },
    /// Try a connection with its connector's test call.
    Test {
        /// Name of the connection.
        name: String,
    },
}

#[derive(ClapArgs, Debug)]
struct Add {
    /// Name of the new connection.
    name: String,
    /// Name of an installed connector.
    #[arg(long)]
    connector: String,
    /// One of the connector's auth patterns; the first if left out.
    #[arg(long, value_name = "NAME")]
    auth_pattern: Option<String>,
    /// Stands in for the connector's own base URL.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// A JSON object that the connector may read; no secrets.
    #[arg(long, value_name = "JSON")]
    settings: Option<String>,
}

const COLUMNS: &[Column] = &[
    ("NAME", "/name"),
    ("CONNECTOR", "/connector"),
    ("AUTH", "/auth_pattern"),
    ("STATUS", "/status"),
    ("ACCOUNTS", "/account_count"),
    ("BASE URL", "/base_url"),
];

const LINES: &[Column] = &[
    ("Name", "/name"),
    ("Id", "/id"),
    ("Connector", "/connector"),
    ("Auth pattern", "/auth_pattern"),
    ("Base URL", "/base_url"),
    ("Redirect URI", "/redirect_uri"),
    ("Settings", "/settings"),
    ("Status", "/status"),
    ("Disabled", "/disabled"),
    ("Accounts", "/account_count"),
    ("Made", "/created_at"),
    ("Changed", "/updated_at"),
];

/// Runs `gloveport connection`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, action } = args;
    let client = remote.client(session)?;
    let answer = match action {
        Action::Add(add) => client.send(Method::POST, &["v1", "connections"], &[], &body(&add)?).await?,
        Action::Show { name } => client.get(&["v1", "connections", &name], &[]).await?,
        Action::List => {
            let list = list::fetch(&client, &["v1", "connections"], &[], MAX_ITEMS).await?;
            let if_empty = "There is no connection: `gloveport connection add NAME --connector CONNECTOR`.";
            return list.show(session, remote.json, COLUMNS, if_empty);
        }
        Action::Remove { name } => {
            client.delete(&["v1", "connections", &name], &[]).await?;
            return Ok(writeln!(session.err, "Removed the connection {name}.")?);
        }
        Action::Test { name } => {
            let answer = client.send(Method::POST, &["v1", "connections", &name, "test"], &[], &json!({})).await?;
            return show_test(session, remote.json, &answer.text, &answer.value);
        }
    };
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    Ok(write_list(session.out, LINES, &answer.value)?)
}

fn body(add: &Add) -> Result<Map<String, Value>, CliError> {
    let mut body = Map::new();
    body.insert("name".into(), add.name.as_str().into());
    body.insert("connector".into(), add.connector.as_str().into());
    for (name, value) in [("auth_pattern", &add.auth_pattern), ("base_url", &add.base_url)] {
        if let Some(value) = value {
            body.insert(name.into(), value.as_str().into());
        }
    }
    if let Some(settings) = &add.settings {
        let settings: Map<String, Value> = serde_json::from_str(settings)
            .map_err(|error| CliError::Usage(format!("--settings is not a JSON object: {error}")))?;
        body.insert("settings".into(), settings.into());
    }
    Ok(body)
}

/// A connection that does not work is a failure of the command, with or without `--json`.
fn show_test(session: &mut Session<'_>, json: bool, text: &str, value: &Value) -> Result<(), CliError> {
    let detail = clean(str_at(value, "/detail"));
    let works = value.pointer("/ok") == Some(&Value::Bool(true));
    if json {
        writeln!(session.out, "{}", text.trim_end())?;
    } else if works {
        writeln!(session.out, "It works. {detail}")?;
    }
    if works { Ok(()) } else { Err(CliError::Failed(format!("the connection does not work: {detail}"))) }
}
