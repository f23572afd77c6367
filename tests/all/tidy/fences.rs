//! The fences of ARCHITECTURE.md: names that only some files of the host may say.

use super::source::{Finding, Source, read, root, tree};
use super::{found, hold, hold_everywhere};

/// One row of the table.
#[derive(Debug)]
struct Fence {
    /// A crate, a type, a function, or a method (with a dot).
    names: Vec<String>,
    /// Modules (`store`) or files (`vault/seal.rs`) of the host.
    inside: Vec<String>,
    why: String,
}

/// Types and crates that open connections: lesson 1, a second way out has no guard. Outside of the host nobody has a
/// use for them, the harness apart: it imitates the other end.
const SOCKETS: [&str; 8] =
    ["TcpStream", "TcpSocket", "TcpListener", "UdpSocket", "UnixStream", "reqwest", "hyper", "hyper_util"];

/// Reads every row of the table under the heading `Fences`.
fn read_fences(page: &str) -> Vec<Fence> {
    let Some((_, section)) = page.split_once("\n## Fences\n") else { return Vec::new() };
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| {
        let [_, names, inside, why, _] = line.split('|').map(str::trim).collect::<Vec<_>>()[..] else { return None };
        (names.starts_with('`')).then(|| Fence { names: quoted(names), inside: quoted(inside), why: why.into() })
    });
    rows.collect()
}

fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn check(fence: &Fence, source: &Source) -> Vec<Finding> {
    let Some(path) = source.path.strip_prefix("host/src/") else { return Vec::new() };
    let inside = fence.inside.iter().any(|place| {
        path == place || path.strip_prefix(place.as_str()).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
    });
    if inside {
        return Vec::new();
    }
    fence.names.iter().flat_map(|name| breaches(name, fence, source)).collect()
}

fn breaches(name: &str, fence: &Fence, source: &Source) -> Vec<Finding> {
    let why = format!("{}: only in {}", fence.why, fence.inside.join(", "));
    lines(name, source)
        .into_iter()
        .map(|line| source.finding(line, format!("`{name}` outside of its fence"), &why))
        .collect()
}

/// Lines of the product code that say the name.
fn lines(name: &str, source: &Source) -> Vec<usize> {
    let tokens = match name.strip_prefix('.') {
        // `a.expose()` and `Secret::expose`.
        Some(method) => [source.find(&[".", method]), source.find(&["::", method])].concat(),
        None => source.find(&[name]),
    };
    tokens.iter().map(|token| token.line).filter(|line| !source.is_test(*line)).collect()
}

fn sockets(source: &Source) -> Vec<Finding> {
    if !(source.path.starts_with("sdk-guest/") || source.path.starts_with("plugins/")) {
        return Vec::new();
    }
    let why = "a connector's way out is the import `http` (lesson 1)";
    let lines = SOCKETS.iter().flat_map(|name| lines(name, source).into_iter().map(move |line| (name, line)));
    lines.map(|(name, line)| source.finding(line, format!("`{name}` in a connector"), why)).collect()
}

#[test]
fn fences_hold() {
    let page = read(&root().join("host/ARCHITECTURE.md"));
    let fences = read_fences(&page);
    for name in ["sqlx", "reqwest", "wasmtime", "axum", ".expose", "TcpStream"] {
        assert!(fences.iter().any(|fence| fence.names.iter().any(|n| n == name)), "no fence for {name}");
    }
    let tree = tree();
    hold(fences.iter().flat_map(|fence| tree.iter().flat_map(|source| check(fence, source))).collect());
}

#[test]
fn connectors_open_no_sockets() {
    hold_everywhere(sockets);
}

#[cfg(test)]
const TABLE: &str = "
| `outside` | `of` | the section |

## Fences

| what | only in | why |
|---|---|---|
| `sqlx` | `store` | one place speaks SQL |
| `.expose` | `vault/seal.rs`, `egress/inject.rs` | a secret is readable in these files |

## Next

| `reqwest` | `egress` | not in the section |
";

#[test]
fn a_breach_is_found() {
    for (path, text, expected) in [
        ("host/src/api.rs", "use sqlx::Row;", "1: `sqlx` outside of its fence"),
        ("host/src/storefront.rs", "\nuse sqlx;", "2: `sqlx` outside of its fence"),
        ("host/src/cli/store.rs", "fn f() { ::sqlx::query() }", "1: `sqlx` outside of its fence"),
        ("host/src/vault.rs", "fn f() { a.expose() }", "1: `.expose` outside of its fence"),
        ("host/src/vault/open.rs", "fn f() { x.map(Secret::expose) }", "1: `.expose` outside of its fence"),
        ("host/src/egress/seal.rs", "fn f() { a\n.expose() }", "2: `.expose` outside of its fence"),
    ] {
        let fences = read_fences(TABLE);
        let rule = |source: &Source| fences.iter().flat_map(|fence| check(fence, source)).collect();
        assert_eq!(found(path, text, rule), [expected], "{path}: {text}");
    }
}

#[test]
fn what_is_inside_is_left_alone() {
    for (path, text) in [
        ("host/src/store.rs", "use sqlx::Row;"),
        ("host/src/store/rows.rs", "use sqlx::Row;"),
        ("host/src/vault/seal.rs", "fn f() { a.expose() }"),
        ("host/src/model/secret.rs", "impl Secret { pub fn expose(&self) {} }"),
        ("host/src/api.rs", "/// As sqlx does.\n#[cfg(test)]\nmod tests { use sqlx::Row; }"),
        ("host/src/api.rs", "use reqwest::Client; fn f() { outside() }"),
        ("tests/src/store.rs", "use sqlx::Row;"),
    ] {
        let fences = read_fences(TABLE);
        let rule = |source: &Source| fences.iter().flat_map(|fence| check(fence, source)).collect();
        assert_eq!(found(path, text, rule), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn a_socket_in_a_connector_is_found() {
    let text = "use std::net::TcpStream;\nfn f() { reqwest::get() }";
    assert_eq!(found("plugins/x/src/lib.rs", text, sockets).len(), 2);
    assert_eq!(found("tests/src/upstream.rs", text, sockets).len(), 0);
}
