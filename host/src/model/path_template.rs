//! Path templates: `/repos/{owner}/{repo}`, `/items:{id}`, `/files/{path+}`.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;
use thiserror::Error;

/// The longest template, in bytes: no provider's route comes near a tenth of it.
const TEMPLATE_MAX: usize = 2_048;

/// A set of paths.
///
/// A segment is literal text, or text around one `{name}` that stands for one or more characters, or, at the end,
/// `{name+}` for one or more whole segments. Literals are compared after percent-decoding, segment by segment, so that
/// `%2F` never separates segments and `%69ssues` is `issues`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(Vec<u8>),
    /// `before{name}after`.
    One {
        before: Vec<u8>,
        after: Vec<u8>,
    },
    /// `{name+}`.
    Rest,
}

/// Why a text is not a path template.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{text}` is not a path template: {reason}")]
pub struct PathTemplateError {
    /// What was read.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl PathTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// With the reason: it does not start with `/`, has an empty or a dot segment, a query, a fragment, a backslash,
    /// white space, a broken percent escape, unbalanced braces, two names in one segment, a name twice, `{name+}` not
    /// as the whole last segment, or over 2,048 bytes.
    pub fn parse(text: &str) -> Result<Self, PathTemplateError> {
        let refuse = |reason| PathTemplateError { text: text.chars().take(TEMPLATE_MAX).collect(), reason };
        let segments = read(text).map_err(refuse)?;
        Ok(Self { text: text.to_owned(), segments })
    }

    /// The set of one path, percent-encoded as the URL standard normalises it, whatever is in it.
    pub fn exactly(path: &str) -> Self {
        let segments = path.strip_prefix('/').unwrap_or(path).split('/');
        let segments = segments.map(|segment| Segment::Literal(percent_decode_str(segment).collect())).collect();
        Self { text: path.to_owned(), segments }
    }

    /// Whether `path` (percent-encoded, as the URL standard normalises it) is in the set.
    pub fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix('/') else { return false };
        let mut found = rest.split('/');
        for segment in &self.segments {
            match segment {
                Segment::Rest => {
                    return found.next().is_some_and(|first| !first.is_empty()) && found.all(|next| !next.is_empty());
                }
                one => {
                    if !found.next().is_some_and(|text| one.matches(text)) {
                        return false;
                    }
                }
            }
        }
        found.next().is_none()
    }

    /// The template as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Segment {
    fn matches(&self, encoded: &str) -> bool {
        let found: Cow<'_, [u8]> = percent_decode_str(encoded).into();
        match self {
            Self::Literal(literal) => *literal == *found,
            Self::One { before, after } => {
                found.len() > before.len() + after.len() && found.starts_with(before) && found.ends_with(after)
            }
            Self::Rest => !found.is_empty(),
        }
    }
}

fn read(text: &str) -> Result<Vec<Segment>, &'static str> {
    if text.len() > TEMPLATE_MAX {
        return Err("it is longer than 2,048 bytes");
    }
    let rest = text.strip_prefix('/').ok_or("it does not start with `/`")?;
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || "\\?#".contains(c)) {
        return Err("it has a query, a fragment, a backslash or white space");
    }
    let mut names = Vec::new();
    let mut segments = Vec::new();
    let mut parts = rest.split('/').peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        if part.is_empty() && !last {
            return Err("it has an empty segment");
        }
        segments.push(read_segment(part, last, &mut names)?);
    }
    Ok(segments)
}

fn read_segment<'a>(part: &'a str, last: bool, names: &mut Vec<&'a str>) -> Result<Segment, &'static str> {
    let Some((before, rest)) = part.split_once('{') else {
        return Ok(Segment::Literal(read_literal(part)?));
    };
    let (name, after) = rest.split_once('}').ok_or("a `{` has no `}`")?;
    let (name, many) = name.strip_suffix('+').map_or((name, false), |name| (name, true));
    if !is_name(name) {
        return Err("a name has letters, digits and `_`, and does not start with a digit");
    }
    if names.contains(&name) {
        return Err("it has a name twice");
    }
    names.push(name);
    if !many {
        return Ok(Segment::One { before: read_affix(before)?, after: read_affix(after)? });
    }
    if last && before.is_empty() && after.is_empty() {
        Ok(Segment::Rest)
    } else {
        Err("`{name+}` is the whole last segment or nothing")
    }
}

fn read_literal(text: &str) -> Result<Vec<u8>, &'static str> {
    let decoded = read_affix(text)?;
    if decoded == b"." || decoded == b".." {
        return Err("it has a dot segment");
    }
    Ok(decoded)
}

