//! URL and host templates: `https://{{domain}}/api`, filled from an account's public fields.

use std::collections::BTreeMap;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;
use url::Url;

use super::HostPattern;
use super::host_pattern::{normalise_host, parse_port};

/// The longest template, in bytes: a base URL is an address and a short path.
const TEMPLATE_MAX: usize = 1_024;

/// The longest value of a field, in bytes: no host name is longer (RFC 1035 section 2.3.4).
const VALUE_MAX: usize = 253;

/// What is percent-encoded in a value that becomes a path segment: all but the unreserved characters (RFC 3986).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a value may never hold, wherever it goes: each has a meaning in a URL.
const FORBIDDEN: &str = "/\\@#?%{}<>\"^`|*";

/// A base URL with `{{field}}` in its authority or path.
///
/// A value can fill the place it was given and nothing more: as the whole authority it is a host with perhaps a port,
/// within the authority it is host name labels, and in the path it stays within its segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate {
    text: String,
    scheme: &'static str,
    authority: Vec<Piece>,
    path: Vec<Piece>,
}

/// A host pattern with `{{field}}` in it, for example `{{domain}}` or `*.{{domain}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostTemplate {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Field(String),
}

/// Why there is no URL.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UrlTemplateError {
    /// The template itself is wrong.
    #[error("`{text}` is not a template: {reason}")]
    Template {
        /// What was read.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The account has no such field.
    #[error("field `{field}` is missing")]
    Missing {
        /// Its name.
        field: String,
    },
    /// The field's value cannot stand where the template has it.
    #[error("field `{field}`: {reason}")]
    Value {
        /// Its name. The value is not repeated: somebody may have put a secret into the wrong field.
        field: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl UrlTemplate {
    /// Reads a template: `http` or `https`, an authority, and perhaps a path.
    ///
    /// # Errors
    /// With the reason: another scheme, no authority, user information, a query, a fragment, dot segments,
    /// unbalanced braces, or something that is no URL with any value.
    pub fn parse(text: &str) -> Result<Self, UrlTemplateError> {
        read(text).map_err(|reason| UrlTemplateError::Template { text: shorten(text), reason })
    }

    /// Fills the template in.
    ///
    /// # Errors
    /// [`UrlTemplateError::Missing`] and [`UrlTemplateError::Value`], naming the field.
    pub fn render(&self, values: &BTreeMap<String, String>) -> Result<Url, UrlTemplateError> {
        let authority = render_authority(&self.authority, values)?;
        let mut path = String::new();
        for piece in &self.path {
            match piece {
                Piece::Literal(text) => path.push_str(text),
                Piece::Field(field) => path.extend(utf8_percent_encode(segment_value(field, values)?, SEGMENT)),
            }
        }
        let refuse = |reason| UrlTemplateError::Template { text: self.text.clone(), reason };
        let url = Url::parse(&format!("{}://{authority}{path}", self.scheme))
            .map_err(|_| refuse("what it renders to is not a URL"))?;
        // Each value was checked by itself; this is the check of what they became together.
        let same_path = url.path() == path || (path.is_empty() && url.path() == "/");
        let same_host = HostPattern::parse(&authority).is_ok_and(|pattern| {
            pattern.matches(url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
        });
        if same_path && same_host && url.query().is_none() && url.fragment().is_none() {
            Ok(url)
        } else {
            Err(refuse("its values climb out of their places"))
        }
    }

    /// The names of the fields that it takes.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        fields(self.authority.iter().chain(&self.path))
    }
}

impl fmt::Display for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl HostTemplate {
    /// Reads a template for a host pattern.
    ///
    /// # Errors
    /// With the reason, if it is not a host pattern with any value.
    pub fn parse(text: &str) -> Result<Self, UrlTemplateError> {
        let refuse = |reason| UrlTemplateError::Template { text: shorten(text), reason };
        let pieces = read_pieces(text).map_err(refuse)?;
        let sample = sample(below_wildcard(&pieces));
        check_sample(&sample).map_err(refuse)?;
        Ok(Self { text: text.to_owned(), pieces })
    }

    /// Fills the template in. No value can add a wildcard.
    ///
    /// # Errors
    /// [`UrlTemplateError::Missing`] and [`UrlTemplateError::Value`], naming the field.
    pub fn render(&self, values: &BTreeMap<String, String>) -> Result<HostPattern, UrlTemplateError> {
        let host = render_authority(&below_wildcard(&self.pieces), values)?;
        let wildcard = if self.text.starts_with("*.") { "*." } else { "" };
        HostPattern::parse(&format!("{wildcard}{host}"))
            .map_err(|error| UrlTemplateError::Template { text: self.text.clone(), reason: error.reason })
    }

    /// The names of the fields that it takes.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        fields(self.pieces.iter())
    }
}

impl fmt::Display for HostTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The pieces without a leading `*.`, which is the template's own and never a value's.
fn below_wildcard(pieces: &[Piece]) -> Vec<Piece> {
    let mut pieces = pieces.to_vec();
    if let Some(Piece::Literal(first)) = pieces.first_mut()
        && let Some(rest) = first.strip_prefix("*.")
    {
        *first = rest.to_owned();
        if first.is_empty() {
            pieces.remove(0);
        }
    }
    pieces
}

fn fields<'a>(pieces: impl Iterator<Item = &'a Piece>) -> impl Iterator<Item = &'a str> {
    pieces.filter_map(|piece| match piece {
        Piece::Field(name) => Some(name.as_str()),
        Piece::Literal(_) => None,
    })
}

