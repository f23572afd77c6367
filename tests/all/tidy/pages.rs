//! The written side: decision pages, reasons for limits, and what lies at the top of the tree.

use std::fs;

use super::source::{Finding, Source, read, root};
use super::{found, hold, hold_everywhere};

/// A page of 80 lines is read in two minutes.
const PAGE_LINES: usize = 80;

/// Lines of the README, which is one page: the rest is in the guide.
const README_LINES: usize = 100;

/// What a visitor sees first; everything else has its place below one of these, or begins with a dot.
const TOP: [&str; 11] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "gloveport-data",
    "host",
    "plugins",
    "sdk-guest",
    "target",
    "tests",
    "wit",
];

/// What is wrong with a decision page, given the page that must name it.
fn decision(name: &str, text: &str, architecture: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let number = name.split('-').next().unwrap_or_default();
    if number.len() != 4 || !number.bytes().all(|byte| byte.is_ascii_digit()) || !name.ends_with(".md") {
        wrong.push("is not named `0001-….md`".to_owned());
    }
    let lines = text.lines().count();
    if lines > PAGE_LINES {
        wrong.push(format!("has {lines} lines, of at most {PAGE_LINES}"));
    }
    if !text.starts_with("# ") {
        wrong.push("does not open with a title".to_owned());
    }
    if !architecture.contains(&format!("decisions/{name}")) {
        wrong.push("is not linked from ARCHITECTURE.md".to_owned());
    }
    wrong
}

/// A limit without a reason cannot be changed by its next reader.
fn reasons(source: &Source) -> Vec<Finding> {
    if !source.path.ends_with("limits.rs") {
        return Vec::new();
    }
    let lines: Vec<_> = source.text.lines().map(str::trim).collect();
    let constants = source.tokens.iter().enumerate().filter(|(at, token)| {
        token.word() == Some("const") && source.tokens.get(at + 2).is_some_and(|next| next.is_sign(':'))
    });
    constants
        .filter(|(_, token)| !source.is_test(token.line))
        .filter(|(_, token)| {
            let above = lines[..token.line - 1].iter().rev().find(|line| !line.starts_with("#["));
            !above.is_some_and(|line| line.starts_with("///"))
        })
        .map(|(_, token)| {
            source.finding(token.line, "a limit without a comment", "each number has its reason beside it")
        })
        .collect()
}

#[test]
fn the_readme_is_one_page_that_leads_to_the_guide() {
    let readme = read(&root().join("README.md"));
    let lines = readme.lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines, of at most {README_LINES}: the guide has room");
    for entry in fs::read_dir(root().join("host/guide")).unwrap() {
        let path = format!("host/guide/{}", entry.unwrap().file_name().to_string_lossy());
        assert!(readme.contains(&path), "README.md does not name {path}");
    }
}

#[test]
fn decisions_are_pages_that_are_linked() {
    let architecture = read(&root().join("host/ARCHITECTURE.md"));
    let Ok(entries) = fs::read_dir(root().join("host/decisions")) else { return };
    let mut findings = Vec::new();
    for entry in entries.map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        for what in decision(&name, &read(&entry.path()), &architecture) {
            let path = format!("host/decisions/{name}");
            findings.push(Finding { path, line: 1, what, why: "a decision is one page that can be found".into() });
        }
    }
    hold(findings);
}

#[test]
fn limits_have_reasons() {
    hold_everywhere(reasons);
}

#[test]
fn the_top_is_what_the_design_says() {
    let mut found: Vec<_> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str()))
        .collect();
    found.sort();
    assert!(found.is_empty(), "{found:?} at the top of the tree: each has its place below {TOP:?}");
}

#[test]
fn a_bad_page_is_found() {
    let page = |lines: usize| format!("# Title\n{}", "x\n".repeat(lines - 1));
    let architecture = "see decisions/0001-good.md and decisions/first.md";
    assert_eq!(decision("0001-good.md", &page(PAGE_LINES), architecture), Vec::<String>::new());
    assert_eq!(decision("0001-good.md", &page(PAGE_LINES + 1), architecture), ["has 81 lines, of at most 80"]);
    assert_eq!(decision("0001-good.md", "no title", architecture), ["does not open with a title"]);
    assert_eq!(decision("0002-lost.md", &page(3), architecture), ["is not linked from ARCHITECTURE.md"]);
    assert_eq!(decision("first.md", &page(3), architecture), ["is not named `0001-….md`"]);
}

#[test]
fn a_limit_without_a_reason_is_found() {
    let text = "/// Reason.\npub const A: u32 = 1;\nconst B: u32 = 2;\n\n// Not a doc comment.\nconst C: u32 = 3;\nfn f(x: *const u8) {}";
    assert_eq!(
        found("host/src/runtime/limits.rs", text, reasons),
        ["3: a limit without a comment", "6: a limit without a comment"]
    );
    assert_eq!(found("host/src/runtime.rs", text, reasons), Vec::<String>::new());
}
