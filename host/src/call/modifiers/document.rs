//! A JSON document that is read only where a step works: everything else stays as it was written, to the last digit.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::path::Segment;

/// A value. A list or an object among [`Node::Raw`] has not been looked at.
#[derive(Clone, Debug)]
pub(super) enum Node<'a> {
    /// JSON text.
    Raw(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Map(BTreeMap<String, Node<'a>>),
}

/// What one run of a modifier may still do.
#[derive(Debug)]
pub(super) struct Budget {
    /// Members and elements to look at.
    pub(super) work: usize,
    /// Bytes to add.
    pub(super) bytes: usize,
}

/// Why a step cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    /// More members and elements than a modifier may look at.
    TooMuchWork,
    /// What it adds is longer than the document may be.
    TooLong,
    /// The path leads through a value that has no members.
    NoMembers,
    /// The path names an element that the list does not have.
    NoElement,
    /// The document is not JSON.
    NotJson(String),
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMuchWork => f.write_str("there are more members and elements than a modifier may look at"),
            Self::TooLong => f.write_str("what it adds is more than a document may have"),
            Self::NoMembers => f.write_str("its path leads through a value that is neither an object nor a list"),
            Self::NoElement => f.write_str("its path leads to an element that the list does not have"),
            Self::NotJson(reason) => write!(f, "the document is not JSON: {reason}"),
        }
    }
}

impl Budget {
    pub(super) fn look(&mut self, at: usize) -> Result<(), Stuck> {
        self.work = self.work.checked_sub(at).ok_or(Stuck::TooMuchWork)?;
        Ok(())
    }

    pub(super) fn add(&mut self, bytes: usize) -> Result<(), Stuck> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(Stuck::TooLong)?;
        Ok(())
    }
}

impl<'a> Node<'a> {
    /// A value that has been written already.
    pub(super) fn text(text: &'a str) -> Self {
        Self::Raw(Cow::Borrowed(text.trim_matches([' ', '\t', '\n', '\r'])))
    }

    /// Puts a value at a path, and makes the objects on the way. Where `only_absent`, what is there already stays.
    pub(super) fn put(
        &mut self,
        path: &[Segment],
        value: &Node<'a>,
        only_absent: bool,
        budget: &mut Budget,
    ) -> Result<(), Stuck> {
        budget.look(1)?;
        let Some((segment, rest)) = path.split_first() else {
            *self = value.clone();
            return budget.add(value.bytes());
        };
        self.open(budget)?;
        let Segment::Named { name, index } = segment else {
            return self.children().into_iter().try_for_each(|child| child.put(rest, value, only_absent, budget));
        };
        match self {
            Self::Raw(_) => Err(Stuck::NoMembers),
            Self::Map(members) => match members.get_mut(name) {
                Some(_) if only_absent && rest.is_empty() => Ok(()),
                Some(child) => child.put(rest, value, only_absent, budget),
                None if rest.contains(&Segment::Every) => Ok(()),
                None => {
                    budget.add(name.len() + PER_MEMBER)?;
                    members.insert(name.clone(), Self::made(rest, value, budget)?);
                    Ok(())
                }
            },
            Self::List(items) => match index.and_then(|index| items.get_mut(index)) {
                Some(_) if only_absent && rest.is_empty() => Ok(()),
                Some(child) => child.put(rest, value, only_absent, budget),
                None if rest.contains(&Segment::Every) => Ok(()),
                None if segment.is_end() => {
                    budget.add(PER_MEMBER)?;
                    items.push(Self::made(rest, value, budget)?);
                    Ok(())
                }
                None => Err(Stuck::NoElement),
            },
        }
    }

    /// A value below new objects.
    fn made(path: &[Segment], value: &Node<'a>, budget: &mut Budget) -> Result<Self, Stuck> {
        let mut made = Self::Map(BTreeMap::new());
        made.put(path, value, false, budget)?;
        Ok(made)
    }

