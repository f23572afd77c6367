//! Names of tools: from the operation's id or from method and path, the same at each import.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::NAME_BYTES;
use crate::options::{Options, Subject};
use gloveport_importer::{digest, snake};

/// Gives names, no name twice.
pub(crate) struct Names<'a> {
    options: &'a Options,
    /// Names that more than one operation would have.
    contested: BTreeSet<String>,
    taken: BTreeSet<String>,
    /// What was resolved, told in sentences.
    pub(crate) clashes: Vec<String>,
}

impl<'a> Names<'a> {
    /// Looks at all operations, so that a name does not depend on which of them are imported.
    pub(crate) fn new<'s>(
        options: &'a Options,
        all: impl Iterator<Item = (&'s str, &'s str, Option<&'s str>)>,
    ) -> Self {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (method, path, id) in all {
            *counts.entry(base(&options.name, method, path, id)).or_default() += 1;
        }
        let contested = counts.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name).collect();
        Self { options, contested, taken: options.known_names.values().cloned().collect(), clashes: Vec::new() }
    }

    /// The full name of an operation's tool. The one that it had before stays.
    pub(crate) fn of(&mut self, subject: Subject<'_>, said: Option<&str>) -> String {
        let key = subject.key();
        if let Some(known) = self.options.known_names.get(&key).filter(|_| said.is_none()) {
            return known.clone();
        }
        let wanted = match said {
            Some(said) => fitted(&self.options.name, &snake(said)),
            None => base(&self.options.name, subject.method, subject.path, subject.id),
        };
        let clash = said.is_none() && self.contested.contains(&wanted);
        // Its own name of before is free for it.
        if let Some(known) = self.options.known_names.get(&key) {
            self.taken.remove(known);
        }
        let mut name = wanted.clone();
        if clash || self.taken.contains(&name) {
            name = with_digest(&wanted, &key);
            self.clashes.push(format!("{key}: more than one operation would be `{wanted}`; this one is `{name}`"));
        }
        // Only a digest that another operation has too comes here.
        let mut count = 2;
        while self.taken.contains(&name) {
            name = with_digest(&wanted, &format!("{key} {count}"));
            count += 1;
        }
        self.taken.insert(name.clone());
        name
    }
}

fn base(connector: &str, method: &str, path: &str, id: Option<&str>) -> String {
    let of_id = id.map(snake).filter(|name| !name.is_empty());
    let name = of_id.unwrap_or_else(|| snake(&format!("{method}_{path}")));
    fitted(connector, &name)
}

/// With the connector's name before it, within what models take.
fn fitted(connector: &str, name: &str) -> String {
    let full = format!("{connector}_{name}");
    if full.len() <= NAME_BYTES { full } else { with_digest(&full, &full) }
}

fn with_digest(name: &str, of: &str) -> String {
    let room = NAME_BYTES - 9;
    let end = name.len().min(room);
    format!("{}_{}", name[..end].trim_end_matches('_'), digest(of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::options_named;

    fn names(options: &Options, all: &[(&str, &str, Option<&str>)]) -> Vec<String> {
        let mut names = Names::new(options, all.iter().copied());
        all.iter().map(|(method, path, id)| names.of(Subject { method, path, id: *id, tags: &[] }, None)).collect()
    }

    /// HA-02, HA-06, X10
    #[test]
    fn names_are_legal_and_of_the_operation() {
        let options = options_named("billing");
        let long = "x".repeat(200);
        let all = [
            ("GET", "/invoices", Some("invoices/list")),
            ("GET", "/invoices/{id}", None),
            ("POST", "/", None),
            ("GET", "/long", Some(long.as_str())),
            ("GET", "/é", Some("é")),
        ];
        let found = names(&options, &all);
        assert_eq!(&found[..3], ["billing_invoices_list", "billing_get_invoices_id", "billing_post"]);
        assert_eq!(found[3].len(), 64);
        assert_eq!(found[4], "billing_get");
        for name in &found {
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
                "{name}"
            );
        }
    }

    /// HA-06: all of a clash are renamed, so that neither depends on the other's place; a known name stays.
    #[test]
    fn clashes_do_not_depend_on_order() {
        let options = options_named("a");
        let all = [("GET", "/x", Some("get-it")), ("GET", "/y", Some("getIt")), ("GET", "/z", Some("other"))];
        let mut reversed = all;
        reversed.reverse();
        let (mut found, mut turned) = (names(&options, &all), names(&options, &reversed));
        assert!(found[0].starts_with("a_get_it_") && found[1].starts_with("a_get_it_") && found[0] != found[1]);
        turned.reverse();
        assert_eq!(found, turned);
        let known: Options =
            serde_json::from_value(serde_json::json!({ "name": "a", "known_names": { "GET /x": "a_get_it" } }))
                .unwrap();
        found = names(&known, &all);
        assert_eq!(found[0], "a_get_it");
        assert_ne!(found[1], "a_get_it");
    }
}
