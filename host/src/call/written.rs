//! Profiles and presets as operators write them: checked when they are stored, against what is installed then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::presets::{ToolPresets, is_below, pointer, unknown};
use super::{Host, faults};
use crate::catalog::{Installed, InstalledTool};
use crate::model::{Code, Culprit, Fault, InputError, ProjectId};

/// Connections in one profile: an agent with more has more tools than any model chooses from.
const MAX_CONNECTIONS: usize = 100;

/// Preset parameters of one tool: more than tools have.
const MAX_PARAMETERS: usize = 64;

/// Bytes of a profile, or of the presets of a connection: read whole whenever it changed.
const MAX_TEXT: usize = 256 * 1024;

/// Mistakes that are listed before the list stops.
const MAX_ERRORS: usize = 32;

/// A connection within a profile.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenConnection {
    pub(super) connection: String,
    /// All of the connection's tools if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tools: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) options: BTreeMap<String, WrittenOptions>,
}

/// What holds for one tool.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenOptions {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) presets: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) approval: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deferred: Option<bool>,
}

/// Name of a tool to its parameters.
pub(super) type WrittenPresets = BTreeMap<String, BTreeMap<String, Value>>;

/// What a profile names and the host no longer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Name of the connection.
    pub connection: String,
    /// Name of the tool; `None` if it is the connection itself.
    pub tool: Option<String>,
    /// Why it is not there.
    pub reason: String,
}

/// Mistakes found so far.
#[derive(Default)]
struct Mistakes(Vec<InputError>);

impl Mistakes {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        if self.0.len() < MAX_ERRORS {
            self.0.push(InputError { path: path.into(), message: message.into() });
        }
    }

    fn or<T>(self, what: &str, value: T) -> Result<T, Fault> {
        if self.0.is_empty() {
            return Ok(value);
        }
        Err(Fault { errors: self.0, ..Fault::new(Code::InvalidInput, Culprit::Caller, what) })
    }
}

/// Checks the connections of a profile (JSON text) before it is stored; gives them as they are to be stored, each tool
/// by its full name.
///
/// # Errors
/// Each place that names something unknown or cannot work.
pub async fn check_profile(host: &Host, project: &ProjectId, text: &str) -> Result<String, Fault> {
    const WHAT: &str = "this is not a profile";
    let mut mistakes = Mistakes::default();
    let mut written: Vec<WrittenConnection> = match serde_json::from_str(text) {
        Ok(written) => written,
        Err(error) => {
            mistakes.add("/connections", error.to_string());
            return mistakes.or(WHAT, String::new());
        }
    };
    if written.len() > MAX_CONNECTIONS {
        mistakes.add("/connections", format!("there may be at most {MAX_CONNECTIONS}"));
        return mistakes.or(WHAT, String::new());
    }
    let mut names = BTreeSet::new();
    for (at, entry) in written.iter_mut().enumerate() {
        let path = format!("/connections/{at}");
        if !names.insert(entry.connection.clone()) {
            mistakes.add(format!("{path}/connection"), "this connection is there twice");
            continue;
        }
        match behind(host, project, &entry.connection).await? {
            Ok((installed, preset)) => check_connection(entry, &installed, &preset, &path, &mut mistakes),
            Err(reason) => mistakes.add(format!("{path}/connection"), reason),
        }
    }
    let stored = serde_json::to_string(&written).unwrap_or_default();
    if stored.len() > MAX_TEXT {
        mistakes.add("", format!("it has {} bytes; at most {MAX_TEXT} are kept", stored.len()));
    }
    mistakes.or(WHAT, stored)
}

/// Checks the presets of a connection (JSON text) before they are stored; gives them as they are to be stored.
///
/// # Errors
/// Each place that names something unknown or cannot work.
pub fn check_connection_presets(installed: &Installed, text: &str) -> Result<String, Fault> {
    const WHAT: &str = "these are not presets of the connector's tools";
    let mut mistakes = Mistakes::default();
    let written: WrittenPresets = match serde_json::from_str(text) {
        Ok(written) => written,
        Err(error) => {
            mistakes.add("/presets", error.to_string());
            return mistakes.or(WHAT, String::new());
        }
    };
    let mut checked = WrittenPresets::new();
    for (name, presets) in written {
        let path = format!("/presets{}", pointer(&name));
        let Some(tool) = tool_of(installed, &name) else {
            mistakes.add(path, unknown_tool(installed, &name));
            continue;
        };
        check_presets(tool, &presets, &path, &mut mistakes);
        if presets.is_empty() {
            continue;
        }
        if checked.insert(tool.tool.name.clone(), presets).is_some() {
            mistakes.add(path, "this tool is there twice, under two names");
        }
    }
    let stored = serde_json::to_string(&checked).unwrap_or_default();
    if stored.len() > MAX_TEXT {
        mistakes.add("/presets", format!("they have {} bytes; at most {MAX_TEXT} are kept", stored.len()));
    }
    mistakes.or(WHAT, stored)
}

