//! `gloveport project`: tenants of one host, kept apart in every row.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use serde_json::{Value, json};

use super::table::{Column, write_items};
use super::{CliError, Session};
use crate::config::{Config, ConfigFile, Environment};
use crate::identity;
use crate::model::{By, Clock, KeyId, ProjectId, Random, Role};
use crate::store::{ApiKey, Project, Store, StoreError};

/// Options of `gloveport project`. It works on the data folder itself: no key of a project sees another.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Example:
  gloveport project add staging --data ./gloveport-data > staging.key

Keys, connectors, connections, accounts, secrets, rules and records belong to one project, and no key sees those of another.
A host that runs serves a new project at once.")]
pub(super) struct Args {
    /// Data folder of the host.
    #[arg(long, value_name = "DIR", default_value = "./gloveport-data", global = true)]
    data: PathBuf,
    /// Database of the host, if it is not in the data folder.
    #[arg(long, value_name = "URL", global = true)]
    database: Option<String>,
    /// Answer with JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a project and its first admin key, which is shown this once.
    Add {
        /// Its name, such as staging.
        name: String,
    },
    /// Make another admin key of a project, for when the first is lost.
    Key {
        /// Name of the project.
        name: String,
    },
    /// List projects.
    List,
}

/// Names appear in configuration files, and in commands.
const MAX_NAME: usize = 64;

const COLUMNS: &[Column] = &[("NAME", "/name"), ("ID", "/id"), ("MADE", "/created_at")];

/// Runs `gloveport project`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { data, database, json, action } = args;
    if let Action::Add { name } = &action {
        check_name(name)?;
    }
    let written = ConfigFile { data: Some(data), database, ..ConfigFile::default() };
    let config = Config::resolve(written, Environment::read()).map_err(failed)?;
    let master_key = config.data.join("master.key");
    if config.master_key.is_none() && !master_key.exists() {
        let advice = format!("there is no {}: name the host's data folder with --data", master_key.display());
        return Err(CliError::Failed(advice));
    }
    let store = Store::open(&config.database).await.map_err(failed)?;
    let done = match action {
        Action::Add { name } => add(&store, &name, json, session).await,
        Action::Key { name } => another_key(&store, &name, json, session).await,
        Action::List => list(&store, json, session).await,
    };
    store.close().await;
    done
}

async fn add(store: &Store, name: &str, json: bool, session: &mut Session<'_>) -> Result<(), CliError> {
    let (clock, random) = (Clock::system(), Random::system());
    let by = By::cli(clock.now());
    let project = Project { id: ProjectId::new(&clock, &random), name: name.to_owned(), created_at: by.at };
    store.add_project(&by, &project).await.map_err(|error| match error {
        StoreError::Conflict(detail) => CliError::Failed(detail),
        error => failed(error),
    })?;
    key(store, project, json, session).await
}

async fn another_key(store: &Store, name: &str, json: bool, session: &mut Session<'_>) -> Result<(), CliError> {
    let found = store.projects().await.map_err(failed)?.into_iter().find(|project| project.name == name);
    let project = found.ok_or_else(|| CliError::Failed(format!("there is no project {name:?}")))?;
    key(store, project, json, session).await
}

/// Makes an admin key of a project, and shows it.
async fn key(store: &Store, project: Project, json: bool, session: &mut Session<'_>) -> Result<(), CliError> {
    let (clock, random) = (Clock::system(), Random::system());
    let by = By::cli(clock.now());
    let (clear, hash) = identity::new_key(&random);
    let key = ApiKey {
        id: KeyId::new(&clock, &random),
        project: project.id.clone(),
        role: Role::Admin,
        identifier: None,
        profile: None,
        scopes: None,
        name: "made by gloveport project".into(),
        created_at: by.at,
    };
    store.insert_key(&by, &key, &hash).await.map_err(failed)?;
    if json {
        let answer = json!({ "project": project.name, "id": key.id.as_str(), "key": clear });
        return Ok(writeln!(session.out, "{answer}")?);
    }
    writeln!(session.out, "{clear}")?;
    Ok(writeln!(
        session.err,
        "This is the only time that the admin key {} of {} is shown: keep it now, and keep it secret.",
        key.id, project.name
    )?)
}

async fn list(store: &Store, json: bool, session: &mut Session<'_>) -> Result<(), CliError> {
    let projects = store.projects().await.map_err(failed)?;
    let item = |project: &Project| json!({ "id": project.id.as_str(), "name": project.name, "created_at": project.created_at.to_rfc3339() });
    let items: Vec<Value> = projects.iter().map(item).collect();
    if json {
        return Ok(writeln!(session.out, "{}", json!({ "items": items }))?);
    }
    Ok(write_items(session.out, COLUMNS, &items)?)
}

fn check_name(name: &str) -> Result<(), CliError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(plain) {
        let what = format!("a project's name takes letters, digits, `-` and `_`, at most {MAX_NAME} of them");
        return Err(CliError::Usage(what));
    }
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::Failed(error.to_string())
}
