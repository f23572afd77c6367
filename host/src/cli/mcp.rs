//! `gloveport mcp`: what MCP clients are offered, and the URLs of users.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum as _};
use http::Method;
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::list::{self, MAX_ITEMS};
use super::profile::read_named;
use super::remote::Remote;
use super::table::{Column, array_at, clean, str_at, write_list, write_rows};
use super::{CliError, Session};
use reached::Reached;
use snippet::Program;

mod bridge;
mod events;
mod grant;
mod message;
mod reached;
pub(crate) mod snippet;

/// Options of `gloveport mcp`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Without a command it is a bridge: a program starts it, and speaks MCP with an endpoint by its standard streams.

Examples:
  GLOVEPORT_MCP_URL=https://gp.example/mcp/gpm_… gloveport mcp
  gloveport mcp --server https://gp.example --config support --identifier ada@example.com
  gloveport mcp --server https://gp.example --config support --identifier ada@example.com --snippets")]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    reached: Reached,
    /// Print what to paste into programs, so that they start this bridge.
    #[arg(long)]
    snippets: bool,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Look at and change configs: what is offered.
    Config {
        #[command(subcommand)]
        action: Config,
    },
    /// Give a user the URL of a config: the same each time. Whoever has it acts for the user.
    #[command(after_help = "Example:\n  gloveport mcp url support ada@example.com --client cursor")]
    Url {
        /// Name of the config.
        config: String,
        /// The user.
        identifier: String,
        /// For people, if it is new.
        #[arg(long)]
        name: Option<String>,
        /// Say how to set it up in this program.
        #[arg(long)]
        client: Option<Program>,
    },
    /// List the instances of users, without their URLs.
    List {
        /// Only those of this config.
        #[arg(long)]
        config: Option<String>,
        /// Only those of this user.
        #[arg(long)]
        identifier: Option<String>,
    },
    /// Give an instance another URL; the one before opens nothing from then on.
    Rotate {
        /// Its id, such as mcp_….
        id: String,
        /// Say how to set it up in this program.
        #[arg(long)]
        client: Option<Program>,
    },
    /// Remove an instance; its URL opens nothing from then on.
    Remove {
        /// Its id, such as mcp_….
        id: String,
    },
    /// Look at what users let clients do, and end it.
    Grant {
        #[command(subcommand)]
        action: grant::Action,
    },
    /// Show which connections of an instance its user still has to connect.
    State {
        /// Its id, such as mcp_….
        id: String,
    },
}

#[derive(Debug, Subcommand)]
enum Config {
    /// List configs.
    List,
    /// Show a config.
    Show {
        /// Name of the config.
        name: String,
    },
    /// Make a config, or put it in place of the one of its name.
    #[command(after_help = "Example of a file:
  {\"name\": \"support\", \"tools\": \"listed\", \"prompts\": true, \"connections\": [
    {\"connection\": \"github\", \"tools\": [\"github_issues_create\"]}, {\"connection\": \"stripe\"}]}")]
    Put {
        /// File with the config as JSON: `name`, `connections` and, if wanted, `description`, `tools`, `prompts` and
        /// `resources`; `-` for standard input.
        file: PathBuf,
    },
    /// Remove a config with its instances.
    Remove {
        /// Name of the config.
        name: String,
    },
}

const CONFIG_COLUMNS: &[Column] = &[
    ("NAME", "/name"),
    ("TOOLS", "/tools"),
    ("CONNECTIONS", "/connections/*/connection"),
    ("MISSING", "/missing/*/reason"),
    ("CHANGED", "/updated_at"),
];

const CONFIG_LINES: &[Column] = &[
    ("Name", "/name"),
    ("Description", "/description"),
    ("Tools", "/tools"),
    ("Prompts", "/prompts"),
    ("Resources", "/resources"),
    ("Connections", "/connections/*/connection"),
    ("Missing", "/missing/*/reason"),
    ("Made", "/created_at"),
    ("Changed", "/updated_at"),
];

const INSTANCE_COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("CONFIG", "/config"),
    ("IDENTIFIER", "/identifier"),
    ("NAME", "/name"),
    ("LAST USED", "/last_used_at"),
    ("MADE", "/created_at"),
];

const STATE_TITLES: &[&str] = &["CONNECTION", "CONNECTOR", "ACCOUNT", "STATUS"];
const STATE_PLACES: &[&str] = &["/connection", "/connector", "/account_id", "/status"];

