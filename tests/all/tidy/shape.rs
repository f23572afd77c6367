//! The shape of a file: its opening sentence, its length and its functions' lengths, its name.

use super::source::{Finding, Kind, Source};
use super::{found, hold_everywhere};
use proc_macro2::Delimiter;

/// Lines of a file that are not in `#[cfg(test)]` items: what good code keeps to by itself, measured.
const FILE_LINES: usize = 400;

/// Lines of a function from `fn` to its last bracket: one screen.
const FUNCTION_LINES: usize = 70;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 12] = [
    "base", "common", "handler", "helper", "helpers", "manager", "misc", "service", "services", "shared", "util",
    "utils",
];

fn opening(source: &Source) -> Vec<Finding> {
    let why = "the first line says what the file is for, to someone who has not opened it before";
    let lines: Vec<_> = source.text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let crate_root = source.path.ends_with("/lib.rs");
    if lines.is_empty() {
        let page = crate_root && source.text.starts_with("#![doc = include_str!(");
        return if page { Vec::new() } else { vec![source.finding(1, "does not open with a `//!` sentence", why)] };
    }
    let first = lines.split(|line| line.is_empty()).next().unwrap_or_default().join(" ");
    let sentence = first.split_whitespace().count() >= 2 && first.ends_with(['.', '?']);
    if sentence {
        return Vec::new();
    }
    vec![source.finding(1, format!("opens with {first:?}, which is no sentence"), why)]
}

fn file_length(source: &Source) -> Vec<Finding> {
    let lines = source.product_lines();
    if lines <= FILE_LINES {
        return Vec::new();
    }
    let what = format!("{lines} lines without tests, of at most {FILE_LINES}");
    vec![source.finding(1, what, "one idea per file; more than this is two ideas")]
}

fn function_length(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let Some(name) = source.tokens.get(at + 1).and_then(|next| next.word()) else { continue };
        if token.word() != Some("fn") {
            continue;
        }
        let body = source.tokens[at..].iter().find(|next| {
            next.depth == token.depth && (next.is_sign(';') || next.kind == Kind::Close(Delimiter::Brace))
        });
        let lines = body.map_or(0, |end| end.line - token.line + 1);
        if lines > FUNCTION_LINES {
            let what = format!("`{name}` has {lines} lines, of at most {FUNCTION_LINES}");
            findings.push(source.finding(token.line, what, "a function is read on one screen"));
        }
    }
    findings
}

fn names(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for part in source.path.split('/') {
        let name = part.strip_suffix(".rs").unwrap_or(part);
        if EMPTY_NAMES.contains(&name) {
            findings.push(source.finding(1, format!("is named `{name}`"), "a name says what is inside"));
        }
    }
    if source.path.ends_with("/mod.rs") {
        findings.push(source.finding(1, "is a `mod.rs`", "`foo.rs` stands beside `foo/`"));
    }
    for (at, token) in source.tokens.iter().enumerate().filter(|(_, token)| token.word() == Some("mod")) {
        if let Some(name) =
            source.tokens.get(at + 1).and_then(|next| next.word()).filter(|name| EMPTY_NAMES.contains(name))
        {
            findings.push(source.finding(token.line, format!("module `{name}`"), "a name says what is inside"));
        }
    }
    findings
}

#[test]
fn files_open_with_a_sentence() {
    hold_everywhere(opening);
}

#[test]
fn files_are_short() {
    hold_everywhere(file_length);
}

#[test]
fn functions_are_short() {
    hold_everywhere(function_length);
}

#[test]
fn names_say_something() {
    hold_everywhere(names);
}

#[test]
fn openings_that_say_nothing_are_found() {
    for text in [
        "",
        "use a;",
        "// A comment of ours.",
        "\n//! A sentence too late.",
        "//! x",
        "//! Word.",
        "//! No full stop here",
    ] {
        assert_eq!(found("host/src/a.rs", text, opening).len(), 1, "{text:?}");
    }
    assert_eq!(found("host/src/a.rs", "#![doc = include_str!(\"../a.md\")]", opening).len(), 1);
    for (path, text) in [
        ("host/src/a.rs", "//! What it is for.\nuse a;"),
        ("host/src/a.rs", "//! What it is for,\n//! in two lines.\n\nuse a;"),
        ("sdk/src/lib.rs", "//! One good sentence.\n//!\n//! And more."),
        ("host/src/error.rs", "//! One good sentence.\n//!\n//! The policy of this file's errors."),
        ("host/src/lib.rs", "#![doc = include_str!(\"../a.md\")]"),
    ] {
        assert_eq!(found(path, text, opening), Vec::<String>::new(), "{text:?}");
    }
}

#[test]
fn long_files_are_found() {
    let at_limit = "fn a() {}\n".repeat(FILE_LINES);
    assert_eq!(found("a.rs", &at_limit, file_length), Vec::<String>::new());
    assert_eq!(
        found("a.rs", &format!("{at_limit}fn a() {{}}"), file_length),
        ["1: 401 lines without tests, of at most 400"]
    );
    assert_eq!(
        found("a.rs", &format!("{at_limit}#[cfg(test)]\nmod tests {{\n{at_limit}}}"), file_length),
        Vec::<String>::new()
    );
}

#[test]
fn long_functions_are_found() {
    let function =
        |lines: usize| format!("trait A {{ fn a(); }}\nasync fn b<T>() -> [u8; 3]\n{{{}}}", "\n".repeat(lines - 2));
    assert_eq!(found("a.rs", &function(FUNCTION_LINES), function_length), Vec::<String>::new());
    assert_eq!(found("a.rs", &function(FUNCTION_LINES + 1), function_length), ["2: `b` has 71 lines, of at most 70"]);
    let method = format!("impl A {{ {} }}", function(FUNCTION_LINES + 1));
    assert_eq!(found("a.rs", &method, function_length).len(), 1);
}

#[test]
fn empty_names_are_found() {
    for (path, text) in [
        ("host/src/utils.rs", ""),
        ("host/src/a/common/b.rs", ""),
        ("host/src/a/mod.rs", ""),
        ("host/src/a.rs", "pub(crate) mod helpers { }"),
    ] {
        assert_eq!(found(path, text, names).len(), 1, "{path}");
    }
    assert_eq!(found("tests/src/common_names.rs", "mod service_level;", names), Vec::<String>::new());
}
