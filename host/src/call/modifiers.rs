//! What stands before and after tools: changes of inputs and outputs, in their order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;
use tracing::Instrument;

use self::component::Component;
use self::faults::{Side, of_component, of_input, of_steps};
use self::steps::Steps;
use super::presets::{self, PresetFacts};
use super::resolve::Resolved;
use super::timeline::Modified;
use super::{CallRequest, Host, MAX_INPUT};
use crate::model::{Caller, Code, Culprit, Execution, ExecutionId, Fault, ModifierId, ProjectId, ToolPattern, When};
use crate::store::{ModifierRow, Subject};

mod check;
mod component;
mod document;
mod faults;
#[cfg(test)]
mod fuzz;
mod limits;
mod path;
mod steps;
#[cfg(test)]
mod tests;

pub use check::{CheckedModifier, NewModifier, NewWork, check_modifier, room_for_modifier};

/// The compiled modifiers of each project.
#[derive(Debug, Default)]
pub struct CompiledModifiers(Mutex<HashMap<ProjectId, Revised>>);

/// Modifiers in their order, with the revision that they were compiled from.
type Revised = (i64, Arc<[Modifier]>);

/// A modifier, ready to run.
#[derive(Debug)]
struct Modifier {
    id: ModifierId,
    name: String,
    tools: Vec<ToolPattern>,
    connections: Option<Vec<String>>,
    when: When,
    work: Work,
}

#[derive(Debug)]
enum Work {
    Steps(Steps),
    /// Shared with earlier revisions, so that a change of another modifier does not load it again.
    Component(Arc<Component>),
}

impl Modifier {
    fn fits(&self, when: When, resolved: &Resolved) -> bool {
        let tool = &resolved.tool().tool;
        let connection = &resolved.context.connection.name;
        let named =
            |pattern: &ToolPattern| pattern.fits(&tool.name) || tool.aliases.iter().any(|alias| pattern.fits(alias));
        self.when == when
            && self.connections.as_ref().is_none_or(|names| names.contains(connection))
            && self.tools.iter().any(named)
    }
}

/// A call, as its modifiers see it.
struct Subjected<'a> {
    request: &'a CallRequest,
    resolved: &'a Resolved,
    execution: &'a ExecutionId,
}

/// Lets the modifiers before a tool change the input of a new call, and checks what they made of it. What is preset stays
/// as it was preset. Gives those that ran.
pub(super) async fn before(
    host: &Host,
    caller: &Caller,
    request: &mut CallRequest,
    resolved: &Resolved,
) -> Result<Vec<Modified>, Fault> {
    if !request.surface.is_modified() {
        return Ok(Vec::new());
    }
    let (revision, all) = compiled(host, &caller.project).await?;
    let fitting = fitting(&all, When::Before, resolved);
    if fitting.is_empty() {
        return Ok(Vec::new());
    }
    let call = Subjected { request, resolved, execution: &resolved.execution };
    let side = Side { when: When::Before, most: MAX_INPUT };
    let span = tracing::debug_span!("modifiers_before");
    let mut ran = Vec::new();
    let changed = apply(host, (&fitting, revision), &call, side, request.input.clone(), &mut ran);
    let changed = changed.instrument(span).await?;
    let changed = presets::restored(changed, &request.input, &resolved.presets);
    if changed == request.input {
        return Ok(ran);
    }
    let names = || fitting.iter().map(|modifier| modifier.name.as_str());
    resolved.tool().check_input(&changed).map_err(|errors| of_input(errors, names()))?;
    let given = std::mem::replace(&mut request.input, changed);
    request.given_input.get_or_insert(given);
    Ok(ran)
}

/// Lets the modifiers after a tool change the output of a call that has run. The tool's own schema was checked before;
/// what they make of it need only be JSON, as long as an output may be. Those that ran are added to `ran`.
pub(super) async fn after(
    host: &Host,
    request: &CallRequest,
    resolved: &Resolved,
    execution: &Execution,
    result: Result<String, Fault>,
    ran: &mut Vec<Modified>,
) -> Result<String, Fault> {
    let data = result?;
    if !request.surface.is_modified() {
        return Ok(data);
    }
    let side = Side { when: When::After, most: limits::OUTPUT_BYTES };
    let (revision, all) = compiled(host, &execution.project)
        .await
        .map_err(|fault| side.told(Fault { detail: "the project's modifiers cannot be read now".into(), ..fault }))?;
    let fitting = fitting(&all, When::After, resolved);
    if fitting.is_empty() {
        return Ok(data);
    }
    let call = Subjected { request, resolved, execution: &execution.id };
    let span = tracing::debug_span!("modifiers_after");
    apply(host, (&fitting, revision), &call, side, data, ran).instrument(span).await
}

