//! The tools that a caller sees: those that a call would find, on the terms that it would find.

use std::sync::Arc;

use super::profiles::{self, Offer, Profile};
use super::resolve::{admits, identifier_for};
use super::{Host, faults, nearest, presets, secrets};
use crate::catalog::{Installed, InstalledTool};
use crate::model::{Account, Caller, Code, Connection, Culprit, Fault, ProjectId, Role};
use crate::store::CallContext;

/// Whose tools to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Those of this user; all if `None`, unless the key is bound to one.
    pub identifier: Option<&'a str>,
    /// Those that are there for a user of this organization.
    pub organization: Option<&'a str>,
    /// Those of this profile, for administrators; a key that is bound to one sees its own.
    pub profile: Option<&'a str>,
}

/// A tool that a caller sees, and through which connections.
#[derive(Clone, Debug)]
pub struct Visible {
    /// The connector.
    pub installed: Arc<Installed>,
    /// Position of the tool in it.
    pub tool: usize,
    /// Names of the connections that it can be called through.
    pub connections: Vec<String>,
    /// Whether lists leave it out unless asked.
    pub deferred: bool,
    /// The input schema without what is preset; `None` if nothing is.
    narrowed: Option<Arc<str>>,
}

impl Visible {
    /// The tool.
    pub fn tool(&self) -> &InstalledTool {
        &self.installed.tools[self.tool]
    }

    /// JSON text of the schema of what a caller gives.
    pub fn input_schema(&self) -> &str {
        self.narrowed.as_deref().unwrap_or(&self.tool().tool.input_schema)
    }
}

/// The tools that `caller` may call for a user, each with the connections it would go through; without a user and
/// without a profile, all that are installed.
pub async fn visible_tools(host: &Host, caller: &Caller, wanted: &Wanted<'_>) -> Result<Vec<Visible>, Fault> {
    let identifier = identifier_for(caller, wanted.identifier)?;
    let profile = profile_for(host, caller, wanted.profile).await?;
    let ways = match (identifier, &profile) {
        (Some(identifier), _) => {
            let found = host.store.contexts_of_user(&caller.project, identifier, wanted.organization).await;
            ways_of(host, found.map_err(faults::store)?, (identifier, wanted.organization)).await?
        }
        (None, Some(profile)) => {
            let mut ways = Vec::new();
            for name in profile.connections() {
                let found = host.store.find_connection(&caller.project, name).await.map_err(faults::store)?;
                ways.extend(found.map(|connection| (connection, None)));
            }
            ways
        }
        (None, None) => return Ok(everything(host, &caller.project)),
    };
    let mut tools = Vec::new();
    for installed in host.catalog.connectors(&caller.project) {
        let ways: Vec<&Way> =
            ways.iter().filter(|(connection, _)| connection.connector == installed.connector.name).collect();
        for tool in 0..installed.tools.len() {
            tools.extend(visible(host, profile.as_deref(), &installed, tool, &ways));
        }
    }
    Ok(tools)
}

/// A connection, and an account on it if a user is known.
type Way = (Connection, Option<Account>);

/// The accounts that a call for a user would go through, but those that lack a secret.
async fn ways_of(
    host: &Host,
    found: Vec<Arc<CallContext>>,
    (identifier, organization): (&str, Option<&str>),
) -> Result<Vec<Way>, Fault> {
    let mut ways = Vec::with_capacity(found.len());
    for context in nearest::among(found) {
        let context = nearest::acting(context, Some(identifier), organization);
        match secrets::filled(host, &context).await {
            Ok(_) => ways.push((context.connection.clone(), Some(context.account.clone()))),
            Err(fault) if fault.code == Code::AccountNotActive => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(ways)
}

fn everything(host: &Host, project: &ProjectId) -> Vec<Visible> {
    let mut tools = Vec::new();
    for installed in host.catalog.connectors(project) {
        for (tool, of) in installed.tools.iter().enumerate().filter(|(_, of)| !of.is_proxy) {
            let (installed, deferred) = (Arc::clone(&installed), of.tool.deferred);
            tools.push(Visible { installed, tool, connections: Vec::new(), deferred, narrowed: None });
        }
    }
    tools
}

/// A tool as it looks through several connections; `None` if it can be called through none of them.
fn visible(
    host: &Host,
    profile: Option<&Profile>,
    installed: &Arc<Installed>,
    tool: usize,
    ways: &[&Way],
) -> Option<Visible> {
    let of = &installed.tools[tool];
    let (mut connections, mut offers): (Vec<String>, Vec<Offer>) = Default::default();
    for (connection, account) in ways {
        let Ok(offer) = admits(host, profile, of, connection, account.as_ref()) else { continue };
        if !connections.contains(&connection.name) {
            connections.push(connection.name.clone());
            offers.push(offer);
        }
    }
    if offers.is_empty() {
        return None;
    }
    let names = presets::names(&offers.iter().map(|offer| offer.presets.as_slice()).collect::<Vec<_>>());
    let narrowed = names.map(|names| host.profiles.schemas().narrowed(&of.tool.input_schema, names));
    let deferred = offers.iter().all(|offer| offer.deferred);
    Some(Visible { installed: Arc::clone(installed), tool, connections, deferred, narrowed })
}

/// The profile that a list is made for: a bound key's own, or the one that an administrator asks for.
async fn profile_for(host: &Host, caller: &Caller, asked: Option<&str>) -> Result<Option<Arc<Profile>>, Fault> {
    let own = profiles::bound(host, caller).await?;
    let Some(asked) = asked else { return Ok(own) };
    if own.as_ref().is_some_and(|own| own.name() == asked) {
        return Ok(own);
    }
    if caller.role != Role::Admin {
        let detail = "this key sees its own tools only: leave `profile` out";
        return Err(Fault::new(Code::Forbidden, Culprit::Caller, detail));
    }
    match profiles::find(host, &caller.project, asked).await? {
        None => Err(Fault::new(Code::NotFound, Culprit::Caller, "there is no such profile")),
        found => Ok(found),
    }
}
