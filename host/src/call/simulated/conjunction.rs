//! The schemas that one value has to satisfy together: references followed, alternatives chosen, and what they say.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Schemas of one value. Hand-written ones have a handful; beyond this it is a puzzle, and no promise.
const MAX_SCHEMAS: usize = 64;

/// A whole schema, in which references point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document<'s> {
    root: &'s Value,
    /// Which alternative is taken where there are several: this one, counted around.
    branch: usize,
}

/// Schemas that hold of one value together.
#[derive(Clone, Debug, Default)]
pub(super) struct Conjunction<'s>(Vec<&'s Map<String, Value>>);

impl<'s> Document<'s> {
    pub(super) fn new(root: &'s Value, branch: usize) -> Self {
        Self { root, branch }
    }

    /// All that holds of a value of these schemas; `None` if nothing can satisfy them, as far as that is easy to see.
    pub(super) fn conjunction(&self, schemas: &[&'s Value]) -> Option<Conjunction<'s>> {
        let mut all = Conjunction::default();
        for schema in schemas {
            self.gather(schema, &mut all)?;
        }
        Some(all)
    }

    fn gather(&self, schema: &'s Value, all: &mut Conjunction<'s>) -> Option<()> {
        let schema = match schema {
            Value::Bool(true) => return Some(()),
            Value::Object(schema) => schema,
            _ => return None,
        };
        if all.has(schema) {
            return Some(());
        }
        if all.0.len() >= MAX_SCHEMAS {
            return None;
        }
        all.0.push(schema);
        for keyword in ["$ref", "$dynamicRef"] {
            if let Some(target) = schema.get(keyword).and_then(Value::as_str).and_then(|text| self.target(text)) {
                self.gather(target, all)?;
            }
        }
        for part in list(schema, "allOf") {
            self.gather(part, all)?;
        }
        for keyword in ["oneOf", "anyOf"] {
            if schema.get(keyword).is_some_and(Value::is_array) {
                *all = self.chosen(list(schema, keyword), all)?;
            }
        }
        if let Some(condition) = schema.get("if") {
            let then = self.branch.is_multiple_of(2);
            for part in
                [then.then_some(condition), schema.get(if then { "then" } else { "else" })].into_iter().flatten()
            {
                self.gather(part, all)?;
            }
        }
        Some(())
    }

    /// With one of the alternatives: the first possible one from where the branch says, those that are only null last.
    fn chosen(&self, parts: &'s [Value], all: &Conjunction<'s>) -> Option<Conjunction<'s>> {
        let mut parts: Vec<&Value> = parts.iter().collect();
        parts.sort_by_key(|part| part.get("type").and_then(Value::as_str) == Some("null"));
        (0..parts.len()).find_map(|more| {
            let mut trial = all.clone();
            self.gather(parts[(self.branch + more) % parts.len()], &mut trial)?;
            (!trial.types().is_empty()).then_some(trial)
        })
    }

    /// What a reference within this document points to. Others are never fetched.
    fn target(&self, reference: &str) -> Option<&'s Value> {
        let fragment = reference.strip_prefix('#')?;
        if fragment.is_empty() || fragment.starts_with('/') {
            let pointer = percent_encoding::percent_decode_str(fragment).decode_utf8().ok()?;
            return self.root.pointer(&pointer);
        }
        anchored(self.root, fragment)
    }
}

impl<'s> Conjunction<'s> {
    fn has(&self, schema: &Map<String, Value>) -> bool {
        self.0.iter().any(|other| std::ptr::eq(*other, schema))
    }

    /// The schemas themselves.
    pub(super) fn schemas(&self) -> &[&'s Map<String, Value>] {
        &self.0
    }

