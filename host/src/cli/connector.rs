//! `gloveport connector`: install connectors and look at them.

mod available;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use serde_json::Value;

use super::list::{self, MAX_ITEMS};
use super::remote::Remote;
use super::table::{Column, array_at, clean, str_at, text_at, write_list, write_rows};
use super::{CliError, Session, import, upload, upstream};
use available::Wanted;

/// Options of `gloveport connector`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Install components, which the host compiles before it answers, or what comes with the host.
    #[command(
        after_help = "Examples:\n  gloveport connector add github.wasm stripe.wasm --imports http,log\n  gloveport connector add slack"
    )]
    Add {
        /// Components to install, in this order, or names out of `connector list --available`.
        #[arg(required = true, value_name = "FILE|NAME")]
        files: Vec<PathBuf>,
        /// Grant only these of the imports that the component wants.
        #[arg(long, value_delimiter = ',', value_name = "IMPORT,…")]
        imports: Option<Vec<String>>,
    },
    /// Make a connector of an OpenAPI document, or of operations that you wrote down.
    #[command(after_help = import::HELP)]
    Import(import::Import),
    /// Make a connector of an MCP server.
    #[command(after_help = upstream::HELP)]
    Server(upstream::Server),
    /// Ask the MCP server of a connector for its tools.
    #[command(after_help = "Example:\n  gloveport connector discover desk --identifier ada")]
    Discover(upstream::Discover),
    /// Accept what the MCP server of a connector has changed.
    #[command(after_help = "Example:\n  gloveport connector accept desk 5f2c…")]
    Accept {
        /// Name of the connector.
        name: String,
        /// What `discover` showed beside the changes.
        digest: String,
    },
    /// List installed connectors, or those that could be.
    List(Wanted),
    /// Show what a connector is, may reach and can do.
    Inspect {
        /// Name of the connector.
        name: String,
    },
    /// Remove a connector that no connection uses.
    Remove {
        /// Name of the connector.
        name: String,
    },
}

const COLUMNS: &[Column] = &[
    ("NAME", "/name"),
    ("VERSION", "/version"),
    ("TITLE", "/title"),
    ("PUBLISHER", "/publisher"),
    ("AUTH", "/auth/*/name"),
    ("TOOLS", "/tools"),
    ("STATUS", "/status"),
];

const LINES: &[Column] = &[
    ("Name", "/name"),
    ("Title", "/title"),
    ("Version", "/version"),
    ("Versions", "/versions"),
    ("Publisher", "/publisher"),
    ("Description", "/description"),
    ("Status", "/status"),
    ("Detail", "/detail"),
    ("Digest", "/digest"),
    ("Contract", "/wit"),
    ("SDK", "/sdk"),
    ("Base URL", "/base_url"),
    ("Hosts", "/hosts"),
    ("Imports", "/imports"),
];

/// Runs `gloveport connector`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, action } = args;
    match action {
        Action::Add { files, imports } => add(&remote, &files, imports, session).await,
        Action::Import(asked) => import::run(&remote, asked, session).await,
        Action::Server(asked) => upstream::server(&remote, asked, session).await,
        Action::Discover(asked) => upstream::discover(&remote, asked, session).await,
        Action::Accept { name, digest } => upstream::accept(&remote, &name, &digest, session).await,
        Action::List(wanted) => {
            if wanted.show(&remote, session).await? {
                return Ok(());
            }
            let query = [("type", wanted.kind.as_deref())];
            let list = list::fetch(&remote.client(session)?, &["v1", "connectors"], &query, MAX_ITEMS).await?;
            let if_empty = "There is none: `gloveport connector list --available` shows what could be installed.";
            list.show(session, remote.json, COLUMNS, if_empty)
        }
        Action::Inspect { name } => inspect(&remote, &name, session).await,
        Action::Remove { name } => {
            remote.client(session)?.delete(&["v1", "connectors", &name], &[]).await?;
            Ok(writeln!(session.err, "Removed the connector {name}.")?)
        }
    }
}

async fn add(
    remote: &Remote,
    files: &[PathBuf],
    imports: Option<Vec<String>>,
    session: &mut Session<'_>,
) -> Result<(), CliError> {
    let client = remote.client(session)?;
    let imports = imports.map(|imports| imports.join(","));
    for file in files {
        let answer = match available::service(file) {
            Some(_) if imports.is_some() => return Err(CliError::Usage("--imports is for components".into())),
            Some(name) => available::install(&client, name).await,
            None => upload::install(&client, file, &[("imports", imports.as_deref())]).await,
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                writeln!(session.err, "{} is not installed.", file.display())?;
                return Err(error);
            }
        };
        if remote.json {
            writeln!(session.out, "{}", answer.text.trim_end())?;
        } else {
            show_installed(session, &answer.value)?;
        }
    }
    Ok(())
}