fn shorten(text: &str) -> String {
    text.chars().take(TEMPLATE_MAX).collect()
}

fn read(text: &str) -> Result<UrlTemplate, &'static str> {
    if text.len() > TEMPLATE_MAX {
        return Err("it is longer than 1,024 bytes");
    }
    let (scheme, rest) = if let Some(rest) = text.strip_prefix("https://") {
        ("https", rest)
    } else if let Some(rest) = text.strip_prefix("http://") {
        ("http", rest)
    } else {
        return Err("it does not start with `https://` or `http://`");
    };
    let cut = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = (read_pieces(&rest[..cut])?, read_pieces(&rest[cut..])?);
    check_sample(&sample(authority.clone()))?;
    check_path(&path)?;
    Ok(UrlTemplate { text: text.to_owned(), scheme, authority, path })
}

fn read_pieces(text: &str) -> Result<Vec<Piece>, &'static str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or("a `{{` has no `}}`")?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err("the name of a field has letters, digits and `_`");
        }
        push_literal(before, &mut pieces)?;
        pieces.push(Piece::Field(name.to_owned()));
        rest = after;
    }
    push_literal(rest, &mut pieces)?;
    Ok(pieces)
}

fn push_literal(text: &str, pieces: &mut Vec<Piece>) -> Result<(), &'static str> {
    if text.contains(['{', '}', '\\', '?', '#', '@', '%']) || text.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err("it has user information, a query, a fragment, an escape, a stray brace or white space");
    }
    if !text.is_empty() {
        pieces.push(Piece::Literal(text.to_owned()));
    }
    Ok(())
}

/// The template's authority with a harmless value in each place.
fn sample(pieces: Vec<Piece>) -> String {
    let value = if matches!(pieces.as_slice(), [Piece::Field(_)]) { "a.example" } else { "a" };
    pieces.iter().map(|piece| if let Piece::Literal(text) = piece { text } else { value }).collect()
}

fn check_sample(authority: &str) -> Result<(), &'static str> {
    HostPattern::parse(authority)
        .map_err(|error| error.reason)
        .and_then(|pattern| if pattern.is_suffix() { Err("a wildcard is not a host") } else { Ok(()) })
}

fn check_path(pieces: &[Piece]) -> Result<(), &'static str> {
    let text: String = pieces.iter().map(|piece| if let Piece::Literal(text) = piece { text } else { "a" }).collect();
    let inner = text.strip_prefix('/').unwrap_or(&text);
    if inner.split('/').any(|segment| segment == "." || segment == "..")
        || inner.contains("//")
        || text.starts_with("//")
    {
        return Err("its path has a dot segment or an empty one");
    }
    if text.is_ascii() { Ok(()) } else { Err("its path has a character that must be percent-encoded") }
}

