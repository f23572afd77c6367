//! `gloveport account`: connect users' accounts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use http::Method;
use serde::Serialize;
use serde_json::json;

use super::client::{Answer, Client};
use super::list::{self, MAX_ITEMS};
use super::remote::Remote;
use super::secrets::Credentials;
use super::table::{Column, clean, str_at, write_list};
use super::{CliError, Session};

mod authorize;
mod change;
mod events;
mod here;
mod ready;

use authorize::Authorize;

/// Options of `gloveport account`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Connect an account; secrets come from standard input or a file.
    #[command(after_help = CONNECT_HELP)]
    Connect(Connect),
    /// Make a link with which a user authorizes an account.
    #[command(after_help = authorize::HELP)]
    Authorize(Authorize),
    /// Change a part of an account; the rest stays.
    #[command(after_help = change::HELP)]
    Change(change::Change),
    /// Show which connections a user can use now, and what keeps them from the others.
    Ready(ready::Ready),
    /// Show what happened to an account, the latest first.
    Events(events::Events),
    /// List accounts.
    List(Filter),
    /// Show an account; its credential cannot be shown.
    Show(Which),
    /// Get a new token for an account now.
    Refresh(Which),
    /// Refuse calls with an account and keep its credential.
    Disable(Which),
    /// Allow calls with an account again.
    Enable(Which),
    /// Remove an account and its credential.
    Remove(Which),
}

const CONNECT_HELP: &str = "\
Examples:
  gloveport account connect github ada@example.com --secret token < token.txt
  gloveport account connect jira ada@example.com --field domain=acme --secrets-file secrets.json

`gloveport connector inspect NAME` shows the fields. One --secret takes all of standard input without the newline at
its end; several take one line each. A secrets file is a JSON object such as {\"username\": \"…\", \"password\": \"…\"}.";

#[derive(ClapArgs, Debug)]
struct Connect {
    #[command(flatten)]
    which: Which,
    /// A public field of the auth pattern, such as a domain; repeat for more.
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<String>,
    /// Name of a secret field whose value is on standard input; repeat for more.
    #[arg(long = "secret", value_name = "NAME")]
    secrets: Vec<String>,
    /// JSON object with the secret fields, or - for standard input.
    #[arg(long, value_name = "FILE|-", conflicts_with = "secrets")]
    secrets_file: Option<PathBuf>,
    /// Let it serve every user who has no account of their own on the connection.
    #[arg(long)]
    shared: bool,
}

#[derive(ClapArgs, Debug)]
struct Which {
    /// Name of the connection.
    connection: String,
    /// The user, in your words.
    identifier: String,
    /// The user's organization.
    #[arg(long)]
    organization: Option<String>,
    /// Tells several accounts of one user apart.
    #[arg(long)]
    label: Option<String>,
}

#[derive(ClapArgs, Debug)]
struct Filter {
    /// Only of this connection.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Only of this user.
    #[arg(long)]
    identifier: Option<String>,
    /// Only of this organization.
    #[arg(long)]
    organization: Option<String>,
    /// Only in this state: pending, active, expired, revoked or error.
    #[arg(long)]
    status: Option<String>,
    /// Only with this text in it.
    #[arg(long, value_name = "TEXT")]
    query: Option<String>,
}

#[derive(Serialize)]
struct ConnectBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<Credentials>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shared: bool,
}

const COLUMNS: &[Column] = &[
    ("CONNECTION", "/connection"),
    ("IDENTIFIER", "/identifier"),
    ("ORGANIZATION", "/organization"),
    ("LABEL", "/label"),
    ("STATUS", "/status"),
    ("DISABLED", "/disabled"),
    ("ID", "/id"),
];

const LINES: &[Column] = &[
    ("Id", "/id"),
    ("Connection", "/connection"),
    ("Identifier", "/identifier"),
    ("Organization", "/organization"),
    ("Label", "/label"),
    ("Shared", "/shared"),
    ("Status", "/status"),
    ("Why", "/error"),
    ("Disabled", "/disabled"),
    ("Token ends", "/expires_at"),
    ("Fields", "/fields"),
    ("Settings", "/settings"),
    ("Scopes", "/scopes"),
    ("Hosts", "/hosts"),
    ("Made", "/created_at"),
    ("Changed", "/updated_at"),
    ("Last used", "/last_used_at"),
];

