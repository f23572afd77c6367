//! Declarative modifiers: steps with one verb each, checked when they are stored.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::document::{Budget, Node, Stuck};
use super::limits;
use super::path::{Path, Segment};
use crate::model::{InputError, Preset, RenderError, Variable};

/// A step as it is written: one verb.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Written {
    Set(WrittenValue),
    Default(WrittenValue),
    Remove(WrittenPath),
    Rename(WrittenRename),
    Pick(WrittenPaths),
    Template(WrittenTemplate),
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenValue {
    path: String,
    value: Box<RawValue>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenPath {
    path: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenRename {
    from: String,
    to: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenPaths {
    paths: Vec<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenTemplate {
    path: String,
    template: Box<RawValue>,
}

/// Steps, ready to be done.
#[derive(Debug)]
pub(super) struct Steps(Vec<Step>);

#[derive(Debug)]
enum Step {
    /// JSON text.
    Set(Path, String),
    Default(Path, String),
    Remove(Path),
    Rename(Path, Path),
    Pick(Vec<Path>),
    Template(Path, Preset),
}

/// Why steps gave no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StepError {
    /// Which, counted from 0.
    pub(super) step: usize,
    /// Its verb.
    pub(super) verb: &'static str,
    pub(super) why: Why,
}

/// Why a step was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Stuck(Stuck),
    Unfilled(RenderError),
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {} (`{}`): ", self.step, self.verb)?;
        match &self.why {
            Why::Stuck(stuck) => stuck.fmt(f),
            Why::Unfilled(error) => error.fmt(f),
        }
    }
}

/// What is wrong with a step, and where in it.
type Wrong = (String, String);

impl Steps {
    /// Reads steps as they are written (a JSON list), and gives them as they are to be stored.
    ///
    /// # Errors
    /// Everything that is wrong with them, each at its place within the list.
    pub(super) fn parse(text: &str) -> Result<(Self, String), Vec<InputError>> {
        let whole = |message: String| vec![InputError { path: String::new(), message }];
        if text.len() > limits::STEPS_BYTES {
            return Err(whole(format!("steps have at most {} bytes", limits::STEPS_BYTES)));
        }
        let each: Vec<&RawValue> =
            serde_json::from_str(text).map_err(|error| whole(format!("steps are a list: {error}")))?;
        if each.is_empty() || each.len() > limits::STEPS {
            return Err(whole(format!("a modifier has 1 to {} steps, not {}", limits::STEPS, each.len())));
        }
        let (mut steps, mut stored, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for (at, raw) in each.into_iter().enumerate() {
            match read(raw.get()) {
                Ok((step, written)) => {
                    steps.push(step);
                    stored.push(written);
                }
                Err((place, message)) => errors.push(InputError { path: format!("/{at}{place}"), message }),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let stored = serde_json::to_string(&stored).map_err(|error| whole(error.to_string()))?;
        Ok((Self(steps), stored))
    }

    /// Does the steps, in order, on a document (JSON text) that may grow to so many bytes.
    ///
    /// # Errors
    /// The step that could not be done. Then nothing of them counts.
    pub(super) fn apply<'v>(
        &self,
        text: &str,
        most: usize,
        values: impl Fn(&Variable) -> Option<&'v str>,
    ) -> Result<String, StepError> {
        let wrong = |(step, why)| StepError { step, verb: self.0.get(step).map_or("", Step::verb), why };
        let mut filled = Vec::new();
        for (at, step) in self.0.iter().enumerate() {
            filled.push(match step {
                Step::Template(_, preset) => {
                    let value = preset.render(&values).map_err(|error| wrong((at, Why::Unfilled(error))))?;
                    Some(value.to_string())
                }
                _ => None,
            });
        }
        let mut budget = Budget { work: limits::WORK, bytes: most };
        let mut document = Node::text(text);
        for (at, (step, filled)) in self.0.iter().zip(&filled).enumerate() {
            let done = step.apply(&mut document, filled.as_deref(), &mut budget);
            done.map_err(|stuck| wrong((at, Why::Stuck(stuck))))?;
        }
        let text = document.into_text();
        if text.len() > most {
            return Err(wrong((self.0.len().saturating_sub(1), Why::Stuck(Stuck::TooLong))));
        }
        Ok(text)
    }
}

impl Step {
    fn verb(&self) -> &'static str {
        match self {
            Self::Set(..) => "set",
            Self::Default(..) => "default",
            Self::Remove(_) => "remove",
            Self::Rename(..) => "rename",
            Self::Pick(_) => "pick",
            Self::Template(..) => "template",
        }
    }

    fn apply<'a>(&'a self, document: &mut Node<'a>, filled: Option<&'a str>, budget: &mut Budget) -> Result<(), Stuck> {
        match self {
            Self::Set(path, value) => document.put(path.segments(), &Node::text(value), false, budget),
            Self::Default(path, value) => document.put(path.segments(), &Node::text(value), true, budget),
            Self::Template(path, _) => {
                document.put(path.segments(), &Node::text(filled.unwrap_or("null")), false, budget)
            }
            Self::Remove(path) => document.remove(path.segments(), budget),
            Self::Rename(from, to) => {
                let (within, from) = from.at_last_star();
                document.rename(within, from, to.segments().get(within.len()..).unwrap_or_default(), budget)
            }
            Self::Pick(paths) => {
                let paths: Vec<&[Segment]> = paths.iter().map(Path::segments).collect();
                if !document.keep(&paths, budget)? {
                    *document = Node::text("null");
                }
                Ok(())
            }
        }
    }
}

fn read(text: &str) -> Result<(Step, Written), Wrong> {
    let written: Written = serde_json::from_str(text)
        .map_err(|error| (String::new(), format!("a step is an object with one verb: {error}")))?;
    let path =
        |verb: &str, key: &str, text: &str| Path::parse(text).map_err(|message| (format!("/{verb}/{key}"), message));
    let step = match &written {
        Written::Set(WrittenValue { path: at, value }) => {
            Step::Set(path("set", "path", at)?, checked(value).map_err(|message| ("/set/value".to_owned(), message))?)
        }
        Written::Default(WrittenValue { path: at, value }) => {
            let at = path("default", "path", at)?;
            refuse(at.is_whole() || at.appends(), "/default/path", "there is always a value, so it is never set")?;
            Step::Default(at, checked(value).map_err(|message| ("/default/value".to_owned(), message))?)
        }
        Written::Remove(WrittenPath { path: at }) => {
            let at = path("remove", "path", at)?;
            refuse(at.is_whole() || at.appends(), "/remove/path", "it leads to no member or element")?;
            Step::Remove(at)
        }
        Written::Rename(WrittenRename { from, to }) => {
            let (from, to) = (path("rename", "from", from)?, path("rename", "to", to)?);
            check_rename(&from, &to)?;
            Step::Rename(from, to)
        }
        Written::Pick(WrittenPaths { paths }) => {
            let many = paths.is_empty() || paths.len() > limits::PATHS;
            refuse(many, "/pick/paths", &format!("it has 1 to {} paths", limits::PATHS))?;
            let each = |(at, text): (usize, &String)| {
                let place = format!("/pick/paths/{at}");
                let path = Path::parse(text).map_err(|message| (place.clone(), message))?;
                refuse(path.is_whole() || path.appends(), &place, "it leads to no member or element")?;
                Ok(path)
            };
            Step::Pick(paths.iter().enumerate().map(each).collect::<Result<_, Wrong>>()?)
        }
        Written::Template(WrittenTemplate { path: at, template }) => {
            let wrong = |message: String| ("/template/template".to_owned(), message);
            let value = serde_json::from_str(template.get()).map_err(|error| wrong(error.to_string()))?;
            let preset = Preset::parse(&value).map_err(|error| {
                let message = format!("line {}, column {}: {}", error.line, error.column, error.reason);
                (format!("/template/template{}", error.pointer), message)
            })?;
            Step::Template(path("template", "path", at)?, preset)
        }
    };
    Ok((step, written))
}

fn refuse(if_so: bool, place: &str, message: &str) -> Result<(), Wrong> {
    if if_so { Err((place.to_owned(), message.to_owned())) } else { Ok(()) }
}

fn check_rename(from: &Path, to: &Path) -> Result<(), Wrong> {
    let (within, rest) = from.at_last_star();
    let nowhere = rest.is_empty() || from.appends();
    refuse(nowhere, "/rename/from", "it leads to no member or element of its own")?;
    let message = "it must begin as `from` does, up to the last `*`, and have no other `*`";
    refuse(to.at_last_star().0 != within, "/rename/to", message)?;
    refuse(from == to, "/rename/to", "it is the same place")
}

/// A value that a policy, a schema and a guest can read: not deeper than JSON readers go.
fn checked(value: &RawValue) -> Result<String, String> {
    match serde_json::from_str::<serde_json::Value>(value.get()) {
        Ok(_) => Ok(value.get().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
