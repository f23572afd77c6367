//! Lists: Stripe's cursors are the ids of the first and the last item.

use gloveport_sdk::Failure;
use gloveport_sdk::http::Response;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// One page of a list, newest first.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct List<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// Whether there is more in the direction that was asked for.
    pub has_more: bool,
    /// Give this as `starting_after` (or as `ending_before`, if this page was asked for with that) to go on in the
    /// same direction; null if there is no more.
    pub next_cursor: Option<String>,
}

/// Something with an id of Stripe's.
pub(crate) trait Identified {
    fn id(&self) -> &str;
}

/// What Stripe answers.
#[derive(Deserialize)]
struct Answer<T> {
    data: Vec<T>,
    has_more: bool,
}

/// The list in a response. `backwards` is whether the page was asked for with `ending_before`.
pub(crate) fn read<T: DeserializeOwned + Identified>(response: &Response, backwards: bool) -> Result<List<T>, Failure> {
    let answer: Answer<T> = response.json()?;
    let edge = if backwards { answer.data.first() } else { answer.data.last() };
    let next_cursor = edge.filter(|_| answer.has_more).map(|item| item.id().to_owned());
    Ok(List { items: answer.data, has_more: answer.has_more, next_cursor })
}

/// The default of every `limit`, which is Stripe's own.
pub(crate) fn default_limit() -> u32 {
    10
}

/// Refuses two directions at once.
pub(crate) fn check_cursors(starting_after: Option<&String>, ending_before: Option<&String>) -> Result<(), Failure> {
    match (starting_after, ending_before) {
        (Some(_), Some(_)) => Err(Failure::invalid_input("/ending_before", "excludes `starting_after`")),
        _ => Ok(()),
    }
}
