//! Makes up a value that a JSON Schema admits: bounded, and the same for the same call.

use serde_json::{Map, Value};

use super::conjunction::{Conjunction, Document};
use super::draw::Draw;
use super::{number, text};

/// Values within values: deeper than any API answers, shallow enough for every stack.
const MAX_DEPTH: usize = 32;

/// Down to here members that may be left out are there. Beyond, only what must be: an answer is to be read by people.
const OPTIONAL_DEPTH: usize = 6;

/// Values in one answer, tried ones included: some hundred kilobytes, and milliseconds.
const MAX_VALUES: usize = 4_000;

/// Items of a list that wants more are refused: an answer of this length shows nothing that a shorter one does not.
const MAX_ITEMS: usize = 200;

/// Items of a list that wants none in particular: enough to see that it is one.
const USUAL_ITEMS: usize = 2;

/// How often an item that must differ from those before it is made anew.
const UNIQUE_TRIES: usize = 16;

/// What a made-up member is called.
const MEMBER: &str = "example";

/// How a value is made up. Where one way gives nothing that fits, another may.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// Members that are named as one of the input have its value.
    pub(super) echo: bool,
    /// What the schema gives as examples and defaults is taken.
    pub(super) examples: bool,
    /// Members that may be left out are there.
    pub(super) optional: bool,
    /// Which alternative is taken where there are several.
    pub(super) branch: usize,
}

/// A value of this schema, made up in this way; `None` if that does not lead to one.
pub(super) fn made(schema: &Value, input: &Map<String, Value>, seed: u64, way: Way) -> Option<Value> {
    let document = Document::new(schema, way.branch);
    let mut maker = Maker { document, input, way, draw: Draw::new(seed), values: 0, within: Vec::new() };
    maker.value(&[schema], "", 0)
}

struct Maker<'s> {
    document: Document<'s>,
    input: &'s Map<String, Value>,
    way: Way,
    draw: Draw,
    values: usize,
    /// The schemas of the values that the one in the making is within.
    within: Vec<&'s Map<String, Value>>,
}

