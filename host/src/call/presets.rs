//! Preset parameters: what an operator fixed of a tool's input, out of reach of whoever calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::limits::MAX_INPUT;
use super::{CallRequest, faults};
use crate::catalog::PresetNames;
use crate::model::{Account, Code, Culprit, ExecutionId, Fault, InputError, Preset, RenderError, Variable};

/// The preset parameters of one tool, read.
#[derive(Debug)]
pub(super) struct ToolPresets(Vec<(String, Preset)>);

/// What a preset may speak of.
pub(super) struct PresetFacts<'a> {
    pub(super) account: &'a Account,
    pub(super) connection: &'a str,
    pub(super) tool: &'a str,
    pub(super) execution: &'a ExecutionId,
    pub(super) request: &'a CallRequest,
}

impl ToolPresets {
    /// Reads parameters as they are written.
    ///
    /// # Errors
    /// The place of each that is none, within the object of parameters.
    pub(super) fn read(written: &BTreeMap<String, Value>) -> Result<Self, Vec<InputError>> {
        let (mut read, mut errors) = (Vec::new(), Vec::new());
        for (name, value) in written {
            match Preset::parse(value) {
                Ok(preset) => read.push((name.clone(), preset)),
                Err(error) => errors.push(InputError {
                    path: format!("{}{}", pointer(name), error.pointer),
                    message: format!("line {}, column {}: {}", error.line, error.column, error.reason),
                }),
            }
        }
        if errors.is_empty() { Ok(Self(read)) } else { Err(errors) }
    }

    /// Those without a template, whose values are known before any call.
    pub(super) fn fixed(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, preset)| preset.variables().is_empty()).map(|(name, _)| name.as_str())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl<'a> PresetFacts<'a> {
    /// What stands for a variable.
    pub(super) fn value(&self, variable: &Variable) -> Option<&'a str> {
        match variable {
            Variable::Account(field) => self.account.fields.get(field).map(String::as_str),
            Variable::Identifier => Some(&self.account.identifier),
            Variable::Organization => {
                Some(self.account.organization.as_str()).filter(|organization| !organization.is_empty())
            }
            Variable::ChatId => self.request.chat_id.as_deref(),
            Variable::TriggerType => self.request.trigger_type.as_deref(),
            Variable::Tool => Some(self.tool),
            Variable::Connection => Some(self.connection),
            Variable::ExecutionId => Some(self.execution.as_str()),
        }
    }
}

/// What lists leave out of the schema of a tool that is offered on several terms: a parameter that is preset on all of
/// them is gone, one that is preset on some need not be given. `None` if nothing is preset.
pub(super) fn names(offers: &[&[Arc<ToolPresets>]]) -> Option<PresetNames> {
    let each: Vec<BTreeSet<&str>> =
        offers.iter().map(|presets| presets.iter().flat_map(|presets| presets.names()).collect()).collect();
    let any: BTreeSet<&str> = each.iter().flatten().copied().collect();
    if any.is_empty() {
        return None;
    }
    let (gone, optional): (BTreeSet<&str>, _) = any.iter().partition(|name| each.iter().all(|of| of.contains(*name)));
    let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
    Some(PresetNames { gone: owned(gone), optional: owned(optional) })
}

/// Puts presets into an input (JSON text). Of two for one parameter, the first holds; what the caller gives stays as it
/// was written.
///
/// # Errors
/// The caller gives a parameter that is preset, or a template has no value.
pub(super) fn merge(input: &str, presets: &[Arc<ToolPresets>], facts: &PresetFacts<'_>) -> Result<String, Fault> {
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(input)
        .map_err(|error| faults::invalid_input(vec![InputError { path: String::new(), message: error.to_string() }]))?;
    let all = || presets.iter().flat_map(|presets| &presets.0);
    let given: BTreeSet<&str> =
        all().map(|(name, _)| name.as_str()).filter(|name| members.contains_key(*name)).collect();
    if !given.is_empty() {
        let message = "this parameter is preset and cannot be given";
        let errors = given.into_iter().map(|name| InputError { path: pointer(name), message: message.into() });
        let detail = "the input gives parameters that the operator has preset: leave them out";
        return Err(Fault { errors: errors.collect(), ..Fault::new(Code::InvalidInput, Culprit::Caller, detail) });
    }
    let mut bytes = input.len();
    for (name, preset) in all() {
        if members.contains_key(name) {
            continue;
        }
        let value = preset.render(|variable| facts.value(variable)).map_err(|error| unfilled(name, &error))?;
        let text = value.to_string();
        bytes = bytes.saturating_add(name.len()).saturating_add(text.len());
        if bytes > MAX_INPUT {
            let detail = format!("with what is preset, the input has more than {MAX_INPUT} bytes");
            return Err(Fault::new(Code::PayloadTooLarge, Culprit::Policy, detail));
        }
        let raw = RawValue::from_string(text).map_err(|error| {
            Fault::new(Code::Internal, Culprit::Host, format!("preset `{name}` is not JSON: {error}"))
        })?;
        members.insert(name.clone(), raw);
    }
    serde_json::to_string(&members)
        .map_err(|error| Fault::new(Code::Internal, Culprit::Host, format!("the input cannot be written: {error}")))
}

