//! `gloveport modifier`: what changes inputs and outputs of tools.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use http::Method;
use serde::Serialize;
use serde_json::value::RawValue;

use super::list::{self, MAX_ITEMS};
use super::remote::Remote;
use super::secrets::read_text_from;
use super::table::{Column, write_list};
use super::{CliError, Session};

/// Options of `gloveport modifier`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List modifiers in the order in which they run.
    List,
    /// Show a modifier.
    Show {
        /// Name of the modifier.
        name: String,
    },
    /// Make a modifier; its steps or its component are checked now.
    #[command(after_help = ADD_HELP)]
    Add(Add),
    /// Remove a modifier.
    Remove {
        /// Name of the modifier.
        name: String,
    },
}

const ADD_HELP: &str = "\
Examples:
  echo '[{\"pick\": {\"paths\": [\"/items/*/title\", \"/items/*/number\"]}}]' |
    gloveport modifier add short --tool 'github_*_list' --when after --steps -
  gloveport modifier add checked --tool stripe_refund_create --when before --component checked.wasm

A step is an object with one verb: set and default {path, value}, remove {path}, rename {from, to}, pick {paths},
template {path, template}. Paths are JSON Pointers; * stands for every element or member. A tool's input must satisfy its
schema before and after; policies see what modifiers made of it.";

#[derive(ClapArgs, Debug)]
struct Add {
    /// Unique in the project.
    name: String,
    /// Name or alias of a tool, with `*` for any characters; may be repeated.
    #[arg(long = "tool", value_name = "PATTERN", required = true)]
    tools: Vec<String>,
    /// Only through this connection; may be repeated. All connections if absent.
    #[arg(long = "connection", value_name = "NAME")]
    connections: Vec<String>,
    /// Whether it changes the input or the output.
    #[arg(long)]
    when: When,
    /// Where in the order; 1000 if absent.
    #[arg(long, value_name = "N")]
    position: Option<i64>,
    #[command(flatten)]
    work: Work,
    /// Put it in place of the one of this name, if there is one.
    #[arg(long)]
    replace: bool,
}

#[derive(ClapArgs, Debug)]
#[group(required = true, multiple = false)]
struct Work {
    /// File with steps as a JSON list; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    steps: Option<PathBuf>,
    /// File with a component of the world `modifier`.
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
enum When {
    /// It changes the input.
    Before,
    /// It changes the output.
    After,
}

/// The steps go as they were written: numbers keep every digit.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    tools: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<&'a [String]>,
    when: When,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<String>,
}

const COLUMNS: &[Column] = &[
    ("NAME", "/name"),
    ("WHEN", "/when"),
    ("POSITION", "/position"),
    ("TOOLS", "/tools"),
    ("CONNECTIONS", "/connections"),
    ("CHANGED", "/updated_at"),
];

const LINES: &[Column] = &[
    ("Name", "/name"),
    ("Id", "/id"),
    ("When", "/when"),
    ("Position", "/position"),
    ("Tools", "/tools"),
    ("Connections", "/connections"),
    ("Steps", "/steps"),
    ("Component", "/component_digest"),
    ("Made", "/created_at"),
    ("Changed", "/updated_at"),
];

/// Runs `gloveport modifier`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, action } = args;
    let client = remote.client(session)?;
    let answer = match action {
        Action::List => {
            let list = list::fetch(&client, &["v1", "modifiers"], &[], MAX_ITEMS).await?;
            return list.show(session, remote.json, COLUMNS, "There is no modifier: `gloveport modifier add --help`.");
        }
        Action::Remove { name } => {
            client.delete(&["v1", "modifiers", &name], &[]).await?;
            return Ok(writeln!(session.err, "Removed the modifier {name}.")?);
        }
        Action::Show { name } => client.get(&["v1", "modifiers", &name], &[]).await?,
        Action::Add(add) => {
            let body = body(&add, session).await?;
            if add.replace {
                client.send(Method::PUT, &["v1", "modifiers", &add.name], &[], &body).await?
            } else {
                client.send(Method::POST, &["v1", "modifiers"], &[], &body).await?
            }
        }
    };
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    Ok(write_list(session.out, LINES, &answer.value)?)
}

