//! Modifiers as operators write them: checked whole when they are stored.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::super::{Host, faults};
use super::component::blocking;
use super::limits;
use super::steps::Steps;
use crate::model::{Code, Culprit, Fault, InputError, ProjectId, ToolPattern, When};

/// A modifier as it is written, without its name.
#[derive(Debug)]
pub struct NewModifier {
    /// Patterns.
    pub tools: Vec<String>,
    /// Names of connections; `None` for all.
    pub connections: Option<Vec<String>>,
    /// `before` or `after`.
    pub when: String,
    /// In the middle if absent.
    pub position: Option<i64>,
    /// What it does.
    pub work: NewWork,
}

/// What a modifier does.
#[derive(Debug)]
pub enum NewWork {
    /// JSON text of a list.
    Steps(String),
    /// A component of the world `modifier`.
    Component(Vec<u8>),
}

/// A modifier that can be stored.
#[derive(Debug)]
pub struct CheckedModifier {
    /// Patterns.
    pub tools: Vec<String>,
    /// Names of connections that are there.
    pub connections: Option<Vec<String>>,
    /// On which side.
    pub when: When,
    /// In the order.
    pub position: i64,
    /// JSON text; `None` for a component.
    pub steps: Option<String>,
    /// The digest of a component and its bytes.
    pub component: Option<(String, Vec<u8>)>,
}

/// Whether a project may have one more modifier than so many.
pub fn room_for_modifier(modifiers: usize) -> Result<(), Fault> {
    if modifiers < limits::MODIFIERS {
        return Ok(());
    }
    let detail = format!("a project has at most {} modifiers: remove some", limits::MODIFIERS);
    Err(Fault::new(Code::Conflict, Culprit::Caller, detail))
}

/// Checks a modifier before it is stored: names, steps, component; all that is wrong is told, each with its place.
pub async fn check_modifier(host: &Host, project: &ProjectId, new: NewModifier) -> Result<CheckedModifier, Fault> {
    let NewModifier { tools, connections, when, position, work } = new;
    let mut errors = Vec::new();
    check_tools(&tools, &mut errors);
    if let Some(names) = &connections {
        check_connections(host, project, names, &mut errors).await?;
    }
    let parsed = When::parse(&when);
    if parsed.is_none() {
        errors.push(error("/when", "it is `before` or `after`".into()));
    }
    let position = position.unwrap_or(limits::USUAL_POSITION);
    if !(0..=limits::MAX_POSITION).contains(&position) {
        errors.push(error("/position", format!("it is from 0 to {}", limits::MAX_POSITION)));
    }
    let (mut steps, mut component) = (None, None);
    match work {
        NewWork::Steps(text) => match Steps::parse(&text) {
            Ok((_, stored)) => steps = Some(stored),
            Err(wrong) => errors.extend(
                wrong
                    .into_iter()
                    .map(|InputError { path, message }| InputError { path: format!("/steps{path}"), message }),
            ),
        },
        NewWork::Component(wasm) => match compiled(host, wasm).await? {
            Ok(compiled) => component = Some(compiled),
            Err(reason) => errors.push(error("/component", reason)),
        },
    }
    match parsed {
        Some(when) if errors.is_empty() => Ok(CheckedModifier { tools, connections, when, position, steps, component }),
        _ => {
            let detail = "this is not a modifier";
            Err(Fault { errors, ..Fault::new(Code::InvalidInput, Culprit::Caller, detail) })
        }
    }
}

fn check_tools(tools: &[String], errors: &mut Vec<InputError>) {
    if tools.is_empty() || tools.len() > limits::NAMES {
        errors.push(error("/tools", format!("it has 1 to {} patterns", limits::NAMES)));
        return;
    }
    for (at, text) in tools.iter().enumerate() {
        if let Err(message) = ToolPattern::parse(text) {
            errors.push(error(&format!("/tools/{at}"), message));
        }
    }
}

async fn check_connections(
    host: &Host,
    project: &ProjectId,
    names: &[String],
    errors: &mut Vec<InputError>,
) -> Result<(), Fault> {
    if names.is_empty() || names.len() > limits::NAMES {
        errors.push(error("/connections", format!("it has 1 to {} names, or is absent", limits::NAMES)));
        return Ok(());
    }
    let mut seen = BTreeSet::new();
    for (at, name) in names.iter().enumerate() {
        let place = format!("/connections/{at}");
        if !seen.insert(name) {
            errors.push(error(&place, format!("connection `{}` is there twice", faults::quoted(name))));
        } else if host.store.find_connection(project, name).await.map_err(faults::store)?.is_none() {
            errors.push(error(&place, format!("there is no connection `{}`", faults::quoted(name))));
        }
    }
    Ok(())
}

/// Compiles a component: the bytes that are checked are the bytes that are stored and the bytes that run (lesson 12).
async fn compiled(host: &Host, wasm: Vec<u8>) -> Result<Result<(String, Vec<u8>), String>, Fault> {
    if wasm.len() > limits::COMPONENT_BYTES {
        let reason = format!("it has {} bytes, of at most {}", wasm.len(), limits::COMPONENT_BYTES);
        return Ok(Err(reason));
    }
    let runtime = host.runtime.clone();
    blocking(move || {
        let digest = hex::encode(Sha256::digest(&wasm));
        match runtime.compile_modifier(&wasm, &digest) {
            Ok(_) => Ok((digest, wasm)),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
}

fn error(path: &str, message: String) -> InputError {
    InputError { path: path.into(), message }
}
