//! Words that must not be said: silenced lints, unfinished code, tests that sleep or do not run.

use super::source::{Finding, Kind, Source};
use super::{found, hold_everywhere};
use proc_macro2::Delimiter;

/// What macros write stands in their users' crates, where an expectation would fail whenever the lint does not fire.
const EXPANSIONS: &str = "sdk-guest/macros/src/";

/// An `allow` stays when its cause is gone; an `expect` then becomes a warning.
fn allowances(source: &Source) -> Vec<Finding> {
    if source.path.starts_with(EXPANSIONS) {
        return Vec::new();
    }
    attributes(source)
        .flat_map(|(from, to)| source.tokens[from..to].iter().enumerate().map(move |(n, token)| (from + n, token)))
        .filter(|(at, token)| token.word() == Some("allow") && source.matches(*at, &["allow", "("]))
        .map(|(_, token)| {
            source.finding(
                token.line,
                "`allow` of a lint",
                "write `#[expect(lint, reason = \"…\")]`, which ends with its cause",
            )
        })
        .collect()
}

/// An expectation without a reason cannot be judged by its reader.
fn unreasoned(source: &Source) -> Vec<Finding> {
    attributes(source)
        .filter(|(from, to)| {
            let expects = (*from..*to).any(|at| source.matches(at, &["expect", "("]));
            expects && !(*from..*to).any(|at| source.matches(at, &["reason", "="]))
        })
        .map(|(from, _)| {
            source.finding(source.tokens[from].line, "`expect` without a reason", "a reader must be able to judge it")
        })
        .collect()
}

fn unfinished(source: &Source) -> Vec<Finding> {
    let macros = ["todo", "unimplemented", "dbg"];
    macros
        .iter()
        .flat_map(|name| source.find(&[name, "!"]))
        .map(|token| source.finding(token.line, "unfinished code", "what is not written yet is not committed"))
        .collect()
}

fn ignored(source: &Source) -> Vec<Finding> {
    attributes(source)
        .filter(|(from, _)| source.matches(*from, &["ignore"]))
        .map(|(from, _)| source.finding(source.tokens[from].line, "an ignored test", "a test runs, or it is not there"))
        .collect()
}

/// Only tests: the host has reasons to sleep, and clippy watches it.
fn sleeping(source: &Source) -> Vec<Finding> {
    let calls = ["sleep", "sleep_until", "sleep_ms"].iter().flat_map(|name| source.find(&[name, "("]));
    calls
        .filter(|token| source.path.starts_with("tests/") || source.is_test(token.line))
        .map(|token| {
            source.finding(
                token.line,
                "a test that sleeps",
                "wait for what you wait for, or advance the clock: it is faster and does not flake",
            )
        })
        .collect()
}

/// A loaded machine makes any bound wrong.
fn timed(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let assertion =
            token.word().is_some_and(|word| word.starts_with("assert")) && source.matches(at + 1, &["!", "("]);
        if assertion && group(source, at + 2).any(|at| source.matches(at, &["elapsed", "("])) {
            let why = "a loaded machine makes any bound wrong; figures belong into the bench";
            findings.push(source.finding(token.line, "an assertion on the wall clock", why));
        }
    }
    findings
}

/// Limits are given, by name: a path that forgets them must not compile.
fn default_limits(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let name =
            |at: usize| source.tokens.get(at).and_then(|token| token.word()).filter(|name| name.ends_with("Limits"));
        let implemented = source.matches(at, &["Default", "for"]) && name(at + 2).is_some();
        let derived = token.word() == Some("struct") && name(at + 1).is_some() && derives_default(source, at);
        if implemented || derived {
            let why = "a limit that is forgotten must not compile";
            findings.push(source.finding(token.line, "limits with a `Default`", why));
        }
    }
    findings
}

