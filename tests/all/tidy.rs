//! The invariants of the source tree as tests: layers, fences, sizes, words and pages.

mod fences;
mod layers;
mod pages;
mod shape;
mod source;
mod words;

use source::{Finding, Source};

/// Fails with every finding, each with its place, its rule and the rule's reason.
fn hold(findings: Vec<Finding>) {
    let list: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "{} places break a rule:\n\n{}\n", list.len(), list.join("\n"));
}

/// Applies a rule to each file of the tree.
fn hold_everywhere(rule: impl Fn(&Source) -> Vec<Finding>) {
    hold(source::tree().iter().flat_map(rule).collect());
}

/// What a rule finds in a snippet, as `line: what`: for the rules' own tests.
fn found(path: &str, text: &str, rule: impl Fn(&Source) -> Vec<Finding>) -> Vec<String> {
    let source = Source::new(path, text);
    rule(&source).into_iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
}
