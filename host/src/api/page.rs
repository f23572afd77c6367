//! Lists on the wire: a page of items, and where the next one begins.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Problem;
use crate::store::{DEFAULT_LIMIT, MAX_LIMIT, Page, PageRequest};

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct List<T> {
    /// The items.
    pub(super) items: Vec<T>,
    /// Give this as `cursor` for the next page; null at the end.
    pub(super) next_cursor: Option<String>,
    /// Give this as `cursor` for the page before; absent at the beginning, and of lists that only go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prev_cursor: Option<String>,
    /// How many there are in all; of lists in the database 10,000 where there are more.
    pub(super) total_size: u64,
}

impl<T> List<T> {
    /// A stored page, each item in its wire form.
    pub(super) fn of<U>(page: Page<U>, wire: impl FnMut(U) -> T) -> Self {
        Self {
            items: page.items.into_iter().map(wire).collect(),
            next_cursor: page.next_cursor,
            prev_cursor: page.prev_cursor,
            total_size: page.total_size,
        }
    }

    /// A page of a list that is in memory, sorted by `key`, which is unique.
    pub(super) fn cut(all: Vec<T>, limit: u32, cursor: Option<&str>, key: impl Fn(&T) -> &String) -> Self {
        let total_size = all.len() as u64;
        let limit = limit as usize;
        let mut rest = all.into_iter().skip_while(|item| cursor.is_some_and(|cursor| key(item).as_str() <= cursor));
        let items: Vec<T> = rest.by_ref().take(limit).collect();
        let next_cursor = match rest.next() {
            Some(_) => items.last().map(|item| key(item).clone()),
            None => None,
        };
        Self { items, next_cursor, prev_cursor: None, total_size }
    }
}

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// Items at most: 1 to 200, 50 if absent.
    pub(super) limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// Reads `limit` and `cursor`.
pub(super) fn page(limit: Option<u32>, cursor: Option<String>) -> Result<PageRequest, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 || limit > MAX_LIMIT {
        return Err(Problem::bad_request(format!("`limit` must be from 1 to {MAX_LIMIT}")));
    }
    Ok(PageRequest { limit, cursor })
}