fn show_installed(session: &mut Session<'_>, connector: &Value) -> Result<(), CliError> {
    let [name, version, patterns] = ["/name", "/version", "/auth/*/name"].map(|pointer| text_at(connector, pointer));
    let tools = array_at(connector, "/tools").len();
    writeln!(session.out, "Installed {name} {version}: {tools} tools; auth patterns: {patterns}.")?;
    if array_at(connector, "/auth").iter().any(asks_at_a_provider) {
        writeln!(session.err, "What to register at the provider: gloveport connector inspect {name}")?;
    }
    Ok(writeln!(session.err, "Next: gloveport connection add {name} --connector {name}")?)
}

/// Whether users of this pattern consent at the provider, which has to know this host.
pub(super) fn asks_at_a_provider(pattern: &Value) -> bool {
    ["oauth2", "oauth1a"].contains(&str_at(pattern, "/type"))
}

async fn inspect(remote: &Remote, name: &str, session: &mut Session<'_>) -> Result<(), CliError> {
    let answer = remote.client(session)?.get(&["v1", "connectors", name], &[]).await?;
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    write_list(session.out, LINES, &answer.value)?;
    let patterns = array_at(&answer.value, "/auth");
    if patterns.iter().any(asks_at_a_provider) {
        writeln!(session.out, "\nRegister at the provider: {}", clean(str_at(&answer.value, "/redirect_uri")))?;
    }
    let scopes: Vec<_> = patterns.iter().flat_map(scope_rows).collect();
    let patterns: Vec<_> = patterns.iter().flat_map(pattern_rows).collect();
    if !patterns.is_empty() {
        writeln!(session.out)?;
        write_rows(session.out, &["AUTH PATTERN", "TYPE", "FIELD", "LABEL", "INPUT", "REQUIRED"], patterns)?;
    }
    if !scopes.is_empty() {
        writeln!(session.out)?;
        write_rows(session.out, &["AUTH PATTERN", "SCOPE", "TITLE", "REQUIRED"], scopes)?;
    }
    let tools: Vec<_> = array_at(&answer.value, "/tools").iter().flat_map(tool_rows).collect();
    if !tools.is_empty() {
        writeln!(session.out)?;
        write_rows(session.out, &["TOOL", "EFFECT", "ROUTE", "TITLE"], tools)?;
    }
    Ok(())
}

/// A row for each field; the pattern's name stands in the first.
fn pattern_rows(pattern: &Value) -> Vec<Vec<String>> {
    let head = ["/name", "/type"].map(|pointer| text_at(pattern, pointer));
    let field = |field: &Value| ["/name", "/label", "/type", "/required"].map(|p| text_at(field, p)).to_vec();
    rows_under(&head, array_at(pattern, "/fields").iter().map(field).collect())
}

/// A row for each scope that a client at the provider needs; the pattern's name stands in the first.
fn scope_rows(pattern: &Value) -> Vec<Vec<String>> {
    let scopes = array_at(pattern, "/scopes");
    if scopes.is_empty() {
        return Vec::new();
    }
    let scope = |scope: &Value| ["/name", "/title", "/required"].map(|pointer| text_at(scope, pointer)).to_vec();
    rows_under(&[text_at(pattern, "/name")], scopes.iter().map(scope).collect())
}

/// A row for each route; the tool's name stands in the first.
fn tool_rows(tool: &Value) -> Vec<Vec<String>> {
    let head = ["/name", "/effect"].map(|pointer| text_at(tool, pointer));
    let title = text_at(tool, "/title");
    let routes = array_at(tool, "/routes").iter().map(route).collect::<Vec<_>>();
    let first = routes.first().cloned().unwrap_or_else(|| "-".into());
    let mut tails = vec![vec![first, title]];
    tails.extend(routes.into_iter().skip(1).map(|route| vec![route, String::new()]));
    rows_under(&head, tails)
}

fn rows_under(head: &[String], tails: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let mut rows = vec![[head, tails.first().map_or(&[], Vec::as_slice)].concat()];
    let blank = vec![String::new(); head.len()];
    rows.extend(tails.iter().skip(1).map(|tail| [&blank[..], tail].concat()));
    rows
}