async fn body<'a>(add: &'a Add, session: &mut Session<'_>) -> Result<Body<'a>, CliError> {
    let steps = add.work.steps.as_deref().map(|file| read_steps(file, session)).transpose()?;
    let component = match &add.work.component {
        Some(file) => {
            let read = tokio::fs::read(file).await;
            Some(STANDARD.encode(read.map_err(|source| CliError::File { path: file.clone(), source })?))
        }
        None => None,
    };
    Ok(Body {
        name: (!add.replace).then_some(add.name.as_str()),
        tools: &add.tools,
        connections: Some(add.connections.as_slice()).filter(|names| !names.is_empty()),
        when: add.when,
        position: add.position,
        steps,
        component,
    })
}

fn read_steps(file: &Path, session: &mut Session<'_>) -> Result<Box<RawValue>, CliError> {
    let text = read_text_from(file, session)?;
    RawValue::from_string(text.trim().to_owned())
        .map_err(|error| CliError::Usage(format!("{} is not JSON: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::testing::{Fake, run_at, run_offline};

    const SHORT: &str = r#"{"id": "mod_1", "name": "short", "tools": ["github_*", "a"], "connections": null, "when": "after",
        "position": 1000, "steps": [{"remove": {"path": "/a"}}], "component_digest": null}"#;

    #[tokio::test]
    async fn add_sends_the_steps_as_they_were_written() {
        let fake = Fake::answering(201, SHORT).await;
        let steps = r#"[{"set": {"path": "/n", "value": 5000.0000000000000000001}}]"#;
        let args = "modifier add short --tool github_* --tool a --when after --connection c --position 7 --steps -";
        let ran = run_at(&fake, args, &format!("{steps}\n")).await;
        assert_eq!((ran.code, fake.request().line().as_str()), (0, "POST /v1/modifiers"), "{}", ran.err);
        let sent = String::from_utf8(fake.request().body).expect("text");
        let rest = r#""tools":["github_*","a"],"connections":["c"],"when":"after","position":7,"steps""#;
        assert_eq!(sent, format!(r#"{{"name":"short",{rest}:{steps}}}"#));
        assert!(ran.out.contains("mod_1") && ran.out.contains("github_*"), "{}", ran.out);
        let fake = Fake::answering(200, SHORT).await;
        run_at(&fake, "modifier add a/b --tool * --when before --replace --steps -", "[]").await;
        assert_eq!(fake.request().line(), "PUT /v1/modifiers/a%2Fb");
        assert_eq!(fake.request().json(), json!({ "tools": ["*"], "when": "before", "steps": [] }));
    }

    #[tokio::test]
    async fn a_component_goes_as_base64() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("m.wasm");
        std::fs::write(&file, b"\0asm").expect("written");
        let fake = Fake::answering(201, SHORT).await;
        let args = format!("modifier add short --tool * --when before --component {}", file.display());
        assert_eq!(run_at(&fake, &args, "").await.code, 0);
        assert_eq!(fake.request().json()["component"], "AGFzbQ==");
        let missing = "modifier add short --tool * --when before --component /nowhere/at/all";
        assert_eq!(run_at(&fake, missing, "").await.code, 1);
    }

    #[tokio::test]
    async fn list_show_and_remove_ask_for_the_right_thing() {
        let fake = Fake::answering(200, &format!(r#"{{"items": [{SHORT}], "next_cursor": null}}"#)).await;
        let ran = run_at(&fake, "modifier list", "").await;
        assert!(ran.out.contains("short") && ran.out.contains("github_*"), "{}", ran.out);
        for (args, line) in [
            ("modifier show short", "GET /v1/modifiers/short"),
            ("modifier remove short", "DELETE /v1/modifiers/short"),
        ] {
            let fake = Fake::answering(200, SHORT).await;
            assert_eq!((run_at(&fake, args, "").await.code, fake.request().line().as_str()), (0, line));
        }
    }

    #[tokio::test]
    async fn what_is_missing_or_double_is_wrong_usage() {
        for wrong in [
            "add",
            "add n --tool t --when before",
            "add n --when before --steps -",
            "add n --tool t --steps -",
            "add n --tool t --when later --steps -",
            "add n --tool t --when before --steps - --component x",
        ] {
            assert_eq!(run_offline(&format!("modifier {wrong}"), "[]").await.code, 2, "{wrong}");
        }
        let fake = Fake::answering(201, SHORT).await;
        assert_eq!(run_at(&fake, "modifier add n --tool t --when before --steps -", "[").await.code, 2);
        assert_eq!(fake.requests().len(), 0);
    }
}