/// What the connections of a stored profile (JSON text) name and the host no longer has.
pub async fn missing_of_profile(host: &Host, project: &ProjectId, text: &str) -> Result<Vec<Missing>, Fault> {
    let written: Vec<WrittenConnection> = serde_json::from_str(text).map_err(|error| {
        let detail = format!("the stored profile cannot be read ({error}): put it again");
        Fault::new(Code::Conflict, Culprit::Host, detail)
    })?;
    let mut missing = Vec::new();
    for WrittenConnection { connection, tools, options } in written {
        let installed = match behind(host, project, &connection).await? {
            Ok((installed, _)) => installed,
            Err(reason) => {
                missing.push(Missing { connection, tool: None, reason });
                continue;
            }
        };
        let named: BTreeSet<&String> = tools.iter().flatten().chain(options.keys()).collect();
        for tool in named {
            let gone = |reason| Missing { connection: connection.clone(), tool: Some(tool.clone()), reason };
            let Some(known) = installed.tools.iter().find(|known| known.tool.name == *tool) else {
                missing.push(gone(unknown_tool(&installed, tool)));
                continue;
            };
            let preset = options.get(tool).into_iter().flat_map(|options| options.presets.keys());
            for parameter in unknown(&known.tool.input_schema, preset.map(String::as_str)) {
                missing.push(gone(format!("`{tool}` has no parameter `{parameter}` any more")));
            }
        }
    }
    Ok(missing)
}

/// What a connection connects to and presets; why that cannot be said.
async fn behind(
    host: &Host,
    project: &ProjectId,
    connection: &str,
) -> Result<Result<(Arc<Installed>, WrittenPresets), String>, Fault> {
    let found = host.store.find_connection(project, connection).await.map_err(faults::store)?;
    let Some(found) = found else {
        return Ok(Err(format!("there is no connection `{}`", faults::quoted(connection))));
    };
    let installed = host.catalog.find_connector(&host.store, project, &found.connector).await;
    let Some(installed) = installed.map_err(faults::catalog)? else {
        return Ok(Err(format!("connector `{}` is not installed or cannot be used", found.connector)));
    };
    Ok(Ok((installed, serde_json::from_str(&found.presets).unwrap_or_default())))
}

fn check_connection(
    entry: &mut WrittenConnection,
    installed: &Installed,
    preset: &WrittenPresets,
    path: &str,
    mistakes: &mut Mistakes,
) {
    let mut listed = BTreeSet::new();
    for (at, name) in entry.tools.iter_mut().flatten().enumerate() {
        match tool_of(installed, name) {
            None => mistakes.add(format!("{path}/tools/{at}"), unknown_tool(installed, name)),
            Some(tool) => {
                name.clone_from(&tool.tool.name);
                if !listed.insert(name.clone()) {
                    mistakes.add(format!("{path}/tools/{at}"), format!("tool `{name}` is there twice"));
                }
            }
        }
    }
    let mut checked = BTreeMap::new();
    for (name, options) in std::mem::take(&mut entry.options) {
        let path = format!("{path}/options{}", pointer(&name));
        let Some(tool) = tool_of(installed, &name) else {
            mistakes.add(path, unknown_tool(installed, &name));
            continue;
        };
        let full = &tool.tool.name;
        if entry.tools.is_some() && !listed.contains(full) {
            mistakes.add(path.as_str(), format!("`tools` does not have `{full}`"));
        }
        for parameter in preset.get(full).into_iter().flat_map(BTreeMap::keys) {
            if options.presets.contains_key(parameter) {
                let place = format!("{path}/presets{}", pointer(parameter));
                mistakes.add(place, "the connection presets it already, for everybody");
            }
        }
        check_presets(tool, &options.presets, &format!("{path}/presets"), mistakes);
        if checked.insert(full.clone(), options).is_some() {
            mistakes.add(path, "this tool is there twice, under two names");
        }
    }
    entry.options = checked;
}

/// Checks the preset parameters of a tool: those without a template against its schema, too.
fn check_presets(tool: &InstalledTool, presets: &BTreeMap<String, Value>, path: &str, mistakes: &mut Mistakes) {
    if presets.len() > MAX_PARAMETERS {
        mistakes.add(path, format!("there may be at most {MAX_PARAMETERS} parameters"));
        return;
    }
    for name in unknown(&tool.tool.input_schema, presets.keys().map(String::as_str)) {
        mistakes.add(format!("{path}{}", pointer(name)), format!("`{}` has no such parameter", tool.tool.name));
    }
    let read = match ToolPresets::read(presets) {
        Ok(read) => read,
        Err(errors) => {
            errors.into_iter().for_each(|error| mistakes.add(format!("{path}{}", error.path), error.message));
            return;
        }
    };
    let fixed: BTreeMap<&str, &Value> =
        read.fixed().filter_map(|name| presets.get(name).map(|value| (name, value))).collect();
    let sample = serde_json::to_string(&fixed).unwrap_or_default();
    // What the sample lacks is for callers to give, and is said of the whole: only places in a preset count.
    for error in tool.check_input(&sample).err().into_iter().flatten() {
        if fixed.keys().any(|name| is_below(&error.path, &pointer(name))) {
            mistakes.add(format!("{path}{}", error.path), error.message);
        }
    }
}

/// The tool of this name or alias.
fn tool_of<'i>(installed: &'i Installed, name: &str) -> Option<&'i InstalledTool> {
    installed.tools.iter().find(|tool| tool.tool.name == name || tool.tool.aliases.iter().any(|alias| alias == name))
}

fn unknown_tool(installed: &Installed, name: &str) -> String {
    format!("connector `{}` has no tool `{}`", installed.connector.name, faults::quoted(name))
}