fn read_affix(text: &str) -> Result<Vec<u8>, &'static str> {
    if text.contains(['{', '}']) {
        return Err("braces do not pair up, or a segment has two names");
    }
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let escaped = |next: Option<u8>| next.is_some_and(|digit| digit.is_ascii_hexdigit());
        if byte == b'%' && !(escaped(bytes.next()) && escaped(bytes.next())) {
            return Err("a `%` is not followed by two hexadecimal digits");
        }
    }
    Ok(percent_decode_str(text).collect())
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn templates_hold_what_they_say_and_nothing_else() {
        let rows: &[(&str, &str, bool)] = &[
            ("/", "/", true),
            ("/", "", false),
            ("/", "//", false),
            ("/", "/a", false),
            ("/user", "/user", true),
            ("/user", "/user/", false),
            ("/user", "/users", false),
            ("/user", "/User", false),
            ("/user", "/user/repos", false),
            ("/user", "user", false),
            ("/user", "//user", false),
            ("/user/", "/user/", true),
            ("/user/", "/user", false),
            ("/repos/{owner}/{repo}", "/repos/a/b", true),
            ("/repos/{owner}/{repo}", "/repos/a/b/", false),
            ("/repos/{owner}/{repo}", "/repos/a/", false),
            ("/repos/{owner}/{repo}", "/repos//b", false),
            ("/repos/{owner}/{repo}", "/repos/a", false),
            ("/repos/{owner}/{repo}", "/repos/a/b/c", false),
            ("/repos/{owner}/{repo}", "/repos/a%2Fb/c", true),
            ("/repos/{owner}", "/repos/a%2Fb", true),
            ("/repos/{owner}/issues", "/repos/a%2Fissues", false),
            ("/repos/issues", "/repos/%69ssues", true),
            ("/a%20b", "/a%20b", true),
            ("/é", "/%C3%A9", true),
            ("/%c3%a9", "/%C3%A9", true),
            ("/{owner}.json", "/x.json", true),
            ("/{owner}.json", "/.json", false),
            ("/{owner}.json", "/x.jsonp", false),
            ("/v1/items:{id}", "/v1/items:7", true),
            ("/v1/items:{id}", "/v1/items:", false),
            ("/v1/items:{id}", "/v1/items", false),
            ("/v1/{name}:cancel", "/v1/x:cancel", true),
            ("/v1/{name}:cancel", "/v1/x:delete", false),
            ("/aa{x}aa", "/aaa", false),
            ("/aa{x}aa", "/aaxaa", true),
            ("/files/{path+}", "/files/a", true),
            ("/files/{path+}", "/files/a/b/c", true),
            ("/files/{path+}", "/files/", false),
            ("/files/{path+}", "/files", false),
            ("/files/{path+}", "/files/a//b", false),
            ("/files/{path+}", "/files/a/", false),
            ("/files/{path+}", "/filesa/b", false),
            ("/{path+}", "/a/b", true),
            ("/{path+}", "/", false),
        ];
        for (template, path, held) in rows {
            let template = PathTemplate::parse(template).unwrap();
            assert_eq!(template.matches(path), *held, "{template} {path}");
        }
    }

    #[test]
    fn what_is_not_a_template_is_refused() {
        let long = format!("/{}", "a".repeat(TEMPLATE_MAX));
        for text in [
            "",
            "a",
            "user/{x}",
            "//",
            "/a//b",
            "/./a",
            "/a/..",
            "/%2e%2E/a",
            "/a/%2e",
            "/a?b",
            "/a#b",
            "/a\\b",
            "/a b",
            "/a\nb",
            "/a\0",
            "/%",
            "/%2",
            "/%zz",
            "/%2{x}",
            "/{",
            "/}",
            "/{}",
            "/{+}",
            "/a}",
            "/{a",
            "/{a}}",
            "/{{a}}",
            "/{a}{b}",
            "/{a}-{b}",
            "/{a}/{a}",
            "/{1a}",
            "/{a b}",
            "/{a*}",
            "/{?a}",
            "/{path+}/x",
            "/x{path+}",
            "/{path+}x",
            "/{a}/{a+}",
            "https://a/b",
            &long,
        ] {
            let parsed = PathTemplate::parse(text);
            assert!(parsed.is_err(), "{text} became {parsed:?}");
        }
    }

    proptest! {
        #[test]
        fn reading_and_matching_never_panic(text in "\\PC{0,40}|[/{}+%a-c2.:]{0,24}", path in "\\PC{0,40}") {
            if let Ok(template) = PathTemplate::parse(&text) {
                let _ = template.matches(&path);
                prop_assert_eq!(template.to_string(), text);
            }
        }

        #[test]
        fn a_name_stands_for_exactly_one_segment(owner in "[A-Za-z0-9._~%-]{1,12}", more in "[a-z]{1,5}") {
            let template = PathTemplate::parse("/repos/{owner}/issues").unwrap();
            let fits = format!("/repos/{owner}/issues");
            let deeper = format!("/repos/{owner}/{more}/issues");
            let further = format!("/repos/{owner}/issues/{more}");
            prop_assert!(template.matches(&fits));
            prop_assert!(!template.matches(&deeper));
            prop_assert!(!template.matches(&further));
        }

        #[test]
        fn a_literal_holds_itself_only(one in "(/[a-z]{1,4}){1,3}", other in "(/[a-z]{1,4}){1,3}") {
            let template = PathTemplate::parse(&one).unwrap();
            prop_assert_eq!(template.matches(&other), one == other);
        }
    }
}