    /// Removes what is at a path; nothing if nothing is there.
    pub(super) fn remove(&mut self, path: &[Segment], budget: &mut Budget) -> Result<(), Stuck> {
        let Some((segment, rest)) = path.split_first() else { return Ok(()) };
        budget.look(1)?;
        self.open(budget)?;
        if !rest.is_empty() {
            let found = match segment {
                Segment::Every => self.children(),
                Segment::Named { .. } => self.child(segment).into_iter().collect(),
            };
            return found.into_iter().try_for_each(|child| child.remove(rest, budget));
        }
        match (self, segment) {
            (Self::Map(members), Segment::Every) => members.clear(),
            (Self::List(items), Segment::Every) => items.clear(),
            (node, Segment::Named { .. }) => drop(node.take_child(segment, budget)?),
            (Self::Raw(_), Segment::Every) => {}
        }
        Ok(())
    }

    /// Moves what is at `from` to `to`, both within whatever is at `within`. Nothing if nothing is there.
    pub(super) fn rename(
        &mut self,
        within: &[Segment],
        from: &[Segment],
        to: &[Segment],
        budget: &mut Budget,
    ) -> Result<(), Stuck> {
        budget.look(1)?;
        if let Some((segment, rest)) = within.split_first() {
            self.open(budget)?;
            let found = match segment {
                Segment::Every => self.children(),
                Segment::Named { .. } => self.child(segment).into_iter().collect(),
            };
            return found.into_iter().try_for_each(|child| child.rename(rest, from, to, budget));
        }
        let Some(moved) = self.take(from, budget)? else { return Ok(()) };
        // What is moved adds nothing; it is one text again, so that no document gets deeper with each step.
        let moved = Node::Raw(Cow::Owned(moved.into_text()));
        budget.bytes = budget.bytes.saturating_add(moved.bytes());
        self.put(to, &moved, false, budget)
    }

    /// Takes out what is at a path without `*`.
    fn take(&mut self, path: &[Segment], budget: &mut Budget) -> Result<Option<Node<'a>>, Stuck> {
        let Some((last, way)) = path.split_last() else { return Ok(None) };
        let mut node = self;
        for segment in way {
            budget.look(1)?;
            node.open(budget)?;
            let Some(child) = node.child(segment) else { return Ok(None) };
            node = child;
        }
        node.open(budget)?;
        node.take_child(last, budget)
    }

    /// Keeps only what is at one of some paths. `false` if none of them leads to it, or into it.
    pub(super) fn keep(&mut self, paths: &[&[Segment]], budget: &mut Budget) -> Result<bool, Stuck> {
        if paths.iter().any(|path| path.is_empty()) {
            return Ok(true);
        }
        self.open(budget)?;
        let mut stuck = Ok(());
        let mut wanted = |child: &mut Node<'a>, is_it: &dyn Fn(&Segment) -> bool| {
            let keep = budget.look(paths.len()).and_then(|()| {
                let below: Vec<&[Segment]> = paths
                    .iter()
                    .filter_map(|path| path.split_first())
                    .filter(|(segment, _)| **segment == Segment::Every || is_it(segment))
                    .map(|(_, rest)| rest)
                    .collect();
                if below.is_empty() { Ok(false) } else { child.keep(&below, budget) }
            });
            keep.unwrap_or_else(|why| {
                stuck = Err(why);
                false
            })
        };
        match self {
            Self::Raw(_) => return Ok(false),
            Self::Map(members) => members.retain(|key, child| {
                wanted(child, &|segment| matches!(segment, Segment::Named { name, .. } if name == key))
            }),
            Self::List(items) => {
                let mut at = 0;
                items.retain_mut(|child| {
                    let here = at;
                    at += 1;
                    wanted(child, &|segment| matches!(segment, Segment::Named { index, .. } if *index == Some(here)))
                });
            }
        }
        stuck.map(|()| true)
    }

    /// The document as JSON text.
    pub(super) fn into_text(self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    /// How many bytes it is written with, if nobody has looked into it.
    fn bytes(&self) -> usize {
        match self {
            Self::Raw(text) => text.len(),
            Self::List(items) => items.iter().map(|item| item.bytes() + 1).sum::<usize>() + 1,
            Self::Map(members) => {
                members.iter().map(|(key, item)| key.len() + item.bytes() + PER_MEMBER).sum::<usize>() + 1
            }
        }
    }

    /// Reads one level of an object or a list.
    fn open(&mut self, budget: &mut Budget) -> Result<(), Stuck> {
        let Self::Raw(text) = self else { return Ok(()) };
        if !text.starts_with(['{', '[']) {
            return Ok(());
        }
        *self = match text {
            Cow::Borrowed(text) => level(text, budget, Node::text)?,
            Cow::Owned(text) => level(text, budget, |text| Node::Raw(Cow::Owned(text.to_owned())))?,
        };
        Ok(())
    }

    fn children(&mut self) -> Vec<&mut Node<'a>> {
        match self {
            Self::Raw(_) => Vec::new(),
            Self::List(items) => items.iter_mut().collect(),
            Self::Map(members) => members.values_mut().collect(),
        }
    }

    fn child(&mut self, segment: &Segment) -> Option<&mut Node<'a>> {
        let Segment::Named { name, index } = segment else { return None };
        match self {
            Self::Raw(_) => None,
            Self::List(items) => items.get_mut((*index)?),
            Self::Map(members) => members.get_mut(name),
        }
    }

    fn take_child(&mut self, segment: &Segment, budget: &mut Budget) -> Result<Option<Node<'a>>, Stuck> {
        let Segment::Named { name, index } = segment else { return Ok(None) };
        Ok(match (self, *index) {
            (Self::Map(members), _) => members.remove(name),
            (Self::List(items), Some(index)) if index < items.len() => {
                // Those behind it move up.
                budget.look((items.len() - index) / MOVED_PER_LOOK)?;
                Some(items.remove(index))
            }
            (Self::Raw(_) | Self::List(_), _) => None,
        })
    }

    fn write(self, text: &mut String) {
        match self {
            Self::Raw(raw) => text.push_str(&raw),
            Self::List(items) => {
                text.push('[');
                for (at, item) in items.into_iter().enumerate() {
                    text.push_str(if at == 0 { "" } else { "," });
                    item.write(text);
                }
                text.push(']');
            }
            Self::Map(members) => {
                text.push('{');
                for (at, (key, item)) in members.into_iter().enumerate() {
                    text.push_str(if at == 0 { "" } else { "," });
                    text.push_str(&serde_json::Value::String(key).to_string());
                    text.push(':');
                    item.write(text);
                }
                text.push('}');
            }
        }
    }
}

