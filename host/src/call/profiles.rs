//! What one agent may use: a profile says which tools of which connections, and on which terms.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::presets::ToolPresets;
use super::written::{WrittenConnection, WrittenOptions, WrittenPresets};
use super::{Host, faults};
use crate::catalog::{InstalledTool, NarrowedSchemas};
use crate::model::{Caller, Code, Connection, ConnectionId, Culprit, Fault, InputError, ProjectId};
use crate::store::Subject;

/// Connections whose presets are kept, after which all are dropped: more than most hosts have.
const MAX_CONNECTIONS: usize = 4_096;

/// What a connection without presets has.
const NO_PRESETS: &str = "{}";

/// Profiles by project and name, with the revision of the project's profiles that each was read at.
type ReadProfiles = HashMap<(ProjectId, String), (i64, Arc<Profile>)>;

/// Profiles and presets, read when they were changed and not before.
#[derive(Debug, Default)]
pub struct CompiledProfiles {
    profiles: Mutex<ReadProfiles>,
    connections: Mutex<HashMap<ConnectionId, Arc<ConnectionPresets>>>,
    schemas: NarrowedSchemas,
}

/// A profile, read.
#[derive(Debug)]
pub(super) struct Profile {
    name: String,
    connections: BTreeMap<String, Allowed>,
}

/// What a profile has of one connection.
#[derive(Debug)]
struct Allowed {
    /// Full names; all of the connection's tools if `None`.
    tools: Option<BTreeSet<String>>,
    options: BTreeMap<String, Options>,
}

#[derive(Debug)]
struct Options {
    presets: Option<Arc<ToolPresets>>,
    approval: bool,
    deferred: Option<bool>,
}

/// The presets of a connection, and the text that they were read from.
#[derive(Debug)]
struct ConnectionPresets {
    text: String,
    tools: BTreeMap<String, Arc<ToolPresets>>,
}

/// On which terms a tool may be called.
#[derive(Debug, Default)]
pub(super) struct Offer {
    /// The first that sets a parameter holds.
    pub(super) presets: Vec<Arc<ToolPresets>>,
    /// The profile that wants a person to look at each call.
    pub(super) asking_profile: Option<String>,
    /// Whether lists leave it out unless asked.
    pub(super) deferred: bool,
}

impl Profile {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Names of its connections.
    pub(super) fn connections(&self) -> impl Iterator<Item = &str> {
        self.connections.keys().map(String::as_str)
    }

    /// Whether it has a tool on a connection, if the connection has it.
    pub(super) fn names(&self, connection: &str, tool: &str) -> bool {
        self.allowed(connection, tool).is_some()
    }

    fn allowed(&self, connection: &str, tool: &str) -> Option<&Allowed> {
        let allowed = self.connections.get(connection)?;
        allowed.tools.as_ref().is_none_or(|tools| tools.contains(tool)).then_some(allowed)
    }

    fn read(name: &str, text: &str) -> Result<Self, String> {
        let written: Vec<WrittenConnection> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut connections = BTreeMap::new();
        for WrittenConnection { connection, tools, options } in written {
            let read = |(tool, written): (String, WrittenOptions)| {
                let WrittenOptions { presets, approval, deferred } = written;
                let presets = if presets.is_empty() { None } else { Some(read_presets(&presets)?) };
                Ok::<_, String>((tool, Options { presets, approval, deferred }))
            };
            let options = options.into_iter().map(read).collect::<Result<_, _>>()?;
            let tools = tools.map(|tools| tools.into_iter().collect());
            connections.insert(connection, Allowed { tools, options });
        }
        Ok(Self { name: name.to_owned(), connections })
    }
}

impl CompiledProfiles {
    /// Schemas without what is preset.
    pub(super) fn schemas(&self) -> &NarrowedSchemas {
        &self.schemas
    }

