//! The layer table of ARCHITECTURE.md, held against every path of the host.

use std::collections::BTreeMap;

use proc_macro2::Delimiter;

use super::source::{Finding, Kind, Source, read, root, tree};
use super::{found, hold};

/// One row of the table.
#[derive(Debug)]
struct Row {
    /// Modules of the host; `*` stands for all.
    may_use: Vec<String>,
    /// Modules and crates.
    must_not_know: Vec<String>,
}

struct Layers(BTreeMap<String, Row>);

impl Layers {
    /// Reads every row that has the table's five columns and a module in the second.
    fn read(page: &str) -> Self {
        let mut rows = BTreeMap::new();
        for line in page.lines() {
            let columns: Vec<_> = line.split('|').map(str::trim).collect();
            let [_, layer, modules, _, may_use, must_not_know, _] = columns[..] else { continue };
            if !layer.starts_with(|c: char| c.is_ascii_digit()) {
                continue;
            }
            for module in names(modules) {
                let row = Row { may_use: names(may_use), must_not_know: names(must_not_know) };
                assert!(rows.insert(module.clone(), row).is_none(), "`{module}` has two rows");
            }
        }
        Self(rows)
    }

    fn of_this_tree() -> Self {
        Self::read(&read(&root().join("host/ARCHITECTURE.md")))
    }

    /// Whatever a file of the host uses and its row does not allow.
    fn check(&self, source: &Source) -> Vec<Finding> {
        let Some(module) = module(&source.path) else { return Vec::new() };
        let Some(row) = self.0.get(&module) else {
            let what = format!("`{module}` has no row in the layer table");
            return vec![source.finding(1, what, "the table of ARCHITECTURE.md says what each module may use")];
        };
        let mut findings = Vec::new();
        for (used, line) in uses(source) {
            let known = used == module || row.may_use.iter().any(|name| *name == used || name == "*");
            if self.0.contains_key(&used) && !known {
                let what = format!("`{module}` uses `{used}`");
                let why = format!("its row allows: {}", row.may_use.join(", "));
                findings.push(source.finding(line, what, why));
            }
        }
        for name in row.must_not_know.iter().filter(|name| !self.0.contains_key(*name)) {
            for line in mentions(source, name) {
                let what = format!("`{module}` knows `{name}`");
                findings.push(source.finding(line, what, "its row says that it must not"));
            }
        }
        findings
    }
}

/// Names in a cell, without quotes and remarks in parentheses; `–` is none.
fn names(cell: &str) -> Vec<String> {
    let mut text = cell.to_owned();
    while let (Some(open), Some(close)) = (text.find('('), text.find(')')) {
        text.replace_range(open..=close.max(open), "");
    }
    text.split([',', ' '])
        .map(|name| name.trim_matches('`'))
        .filter(|name| !name.is_empty() && *name != "–")
        .map(str::to_owned)
        .collect()
}

/// The module of a host file: the first name below `src`.
pub(super) fn module(path: &str) -> Option<String> {
    let below = path.strip_prefix("host/src/")?;
    let first = below.split('/').next()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(name, "lib" | "main")).then(|| name.to_owned())
}

/// Modules that a file names by `crate::…`, or by a chain of `super::` that ends at the root, with their lines.
fn uses(source: &Source) -> Vec<(String, usize)> {
    // `host/src/a.rs` is one below the root, `host/src/a/b.rs` two; each `mod x { … }` is one more.
    let depth = source.path.matches('/').count() - 1;
    let mut inline = Vec::new();
    let mut found = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        while inline.last().is_some_and(|depth| token.depth < *depth) {
            inline.pop();
        }
        let opens = matches!(token.kind, Kind::Open(Delimiter::Brace));
        if opens && at >= 2 && source.tokens[at - 2].word() == Some("mod") {
            inline.push(token.depth + 1);
        }
        if source.is_test(token.line) || follows_path(source, at) {
            continue;
        }
        let supers = (0..).take_while(|n| source.matches(at + n * 3, &["super", "::"])).count();
        if source.matches(at, &["crate", "::"]) {
            found.extend(heads(source, at + 3));
        } else if supers > 0 && supers == depth + inline.len() {
            found.extend(heads(source, at + supers * 3));
        }
    }
    found
}

/// The name at a position, or the first names of the group there.
fn heads(source: &Source, at: usize) -> Vec<(String, usize)> {
    let Some(first) = source.tokens.get(at) else { return Vec::new() };
    if let Some(word) = first.word() {
        return vec![(word.to_owned(), first.line)];
    }
    let mut heads = Vec::new();
    let mut expected = true;
    for token in source.tokens[at + 1..].iter().take_while(|token| token.depth > first.depth) {
        if let (true, Some(word)) = (expected, token.word()) {
            heads.push((word.to_owned(), token.line));
        }
        expected = token.depth == first.depth + 1 && token.is_sign(',');
    }
    heads
}