fn render_authority(pieces: &[Piece], values: &BTreeMap<String, String>) -> Result<String, UrlTemplateError> {
    if let [Piece::Field(field)] = pieces {
        return whole_authority(field, values);
    }
    let mut authority = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => authority.push_str(text),
            Piece::Field(field) => authority.push_str(&labels_value(field, values)?),
        }
    }
    Ok(authority)
}

/// A value that is all of the authority: a host name or an address, and perhaps a port.
fn whole_authority(field: &str, values: &BTreeMap<String, String>) -> Result<String, UrlTemplateError> {
    let value = plain_value(field, values)?;
    let refuse = |reason| UrlTemplateError::Value { field: field.to_owned(), reason };
    let bracketed = value.starts_with('[');
    let colon = if bracketed { value.find("]:").map(|end| end + 1) } else { value.find(':') };
    let (host, port) = colon.map_or((value, None), |at| (&value[..at], Some(&value[at + 1..])));
    let host = normalise_host(host).map_err(refuse)?;
    Ok(match port {
        Some(digits) => format!("{host}:{}", parse_port(digits).map_err(refuse)?),
        None => host,
    })
}

/// A value that is a part of the authority: one or more labels of a host name, no address and no port.
fn labels_value(field: &str, values: &BTreeMap<String, String>) -> Result<String, UrlTemplateError> {
    let value = plain_value(field, values)?;
    let refuse = |reason| UrlTemplateError::Value { field: field.to_owned(), reason };
    if value.contains([':', '[', ']']) {
        return Err(refuse("it is a part of a host name, without a port"));
    }
    // With a label of letters behind it no value is taken for an address.
    let name = normalise_host(&format!("{value}.a")).map_err(refuse)?;
    Ok(name.strip_suffix(".a").unwrap_or(&name).to_owned())
}

/// A value that goes into a path segment.
fn segment_value<'a>(field: &str, values: &'a BTreeMap<String, String>) -> Result<&'a str, UrlTemplateError> {
    let value = plain_value(field, values)?;
    if value.contains(':') {
        return Err(UrlTemplateError::Value {
            field: field.to_owned(),
            reason: "it has a character that is not allowed",
        });
    }
    Ok(value)
}