/// Runs `gloveport account`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, action } = args;
    match action {
        Action::Connect(connect) => run_connect(&remote, &connect, session).await,
        Action::Authorize(args) => authorize::run(&remote, &args, session).await,
        Action::Change(change) => change::run(&remote, &change, session).await,
        Action::Events(events) => events::run(&remote, &events, session).await,
        Action::Ready(ready) => ready::run(&remote, &ready, session).await,
        Action::List(filter) => {
            let list = list::fetch(&remote.client(session)?, &["v1", "accounts"], &filter.query(), MAX_ITEMS).await?;
            let if_empty = "No such account: `gloveport account connect CONNECTION IDENTIFIER --secret NAME`.";
            list.show(session, remote.json, COLUMNS, if_empty)
        }
        Action::Show(which) => {
            let answer = remote.client(session)?.get(&which.path(), &which.query()).await?;
            show(&remote, session, &answer)
        }
        Action::Refresh(which) => switch(&remote, &which, "refresh", session).await,
        Action::Disable(which) => switch(&remote, &which, "disable", session).await,
        Action::Enable(which) => switch(&remote, &which, "enable", session).await,
        Action::Remove(which) => {
            remote.client(session)?.delete(&which.path(), &which.query()).await?;
            Ok(writeln!(session.err, "Removed the account of {} on {}.", which.identifier, which.connection)?)
        }
    }
}

async fn run_connect(remote: &Remote, connect: &Connect, session: &mut Session<'_>) -> Result<(), CliError> {
    let fields = connect.fields.iter().map(|field| named(field)).collect::<Result<BTreeMap<_, _>, _>>()?;
    if fields.len() != connect.fields.len() {
        return Err(CliError::Usage("a --field is given twice".into()));
    }
    let client = remote.client(session)?;
    let credentials = match &connect.secrets_file {
        Some(path) => Some(Credentials::read(path, session)?),
        None if connect.secrets.is_empty() => None,
        None => Some(Credentials::ask(&connect.secrets, session)?),
    };
    let has_credentials = credentials.is_some();
    let which = &connect.which;
    let (organization, label) = (which.organization.as_deref(), which.label.as_deref());
    let body = ConnectBody { credentials, fields, organization, label, shared: connect.shared };
    let answer = put(&client, which, &body).await?;
    show(remote, session, &answer)?;
    let status = str_at(&answer.value, "/status");
    if has_credentials && status != "active" {
        return Err(CliError::Failed(format!("the account is not active but {:?}", clean(status))));
    }
    if status == "pending" {
        writeln!(
            session.err,
            "The account has no credential yet: give one with --secret NAME or --secrets-file FILE. A connection in demo \
             mode needs none."
        )?;
    }
    Ok(())
}

async fn put(client: &Client, which: &Which, body: &ConnectBody<'_>) -> Result<Answer, CliError> {
    client.send(Method::PUT, &which.path(), &[], body).await
}

async fn switch(remote: &Remote, which: &Which, action: &str, session: &mut Session<'_>) -> Result<(), CliError> {
    let path = [&which.path()[..], &[action]].concat();
    let answer = remote.client(session)?.send(Method::POST, &path, &which.query(), &json!({})).await?;
    show(remote, session, &answer)
}

fn show(remote: &Remote, session: &mut Session<'_>, answer: &Answer) -> Result<(), CliError> {
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    Ok(write_list(session.out, LINES, &answer.value)?)
}

/// Splits `name=value`. The refusal does not repeat the text, which may be a secret in the wrong place.
fn named(field: &str) -> Result<(&str, &str), CliError> {
    match field.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name, value)),
        _ => Err(CliError::Usage("--field takes NAME=VALUE".into())),
    }
}

impl Which {
    fn path(&self) -> [&str; 5] {
        ["v1", "connections", &self.connection, "accounts", &self.identifier]
    }

