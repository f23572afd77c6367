//! Makes one thing as it is written, by what the routes of its kind do. Runs within the transaction of the whole.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::current::webhooks;
use super::prepare::Prepared;
use super::resources::{AppliedModifier, AppliedSecret, AppliedWebhook, Resource};
use crate::accounts::NewSecret;
use crate::api::connections::{self, NewConnection};
use crate::api::extract::{Admin, Json};
use crate::api::modifiers::{self, ModifierContent};
use crate::api::profiles::{self, NewProfile, ProfileContent};
use crate::api::{ApiState, Problem, imports, mcp, policies, webhooks as routes};
use crate::call;
use crate::catalog::{self, Declared};
use crate::model::{Caller, Connection, SecretSource};
use crate::notices::Change;

/// What is told of it besides the difference.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// In sentences.
    pub(super) notes: Vec<String>,
    /// A secret that was made with it.
    pub(super) secret: Option<String>,
}

/// Makes a thing, or changes it, so that it is as it is written.
pub(super) async fn put(
    state: &ApiState,
    caller: &Caller,
    resource: Resource,
    prepared: Option<Prepared>,
) -> Result<Told, Problem> {
    match resource {
        Resource::Secret(new) => secret(state, caller, new).await?,
        Resource::Connector(new) => return connector(state, caller, &new.name, prepared).await,
        Resource::Connection(new) => connection(state, caller, *new).await?,
        Resource::Profile(NewProfile { name, description, connections }) => {
            profiles::put_row(state, caller, name, ProfileContent { description, connections }).await.map(drop)?;
        }
        Resource::Policy(new) => policies::put_named(state, caller, new).await?,
        Resource::PolicyDefaults(new) => {
            let state = axum::extract::State(state.clone());
            policies::set_defaults(state, Admin(caller.clone()), Json(new)).await.map(drop)?;
        }
        Resource::Modifier(new) => modifier(state, caller, *new).await?,
        Resource::McpConfig(new) => mcp::configs::put_new(state, caller, new).await?,
        Resource::Webhook(new) => return webhook(state, caller, new).await,
    }
    Ok(Told::default())
}

async fn secret(state: &ApiState, caller: &Caller, new: AppliedSecret) -> Result<(), Problem> {
    connections::check_name(&new.name)?;
    let source = SecretSource::parse(&new.source).filter(|source| *source != SecretSource::Sealed);
    let source =
        source.ok_or_else(|| Problem::bad_request("`source` is `env:NAME` or `file:` and an absolute path"))?;
    let owner = new.owner();
    crate::api::accounts::check_texts(&[("identifier", &owner.identifier), ("organization", &owner.organization)])?;
    let project = caller.project.clone();
    let new = NewSecret { project, name: new.name, owner, source, value: None, hosts: new.hosts };
    call::put_secret(&state.host, caller, new).await?;
    Ok(())
}

async fn connector(state: &ApiState, caller: &Caller, name: &str, prepared: Option<Prepared>) -> Result<Told, Problem> {
    let host = &state.host;
    let by = caller.by(host.clock.now());
    match prepared {
        None | Some(Prepared::Same) => Ok(Told::default()),
        Some(Prepared::Declared(ready)) => {
            let declared = catalog::finish(imports::importing(state), &by, *ready).await?;
            Ok(Told { notes: notes(&declared), secret: None })
        }
        Some(Prepared::Component { wasm, granted }) => {
            let project = &caller.project;
            let done = catalog::install(&host.catalog, &host.store, &host.runtime, &by, project, wasm, granted).await?;
            if done.installed.connector.name == name {
                return Ok(Told::default());
            }
            let own = &done.installed.connector.name;
            Err(Problem::bad_request(format!("`name`: the component calls itself `{own}`")))
        }
    }
}

