//! Rewrites a schema into the part of JSON Schema that an API holds a model to.
//!
//! Keywords that only narrow a value are moved into its description. What would change which values can be said at all
//! (open objects, values of any type) ends the attempt: a model that is held to less than the tool takes could not use it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Losses;
use dialect::Fate;

mod dialect;
mod fitting;
mod null;
mod pointer;

pub(super) use dialect::{CLAUDE, Dialect, GEMINI, OPENAI};
pub(super) use null::admits_null;
pub(super) use pointer::local;

use null::{nullable, type_of};

/// Schemas in one tool's, references inlined: far more than APIs take, and far less than a reference that doubles at each
/// step would make.
const MAX_SCHEMAS: usize = 20_000;

/// Schemas one in another: as deep as JSON texts are read.
const MAX_NESTING: usize = 120;

/// Bytes of a value that is told in a description: a default or an example, not a document.
const MAX_TOLD: usize = 200;

/// Where the attempt ended, and why.
pub(super) type Refused = (String, String);

/// Rewrites the schema of a tool's input.
///
/// # Errors
/// If values that the tool takes could not be said.
pub(super) fn rewrite(schema: &Value, dialect: &Dialect) -> Result<(Value, Losses), Refused> {
    let mut walk = Walk { root: schema, dialect, losses: Vec::new(), named: BTreeMap::new(), nesting: 0, seen: 0 };
    let Value::Object(mut rewritten) = walk.schema(schema, "")? else {
        return Err((String::new(), "the root is not an object".into()));
    };
    if dialect.closes && rewritten.contains_key("anyOf") {
        return Err((String::new(), "the root is a choice of schemas".into()));
    }
    let mut definitions = Map::new();
    for named in walk.named.into_values() {
        definitions.insert(named.name, named.schema.unwrap_or_default());
    }
    if !definitions.is_empty() {
        rewritten.insert("$defs".into(), Value::Object(definitions));
    }
    let rewritten = Value::Object(rewritten);
    (dialect.fits)(&rewritten).map_err(|reason| (String::new(), reason))?;
    Ok((rewritten, walk.losses))
}

/// A schema that others refer to.
#[derive(Debug)]
struct Named {
    /// Its name in the rewritten schema.
    name: String,
    /// `None` while it is being rewritten.
    schema: Option<Value>,
}

#[derive(Debug)]
struct Walk<'a> {
    root: &'a Value,
    dialect: &'a Dialect,
    losses: Losses,
    /// By the pointer that they are referred to by.
    named: BTreeMap<String, Named>,
    nesting: usize,
    seen: usize,
}