    fn query(&self) -> [(&'static str, Option<&str>); 2] {
        [("organization", self.organization.as_deref()), ("label", self.label.as_deref())]
    }
}

impl Filter {
    fn query(&self) -> [(&'static str, Option<&str>); 5] {
        [
            ("connection", self.connection.as_deref()),
            ("identifier", self.identifier.as_deref()),
            ("organization", self.organization.as_deref()),
            ("status", self.status.as_deref()),
            ("query", self.query.as_deref()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::testing::{Fake, run_args_at, run_at};

    const ACTIVE: &str = r#"{"id": "acc_1", "connection": "work", "identifier": "ada@x.y", "organization": "",
        "label": "", "status": "active", "disabled": false, "fields": {"domain": "acme"}}"#;

    #[tokio::test]
    async fn connect_sends_secrets_from_standard_input_and_echoes_none() {
        let fake = Fake::answering(201, ACTIVE).await;
        let args = "account connect work ada@x.y --secret token --field domain=a=b --organization o --label l";
        let ran = run_at(&fake, args, "canary-1\n").await;
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        let shown = "\
Id            acc_1
Connection    work
Identifier    ada@x.y
Status        active
Disabled      no
Fields        domain=acme
";
        assert_eq!(ran.out, shown);
        let request = fake.request();
        assert_eq!(request.line(), "PUT /v1/connections/work/accounts/ada@x.y");
        let expected = json!({"credentials": {"token": "canary-1"}, "fields": {"domain": "a=b"}, "organization": "o",
            "label": "l"});
        assert_eq!(request.json(), expected);
    }

    #[tokio::test]
    async fn connect_takes_a_file_of_secrets_or_none() {
        let fake = Fake::answering(200, ACTIVE).await;
        let ran = run_at(&fake, "account connect work a/b --secrets-file -", r#"{"u": "1", "p": "2"}"#).await;
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(fake.request().line(), "PUT /v1/connections/work/accounts/a%2Fb");
        assert_eq!(fake.request().json(), json!({"credentials": {"u": "1", "p": "2"}}));

        let fake = Fake::answering(201, r#"{"id": "acc_1", "status": "pending"}"#).await;
        let ran = run_at(&fake, "account connect work ada", "").await;
        assert_eq!((ran.code, fake.request().json()), (0, json!({})));
        assert!(ran.err.contains("no credential yet"), "{}", ran.err);
    }

    #[tokio::test]
    async fn an_account_that_is_connected_and_not_active_is_a_failure() {
        for status in ["pending", "error", "revoked"] {
            let fake = Fake::answering(200, &json!({"id": "acc_1", "status": status}).to_string()).await;
            let ran = run_at(&fake, "account connect work ada --secret token", "canary").await;
            assert_eq!(ran.code, 1, "{status}");
            assert!(ran.err.contains(status) && !ran.err.contains("canary"), "{}", ran.err);
        }
    }

    #[tokio::test]
    async fn secrets_in_arguments_are_wrong_usage_and_not_repeated() {
        let cases: [&[&str]; 7] = [
            &["--secret", "token=canary"],
            &["--secret=token=canary"],
            &["--field", "canary"],
            &["--field", "=canary"],
            &["--field", "a=canary", "--field", "a=canary"],
            &["--secret", "a", "--secret", "a"],
            &["--secret", "a", "--secrets-file", "-"],
        ];
        for more in cases {
            let fake = Fake::answering(200, ACTIVE).await;
            let ran = run_args_at(&fake, &[&["account", "connect", "work", "ada"], more].concat(), "canary").await;
            assert_eq!((ran.code, ran.out.as_str(), fake.requests().len()), (2, "", 0), "{more:?}");
            assert!(!ran.err.is_empty() && !ran.err.contains("canary"), "{}", ran.err);
        }
    }

    #[tokio::test]
    async fn each_action_asks_for_the_right_thing() {
        let cases = [
            ("account show w a --label l", "GET /v1/connections/w/accounts/a?label=l"),
            ("account refresh w a", "POST /v1/connections/w/accounts/a/refresh"),
            ("account disable w a", "POST /v1/connections/w/accounts/a/disable"),
            ("account enable w a --organization o", "POST /v1/connections/w/accounts/a/enable?organization=o"),
            ("account remove w a?b#c", "DELETE /v1/connections/w/accounts/a%3Fb%23c"),
        ];
        for (args, line) in cases {
            let fake = Fake::answering(200, ACTIVE).await;
            let ran = run_at(&fake, args, "").await;
            assert_eq!((ran.code, fake.request().line().as_str()), (0, line));
        }
    }

    #[tokio::test]
    async fn list_filters_and_shows_a_table() {
        let fake = Fake::answering(200, &format!(r#"{{"items": [{ACTIVE}], "next_cursor": null}}"#)).await;
        let ran = run_at(&fake, "account list --connection w --status active --query x&y", "").await;
        let table = "\
CONNECTION  IDENTIFIER  ORGANIZATION  LABEL  STATUS  DISABLED  ID
work        ada@x.y     -             -      active  no        acc_1
";
        assert_eq!((ran.code, ran.out.as_str()), (0, table));
        assert_eq!(fake.request().target, "/v1/accounts?connection=w&status=active&query=x%26y&limit=200");
    }
}
