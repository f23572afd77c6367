//! `gloveport connection`: configure connectors.

mod oauth;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use http::Method;
use serde_json::{Map, Value, json};

use self::oauth::{OAuth, OAuthArgs};
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
    /// Change the OAuth client or the scopes of a connection. Accounts stay with the client that they were authorized with.
    #[command(after_help = "Example:\n  gloveport connection oauth crm --client-id 4711 --client-secret secret.txt")]
    Oauth {
        /// Name of the connection.
        name: String,
        #[command(flatten)]
        oauth: OAuthArgs,
    },
    /// Let callers send requests of their own through a connection, or no longer.
    Proxy {
        /// Name of the connection.
        name: String,
        /// Whether they may.
        state: Switch,
    },
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
    /// A JSON object: name of a tool to the parameters that are set for every call of it.
    #[arg(long, value_name = "JSON")]
    presets: Option<String>,
    /// A secret field of the auth pattern that a named secret fills, so that accounts need not; repeat for more.
    #[arg(long = "from-secret", value_name = "FIELD=SECRET")]
    from_secret: Vec<String>,
    /// Let nothing leave: calls are answered with what could have been the answer, and need no credential.
    #[arg(long)]
    demo: bool,
    /// Let callers send requests of their own through it, with the account's credential.
    #[arg(long)]
    proxy: bool,
    #[command(flatten)]
    oauth: OAuthArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Switch {
    On,
    Off,
}

const COLUMNS: &[Column] = &[
    ("NAME", "/name"),
    ("CONNECTOR", "/connector"),
    ("AUTH", "/auth_pattern"),
    ("STATUS", "/status"),
    ("DEMO", "/demo"),
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
    ("Client", "/oauth/client_id"),
    ("Scopes", "/oauth/scopes"),
    ("Settings", "/settings"),
    ("Presets", "/presets"),
    ("From secrets", "/credentials"),
    ("Status", "/status"),
    ("Disabled", "/disabled"),
    ("Demo", "/demo"),
    ("Proxy", "/proxy_enabled"),
    ("Accounts", "/account_count"),
    ("Made", "/created_at"),
    ("Changed", "/updated_at"),
];