impl Walk<'_> {
    fn schema(&mut self, schema: &Value, path: &str) -> Result<Value, Refused> {
        self.seen += 1;
        self.nesting += 1;
        if self.seen > MAX_SCHEMAS || self.nesting > MAX_NESTING {
            return Err((path.to_owned(), "it is too large".into()));
        }
        let rewritten = match schema {
            Value::Object(members) => self.members(members, path),
            Value::Bool(true) if !self.dialect.closes => Ok(json!({})),
            _ => Err((path.to_owned(), "it does not say what it is".into())),
        };
        self.nesting -= 1;
        rewritten
    }

    fn members(&mut self, schema: &Map<String, Value>, path: &str) -> Result<Value, Refused> {
        if let Some(Value::String(reference)) = schema.get("$ref") {
            return self.reference(schema, reference, path);
        }
        if let Some(Value::Array(all)) = schema.get("allOf") {
            return self.all_of(schema, all, path);
        }
        let mut out = Map::new();
        let mut told = Vec::new();
        for (keyword, value) in schema {
            let at = || format!("{path}/{keyword}");
            match self.dialect.fate(keyword, value) {
                Fate::Kept => {
                    out.insert(keyword.clone(), value.clone());
                }
                Fate::Dropped => {}
                Fate::Told => {
                    told.push(format!("{keyword}: {value}"));
                    // These two say nothing of which values fit.
                    if keyword != "default" && keyword != "examples" {
                        let message = format!("`{keyword}` is told in the description: the host still checks it");
                        self.losses.push((at(), message));
                    }
                }
                Fate::Lost if self.dialect.closes => {
                    return Err((at(), format!("`{keyword}` cannot be said")));
                }
                Fate::Lost => self.losses.push((at(), format!("`{keyword}` is left out: the host still checks it"))),
                Fate::Walked => self.walked(&mut out, keyword, value, path)?,
            }
        }
        told.retain(|text| text.len() <= MAX_TOLD);
        if !told.is_empty() {
            let before = out.get("description").and_then(Value::as_str).unwrap_or_default();
            let all = if before.is_empty() { told.join("; ") } else { format!("{before} ({})", told.join("; ")) };
            out.insert("description".into(), all.into());
        }
        self.completed(out, schema, path)
    }

    /// Keywords that hold schemas.
    fn walked(
        &mut self,
        out: &mut Map<String, Value>,
        keyword: &str,
        value: &Value,
        path: &str,
    ) -> Result<(), Refused> {
        let at = format!("{path}/{keyword}");
        match (keyword, value) {
            ("anyOf" | "oneOf", Value::Array(branches)) => {
                let mut all = Vec::new();
                for (index, branch) in branches.iter().enumerate() {
                    all.push(self.schema(branch, &format!("{at}/{index}"))?);
                }
                if out.contains_key("anyOf") {
                    return Err((at, "two choices at once".into()));
                }
                out.insert("anyOf".into(), Value::Array(all));
            }
            ("properties", Value::Object(properties)) => {
                let mut all = Map::new();
                for (name, property) in properties {
                    let at = format!("{at}/{}", pointer::escaped(name));
                    all.insert(name.clone(), self.schema(property, &at)?);
                }
                out.insert("properties".into(), Value::Object(all));
            }
            ("prefixItems", Value::Array(items)) => {
                let mut all = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    all.push(self.schema(item, &format!("{at}/{index}"))?);
                }
                out.insert("prefixItems".into(), Value::Array(all));
            }
            ("additionalProperties", Value::Bool(_)) => {
                out.insert(keyword.to_owned(), value.clone());
            }
            (_, value) => {
                let rewritten = self.schema(value, &at)?;
                out.insert(keyword.to_owned(), rewritten);
            }
        }
        Ok(())
    }

    /// What the dialect wants of every schema.
    fn completed(
        &mut self,
        mut out: Map<String, Value>,
        from: &Map<String, Value>,
        path: &str,
    ) -> Result<Value, Refused> {
        let refused = |reason: &str| Err((path.to_owned(), reason.to_owned()));
        if !out.contains_key("type")
            && let Some(kind) = type_of(&out)
        {
            out.insert("type".into(), kind);
        }
        if !self.dialect.closes {
            return Ok(Value::Object(out));
        }
        if !out.contains_key("type") && !out.contains_key("anyOf") {
            return refused("it does not say of which type it is");
        }
        fitting::without_others(&mut out);
        if is_of(&out, "array") && !out.contains_key("items") {
            return refused("it does not say what the list holds");
        }
        if is_of(&out, "object") {
            let Some(Value::Object(properties)) = out.get("properties") else {
                return refused("it is an object of anything");
            };
            let required = from.get("required").and_then(Value::as_array).into_iter().flatten();
            if required.filter_map(Value::as_str).any(|name| !properties.contains_key(name)) {
                return refused("it wants a member that it says nothing of");
            }
            out.insert("additionalProperties".into(), false.into());
            if self.dialect.requires_all {
                self.require_all(&mut out, from, path);
            }
        }
        if self.dialect.splits_types {
            fitting::split(&mut out);
        }
        Ok(Value::Object(out))
    }

    /// Lets every member be required: null stands for one that is left out.
    fn require_all(&mut self, out: &mut Map<String, Value>, from: &Map<String, Value>, path: &str) {
        let required = from.get("required").and_then(Value::as_array);
        let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|found| found == name));
        let Some(Value::Object(properties)) = out.get_mut("properties") else { return };
        for (name, property) in properties.iter_mut().filter(|(name, _)| !is_required(name)) {
            let original = &from["properties"][name];
            if admits_null(self.root, original) {
                let message = "null means null here: it cannot be left out".to_owned();
                self.losses.push((format!("{path}/properties/{}", pointer::escaped(name)), message));
            }
            *property = nullable(std::mem::take(property));
        }
        let names: Vec<Value> = properties.keys().map(|name| name.as_str().into()).collect();
        out.insert("required".into(), Value::Array(names));
    }

    fn all_of(&mut self, schema: &Map<String, Value>, all: &[Value], path: &str) -> Result<Value, Refused> {
        let mut merged: Map<String, Value> =
            schema.iter().filter(|(keyword, _)| *keyword != "allOf").map(|(k, v)| (k.clone(), v.clone())).collect();
        for (index, part) in all.iter().enumerate() {
            let part = match part["$ref"].as_str() {
                Some(reference) if part.as_object().is_some_and(|part| part.len() == 1) => {
                    local(self.root, reference).unwrap_or(part)
                }
                _ => part,
            };
            let fits = part.as_object().is_some_and(|part| pointer::merge(&mut merged, part));
            if !fits && self.dialect.closes {
                return Err((
                    format!("{path}/allOf/{index}"),
                    "it cannot be put together with what is beside it".into(),
                ));
            }
            if !fits {
                let message = "it is left out: the host still checks it".to_owned();
                self.losses.push((format!("{path}/allOf/{index}"), message));
            }
        }
        self.schema(&Value::Object(merged), path)
    }

    /// A reference, to a schema that is rewritten once under a name of its own. Where words stand beside it, what it refers
    /// to is put in its place.
    fn reference(&mut self, schema: &Map<String, Value>, reference: &str, path: &str) -> Result<Value, Refused> {
        let Some(target) = local(self.root, reference) else {
            return Err((format!("{path}/$ref"), "it refers to nothing in this schema".into()));
        };
        let open = self.named.get(reference).is_some_and(|named| named.schema.is_none());
        let beside: Map<String, Value> =
            schema.iter().filter(|(keyword, _)| *keyword != "$ref").map(|(k, v)| (k.clone(), v.clone())).collect();
        if !beside.is_empty() && !open && reference != "#" {
            let mut merged = beside;
            if !target.as_object().is_some_and(|target| pointer::merge(&mut merged, target)) {
                return Err((path.to_owned(), "it cannot be put together with what it refers to".into()));
            }
            return self.schema(&Value::Object(merged), path);
        }
        if (reference == "#" || open) && !self.dialect.recurses {
            return Err((format!("{path}/$ref"), "it refers to itself".into()));
        }
        if reference == "#" {
            return Ok(json!({ "$ref": "#" }));
        }
        if let Some(named) = self.named.get(reference) {
            return Ok(json!({ "$ref": format!("#/$defs/{}", named.name) }));
        }
        let name = format!("{}_{}", pointer::last_name(reference), self.named.len());
        self.named.insert(reference.to_owned(), Named { name: name.clone(), schema: None });
        let rewritten = self.schema(target, reference.trim_start_matches('#'))?;
        if let Some(named) = self.named.get_mut(reference) {
            named.schema = Some(rewritten);
        }
        Ok(json!({ "$ref": format!("#/$defs/{name}") }))
    }
}

fn is_of(schema: &Map<String, Value>, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(found)) => found == kind,
        Some(Value::Array(found)) => found.iter().any(|found| found == kind),
        _ => false,
    }
}