/// Puts back what was preset in `merged`, whatever was made of it since. A preset speaks of fewer calls than a modifier,
/// so it is the preset that holds.
pub(super) fn restored(changed: String, merged: &str, presets: &[Arc<ToolPresets>]) -> String {
    if presets.is_empty() {
        return changed;
    }
    let read = |text: &str| serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text);
    // What is no object has no parameters, and satisfies no tool's schema.
    let (Ok(mut members), Ok(preset)) = (read(&changed), read(merged)) else { return changed };
    for name in presets.iter().flat_map(|presets| presets.names()) {
        if let Some(value) = preset.get(name) {
            members.insert(name.to_owned(), value.clone());
        }
    }
    serde_json::to_string(&members).unwrap_or(changed)
}

/// An input that does not satisfy the schema with its presets: whose mistake that is.
pub(super) fn invalid(errors: Vec<InputError>, schema: &str, presets: &[Arc<ToolPresets>]) -> Fault {
    let names = || presets.iter().flat_map(|presets| presets.names());
    let preset = |error: &InputError| names().any(|name| is_below(&error.path, &pointer(name)));
    if !errors.iter().any(preset) && unknown(schema, names()).next().is_none() {
        return faults::invalid_input(errors);
    }
    let detail = "what the operator has preset does not satisfy the tool's schema: the profile or the connection has to \
                  be mended";
    Fault { errors, ..Fault::new(Code::InvalidInput, Culprit::Policy, detail) }
}

/// Those of some parameters that a tool with this schema does not take.
pub(super) fn unknown<'n>(schema: &str, names: impl Iterator<Item = &'n str>) -> impl Iterator<Item = &'n str> {
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    names.filter(move |name| closed && schema.pointer(&format!("/properties{}", pointer(name))).is_none())
}

/// Whether a JSON pointer leads to a place or below it.
pub(super) fn is_below(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The JSON pointer to a member.
pub(super) fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// A preset without a value: the caller can give some of them, the account's only the operator.
fn unfilled(name: &str, error: &RenderError) -> Fault {
    let culprit = match error {
        RenderError::Missing { name } if name == "call.chat_id" || name == "call.trigger_type" => Culprit::Caller,
        RenderError::Missing { .. } | RenderError::TooLong => Culprit::Policy,
    };
    let detail = format!("the preset parameter `{name}` of this tool cannot be filled in: {error}");
    let errors = vec![InputError { path: pointer(name), message: error.to_string() }];
    Fault { errors, ..Fault::new(Code::InvalidInput, culprit, detail) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn presets(written: Value) -> Arc<ToolPresets> {
        Arc::new(ToolPresets::read(&serde_json::from_value(written).unwrap()).unwrap())
    }

    fn error(path: &str) -> Vec<InputError> {
        vec![InputError { path: path.into(), message: "wrong".into() }]
    }

    /// SI-15: whose mistake it is, also when a connector's next version no longer has what is preset.
    #[test]
    fn a_preset_that_does_not_fit_is_the_operators_mistake() {
        let preset = [presets(json!({ "a": 1, "b/c": 2 }))];
        let open = json!({ "properties": { "a": {} } }).to_string();
        let closed = json!({ "properties": { "a": {}, "b/c": {} }, "additionalProperties": false }).to_string();
        let changed = json!({ "properties": { "a": {} }, "additionalProperties": false }).to_string();
        for (schema, path, culprit) in [
            (&open, "/a", Culprit::Policy),
            (&closed, "/a/0", Culprit::Policy),
            (&closed, "/b~1c", Culprit::Policy),
            (&closed, "/ab", Culprit::Caller),
            (&open, "", Culprit::Caller),
            (&closed, "", Culprit::Caller),
            (&changed, "", Culprit::Policy),
        ] {
            let fault = invalid(error(path), schema, &preset);
            assert_eq!((fault.code, fault.culprit), (Code::InvalidInput, culprit), "{schema} {path}");
        }
        assert_eq!(unknown(&changed, ["a", "b/c", "d"].into_iter()).collect::<Vec<_>>(), ["b/c", "d"]);
        assert_eq!(unknown(&open, ["d"].into_iter()).count(), 0);
        assert_eq!(unknown("nonsense", ["d"].into_iter()).count(), 0);
    }

    /// SI-15: what is preset on every way is gone, what is preset on some need not be given.
    #[test]
    fn several_ways_are_told_apart() {
        let (one, two) =
            ([presets(json!({ "a": 1, "b": 1 }))], [presets(json!({ "a": 2 })), presets(json!({ "c": 2 }))]);
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let found = names(&[&one, &two]).unwrap();
        assert_eq!((found.gone, found.optional), (set(&["a"]), set(&["b", "c"])));
        let found = names(&[&one, &[]]).unwrap();
        assert_eq!((found.gone, found.optional), (set(&[]), set(&["a", "b"])));
        assert_eq!(names(&[&[], &[]]), None);
        assert_eq!(names(&[]), None);
    }
}