fn fitting<'m>(all: &'m [Modifier], when: When, resolved: &Resolved) -> Vec<&'m Modifier> {
    all.iter().filter(|modifier| modifier.fits(when, resolved)).collect()
}

async fn apply(
    host: &Host,
    (modifiers, revision): (&[&Modifier], i64),
    call: &Subjected<'_>,
    side: Side,
    mut text: String,
    ran: &mut Vec<Modified>,
) -> Result<String, Fault> {
    let deadline = Instant::now() + limits::COMPONENTS_TIMEOUT;
    for modifier in modifiers {
        let changed = one(host, modifier, call, side, deadline, &text).await;
        text = changed.map_err(|fault| {
            let (modifier, detail) = (modifier.name.as_str(), fault.detail.as_str());
            tracing::warn!(modifier, when = side.when.as_str(), detail, "a modifier gave no result");
            side.told(fault)
        })?;
        ran.push(Modified::now(host, &modifier.id, &modifier.name, side.when, revision));
    }
    Ok(text)
}

async fn one(
    host: &Host,
    modifier: &Modifier,
    call: &Subjected<'_>,
    side: Side,
    deadline: Instant,
    text: &str,
) -> Result<String, Fault> {
    let Subjected { request, resolved, execution } = call;
    let tool = &resolved.tool().tool.name;
    match &modifier.work {
        Work::Steps(steps) => {
            let facts = PresetFacts {
                account: &resolved.context.account,
                connection: &resolved.context.connection.name,
                tool,
                execution,
                request,
            };
            let changed = steps.apply(text, side.most, |variable| facts.value(variable));
            changed.map_err(|error| of_steps(side, &modifier.name, &error))
        }
        Work::Component(component) => {
            let plugin = component.plugin(host, &modifier.name).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            let changed = host.runtime.modify(plugin, side.when, tool, text, request.depth(), left).await;
            let changed = changed.map_err(|error| of_component(side, &modifier.name, &error))?;
            side.bounded(&modifier.name, changed)
        }
    }
}

/// The project's modifiers, compiled when they were changed and not before.
async fn compiled(host: &Host, project: &ProjectId) -> Result<Revised, Fault> {
    let revision = host.store.revision(Subject::Modifiers, project).await.map_err(super::faults::store)?;
    let kept = || host.modifiers.0.lock().unwrap_or_else(PoisonError::into_inner);
    let old = kept().get(project).cloned();
    if let Some((of, modifiers)) = &old
        && *of == revision
    {
        return Ok((revision, Arc::clone(modifiers)));
    }
    let set = host.store.modifiers(project).await.map_err(super::faults::store)?;
    let old = old.map(|(_, modifiers)| modifiers).unwrap_or_default();
    let compiled: Result<Arc<[Modifier]>, String> = set.modifiers.iter().map(|row| compile(row, &old)).collect();
    let modifiers = compiled.map_err(|reason| {
        tracing::error!(%project, reason, "stored modifiers cannot be read: every call is refused");
        let detail = format!("the project's modifiers cannot be read ({reason}): nothing runs until they are mended");
        Fault::new(Code::ModifierFailed, Culprit::Policy, detail)
    })?;
    let revised = (set.revision, modifiers);
    kept().insert(project.clone(), revised.clone());
    Ok(revised)
}

/// Compiles a stored modifier.
///
/// # Errors
/// One sentence, naming it.
fn compile(row: &ModifierRow, old: &[Modifier]) -> Result<Modifier, String> {
    let unreadable = |reason: &str| format!("`{}`: {reason}", row.name);
    let work = match (&row.steps, &row.component) {
        (Some(steps), None) => {
            let said = |errors: Vec<crate::model::InputError>| {
                unreadable(errors.first().map_or("", |error| error.message.as_str()))
            };
            Work::Steps(Steps::parse(steps).map_err(said)?.0)
        }
        (None, Some(digest)) => {
            let loaded = old.iter().find_map(|modifier| match &modifier.work {
                Work::Component(component) if component.digest() == digest => Some(Arc::clone(component)),
                Work::Component(_) | Work::Steps(_) => None,
            });
            Work::Component(loaded.unwrap_or_else(|| Arc::new(Component::new(digest.clone()))))
        }
        _ => return Err(unreadable("it has neither steps nor a component")),
    };
    let tools = row.tools.iter().map(|text| ToolPattern::parse(text)).collect::<Result<_, _>>();
    Ok(Modifier {
        id: row.id.clone(),
        name: row.name.clone(),
        tools: tools.map_err(|reason| unreadable(&reason))?,
        connections: row.connections.clone(),
        when: row.when,
        work,
    })
}
