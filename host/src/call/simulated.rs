//! Demo mode: a call through such a connection sends nothing, and is answered with what its tool could have answered.
//!
//! Policies, presets, schemas, limits and records are those of every call. See decisions/0019-demo-mode.md.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::CallRequest;
use super::resolve::Resolved;
use super::verdict::{Asked, Verdict, only_reads};
use crate::model::{Code, Connection, Culprit, Fault};
use crate::policy::{Ask, At};
use made::{Way, made};

mod conjunction;
mod draw;
mod made;
mod number;
mod text;

/// What a tool answers that promises nothing of its answer.
const NOTHING_PROMISED: &str = "{}";

/// The ways to make up an answer, the most telling first.
const WAYS: [Way; 12] = [
    Way { echo: true, examples: true, optional: true, branch: 0 },
    Way { echo: false, examples: true, optional: true, branch: 0 },
    Way { echo: false, examples: false, optional: true, branch: 0 },
    Way { echo: false, examples: true, optional: false, branch: 0 },
    Way { echo: false, examples: false, optional: false, branch: 0 },
    Way { echo: true, examples: true, optional: true, branch: 1 },
    Way { echo: false, examples: false, optional: true, branch: 1 },
    Way { echo: false, examples: false, optional: false, branch: 1 },
    Way { echo: false, examples: false, optional: true, branch: 2 },
    Way { echo: false, examples: false, optional: false, branch: 2 },
    Way { echo: false, examples: false, optional: false, branch: 3 },
    Way { echo: false, examples: false, optional: false, branch: 4 },
];

/// The answer (JSON text) of a call that sends nothing; `None` if its connection is a real one.
pub(super) fn answer(resolved: &Resolved, request: &CallRequest) -> Option<Result<String, Fault>> {
    if !resolved.context.connection.demo {
        return None;
    }
    let tool = resolved.tool();
    let schema = tool.tool.output_schema.as_deref();
    let found = possible(schema, &request.input, |text| tool.check_output(text).is_ok());
    Some(found.ok_or_else(|| {
        let detail = format!(
            "the connection is in demo mode, and no answer of `{}` could be made up that fits its output schema: its \
             author can give `examples` in the schema. Nothing was sent",
            tool.tool.name
        );
        Fault::new(Code::GuestError, Culprit::Guest, detail)
    }))
}

/// Where nothing leaves there is no write to stop at: whoever would be asked there is asked before the answer.
pub(super) fn asked_before(verdict: Verdict, resolved: &Resolved) -> Verdict {
    match verdict {
        Verdict::Ask(asked) if resolved.context.connection.demo && !only_reads(resolved) => {
            Verdict::Ask(Asked { ask: Ask { at: At::Before, ..asked.ask }, ..asked })
        }
        verdict => verdict,
    }
}

/// Nothing leaves through such a connection, so no credential could be tried; an untried one is never stored (lesson 8).
pub(super) fn takes_credentials(connection: &Connection) -> Result<(), Fault> {
    if !connection.demo {
        return Ok(());
    }
    let detail = format!(
        "connection `{}` is in demo mode: nothing leaves, so a credential cannot be tried, and calls need none. Leave \
         it out, or end demo mode first",
        connection.name
    );
    Err(Fault::new(Code::Conflict, Culprit::Caller, detail))
}

/// The first answer that fits.
fn possible(schema: Option<&str>, input: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
    let Some(schema) = schema else { return Some(NOTHING_PROMISED.to_owned()) };
    let schema: Value = serde_json::from_str(schema).ok()?;
    let members = match serde_json::from_str(input) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let seed = seed(input);
    let recorded = recorded(&schema, &members, seed).into_iter();
    let made = WAYS.into_iter().filter_map(|way| made(&schema, &members, seed, way));
    recorded.chain(made).map(|value| value.to_string()).find(|text| fits(text))
}

/// What the connector's author wrote down as answers: one as the input would have it, then as it is; then the others.
fn recorded(schema: &Value, input: &Map<String, Value>, seed: u64) -> Vec<Value> {
    let listed = schema.get("examples").and_then(Value::as_array).into_iter().flatten();
    let mut examples: Vec<&Value> = listed.chain(schema.get("example")).collect();
    if !examples.is_empty() {
        let first = usize::try_from(seed % examples.len() as u64).unwrap_or_default();
        examples.rotate_left(first);
    }
    examples.into_iter().flat_map(|example| [echoed(example, input), example.clone()]).collect()
}

/// Members that the input names, with its values, where they are of the same kind.
fn echoed(example: &Value, input: &Map<String, Value>) -> Value {
    let mut value = example.clone();
    for (name, member) in value.as_object_mut().into_iter().flatten() {
        if let Some(given) = input.get(name)
            && std::mem::discriminant(given) == std::mem::discriminant(member)
        {
            *member = given.clone();
        }
    }
    value
}

/// The same input gives the same answer: its digest, from which its record has its own, decides all that is open.
fn seed(input: &str) -> u64 {
    let digest = Sha256::digest(input.as_bytes());
    digest.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