/// A route as a line, whether the API gives it as text or in parts.
fn route(route: &Value) -> String {
    match route.as_str() {
        Some(text) => text.into(),
        None => format!("{} {}{}", str_at(route, "/method"), str_at(route, "/host"), str_at(route, "/path")),
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{Fake, run_args_at, run_at, run_offline};

    const GITHUB: &str = r#"{"name": "github", "version": "0.1.0", "title": "GitHub", "publisher": "Gloveport",
        "digest": "sha256:ab", "hosts": ["api.github.com"], "imports": ["http", "log"],
        "auth": [{"name": "token", "type": "bearer", "fields": [
            {"name": "token", "label": "Token", "type": "password", "required": true},
            {"name": "domain", "label": "Domain", "type": "text", "required": false}]}, {"name": "none", "type": "none"}],
        "tools": [{"name": "github_user_get", "title": "Get user", "effect": "read", "routes": [
            {"method": "GET", "path": "/user"}, {"method": "GET", "host": "x.example", "path": "/u/{id}"}]},
            {"name": "github_x", "title": "X", "effect": "write", "routes": ["POST /x"]}]}"#;

    #[tokio::test]
    async fn add_uploads_the_bytes_and_says_what_is_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("git hub.wasm");
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        std::fs::write(&path, &bytes).expect("written");
        let fake = Fake::answering(201, GITHUB).await;
        let path = path.to_str().expect("text");
        let ran = run_args_at(&fake, &["connector", "add", path, "--imports", "http,log"], "").await;
        assert_eq!((ran.code, ran.out.as_str()), (0, "Installed github 0.1.0: 2 tools; auth patterns: token, none.\n"));
        assert_eq!(ran.err, "Next: gloveport connection add github --connector github\n");
        let request = fake.request();
        assert_eq!(request.line(), "POST /v1/connectors?imports=http%2Clog");
        assert_eq!((request.content_type.as_str(), request.content_length.as_str()), ("application/wasm", "200000"));
        assert_eq!(request.authorization, "Bearer gp_test");
        assert_eq!(request.body, bytes);
    }

    #[tokio::test]
    async fn add_stops_at_the_first_file_that_is_refused_or_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let good = folder.path().join("a.wasm");
        std::fs::write(&good, "x").expect("written");
        let good = good.to_str().expect("text");
        let problem = r#"{"title": "Not a connector", "status": 422, "code": "invalid_input", "culprit": "caller"}"#;
        let fake = Fake::answering(422, problem).await;
        let ran = run_args_at(&fake, &["connector", "add", good, good], "").await;
        assert_eq!((ran.code, ran.out.as_str(), fake.requests().len()), (1, "", 1));
        assert!(ran.err.starts_with(&format!("{good} is not installed.\nError: Not a connector\n")), "{}", ran.err);

        let ran = run_offline("connector add /nonexistent/x.wasm", "").await;
        assert_eq!((ran.code, ran.out.as_str()), (1, ""));
        assert!(ran.err.contains("Error: /nonexistent/x.wasm: "), "{}", ran.err);
    }

    #[tokio::test]
    async fn list_is_a_table_or_a_hint() {
        let fake =
            Fake::answering(200, &format!(r#"{{"items": [{GITHUB}], "next_cursor": null, "total_size": 1}}"#)).await;
        let ran = run_at(&fake, "connector list", "").await;
        let expected = "\
NAME    VERSION  TITLE   PUBLISHER  AUTH         TOOLS  STATUS
github  0.1.0    GitHub  Gloveport  token, none  2      -
";
        assert_eq!((ran.code, ran.out.as_str()), (0, expected));
        let empty = Fake::answering(200, r#"{"items": [], "next_cursor": null, "total_size": 0}"#).await;
        let ran = run_at(&empty, "connector list", "").await;
        assert_eq!((ran.code, ran.out.as_str()), (0, ""));
        assert!(ran.err.contains("connector list --available"), "{}", ran.err);
    }

    #[tokio::test]
    async fn inspect_shows_fields_and_routes() {
        let fake = Fake::answering(200, GITHUB).await;
        let ran = run_at(&fake, "connector inspect github/../x", "").await;
        let expected = "\
Name         github
Title        GitHub
Version      0.1.0
Publisher    Gloveport
Digest       sha256:ab
Hosts        api.github.com
Imports      http, log

AUTH PATTERN  TYPE    FIELD   LABEL   INPUT     REQUIRED
token         bearer  token   Token   password  yes
                      domain  Domain  text      no
none          none

TOOL             EFFECT  ROUTE                 TITLE
github_user_get  read    GET /user             Get user
                         GET x.example/u/{id}
github_x         write   POST /x               X
";
        assert_eq!(ran.out, expected);
        assert_eq!(fake.request().line(), "GET /v1/connectors/github%2F..%2Fx");
    }

    #[tokio::test]
    async fn json_is_the_answer_as_it_came() {
        let text = r#"{"z": 1, "a": 12345678901234567890.50}"#;
        let fake = Fake::answering(200, text).await;
        assert_eq!(run_at(&fake, "connector inspect x --json", "").await.out, format!("{text}\n"));
    }

    #[tokio::test]
    async fn remove_names_the_connector_and_never_the_collection() {
        let fake = Fake::answering(204, "").await;
        let ran = run_at(&fake, "connector remove github", "").await;
        assert_eq!((ran.code, ran.err.as_str()), (0, "Removed the connector github.\n"));
        assert_eq!(fake.request().line(), "DELETE /v1/connectors/github");
        for name in ["", ".", ".."] {
            let ran = run_args_at(&fake, &["connector", "remove", name], "").await;
            assert_eq!((ran.code, fake.requests().len()), (2, 1), "{name:?}");
        }
    }
}
