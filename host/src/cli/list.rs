//! Lists of the API: all pages of one, then a table or the JSON.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::client::{Client, Query};
use super::table::{Column, write_items};
use super::{CliError, Session};

/// Most items of a list that has no option for it: nobody reads more, and a wrong server cannot keep us for ever.
pub(super) const MAX_ITEMS: usize = 10_000;
/// Items asked for at once: the most that the API gives.
const PAGE: usize = 200;

/// A list, or the first part of one.
#[derive(Debug, Serialize)]
pub(super) struct List {
    items: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
    total_size: Option<u64>,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
    total_size: Option<u64>,
}

/// Follows the pages of a list until `most` items are there.
///
/// # Errors
///
/// When the host fails, does not answer with a list, or leads in a circle.
pub(super) async fn fetch(client: &Client, path: &[&str], query: Query<'_>, most: usize) -> Result<List, CliError> {
    let strange = |reason: &str| CliError::Answer { server: client.server().to_string(), reason: reason.to_owned() };
    let mut list = List { items: Vec::new(), next_cursor: None, total_size: None };
    let mut seen = HashSet::new();
    loop {
        let limit = (most - list.items.len()).min(PAGE).to_string();
        let mut query = query.to_vec();
        query.push(("limit", Some(&limit)));
        query.push(("cursor", list.next_cursor.as_deref()));
        let answer = client.get(path, &query).await?;
        let page: Page = serde_json::from_str(&answer.text).map_err(|_| strange("it is not a list"))?;
        list.items.extend(page.items);
        list.total_size = page.total_size;
        list.next_cursor = page.next_cursor;
        match &list.next_cursor {
            None => return Ok(list),
            Some(_) if list.items.len() >= most => return Ok(list),
            Some(cursor) if !seen.insert(cursor.clone()) => return Err(strange("its pages lead in a circle")),
            Some(_) => {}
        }
    }
}

impl List {
    /// The items, read.
    pub(super) fn values(&self) -> Vec<Value> {
        self.items.iter().filter_map(|item| serde_json::from_str(item.get()).ok()).collect()
    }

    /// Shows the list as JSON or as a table, or says how to make the first item.
    pub(super) fn show(
        &self,
        session: &mut Session<'_>,
        json: bool,
        columns: &[Column],
        if_empty: &str,
    ) -> Result<(), CliError> {
        if json {
            let text = serde_json::to_string(self).map_err(|error| CliError::Failed(error.to_string()))?;
            return Ok(writeln!(session.out, "{text}")?);
        }
        if self.items.is_empty() {
            return Ok(writeln!(session.err, "{if_empty}")?);
        }
        write_items(session.out, columns, &self.values())?;
        if self.next_cursor.is_some() {
            let total = match self.total_size {
                None => "more".into(),
                // Hosts count no further.
                Some(total) if total >= MAX_ITEMS as u64 => format!("{total} or more"),
                Some(total) => total.to_string(),
            };
            writeln!(session.err, "These are {} of {total}.", self.items.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{Fake, run_at};

    fn page(names: &[&str], next: Option<&str>) -> (u16, String) {
        let items: Vec<_> =
            names.iter().map(|name| serde_json::json!({"name": name, "big": 12345678901234567890123_u128})).collect();
        (200, serde_json::json!({"items": items, "next_cursor": next, "total_size": 3}).to_string())
    }

    #[tokio::test]
    async fn all_pages_are_followed_and_numbers_stay_exact() {
        let fake = Fake::with([page(&["a", "b"], Some("c&1")), page(&["c"], None)]).await;
        let ran = run_at(&fake, "connection list --json", "").await;
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert_eq!(
            ran.out,
            r#"{"items":[{"big":12345678901234567890123,"name":"a"},{"big":12345678901234567890123,"name":"b"},{"big":12345678901234567890123,"name":"c"}],"next_cursor":null,"total_size":3}
"#
        );
        let requests = fake.requests();
        assert_eq!(requests[0].target, "/v1/connections?limit=200");
        assert_eq!(requests[1].target, "/v1/connections?limit=200&cursor=c%261");
    }

    #[tokio::test]
    async fn a_circle_of_pages_ends() {
        let fake = Fake::with([page(&["a"], Some("x")), page(&["b"], Some("y")), page(&["c"], Some("x"))]).await;
        let ran = run_at(&fake, "connection list", "").await;
        assert_eq!((ran.code, fake.requests().len()), (1, 3));
        assert!(ran.err.contains("circle"), "{}", ran.err);
    }

    #[tokio::test]
    async fn a_part_is_said_to_be_one() {
        let fake = Fake::with([page(&["a", "b"], Some("x"))]).await;
        let ran = run_at(&fake, "execution list --limit 2", "").await;
        assert_eq!((ran.code, ran.err.as_str()), (0, "These are 2 of 3.\n"));
        assert_eq!(fake.requests()[0].target, "/v1/executions?limit=2");
    }
}
