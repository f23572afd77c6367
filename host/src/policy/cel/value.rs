//! Values of a condition while it is evaluated: borrowed from the call and from the rule wherever they can be.

use std::borrow::Cow;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use super::Failure;
use super::kinds::Kinds;
use super::number::Number;

/// A value. Lists and maps of the payload stay what they are; their parts are looked at one by one.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Number(Number<'a>),
    Text(Cow<'a, str>),
    Time(Timestamp),
    Duration(SignedDuration),
    List(Rc<Vec<Value<'a>>>),
    Map(Rc<Vec<(&'a str, Value<'a>)>>),
    /// A list of the payload.
    JsonList(&'a [Json]),
    /// A map of the payload.
    JsonMap(&'a serde_json::Map<String, Json>),
}

impl<'a> Value<'a> {
    /// The value of a piece of JSON.
    ///
    /// # Errors
    /// [`Failure::Number`] for a number whose exponent is out of range.
    pub(super) fn of_json(json: &'a Json) -> Result<Self, Failure> {
        Ok(match json {
            Json::Null => Self::Null,
            Json::Bool(truth) => Self::Bool(*truth),
            Json::Number(number) => Self::Number(Number::parse(number.as_str())?),
            Json::String(text) => Self::Text(Cow::Borrowed(text)),
            Json::Array(items) => Self::JsonList(items),
            Json::Object(entries) => Self::JsonMap(entries),
        })
    }

    /// A text that may be missing.
    pub(super) fn of_text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(Cow::Borrowed(text)))
    }

    /// Of which kind it is.
    pub(super) fn kind(&self) -> Kinds {
        match self {
            Self::Null => Kinds::NULL,
            Self::Bool(_) => Kinds::BOOL,
            Self::Number(_) => Kinds::NUMBER,
            Self::Text(_) => Kinds::TEXT,
            Self::Time(_) => Kinds::TIME,
            Self::Duration(_) => Kinds::DURATION,
            Self::List(_) | Self::JsonList(_) => Kinds::LIST,
            Self::Map(_) | Self::JsonMap(_) => Kinds::MAP,
        }
    }

    /// How many bytes are read to compare or copy it; what it holds is counted when it is looked at.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Number(number) => number.len(),
            Self::Text(text) => text.len(),
            _ => 1,
        }
    }

    /// How many items a list, or entries a map, has; 0 for all else.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::List(items) => items.len(),
            Self::Map(entries) => entries.len(),
            Self::JsonList(items) => items.len(),
            Self::JsonMap(entries) => entries.len(),
            _ => 0,
        }
    }

    /// The item of a list at a position.
    pub(super) fn item(&self, position: usize) -> Option<Result<Self, Failure>> {
        match self {
            Self::List(items) => items.get(position).cloned().map(Ok),
            Self::JsonList(items) => items.get(position).map(Self::of_json),
            _ => None,
        }
    }

    /// The value of a map under a key.
    pub(super) fn entry(&self, key: &str) -> Option<Result<Self, Failure>> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| *name == key).map(|(_, value)| Ok(value.clone())),
            Self::JsonMap(entries) => entries.get(key).map(Self::of_json),
            _ => None,
        }
    }

    /// What a macro goes through: the items of a list, or the keys of a map.
    pub(super) fn into_items(self) -> Box<dyn Iterator<Item = Result<Self, Failure>> + 'a> {
        match self {
            Self::List(items) => Box::new((0..items.len()).map(move |at| Ok(items[at].clone()))),
            Self::Map(entries) => {
                Box::new((0..entries.len()).map(move |at| Ok(Self::Text(Cow::Borrowed(entries[at].0)))))
            }
            Self::JsonList(items) => Box::new(items.iter().map(Self::of_json)),
            Self::JsonMap(entries) => Box::new(entries.keys().map(|key| Ok(Self::Text(Cow::Borrowed(key.as_str()))))),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// The entries of a map.
    pub(super) fn entries(&self) -> Box<dyn Iterator<Item = (&'a str, Result<Self, Failure>)> + '_> {
        match self {
            Self::Map(entries) => Box::new(entries.iter().map(|(key, value)| (*key, Ok(value.clone())))),
            Self::JsonMap(entries) => Box::new(entries.iter().map(|(key, value)| (key.as_str(), Self::of_json(value)))),
            _ => Box::new(std::iter::empty()),
        }
    }
}