    /// On which terms a profile (or, without one, the project) has a tool on a connection. What the connection presets
    /// holds for all profiles.
    pub(super) fn offer(
        &self,
        profile: Option<&Profile>,
        connection: &Connection,
        tool: &InstalledTool,
    ) -> Result<Offer, Fault> {
        let name = &tool.tool.name;
        let mut offer = Offer { deferred: tool.tool.deferred, ..Offer::default() };
        if has_presets(connection) {
            offer.presets.extend(self.of_connection(connection)?.tools.get(name).cloned());
        }
        let Some(profile) = profile else { return Ok(offer) };
        let Some(allowed) = profile.allowed(&connection.name, name) else {
            let detail = format!("profile `{}` does not have `{name}` on `{}`", profile.name, connection.name);
            return Err(Fault::new(Code::NotFound, Culprit::Caller, detail));
        };
        if let Some(Options { presets, approval, deferred }) = allowed.options.get(name) {
            offer.presets.extend(presets.clone());
            offer.asking_profile = approval.then(|| profile.name.clone());
            offer.deferred = deferred.unwrap_or(offer.deferred);
        }
        Ok(offer)
    }

    fn of_connection(&self, connection: &Connection) -> Result<Arc<ConnectionPresets>, Fault> {
        let kept = || self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept().get(&connection.id)
            && found.text == connection.presets
        {
            return Ok(Arc::clone(found));
        }
        let read = || -> Result<_, String> {
            let written: WrittenPresets =
                serde_json::from_str(&connection.presets).map_err(|error| error.to_string())?;
            let read = |(tool, presets)| Ok::<_, String>((tool, read_presets(&presets)?));
            written.into_iter().map(read).collect()
        };
        let tools = read().map_err(|reason| unreadable("the presets of connection", &connection.name, &reason))?;
        let read = Arc::new(ConnectionPresets { text: connection.presets.clone(), tools });
        let mut kept = kept();
        if kept.len() >= MAX_CONNECTIONS {
            kept.clear();
        }
        kept.insert(connection.id.clone(), Arc::clone(&read));
        Ok(read)
    }
}

/// Whether a connection presets anything.
pub(super) fn has_presets(connection: &Connection) -> bool {
    connection.presets != NO_PRESETS
}

/// The profile that a caller is bound to.
pub(super) async fn bound(host: &Host, caller: &Caller) -> Result<Option<Arc<Profile>>, Fault> {
    let Some(profile) = &caller.profile else { return Ok(None) };
    match find(host, &caller.project, &profile.name).await? {
        // The database does not let a profile go that a key is bound to; without it the key would do more, not less.
        None => Err(unreadable("profile", &profile.name, "it is not there")),
        found => Ok(found),
    }
}

/// The profile of this name, as it is now.
pub(super) async fn find(host: &Host, project: &ProjectId, name: &str) -> Result<Option<Arc<Profile>>, Fault> {
    let revision = host.store.revision(Subject::Profiles, project).await.map_err(faults::store)?;
    let wanted = (project.clone(), name.to_owned());
    let kept = || host.profiles.profiles.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, profile)) = kept().get(&wanted)
        && *of == revision
    {
        return Ok(Some(Arc::clone(profile)));
    }
    // The revision came first: if a change comes in between, what is read is taken for older than it is, and read again.
    let Some(row) = host.store.find_profile(project, name).await.map_err(faults::store)? else { return Ok(None) };
    let read = Profile::read(name, &row.connections).map_err(|reason| unreadable("profile", name, &reason))?;
    let profile = Arc::new(read);
    let mut kept = kept();
    kept.retain(|(of, _), (at, _)| of != project || *at == revision);
    kept.insert(wanted, (revision, Arc::clone(&profile)));
    Ok(Some(profile))
}

fn read_presets(written: &BTreeMap<String, serde_json::Value>) -> Result<Arc<ToolPresets>, String> {
    let said = |errors: Vec<InputError>| {
        errors.first().map(|error| format!("{}: {}", error.path, error.message)).unwrap_or_default()
    };
    ToolPresets::read(written).map(Arc::new).map_err(said)
}

fn unreadable(what: &str, name: &str, reason: &str) -> Fault {
    tracing::error!(what, name, reason, "what is stored cannot be read: calls are refused");
    let detail = format!("{what} `{name}` cannot be read ({reason}): nothing runs under it until it is mended");
    Fault::new(Code::DeniedByPolicy, Culprit::Policy, detail)
}