/// Runs `gloveport mcp`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, reached, snippets, action } = args;
    let Some(action) = action else {
        return match snippets {
            true => show_snippets(&reached.command(&remote)?, session),
            false => bridge::run(reached.client(&remote, session)?, session),
        };
    };
    let client = remote.client(session)?;
    let instances = ["v1", "mcp", "instances"];
    match action {
        Action::Config { action } => config(&remote, &client, action, session).await,
        Action::Grant { action } => grant::run(&remote, &client, action, session).await,
        Action::Url { config, identifier, name, client: program } => {
            let path = ["v1", "mcp", "configs", &config, "instances", &identifier];
            let body = name.map_or_else(|| json!({}), |name| json!({ "name": name }));
            let answer = client.send(Method::PUT, &path, &[], &body).await?;
            show_url(&remote, session, &answer, program)
        }
        Action::List { config, identifier } => {
            let query = [("config", config.as_deref()), ("identifier", identifier.as_deref())];
            let list = list::fetch(&client, &instances, &query, MAX_ITEMS).await?;
            list.show(session, remote.json, INSTANCE_COLUMNS, "There is no instance: `gloveport mcp url CONFIG USER`.")
        }
        Action::Rotate { id, client: program } => {
            let path = ["v1", "mcp", "instances", &id, "rotate"];
            let answer = client.send(Method::POST, &path, &[], &json!({})).await?;
            show_url(&remote, session, &answer, program)
        }
        Action::Remove { id } => {
            client.delete(&["v1", "mcp", "instances", &id], &[]).await?;
            Ok(writeln!(session.err, "Removed the instance {id}: its URL opens nothing any more.")?)
        }
        Action::State { id } => {
            let answer = client.get(&["v1", "mcp", "instances", &id, "auth-state"], &[]).await?;
            if remote.json {
                return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
            }
            let cell = |state: &Value, place: &&str| clean(str_at(state, place));
            let row = |state: &Value| STATE_PLACES.iter().map(|place| cell(state, place)).collect();
            let rows = array_at(&answer.value, "/connections").iter().map(row).collect();
            Ok(write_rows(session.out, STATE_TITLES, rows)?)
        }
    }
}

async fn config(remote: &Remote, client: &Client, action: Config, session: &mut Session<'_>) -> Result<(), CliError> {
    let configs = ["v1", "mcp", "configs"];
    let answer = match action {
        Config::List => {
            let list = list::fetch(client, &configs, &[], MAX_ITEMS).await?;
            return list.show(
                session,
                remote.json,
                CONFIG_COLUMNS,
                "There is no config: `gloveport mcp config put FILE`.",
            );
        }
        Config::Show { name } => client.get(&["v1", "mcp", "configs", &name], &[]).await?,
        Config::Put { file } => {
            let (name, content) = read_named(&file, "config", session)?;
            client.send(Method::PUT, &["v1", "mcp", "configs", &name], &[], &content).await?
        }
        Config::Remove { name } => {
            client.delete(&["v1", "mcp", "configs", &name], &[]).await?;
            return Ok(writeln!(session.err, "Removed the config {name} with its instances.")?);
        }
    };
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    Ok(write_list(session.out, CONFIG_LINES, &answer.value)?)
}

/// Standard output has nothing but the URL or what to paste, so that it can be sent on.
fn show_url(
    remote: &Remote,
    session: &mut Session<'_>,
    answer: &Answer,
    program: Option<Program>,
) -> Result<(), CliError> {
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    let (url, config) = (clean(str_at(&answer.value, "/url")), clean(str_at(&answer.value, "/config")));
    match program {
        None => writeln!(session.out, "{url}")?,
        Some(program) => {
            let snippet = program.snippet(&config, &url);
            writeln!(session.err, "{}", snippet.place)?;
            writeln!(session.out, "{}", snippet.text)?;
        }
    }
    let identifier = clean(str_at(&answer.value, "/identifier"));
    Ok(writeln!(session.err, "Whoever has this URL acts for {identifier}: keep it secret, like a password.")?)
}