/// Runs `gloveport connection`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, action } = args;
    let client = remote.client(session)?;
    let answer = match action {
        Action::Add(add) => {
            let body = body(&add, add.oauth.read(session)?)?;
            client.send(Method::POST, &["v1", "connections"], &[], &body).await?
        }
        Action::Oauth { name, oauth } => {
            let oauth = oauth.read(session)?;
            let oauth = oauth.ok_or_else(|| CliError::Usage("give --client-id or --scope".into()))?;
            client.send(Method::PATCH, &["v1", "connections", &name], &[], &json!({ "oauth": oauth })).await?
        }
        Action::Proxy { name, state } => {
            let body = json!({ "proxy_enabled": matches!(state, Switch::On) });
            client.send(Method::PATCH, &["v1", "connections", &name], &[], &body).await?
        }
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

fn body(add: &Add, oauth: Option<OAuth>) -> Result<Map<String, Value>, CliError> {
    let mut body = Map::new();
    if let Some(oauth) = oauth {
        body.insert("oauth".into(), json!(oauth));
    }
    body.insert("name".into(), add.name.as_str().into());
    body.insert("connector".into(), add.connector.as_str().into());
    for (name, value) in [("auth_pattern", &add.auth_pattern), ("base_url", &add.base_url)] {
        if let Some(value) = value {
            body.insert(name.into(), value.as_str().into());
        }
    }
    for (name, text) in [("settings", &add.settings), ("presets", &add.presets)] {
        if let Some(text) = text {
            let object: Map<String, Value> = serde_json::from_str(text)
                .map_err(|error| CliError::Usage(format!("--{name} is not a JSON object: {error}")))?;
            body.insert(name.into(), object.into());
        }
    }
    let mut filled = Map::new();
    for text in &add.from_secret {
        let (field, secret) = text
            .split_once('=')
            .filter(|(field, secret)| !field.is_empty() && !secret.is_empty())
            .ok_or_else(|| CliError::Usage("--from-secret takes FIELD=SECRET, the name of a secret".into()))?;
        if filled.insert(field.into(), json!({ "secret": secret })).is_some() {
            return Err(CliError::Usage(format!("--from-secret gives {field:?} twice")));
        }
    }
    if !filled.is_empty() {
        body.insert("credentials".into(), filled.into());
    }
    if add.demo {
        body.insert("demo".into(), true.into());
    }
    if add.proxy {
        body.insert("proxy_enabled".into(), true.into());
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::testing::{Fake, run_args_at, run_at};

    const WORK: &str = r#"{"id": "conn_1", "name": "work", "connector": "github", "auth_pattern": "token",
        "redirect_uri": null, "status": "active", "demo": false, "account_count": 0}"#;

    #[tokio::test]
    async fn add_sends_what_is_given_and_nothing_else() {
        let cases = [
            (vec![], json!({"name": "w", "connector": "github"})),
            (
                vec!["--from-secret", "token=key", "--from-secret", "b=c"],
                json!({"name": "w", "connector": "github",
                    "credentials": {"token": {"secret": "key"}, "b": {"secret": "c"}}}),
            ),
            (vec!["--proxy"], json!({"name": "w", "connector": "github", "proxy_enabled": true})),
            (vec!["--demo"], json!({"name": "w", "connector": "github", "demo": true})),
            (
                vec![
                    "--auth-pattern",
                    "token",
                    "--base-url",
                    "http://h",
                    "--settings",
                    r#"{"n": 12345678901234567890123}"#,
                    "--presets",
                    r#"{"github_issues_list": {"owner": "acme"}}"#,
                ],
                json!({"name": "w", "connector": "github", "auth_pattern": "token", "base_url": "http://h",
                    "settings": {"n": 12345678901234567890123_u128},
                    "presets": {"github_issues_list": {"owner": "acme"}}}),
            ),
        ];
        for (more, expected) in cases {
            let fake = Fake::answering(201, WORK).await;
            let args = [&["connection", "add", "w", "--connector", "github"][..], &more].concat();
            let ran = run_args_at(&fake, &args, "").await;
            assert_eq!((ran.code, ran.err.as_str()), (0, ""));
            let request = fake.request();
            assert_eq!((request.line().as_str(), request.json()), ("POST /v1/connections", expected));
            assert_eq!(request.content_type, "application/json");
            let shown = "\
Name          work
Id            conn_1
Connector     github
Auth pattern  token
Status        active
Demo          no
Accounts      0
";
            assert_eq!(ran.out, shown);
        }
    }

    #[tokio::test]
    async fn settings_that_are_no_object_are_wrong_usage() {
        let fake = Fake::answering(201, WORK).await;
        for text in ["", "{", "[]", "7", "null", "{} {}", "{a: 1}"] {
            for option in ["--settings", "--presets"] {
                let args = ["connection", "add", "w", "--connector", "github", option, text];
                let ran = run_args_at(&fake, &args, "").await;
                assert_eq!((ran.code, fake.requests().len()), (2, 0), "{option} {text}");
            }
        }
    }

    #[tokio::test]
    async fn a_test_that_fails_is_a_failure() {
        let cases = [
            (r#"{"ok": true, "detail": "GET /user: 200"}"#, "", 0, "It works. GET /user: 200\n"),
            (r#"{"ok": false, "detail": "401"}"#, "", 1, ""),
            (r#"{"ok": false, "detail": "401"}"#, " --json", 1, "{\"ok\": false, \"detail\": \"401\"}\n"),
            (r#"{"ok": "true"}"#, "", 1, ""),
            ("{}", "", 1, ""),
        ];
        for (body, option, code, out) in cases {
            let fake = Fake::answering(200, body).await;
            let ran = run_at(&fake, &format!("connection test work{option}"), "").await;
            assert_eq!((ran.code, ran.out.as_str()), (code, out), "{body}");
            assert_eq!(fake.request().line(), "POST /v1/connections/work/test");
        }
    }

    #[tokio::test]
    async fn show_list_and_remove_ask_for_the_right_thing() {
        let fake = Fake::answering(200, &format!(r#"{{"items": [{WORK}], "next_cursor": null}}"#)).await;
        let ran = run_at(&fake, "connection list", "").await;
        let table = "\
NAME  CONNECTOR  AUTH   STATUS  DEMO  ACCOUNTS  BASE URL
work  github     token  active  no    0         -
";
        assert_eq!((ran.code, ran.out.as_str()), (0, table));
        for (args, line) in [
            ("connection show a%2Fb", "GET /v1/connections/a%252Fb"),
            ("connection remove a/b", "DELETE /v1/connections/a%2Fb"),
        ] {
            let fake = Fake::answering(200, WORK).await;
            assert_eq!(run_at(&fake, args, "").await.code, 0);
            assert_eq!(fake.request().line(), line);
        }
    }
}