/// Lines of the product code where a crate is named: at the head of a path, or after `use`.
pub(super) fn mentions(source: &Source, name: &str) -> Vec<usize> {
    let tokens = source.tokens.iter().enumerate();
    tokens
        .filter(|(_, token)| token.word() == Some(name) && !source.is_test(token.line))
        .filter(|(at, _)| {
            let imported = *at > 0 && matches!(source.tokens[at - 1].word(), Some("use" | "crate"));
            imported || (source.matches(*at, &[name, "::"]) && !follows_path(source, *at))
        })
        .map(|(_, token)| token.line)
        .collect()
}

/// Whether what stands at a position is the continuation of a path, as `b` in `a::b`, but not in `::b`.
fn follows_path(source: &Source, at: usize) -> bool {
    at >= 3
        && source.tokens[at - 1].is_sign(':')
        && source.tokens[at - 2].is_sign(':')
        && source.tokens[at - 3].word().is_some()
}

#[test]
fn layers_hold() {
    let layers = Layers::of_this_tree();
    assert!(layers.0.len() >= 12, "the layer table has {} rows: has its form changed?", layers.0.len());
    hold(tree().iter().flat_map(|source| layers.check(source)).collect());
}

#[cfg(test)]
const TABLE: &str = "
| layer | module | holds | may use | must not know |
|---|---|---|---|---|
| 0 | `model` | words | – | serde |
| 1 | `store` | SQL | model | axum |
| 1 | `egress` | out | model | sqlx |
| 2 | `identity` | callers | model, egress (JWKS) | store, sqlx |
| 5 | `api`, `mcp` | skins | identity | each other |
| 6 | `app` | wiring | * | – |
";

#[test]
fn a_layer_that_reaches_out_is_found() {
    let layers = Layers::read(TABLE);
    for (path, text, expected) in [
        ("host/src/model/a.rs", "use crate::store::Store;", "1: `model` uses `store`"),
        (
            "host/src/model.rs",
            "pub(crate) use crate::{\n    model::A,\n    store::{self, B}\n};",
            "3: `model` uses `store`",
        ),
        ("host/src/model.rs", "fn f() { crate::app::x() }", "1: `model` uses `app`"),
        ("host/src/model.rs", "fn f() { m!(crate::app::x) }", "1: `model` uses `app`"),
        ("host/src/model.rs", "use super::store::Store;", "1: `model` uses `store`"),
        ("host/src/model/a.rs", "use super::super::store::Store;", "1: `model` uses `store`"),
        ("host/src/model.rs", "mod x { use super::super::{store}; }", "1: `model` uses `store`"),
        ("host/src/model.rs", "use serde::Serialize;", "1: `model` knows `serde`"),
        ("host/src/model.rs", "#[derive(serde::Serialize)] struct A;", "1: `model` knows `serde`"),
        ("host/src/model.rs", "fn f() { ::serde::x() }", "1: `model` knows `serde`"),
        ("host/src/identity.rs", "use crate::store;", "1: `identity` uses `store`"),
        ("host/src/api/a.rs", "use crate::mcp::X;", "1: `api` uses `mcp`"),
        ("host/src/mystery.rs", "", "1: `mystery` has no row in the layer table"),
    ] {
        assert_eq!(found(path, text, |source| layers.check(source)), [expected], "{path}: {text}");
    }
}

#[test]
fn what_the_table_allows_is_left_alone() {
    let layers = Layers::read(TABLE);
    for (path, text) in [
        ("host/src/store/a.rs", "use crate::model::A; use crate::store::b; use super::b; fn f() { sqlx::query() }"),
        ("host/src/store/a.rs", "use super::super::model::A;"),
        ("host/src/identity.rs", "use crate::egress::send; use crate::Something;"),
        ("host/src/app.rs", "use crate::{model, store, egress, identity, api};"),
        ("host/src/model.rs", "#[cfg(test)]\nmod tests { use crate::store::Store; use serde::Serialize; }"),
        ("host/src/model.rs", "//! uses crate::store and serde::Serialize\nfn f() -> &str { \"crate::store\" }"),
        ("host/src/lib.rs", "pub mod model; pub use crate::store::Store;"),
        ("plugins/github/src/lib.rs", "use crate::store;"),
    ] {
        assert_eq!(found(path, text, |source| layers.check(source)), Vec::<String>::new(), "{path}: {text}");
    }
}