/// Whether an attribute between the end of the item before and `at` derives `Default`.
fn derives_default(source: &Source, at: usize) -> bool {
    let depth = source.tokens[at].depth;
    let before = source.tokens[..at].iter().rev().take_while(|token| {
        token.depth > depth
            || !(token.is_sign(';')
                || matches!(token.kind, Kind::Close(Delimiter::Brace) | Kind::Open(Delimiter::Brace)))
    });
    before.into_iter().any(|token| token.word() == Some("Default"))
}

/// Positions of the tokens inside of each attribute: the first, and one past the last.
fn attributes(source: &Source) -> impl Iterator<Item = (usize, usize)> {
    let starts = (0..source.tokens.len()).filter_map(|at| {
        if source.matches(at, &["#", "["]) {
            return Some(at + 1);
        }
        source.matches(at, &["#", "!", "["]).then_some(at + 2)
    });
    starts.map(|open| (open + 1, open + 1 + group(source, open).count()))
}

/// Positions inside of the bracket that opens at a position.
fn group(source: &Source, open: usize) -> impl Iterator<Item = usize> {
    let depth = source.tokens[open].depth;
    (open + 1..source.tokens.len()).take_while(move |at| source.tokens[*at].depth > depth)
}

#[test]
fn lints_are_not_silenced() {
    hold_everywhere(allowances);
    hold_everywhere(unreasoned);
}

#[test]
fn code_is_finished() {
    hold_everywhere(unfinished);
}

#[test]
fn tests_run() {
    hold_everywhere(ignored);
}

#[test]
fn tests_do_not_wait_for_time() {
    hold_everywhere(sleeping);
    hold_everywhere(timed);
}

#[test]
fn limits_are_given() {
    hold_everywhere(default_limits);
}

#[test]
fn each_word_is_found() {
    type Rule = fn(&Source) -> Vec<Finding>;
    let rows: [(Rule, &str); 16] = [
        (allowances, "#[allow(dead_code)] fn f() {}"),
        (allowances, "#![allow(dead_code)]"),
        (allowances, "#[cfg_attr(test, allow(dead_code))] fn f() {}"),
        (unreasoned, "#[expect(dead_code)] fn f() {}"),
        (unreasoned, "#![expect(dead_code)]"),
        (unfinished, "fn f() { todo!() }"),
        (unfinished, "fn f() { unimplemented!(\"later\") }"),
        (unfinished, "fn f() { dbg!(1); }"),
        (ignored, "#[test] #[ignore] fn f() {}"),
        (ignored, "#[test] #[ignore = \"slow\"] fn f() {}"),
        (sleeping, "async fn f() { tokio::time::sleep(d).await }"),
        (sleeping, "use std::thread::sleep; fn f() { sleep(d) }"),
        (timed, "fn f() { assert!(started.elapsed() < LIMIT); }"),
        (timed, "fn f() { assert_eq!(1, g(started.elapsed())); }"),
        (default_limits, "impl Default for CallLimits { }"),
        (default_limits, "struct A {}\n#[derive(Clone, Default)]\npub struct Limits { }"),
    ];
    for (rule, text) in rows {
        assert_eq!(found("tests/all/x.rs", text, rule).len(), 1, "{text}");
    }
}

#[test]
fn what_is_said_rightly_is_left_alone() {
    for text in [
        "#[expect(dead_code, reason = \"x\")] fn f() { allow(1); x.expect(\"y\"); }",
        "#[derive(Default)] struct A {}\n#[derive(Clone)]\nstruct Limits {}\nimpl Default for Options {}",
        "// todo!() #[ignore] #[allow(x)]\nfn f() { sleeper(); let todo = 1; let took = started.elapsed(); }",
    ] {
        for rule in [allowances, unreasoned, unfinished, ignored, sleeping, timed, default_limits] {
            assert_eq!(found("tests/all/x.rs", text, rule), Vec::<String>::new(), "{text}");
        }
    }
    assert_eq!(found("host/src/a.rs", "fn f() { sleep(d) }", sleeping), Vec::<String>::new());
    assert_eq!(found("host/src/a.rs", "#[cfg(test)]\nmod tests { fn f() { sleep(d) } }", sleeping).len(), 1);
}