    /// What each of them says under a keyword.
    pub(super) fn said<'k>(&self, keyword: &'k str) -> impl Iterator<Item = &'s Value> + use<'_, 's, 'k> {
        self.0.iter().filter_map(move |schema| schema.get(keyword))
    }

    /// The strictest of the counts that must be reached.
    pub(super) fn at_least(&self, keyword: &str) -> usize {
        self.said(keyword).filter_map(count).max().unwrap_or_default()
    }

    /// The strictest of the counts that must not be exceeded.
    pub(super) fn at_most(&self, keyword: &str) -> usize {
        self.said(keyword).filter_map(count).min().unwrap_or(usize::MAX)
    }

    /// The types that all of them allow, in the order of the first that names any; guessed from the other keywords where
    /// none does. Empty if no type satisfies all.
    pub(super) fn types(&self) -> Vec<&'s str> {
        let mut types: Option<Vec<&'s str>> = None;
        for said in self.said("type") {
            let named: Vec<&str> = match said {
                Value::String(name) => vec![name.as_str()],
                said => said.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
            };
            types = Some(match types {
                None => named,
                Some(before) => both(&before, &named),
            });
        }
        types.unwrap_or_else(|| vec![self.likely_type()])
    }

    fn likely_type(&self) -> &'static str {
        const TYPES: [(&str, &[&str]); 4] = [
            ("object", &["properties", "required", "additionalProperties", "minProperties", "patternProperties"]),
            ("array", &["items", "prefixItems", "minItems", "contains"]),
            ("number", &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
            ("string", &["pattern", "format", "minLength", "maxLength"]),
        ];
        let says = |keywords: &[&str]| keywords.iter().any(|keyword| self.said(keyword).next().is_some());
        TYPES.iter().find(|(_, keywords)| says(keywords)).map_or("string", |(name, _)| name)
    }

    /// Names of members that must be there.
    pub(super) fn required(&self) -> BTreeSet<&'s str> {
        self.said("required").filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect()
    }

    /// Names of members that are spoken of.
    pub(super) fn names(&self) -> Vec<&'s str> {
        let objects = self.said("properties").filter_map(Value::as_object);
        let names: BTreeSet<&str> = objects.flat_map(Map::keys).map(String::as_str).collect();
        names.into_iter().collect()
    }

    /// The schemas of the member of this name.
    pub(super) fn member(&self, name: &str) -> Vec<&'s Value> {
        let mut schemas = Vec::new();
        for schema in &self.0 {
            let before = schemas.len();
            schemas.extend(schema.get("properties").and_then(|properties| properties.get(name)));
            let patterns = schema.get("patternProperties").and_then(Value::as_object);
            schemas.extend(patterns.into_iter().flatten().filter(|(pattern, _)| fits(pattern, name)).map(|(_, of)| of));
            if schemas.len() == before {
                schemas.extend(schema.get("additionalProperties"));
            }
        }
        schemas
    }

    /// The schemas of the item at this place.
    pub(super) fn item(&self, at: usize) -> Vec<&'s Value> {
        let mut schemas = Vec::new();
        for schema in &self.0 {
            schemas.extend(list(schema, "prefixItems").get(at).or_else(|| schema.get("items")));
            if at == 0 {
                schemas.extend(schema.get("contains"));
            }
        }
        schemas
    }

    /// Whether a value is of a type that is allowed, among those that are enumerated, and not too short or long.
    pub(super) fn admits(&self, value: &Value) -> bool {
        let named = self.said("type").next().is_none() || self.types().iter().any(|name| is_a(name, value));
        let enumerated = self.said("enum").filter_map(Value::as_array).all(|all| all.contains(value));
        let length = value.as_str().map(|text| text.chars().count());
        let long_enough = length.is_none_or(|length| length >= self.at_least("minLength"));
        let short_enough = length.is_none_or(|length| length <= self.at_most("maxLength"));
        named && enumerated && long_enough && short_enough && self.said("const").all(|only| only == value)
    }
}

/// Whether a name fits a pattern; not if the pattern cannot be read.
fn fits(pattern: &str, name: &str) -> bool {
    regex::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(name))
}

fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => false,
    }
}

/// What both lists allow: an integer is a number.
fn both<'s>(before: &[&'s str], now: &[&'s str]) -> Vec<&'s str> {
    let narrower = |name: &&'s str| match *name {
        name if now.contains(&name) => Some(name),
        "number" if now.contains(&"integer") => Some("integer"),
        "integer" if now.contains(&"number") => Some("integer"),
        _ => None,
    };
    before.iter().filter_map(narrower).collect()
}

fn list<'s>(schema: &'s Map<String, Value>, keyword: &str) -> &'s [Value] {
    schema.get(keyword).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A count; one that is no whole number, such as `2.0`, is read as what it means.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float beyond a count saturates")]
fn count(value: &Value) -> Option<usize> {
    match value.as_u64() {
        Some(count) => usize::try_from(count).ok(),
        None => value.as_f64().map(|count| count as usize),
    }
}

fn anchored<'s>(schema: &'s Value, anchor: &str) -> Option<&'s Value> {
    match schema {
        Value::Object(members) => {
            let named = ["$anchor", "$dynamicAnchor"]
                .iter()
                .any(|keyword| members.get(*keyword).is_some_and(|name| name == anchor));
            if named { Some(schema) } else { members.values().find_map(|member| anchored(member, anchor)) }
        }
        Value::Array(items) => items.iter().find_map(|item| anchored(item, anchor)),
        _ => None,
    }
}