/// What a person wants to know of an import, besides that there was one.
fn notes(declared: &Declared) -> Vec<String> {
    let mut notes = Vec::new();
    if declared.created {
        notes.push(format!("{} tools", declared.preview.tools.len()));
    } else {
        let difference = &declared.difference;
        notes.extend(difference.added.iter().map(|(_, tool)| format!("adds the tool {tool}")));
        notes.extend(difference.removed.iter().map(|(_, tool)| format!("removes the tool {tool}")));
        for change in &difference.changed {
            let breaking = if change.breaking { " (breaking)" } else { "" };
            notes.push(format!("changes the tool {}{breaking}: {}", change.tool, change.what.join(", ")));
        }
    }
    notes
        .extend(declared.preview.skipped.iter().map(|(operation, reason)| format!("leaves out {operation}: {reason}")));
    notes
}

async fn connection(state: &ApiState, caller: &Caller, new: NewConnection) -> Result<(), Problem> {
    let host = &state.host;
    let mut new = connections::new_row(state, caller, new).await?;
    let store = &host.store;
    match store.find_connection(&caller.project, &new.connection.name).await? {
        None => connections::insert(state, caller, &new.connection).await?,
        Some(old) => {
            let keeps = [
                ("connector", &old.connector, &new.connection.connector),
                ("auth_pattern", &old.auth_pattern, &new.connection.auth_pattern),
            ];
            if let Some((member, ..)) = keeps.iter().find(|(_, old, new)| old != new) {
                return Err(Problem::conflict(format!(
                    "`{member}` of a connection does not change: remove it, or give the new one another name"
                )));
            }
            let Connection { id, created_at, disabled, updated_at, .. } = old;
            let now = new.connection.updated_at.max(updated_at.plus(std::time::Duration::from_millis(1)));
            new.connection = Connection { id, created_at, disabled, updated_at: now, ..new.connection };
            if !store.update_connection(&caller.by(host.clock.now()), &new.connection, updated_at).await? {
                return Err(Problem::conflict("somebody else changed the connection at the same time: try again"));
            }
        }
    }
    let stored = store.newest_oauth_client(&caller.project, &new.connection.id).await?;
    if let (Some(stored), Some(given)) = (&stored, &new.client)
        && host.oauth.is_client(stored, given).map_err(crate::api::oauth::problem)?
    {
        return Ok(());
    }
    new.set_client(state, caller).await.map(drop)
}

async fn modifier(state: &ApiState, caller: &Caller, new: AppliedModifier) -> Result<(), Problem> {
    let AppliedModifier { name, tools, connections, when, position, steps, component, digest } = new;
    let component = match (component, digest) {
        (component, None) => component,
        (None, Some(digest)) => {
            let found = state.host.store.component(&digest).await?;
            let wasm = found.ok_or_else(|| Problem::bad_request("`digest` is of no component that this host has"))?;
            Some(STANDARD.encode(wasm))
        }
        (Some(_), Some(_)) => return Err(Problem::bad_request("give `component` or `digest`, not both")),
    };
    let content = ModifierContent { tools, connections, when, position, steps, component };
    modifiers::put_row(state, caller, name, content).await.map(drop)
}

async fn webhook(state: &ApiState, caller: &Caller, new: AppliedWebhook) -> Result<Told, Problem> {
    let AppliedWebhook { url, events } = new;
    let (by, events) = (caller.by(state.host.clock.now()), routes::events(&events)?);
    let known = webhooks(state, &caller.project).await?;
    let mut known = known.iter().filter(|known| known.url == url);
    match (known.next(), known.next()) {
        (None, _) => {
            let (_, secret) = state.notices.create(&by, &caller.project, url, events).await?;
            Ok(Told { notes: Vec::new(), secret: Some(secret) })
        }
        (Some(known), None) => {
            let change = Change { events: Some(events), ..Change::default() };
            state.notices.change(&by, &caller.project, &known.id, change).await?;
            Ok(Told::default())
        }
        (Some(_), Some(_)) => Err(Problem::conflict("`url`: several webhooks have it, remove all but one")),
    }
}
