//! The files of the tree as tokens with lines, so that comments and strings cannot be mistaken for code.

use std::fmt;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Folders that hold Rust sources of ours.
const FOLDERS: [&str; 4] = ["host", "sdk-guest", "plugins", "tests"];

/// Folders that hold programs which must not compile: the SDK's tests of its own errors.
const NOT_SOURCES: [&str; 4] = ["compile_fail", "compile-fail", "ui", "target"];

/// A place that breaks a rule.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) path: String,
    pub(super) line: usize,
    /// What is there.
    pub(super) what: String,
    /// Why it must not be.
    pub(super) why: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, what, why } = self;
        write!(f, "{path}:{line}: {what}\n    because {why}")
    }
}

/// One token of a file, brackets included.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word(String),
    Sign(char),
    Open(Delimiter),
    Close(Delimiter),
    Literal,
}

#[derive(Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: usize,
    /// How many brackets are open around it.
    pub(super) depth: usize,
}

impl Token {
    pub(super) fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(super) fn is_sign(&self, sign: char) -> bool {
        self.kind == Kind::Sign(sign)
    }
}

/// A file of the tree.
pub(super) struct Source {
    /// From the root of the repository, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) tokens: Vec<Token>,
    /// Lines of the `#[cfg(test)]` items.
    tests: Vec<RangeInclusive<usize>>,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let stream: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path} does not parse: {error}"));
        let mut tokens = Vec::new();
        flatten(stream, 0, &mut tokens);
        let tests = if is_test_file(path) { vec![1..=text.lines().count()] } else { test_items(&tokens) };
        Self { path: path.into(), text: text.into(), tokens, tests }
    }

    /// Whether the line is in a `#[cfg(test)]` item.
    pub(super) fn is_test(&self, line: usize) -> bool {
        self.tests.iter().any(|lines| lines.contains(&line))
    }

    /// The lines that are not in `#[cfg(test)]` items.
    pub(super) fn product_lines(&self) -> usize {
        (1..=self.text.lines().count()).filter(|line| !self.is_test(*line)).count()
    }

    /// Positions where the words follow each other, with `::` written as one of them.
    pub(super) fn find(&self, pattern: &[&str]) -> Vec<&Token> {
        (0..self.tokens.len()).filter(|at| self.matches(*at, pattern)).map(|at| &self.tokens[at]).collect()
    }

    /// Whether `pattern` begins at a position.
    pub(super) fn matches(&self, mut at: usize, pattern: &[&str]) -> bool {
        pattern.iter().all(|expected| {
            let fits = match *expected {
                "(" => self.is(at, |kind| *kind == Kind::Open(Delimiter::Parenthesis)),
                "[" => self.is(at, |kind| *kind == Kind::Open(Delimiter::Bracket)),
                signs if signs.chars().all(|c| c.is_ascii_punctuation() && c != '_') => {
                    signs.chars().enumerate().all(|(next, sign)| self.is(at + next, |kind| *kind == Kind::Sign(sign)))
                }
                word => self.is(at, |kind| matches!(kind, Kind::Word(found) if found == word)),
            };
            at += if expected.starts_with("::") { 2 } else { 1 };
            fits
        })
    }

    pub(super) fn finding(&self, line: usize, what: impl Into<String>, why: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, what: what.into(), why: why.into() }
    }

    fn is(&self, at: usize, test: impl Fn(&Kind) -> bool) -> bool {
        self.tokens.get(at).is_some_and(|token| test(&token.kind))
    }
}

/// Every Rust file of the repository.
pub(super) fn tree() -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in FOLDERS {
        walk(&root().join(folder), &mut paths);
    }
    assert!(paths.len() > 20, "the walk found {} files only: it looks in the wrong place", paths.len());
    paths.sort();
    paths.iter().map(|path| Source::new(&relative(path), &read(path))).collect()
}

/// The root of the repository.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

pub(super) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && !NOT_SOURCES.contains(&name.as_str()) {
                walk(&path, paths);
            }
        } else if name.ends_with(".rs") {
            paths.push(path);
        }
    }
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/")
}

fn flatten(stream: TokenStream, depth: usize, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let bracket = group.delimiter();
                tokens.push(Token { kind: Kind::Open(bracket), line: group.span_open().start().line, depth });
                flatten(group.stream(), depth + 1, tokens);
                tokens.push(Token { kind: Kind::Close(bracket), line: group.span_close().end().line, depth });
            }
            TokenTree::Ident(word) => {
                tokens.push(Token { kind: Kind::Word(word.to_string()), line, depth });
            }
            TokenTree::Punct(sign) => tokens.push(Token { kind: Kind::Sign(sign.as_char()), line, depth }),
            TokenTree::Literal(_) => tokens.push(Token { kind: Kind::Literal, line, depth }),
        }
    }
}

/// Whether a file of a package's sources is a module of unit tests that was moved out of its parent. That such modules
/// are declared under `#[cfg(test)]` needs no rule: clippy's lints on `unwrap` do not let tests pass for a product.
fn is_test_file(path: &str) -> bool {
    path.contains("/src/") && (path.contains("/tests/") || path.ends_with("/tests.rs") || path.ends_with("/testing.rs"))
}

/// The lines from each `#[cfg(test)]` to the end of what it stands before.
fn test_items(tokens: &[Token]) -> Vec<RangeInclusive<usize>> {
    let mut items = Vec::new();
    for (at, window) in tokens.windows(4).enumerate() {
        let starts = window[0].is_sign('#')
            && window[1].kind == Kind::Open(Delimiter::Bracket)
            && window[2].word() == Some("cfg")
            && tokens.get(at + 4).and_then(Token::word) == Some("test");
        if !starts {
            continue;
        }
        let depth = tokens[at].depth;
        let end = tokens[at..]
            .iter()
            .find(|token| token.depth == depth && (token.is_sign(';') || token.kind == Kind::Close(Delimiter::Brace)));
        items.push(tokens[at].line..=end.map_or(usize::MAX, |token| token.line));
    }
    items
}

#[test]
fn tokens_know_code_from_text() {
    let text = "//! sqlx::query\n/// sqlx::query\nfn f() { \"sqlx::query\"; /* sqlx::query */ sqlx::query() }\n";
    let source = Source::new("x.rs", text);
    let lines: Vec<_> = source.find(&["sqlx", "::", "query"]).iter().map(|token| token.line).collect();
    assert_eq!(lines, [3]);
}

#[test]
fn test_items_are_not_product() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { {} }\n}\nfn c() {}\n#[cfg(test)]\nuse d;\n";
    let source = Source::new("x.rs", text);
    let tests: Vec<_> = (1..=8).filter(|line| source.is_test(*line)).collect();
    assert_eq!(tests, [2, 3, 4, 5, 7, 8]);
    assert_eq!(source.product_lines(), 2);
}

#[test]
fn a_test_feature_is_product() {
    assert_eq!(
        Source::new("x.rs", "#[cfg(not(test))]\nmod a {}\n#[cfg(feature = \"test\")]\nmod b {}\n").product_lines(),
        4
    );
}
