//! Names of tools: the server's, with the connector's before it, the same at each discovery.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::NAME_BYTES;
use gloveport_importer::{digest, snake};

/// Gives names, no name twice.
pub(crate) struct Names<'a> {
    connector: &'a str,
    /// Names that tools had before, by what the server calls them: they keep them.
    known: &'a BTreeMap<String, String>,
    /// Names that more than one tool would have.
    contested: BTreeSet<String>,
    taken: BTreeSet<String>,
}

impl<'a> Names<'a> {
    /// Looks at all of them, so that a name does not depend on their order. `own` are names that none of them gets.
    pub(crate) fn new<'s>(
        connector: &'a str,
        known: &'a BTreeMap<String, String>,
        own: &[&str],
        all: impl Iterator<Item = &'s str>,
    ) -> Self {
        let mut counts: BTreeMap<String, usize> = own.iter().map(|own| ((*own).to_owned(), 1)).collect();
        for name in all {
            *counts.entry(fitted(connector, &snake(name))).or_default() += 1;
        }
        let contested = counts.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name).collect();
        let taken = known.values().cloned().chain(own.iter().map(|own| (*own).to_owned())).collect();
        Self { connector, known, contested, taken }
    }

    /// The full name of a tool. `said` is what an operator calls it.
    pub(crate) fn of(&mut self, upstream: &str, said: Option<&str>) -> String {
        if let Some(known) = self.known.get(upstream).filter(|_| said.is_none()) {
            return known.clone();
        }
        let wanted = fitted(self.connector, &snake(said.unwrap_or(upstream)));
        if let Some(known) = self.known.get(upstream) {
            self.taken.remove(known);
        }
        let mut name = wanted.clone();
        if said.is_none() && self.contested.contains(&wanted) || self.taken.contains(&name) {
            name = with_digest(&wanted, upstream);
        }
        let mut count = 2;
        while self.taken.contains(&name) {
            name = with_digest(&wanted, &format!("{upstream} {count}"));
            count += 1;
        }
        self.taken.insert(name.clone());
        name
    }
}

/// With the connector's name before it, once, within what models take.
fn fitted(connector: &str, name: &str) -> String {
    let prefix = format!("{connector}_");
    // What has the connector's name already does not get it twice.
    let full = if name.len() > prefix.len() && name.starts_with(&prefix) { name.to_owned() } else { prefix + name };
    let full = full.trim_end_matches('_').to_owned();
    match full.len() {
        length if length > NAME_BYTES => with_digest(&full, &full),
        length if length <= connector.len() => format!("{connector}_tool"),
        _ => full,
    }
}

fn with_digest(name: &str, of: &str) -> String {
    let end = name.len().min(NAME_BYTES - 9);
    format!("{}_{}", name[..end].trim_end_matches('_'), digest(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CX-36, AK-808
    #[test]
    fn names_begin_with_the_connectors() {
        let known = BTreeMap::from([("old".to_owned(), "api_kept".to_owned())]);
        let long = "x".repeat(128);
        let all = ["search-actors", "api_search", "get-it", "getIt", "é", "old", "mcp_discover", long.as_str()];
        let mut names = Names::new("api", &known, &["api_mcp_discover"], all.into_iter());
        let found: Vec<String> = all.iter().map(|name| names.of(name, None)).collect();
        assert_eq!(found[..2], ["api_search_actors", "api_search"]);
        assert!(found[2].starts_with("api_get_it_") && found[3].starts_with("api_get_it_") && found[2] != found[3]);
        assert_eq!((found[4].as_str(), found[5].as_str(), found[7].len()), ("api_tool", "api_kept", 64));
        assert!(found[6].starts_with("api_mcp_discover_"), "{}", found[6]);
        assert_eq!(names.of("other", Some("kept")), format!("api_kept_{}", digest("other")));
    }
}