impl<'s> Maker<'s> {
    fn value(&mut self, schemas: &[&'s Value], name: &str, depth: usize) -> Option<Value> {
        self.values += 1;
        if self.values > MAX_VALUES || depth > MAX_DEPTH {
            return None;
        }
        let all = self.document.conjunction(schemas)?;
        if let Some(given) = self.given(&all, name, depth) {
            return Some(given);
        }
        let types = all.types();
        let kind = types.iter().find(|name| **name != "null").or(types.first())?;
        let outside = self.within.len();
        self.within.extend(all.schemas());
        let made = match *kind {
            "null" => Some(Value::Null),
            "boolean" => Some(Value::Bool(self.draw.below(2) == 1)),
            "integer" => number::made(&all, true, name, &mut self.draw),
            "number" => number::made(&all, false, name, &mut self.draw),
            "string" => text::made(&all, name, &mut self.draw).map(Value::String),
            "array" => self.list(&all, name, depth),
            "object" => self.object(&all, depth),
            _ => None,
        };
        self.within.truncate(outside);
        made
    }

    /// What the schema, or the input, says that the value is.
    fn given(&mut self, all: &Conjunction<'s>, name: &str, depth: usize) -> Option<Value> {
        if let Some(only) = all.said("const").next() {
            return Some(only.clone());
        }
        let echoed = self.input.get(name).filter(|_| self.way.echo && depth > 0);
        if let Some(echoed) = echoed.filter(|value| !value.is_null() && all.admits(value)) {
            return Some(echoed.clone());
        }
        if self.way.examples {
            let listed = all.said("examples").filter_map(Value::as_array).flatten();
            let given: Vec<&Value> =
                listed.chain(all.said("example")).chain(all.said("default").filter(|value| !value.is_null())).collect();
            let given: Vec<&Value> = given.into_iter().filter(|value| all.admits(value)).collect();
            if let Some(one) = self.draw.one_of(&given) {
                return Some((*one).clone());
            }
        }
        let enumerated = all.said("enum").filter_map(Value::as_array).next()?;
        let possible: Vec<&Value> = enumerated.iter().filter(|value| all.admits(value)).collect();
        let told: Vec<&Value> = possible.iter().copied().filter(|value| !value.is_null()).collect();
        self.draw.one_of(if told.is_empty() { &possible } else { &told }).map(|one| (*one).clone())
    }

    fn object(&mut self, all: &Conjunction<'s>, depth: usize) -> Option<Value> {
        let mut members = Map::new();
        for name in all.required() {
            self.member(all, name, &mut members, depth)?;
        }
        let most = all.at_most("maxProperties");
        if self.way.optional && depth < OPTIONAL_DEPTH {
            for name in all.names() {
                if members.len() < most && !members.contains_key(name) && !self.recurs(&all.member(name)) {
                    // One that cannot be made is left out.
                    let _ = self.member(all, name, &mut members, depth);
                }
            }
        }
        self.dependents(all, &mut members, depth)?;
        let open = all.names().is_empty() && all.said("additionalProperties").any(Value::is_object);
        let least = all.at_least("minProperties").max(usize::from(open && self.way.optional && most > 0));
        self.fill(all, &mut members, least, depth)?;
        Some(Value::Object(members))
    }

    fn member(
        &mut self,
        all: &Conjunction<'s>,
        name: &str,
        members: &mut Map<String, Value>,
        depth: usize,
    ) -> Option<()> {
        let value = self.value(&all.member(name), name, depth + 1)?;
        members.insert(name.to_owned(), value);
        Some(())
    }

    /// Members that others ask for.
    fn dependents(&mut self, all: &Conjunction<'s>, members: &mut Map<String, Value>, depth: usize) -> Option<()> {
        let lists: Vec<&'s Map<String, Value>> = all.said("dependentRequired").filter_map(Value::as_object).collect();
        loop {
            let asked = lists.iter().flat_map(|list| list.iter()).filter(|(name, _)| members.contains_key(*name));
            let mut names = asked.filter_map(|(_, names)| names.as_array()).flatten().filter_map(Value::as_str);
            let Some(missing) = names.find(|name| !members.contains_key(*name)) else { return Some(()) };
            self.member(all, missing, members, depth)?;
        }
    }

    /// As many members as there must be: those that are spoken of, then made-up ones.
    fn fill(
        &mut self,
        all: &Conjunction<'s>,
        members: &mut Map<String, Value>,
        least: usize,
        depth: usize,
    ) -> Option<()> {
        if least > MAX_ITEMS {
            return None;
        }
        for name in all.names() {
            if members.len() < least && !members.contains_key(name) {
                let _ = self.member(all, name, members, depth);
            }
        }
        let keys: Vec<&'s Value> = all.said("propertyNames").collect();
        let mut tries = 0;
        while members.len() < least {
            tries += 1;
            if tries > MAX_ITEMS + UNIQUE_TRIES {
                return None;
            }
            let name = match keys.as_slice() {
                [] if tries == 1 => MEMBER.to_owned(),
                [] => format!("{MEMBER}_{tries}"),
                keys => self.key(keys, depth)?,
            };
            if !members.contains_key(&name) {
                self.member(all, &name, members, depth)?;
            }
        }
        Some(())
    }

    fn key(&mut self, schemas: &[&'s Value], depth: usize) -> Option<String> {
        match self.value(schemas, MEMBER, depth + 1)? {
            Value::String(name) => Some(name),
            _ => None,
        }
    }

    fn list(&mut self, all: &Conjunction<'s>, name: &str, depth: usize) -> Option<Value> {
        let (least, most) = (all.at_least("minItems").max(all.at_least("minContains")), all.at_most("maxItems"));
        let least = least.max(usize::from(all.said("contains").next().is_some()));
        if least > MAX_ITEMS {
            return None;
        }
        let places = all.said("prefixItems").filter_map(Value::as_array).map(Vec::len).max().unwrap_or_default();
        let usual = if self.way.optional && !self.recurs(&all.item(0)) { USUAL_ITEMS.max(places) } else { 0 };
        let unique = all.said("uniqueItems").any(|unique| *unique == true);
        let mut items = Vec::new();
        for at in 0..usual.max(least).min(most) {
            match self.item(all, at, name, unique.then_some(&items), depth) {
                Some(item) => items.push(item),
                // One that cannot be made is left out, with those after it.
                None if at >= least => break,
                None => return None,
            }
        }
        Some(Value::Array(items))
    }

    fn item(
        &mut self,
        all: &Conjunction<'s>,
        at: usize,
        name: &str,
        unlike: Option<&Vec<Value>>,
        depth: usize,
    ) -> Option<Value> {
        let schemas = all.item(at);
        let echo = self.way.echo;
        for tried in 0..UNIQUE_TRIES {
            // What is echoed or recorded is the same each time.
            self.way.echo = echo && tried == 0;
            let item = self.value(&schemas, singular(name), depth + 1);
            self.way.echo = echo;
            let item = item?;
            if unlike.is_none_or(|before| !before.contains(&item)) {
                return Some(item);
            }
        }
        None
    }

    /// Whether a value of these schemas would be within another of the same.
    fn recurs(&self, schemas: &[&'s Value]) -> bool {
        let all = self.document.conjunction(schemas).unwrap_or_default();
        all.schemas().iter().any(|schema| self.within.iter().any(|outer| std::ptr::eq(*outer, *schema)))
    }
}

/// Items of `labels` are each a `label`.
fn singular(name: &str) -> &str {
    name.strip_suffix('s').unwrap_or(name)
}