/// What each program is told to start.
fn show_snippets(command: &snippet::Command, session: &mut Session<'_>) -> Result<(), CliError> {
    for program in Program::value_variants() {
        let snippet = program.starting(command);
        let name = program.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        writeln!(session.out, "# {name}: {}\n{}\n", snippet.place, snippet.text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::testing::{Fake, run_at, run_offline};

    const INSTANCE: &str = r#"{"id": "mcp_1", "config": "support", "identifier": "ada", "name": "",
        "url": "https://gp.example/mcp/gpm_x"}"#;

    #[tokio::test]
    async fn a_url_is_all_of_standard_output() {
        let fake = Fake::answering(201, INSTANCE).await;
        let ran = run_at(&fake, "mcp url support ada/x", "").await;
        assert_eq!((ran.code, ran.out.as_str()), (0, "https://gp.example/mcp/gpm_x\n"));
        assert!(ran.err.contains("acts for ada") && !ran.err.contains("gpm_"), "{}", ran.err);
        assert_eq!(fake.request().line(), "PUT /v1/mcp/configs/support/instances/ada%2Fx");
        assert_eq!(fake.request().json(), json!({}));
        let fake = Fake::answering(200, INSTANCE).await;
        let ran = run_at(&fake, "mcp url support ada --name laptop --client cursor", "").await;
        assert_eq!(fake.request().json(), json!({ "name": "laptop" }));
        assert!(ran.out.contains("mcpServers") && ran.out.contains("gpm_x"), "{}", ran.out);
        let fake = Fake::answering(200, INSTANCE).await;
        assert_eq!(run_at(&fake, "mcp rotate mcp_1", "").await.out, "https://gp.example/mcp/gpm_x\n");
        assert_eq!(fake.request().line(), "POST /v1/mcp/instances/mcp_1/rotate");
    }

    #[tokio::test]
    async fn snippets_start_the_bridge_of_each_program() {
        let ran = run_offline("mcp --url https://gp.example/mcp/gpm_x --snippets", "").await;
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        for name in ["claude-desktop", "claude-code", "cursor", "vscode", "codex", "gemini"] {
            assert!(ran.out.contains(&format!("# {name}: ")), "{}", ran.out);
        }
        assert_eq!(ran.out.matches("https://gp.example/mcp/gpm_x").count(), 6, "{}", ran.out);
        let args = "mcp --server https://gp.example --config support --identifier ada --snippets";
        let ran = run_offline(args, "").await;
        assert_eq!((ran.code, ran.out.matches("--identifier").count()), (0, 6), "{}{}", ran.out, ran.err);
        assert_eq!(ran.out.matches("GLOVEPORT_KEY").count(), 6, "{}", ran.out);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_bridge_carries_lines() {
        let fake = Fake::answering(200, "{\"jsonrpc\":\"2.0\",\n\"id\":7,\"result\":{}}").await;
        let input = "\n{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}\nno json\n";
        let ran = run_at(&fake, "mcp --config a/b --identifier ada", input).await;
        let (lines, request) = (ran.out.lines().collect::<Vec<_>>(), fake.request());
        assert_eq!((ran.code, ran.err.as_str(), lines.len()), (0, "", 2), "{}", ran.out);
        assert!(lines.contains(&"{\"jsonrpc\":\"2.0\", \"id\":7,\"result\":{}}"), "{lines:?}");
        assert_eq!(request.line(), "POST /mcp?profile=a%2Fb&identifier=ada");
        assert_eq!(
            (request.authorization.as_str(), request.content_type.as_str()),
            ("Bearer gp_test", "application/json")
        );
        // What is no answer of an endpoint is told to whoever waits, without the URL.
        let fake = Fake::answering(502, "<html>").await;
        let url = format!("{}/mcp/gpm_secret", fake.url);
        for (args, reason) in [
            (format!("mcp --url {url}"), "HTTP 502"),
            ("mcp --url http://127.0.0.1:1/mcp/gpm_secret".into(), "no answer from http://127.0.0.1:1/"),
        ] {
            let ran = run_offline(&args, input).await;
            assert!(ran.code == 0 && ran.out.contains("\"id\":7") && ran.out.contains(reason), "{}", ran.out);
            assert!(!format!("{}{}", ran.out, ran.err).contains("gpm_"), "{}{}", ran.out, ran.err);
        }
    }

    #[tokio::test]
    async fn the_others_ask_for_the_right_thing() {
        let empty = r#"{"items": [], "next_cursor": null, "connections": []}"#;
        for (args, line) in [
            ("mcp list --config a/b --identifier ada", "GET /v1/mcp/instances?config=a%2Fb&identifier=ada&limit=200"),
            ("mcp remove mcp_1", "DELETE /v1/mcp/instances/mcp_1"),
            ("mcp state mcp_1", "GET /v1/mcp/instances/mcp_1/auth-state"),
            ("mcp config list", "GET /v1/mcp/configs?limit=200"),
            ("mcp config show support", "GET /v1/mcp/configs/support"),
            ("mcp config remove support", "DELETE /v1/mcp/configs/support"),
        ] {
            let fake = Fake::answering(200, empty).await;
            assert_eq!(run_at(&fake, args, "").await.code, 0, "{args}");
            assert_eq!(fake.request().line(), line);
        }
        let fake = Fake::answering(200, empty).await;
        let file = r#"{"id": "prof_1", "name": "support", "tools": "search", "connections": [], "missing": []}"#;
        assert_eq!(run_at(&fake, "mcp config put -", file).await.code, 0);
        assert_eq!(fake.request().line(), "PUT /v1/mcp/configs/support");
        assert_eq!(fake.request().json(), json!({ "tools": "search", "connections": [] }));
        let fake = Fake::answering(200, empty).await;
        for wrong in ["{}", "[]", "{"] {
            assert_eq!((run_at(&fake, "mcp config put -", wrong).await.code, fake.requests().len()), (2, 0), "{wrong}");
        }
    }
}