/// Bytes of what stands around a member: quotes, colon, comma.
const PER_MEMBER: usize = 4;

/// Elements that move in memory in the time that looking at one takes.
const MOVED_PER_LOOK: usize = 64;

fn level<'t, 'a>(text: &'t str, budget: &mut Budget, node: impl Fn(&'t str) -> Node<'a>) -> Result<Node<'a>, Stuck> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Level { budget: &mut *budget, node: &node }.deserialize(&mut reader);
    let read = read.and_then(|read| reader.end().map(|()| read));
    read.map_err(|error| if budget.work == 0 { Stuck::TooMuchWork } else { Stuck::NotJson(error.to_string()) })
}

/// Reads one level, and stops as soon as it is too much.
struct Level<'b, F> {
    budget: &'b mut Budget,
    node: &'b F,
}

impl<F> Level<'_, F> {
    fn count<E: de::Error>(&mut self) -> Result<(), E> {
        self.budget.look(1).map_err(|stuck| {
            self.budget.work = 0;
            E::custom(stuck)
        })
    }
}

impl<'t, 'a, F: Fn(&'t str) -> Node<'a>> DeserializeSeed<'t> for Level<'_, F> {
    type Value = Node<'a>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Node<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'t, 'a, F: Fn(&'t str) -> Node<'a>> Visitor<'t> for Level<'_, F> {
    type Value = Node<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_seq<A: SeqAccess<'t>>(mut self, mut items: A) -> Result<Node<'a>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<&'t RawValue>()? {
            self.count()?;
            list.push((self.node)(item.get()));
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'t>>(mut self, mut members: A) -> Result<Node<'a>, A::Error> {
        let mut map = BTreeMap::new();
        // Of two members with one name the last one counts, as everywhere here.
        while let Some((key, value)) = members.next_entry::<String, &'t RawValue>()? {
            self.count()?;
            map.insert(key, (self.node)(value.get()));
        }
        Ok(Node::Map(map))
    }
}
