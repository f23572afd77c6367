//! What an operator says of an import.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The options of one import. Unknown members are mistakes, and told.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Name of the connector: the prefix of all tool names.
    pub name: String,
    /// Takes the place of all servers of the document.
    pub base_url: Option<String>,
    /// Where the document came from: what its relative servers are relative to.
    pub document_url: Option<String>,
    /// Values of the servers' variables; one may be `{{field}}`, a public field of the account.
    pub server_variables: BTreeMap<String, String>,
    /// Only what one of these fits; all, where it says nothing.
    pub include: Filter,
    /// Nothing that one of these fits.
    pub exclude: Filter,
    /// Headers that go along with every request.
    pub headers: BTreeMap<String, String>,
    /// What is said of single operations, by operation id, by `METHOD /path`, or by tool name.
    pub operations: BTreeMap<String, Overrides>,
    /// Every tool is deferred, unless its operation says otherwise.
    pub deferred: bool,
    /// Every tool that does not only read has to be approved, unless its operation says otherwise.
    pub requires_approval: bool,
    /// Names that tools had before, by `METHOD /path`: they keep them.
    pub known_names: BTreeMap<String, String>,
}

/// Which operations are meant. Members narrow each other; the entries of one member are alternatives.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Tags, as the document has them.
    pub tags: Vec<String>,
    /// Paths; a `*` stands for any text.
    pub paths: Vec<String>,
    /// Methods, in any case.
    pub methods: Vec<String>,
    /// Operation ids or `METHOD /path`; a `*` stands for any text.
    pub operations: Vec<String>,
}

/// What is said of one operation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overrides {
    /// Its tool's name, without the connector's.
    pub name: Option<String>,
    /// For people.
    pub title: Option<String>,
    /// For models.
    pub description: Option<String>,
    /// `read`, `write` or `destroy`.
    pub effect: Option<String>,
    /// Whether it is left out of lists unless asked for.
    pub deferred: Option<bool>,
    /// Whether somebody has to approve it each time.
    pub requires_approval: Option<bool>,
    /// Left out.
    pub skip: bool,
}

/// What identifies an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) id: Option<&'a str>,
    pub(crate) tags: &'a [String],
}

impl Options {
    /// Whether the filters let an operation pass.
    pub(crate) fn takes(&self, subject: Subject<'_>) -> bool {
        (self.include.is_empty() || self.include.fits(subject))
            && (self.exclude.is_empty() || !self.exclude.fits(subject))
    }

    /// What is said of an operation.
    pub(crate) fn overrides(&self, subject: Subject<'_>) -> Option<&Overrides> {
        let key = subject.key();
        subject.id.and_then(|id| self.operations.get(id)).or_else(|| self.operations.get(&key))
    }
}

impl Filter {
    fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.paths.is_empty() && self.methods.is_empty() && self.operations.is_empty()
    }

    fn fits(&self, subject: Subject<'_>) -> bool {
        let one_of = |list: &[String], fits: &dyn Fn(&str) -> bool| list.is_empty() || list.iter().any(|one| fits(one));
        let key = subject.key();
        one_of(&self.tags, &|tag| subject.tags.iter().any(|own| own == tag))
            && one_of(&self.paths, &|pattern| matches(pattern, subject.path))
            && one_of(&self.methods, &|method| method.eq_ignore_ascii_case(subject.method))
            && one_of(&self.operations, &|pattern| {
                subject.id.is_some_and(|id| matches(pattern, id)) || matches(pattern, &key)
            })
    }
}

impl Subject<'_> {
    /// `METHOD /path`.
    pub(crate) fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Whether a text fits a pattern in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_stars_and_nothing_else() {
        for (pattern, text, expected) in [
            ("/a", "/a", true),
            ("/a", "/ab", false),
            ("/a*", "/ab", true),
            ("/a*", "/a", true),
            ("*", "", true),
            ("*/b", "/a/b", true),
            ("*/b", "/a/bc", false),
            ("/a/*/c", "/a/b/c", true),
            ("/a/*/c", "/a/c", false),
            ("a*b*a", "aba", true),
            ("a*a", "a", false),
            ("", "", true),
            ("", "a", false),
            ("/a.b", "/axb", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// HA-11
    #[test]
    fn filters_narrow_by_every_member() {
        let tags = ["billing".to_owned()];
        let subject = Subject { method: "GET", path: "/invoices/{id}", id: Some("invoices/get"), tags: &tags };
        for (include, exclude, expected) in [
            ("{}", "{}", true),
            (r#"{"tags":["billing"]}"#, "{}", true),
            (r#"{"tags":["other","billing"]}"#, "{}", true),
            (r#"{"tags":["other"]}"#, "{}", false),
            (r#"{"tags":["billing"],"methods":["post"]}"#, "{}", false),
            (r#"{"methods":["get"],"paths":["/invoices*"]}"#, "{}", true),
            (r#"{"operations":["invoices/*"]}"#, "{}", true),
            (r#"{"operations":["GET /invoices/{id}"]}"#, "{}", true),
            (r#"{"operations":["invoices"]}"#, "{}", false),
            ("{}", r#"{"tags":["billing"]}"#, false),
            ("{}", r#"{"tags":["billing"],"methods":["POST"]}"#, true),
            (r#"{"tags":["billing"]}"#, r#"{"paths":["/invoices/*"]}"#, false),
        ] {
            let options: Options =
                serde_json::from_str(&format!(r#"{{"include":{include},"exclude":{exclude}}}"#)).unwrap();
            assert_eq!(options.takes(subject), expected, "{include} {exclude}");
        }
        assert!(serde_json::from_str::<Options>(r#"{"base_uri":"x"}"#).unwrap_err().to_string().contains("base_uri"));
    }
}