fn plain_value<'a>(field: &str, values: &'a BTreeMap<String, String>) -> Result<&'a str, UrlTemplateError> {
    let value = values.get(field).ok_or_else(|| UrlTemplateError::Missing { field: field.to_owned() })?;
    let reason = if value.is_empty() {
        "it is empty"
    } else if value.len() > VALUE_MAX {
        "it is longer than 253 bytes"
    } else if value.contains("://") {
        "it is a host name or a name, without `https://`"
    } else if value.chars().any(|c| c.is_whitespace() || c.is_control()) {
        "it has white space or a control character"
    } else if value == "." || value.contains("..") {
        "it has dots that climb the path"
    } else if value.contains(|c| FORBIDDEN.contains(c)) {
        "it has a character that is not allowed"
    } else {
        return Ok(value);
    };
    Err(UrlTemplateError::Value { field: field.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("domain".to_owned(), value.to_owned())])
    }

    /// AK-805: two accounts, two domains, two upstream hosts.
    #[test]
    fn values_fill_their_places() {
        let rows: &[(&str, &str, &str)] = &[
            ("https://{{domain}}/api", "acme.freshdesk.com", "https://acme.freshdesk.com/api"),
            ("https://{{domain}}/api", "other.example.org", "https://other.example.org/api"),
            ("https://{{domain}}", "ACME.example", "https://acme.example/"),
            ("https://{{domain}}/api", "jira.example:8443", "https://jira.example:8443/api"),
            ("https://{{domain}}/api", "10.0.0.1:8443", "https://10.0.0.1:8443/api"),
            ("https://{{domain}}/", "[2001:db8::1]", "https://[2001:db8::1]/"),
            ("https://{{domain}}/", "bücher.example", "https://xn--bcher-kva.example/"),
            ("https://{{domain}}.atlassian.net/rest", "acme", "https://acme.atlassian.net/rest"),
            (
                "https://{{domain}}.snowflakecomputing.com",
                "xy1.us-east-1",
                "https://xy1.us-east-1.snowflakecomputing.com/",
            ),
            ("https://api-{{domain}}.example.com:8443/v1", "eu1", "https://api-eu1.example.com:8443/v1"),
            ("https://x.example/sites/{{domain}}/v1", "a b".trim_end_matches(" b"), "https://x.example/sites/a/v1"),
            ("https://x.example/sites/{{domain}}/v1", "ü+&;=", "https://x.example/sites/%C3%BC%2B%26%3B%3D/v1"),
            ("https://x.example/v{{domain}}", "3.1", "https://x.example/v3.1"),
            ("https://x.example/api", "unused", "https://x.example/api"),
        ];
        for (template, value, url) in rows {
            let rendered = UrlTemplate::parse(template).unwrap().render(&values(value));
            assert_eq!(rendered.as_ref().map(Url::as_str), Ok(*url), "{template} {value}");
        }
    }

    /// AK-805: a missing field, and values with `/`, `@`, `#` and their like, name the field.
    #[test]
    fn values_that_would_leave_their_place_are_refused() {
        let everywhere = [
            "",
            " ",
            "a b",
            "a\tb",
            "a\n",
            "\u{a0}",
            "a\0",
            "a/b",
            "/",
            "a@b",
            "user:pw@evil.com",
            "a#b",
            "a?b",
            "a\\b",
            "a%2fb",
            "%2e%2e",
            "..",
            ".",
            "a..b",
            "../evil",
            "https://evil.com",
            "//evil.com",
            "a{b",
            "*",
            "*.evil.com",
            "a|b",
        ];
        let authority = [
            "a:",
            "a:0",
            "a:99999",
            "a:80:80",
            "a:b",
            "0x7f.1",
            "127.1",
            "2130706433",
            "0177.0.0.1",
            "[::1",
            "[::1%25lo]",
            "::1",
            "a.",
            ".a",
            "-a",
            "a／b",
            "a＠b",
            "a＃b",
            "℀.evil.com",
            "\u{2024}\u{2024}",
        ];
        let partial = ["a:80", "[::1]", "a:", "a.", ".a", "a／b"];
        let path = ["a:b", ":", "javascript:x"];
        let templates = [
            ("https://{{domain}}/api", &authority[..]),
            ("https://{{domain}}.example.com/api", &partial[..]),
            ("https://x.example/{{domain}}/api", &path[..]),
            ("https://x.example/v{{domain}}", &path[..]),
        ];
        for (template, more) in templates {
            let parsed = UrlTemplate::parse(template).unwrap();
            for value in everywhere.iter().chain(more) {
                let rendered = parsed.render(&values(value));
                let named = matches!(&rendered, Err(UrlTemplateError::Value { field, .. }) if field == "domain");
                assert!(named, "{template} {value:?} became {rendered:?}");
            }
            let missing = UrlTemplateError::Missing { field: "domain".into() };
            assert_eq!(parsed.render(&BTreeMap::new()), Err(missing));
        }
    }

    #[test]
    fn what_is_not_a_template_is_refused() {
        let long = format!("https://a.example/{}", "a".repeat(TEMPLATE_MAX));
        for text in [
            "",
            "{{domain}}",
            "ftp://{{domain}}",
            "HTTPS://{{domain}}",
            "https:/{{domain}}",
            "https://",
            "https:///api",
            "https://{{domain}}@evil.com",
            "https://user@{{domain}}",
            "https://{{domain}}?x=1",
            "https://{{domain}}/#x",
            "https://{{domain",
            "https://domain}}",
            "https://{{}}",
            "https://{{a b}}",
            "https://{domain}",
            "https://{{{domain}}}",
            "https://{{domain}}/../x",
            "https://{{domain}}/./x",
            "https://{{domain}}//x",
            "https://{{domain}}/a b",
            "https://{{domain}}\\x",
            "https://{{domain}}/%2e%2e/",
            "https://{{a}}:{{b}}",
            "https://a.example:{{port}}",
            "https://*.example.com/",
            "https://x.example/é",
            "https://{{domain}}..example.com",
            &long,
        ] {
            let parsed = UrlTemplate::parse(text);
            assert!(parsed.is_err(), "{text} became {parsed:?}");
        }
    }

    #[test]
    fn a_value_adds_no_wildcard_to_a_host() {
        let rows: &[(&str, &str, Option<&str>)] = &[
            ("{{domain}}", "acme.example.com", Some("acme.example.com")),
            ("{{domain}}", "acme.example.com:8443", Some("acme.example.com:8443")),
            ("*.{{domain}}", "example.com", Some("*.example.com")),
            ("{{domain}}.example.com", "acme", Some("acme.example.com")),
            ("api.github.com", "x", Some("api.github.com")),
            ("*.example.com", "x", Some("*.example.com")),
            ("{{domain}}", "*.example.com", None),
            ("{{domain}}", "*", None),
            ("*.{{domain}}", "com", None),
            ("*.{{domain}}", "127.0.0.1", None),
            ("{{domain}}.example.com", "evil.com/", None),
        ];
        for (template, value, pattern) in rows {
            let rendered = HostTemplate::parse(template).unwrap().render(&values(value));
            let written = rendered.as_ref().map(ToString::to_string).ok();
            assert_eq!(written.as_deref(), *pattern, "{template} {value} {rendered:?}");
        }
        for text in ["", "*", "{{a}}{{", "https://{{a}}", "{{a}}/x", "a b", "{{a}}*.x.com", "*.*.{{a}}"] {
            assert!(HostTemplate::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn fields_are_listed() {
        let template = UrlTemplate::parse("https://{{site}}.example.com/{{cloud_id}}/x").unwrap();
        assert_eq!(template.fields().collect::<Vec<_>>(), ["site", "cloud_id"]);
        assert_eq!(template.to_string(), "https://{{site}}.example.com/{{cloud_id}}/x");
    }

    proptest! {
        #[test]
        fn no_value_changes_scheme_authority_or_depth(value in "\\PC{0,24}|[a-z.:@/#?%0-9-]{0,12}|[\\x00-\\x7f]{0,8}") {
            let partial = UrlTemplate::parse("https://{{domain}}.example.com/api").unwrap();
            if let Ok(url) = partial.render(&values(&value)) {
                prop_assert_eq!(url.scheme(), "https");
                prop_assert!(url.host_str().unwrap().ends_with(".example.com"));
                prop_assert_eq!(url.port(), None);
                prop_assert_eq!(url.path(), "/api");
            }
            let path = UrlTemplate::parse("https://x.example/a/{{domain}}/b").unwrap();
            if let Ok(url) = path.render(&values(&value)) {
                prop_assert_eq!(url.host_str(), Some("x.example"));
                let segments: Vec<_> = url.path_segments().unwrap().collect();
                prop_assert_eq!(segments.len(), 3);
                let decoded = percent_encoding::percent_decode_str(segments[1]).decode_utf8().unwrap();
                prop_assert_eq!(decoded, value.as_str());
            }
            let whole = UrlTemplate::parse("https://{{domain}}/api").unwrap();
            if let Ok(url) = whole.render(&values(&value)) {
                prop_assert_eq!(url.path(), "/api");
                prop_assert!(url.username().is_empty() && url.password().is_none());
                prop_assert!(url.query().is_none() && url.fragment().is_none());
            }
        }

        #[test]
        fn reading_never_panics(text in "(https://)?[a-z{}./:@#?%*]{0,24}|\\PC{0,24}") {
            if let Ok(template) = UrlTemplate::parse(&text) {
                prop_assert_eq!(template.to_string(), text.as_str());
            }
            let _ = HostTemplate::parse(&text);
        }
    }
}
