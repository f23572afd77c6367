//! URIs of connectors' resources: which connector one belongs to, and whether one looks as a template says. The host and the
//! connector of MCP servers share it.

use std::fmt;

/// The host's own scheme, by which results of calls are read: no connector's URI begins with it.
const OWN: &str = "gloveport";

/// Expressions of one template: more than any known one has, and each costs time with each URI.
const EXPRESSIONS: usize = 16;

/// Why a text is no URI or template of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceUriError {
    /// What comes before the first `:` is no scheme.
    Scheme,
    /// A sign that no URI has.
    Sign,
    /// A brace that nothing closes, or an expression that is none.
    Expression,
}

impl fmt::Display for ResourceUriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("it begins with no scheme in lower case, such as `notes:`"),
            Self::Sign => f.write_str("it has signs that no URI has: percent-encode them"),
            Self::Expression => write!(f, "`{{` and `}}` have to enclose names, {EXPRESSIONS} times at most"),
        }
    }
}

impl std::error::Error for ResourceUriError {}

/// A connector's URI as clients are told it: with the connector's name before its scheme, `notes+file:///a`, so that no two
/// connectors have one URI. A URI whose scheme is the connector's name stays as it is.
pub fn told_uri(connector: &str, uri: &str) -> String {
    let name = connector.replace('_', "-");
    if name != OWN && scheme(uri) == Some(&name) { uri.to_owned() } else { format!("{name}+{uri}") }
}

/// Reads [`told_uri`] back: the connector's name, and the URI as the connector has it.
pub fn owner_of_uri(told: &str) -> Option<(String, &str)> {
    let own = scheme(told)?;
    let (name, uri) = match own.split_once('+') {
        Some((name, _)) => (name, &told[name.len() + 1..]),
        None => (own, told),
    };
    scheme(uri)?;
    // Dashes stand for what no scheme has, and connectors' names have none: what is written otherwise is nobody's.
    let connector = name.replace('-', "_");
    (told_uri(&connector, uri) == told).then_some((connector, uri))
}

/// Checks a URI.
///
/// # Errors
/// [`ResourceUriError`].
pub fn check_uri(uri: &str) -> Result<(), ResourceUriError> {
    scheme(uri).ok_or(ResourceUriError::Scheme)?;
    if uri.bytes().all(is_of_uri) { Ok(()) } else { Err(ResourceUriError::Sign) }
}

/// Checks a URI template. Its scheme is written out.
///
/// # Errors
/// [`ResourceUriError`].
pub fn check_uri_template(template: &str) -> Result<(), ResourceUriError> {
    scheme(template).ok_or(ResourceUriError::Scheme)?;
    let pieces = pieces(template).ok_or(ResourceUriError::Expression)?;
    if pieces.iter().filter(|piece| !matches!(piece, Piece::Text(_))).count() > EXPRESSIONS {
        return Err(ResourceUriError::Expression);
    }
    let plain = |piece: &Piece<'_>| !matches!(piece, Piece::Text(text) if !text.bytes().all(is_of_uri));
    if pieces.iter().all(plain) { Ok(()) } else { Err(ResourceUriError::Sign) }
}

/// Whether a URI can come of a template: `{name}` stands for signs within one segment, and an expression with an operator
/// (`{+path}`, `{?query}`) for any.
pub fn uri_fits(template: &str, uri: &str) -> bool {
    let Some(pieces) = pieces(template) else { return false };
    let uri = uri.as_bytes();
    // Where in the URI what was read of the template may end.
    let mut ends = vec![false; uri.len() + 1];
    ends[0] = true;
    for piece in pieces {
        let mut next = vec![false; uri.len() + 1];
        for at in 0..=uri.len() {
            match piece {
                Piece::Text(text) if ends[at] && uri[at..].starts_with(text.as_bytes()) => next[at + text.len()] = true,
                Piece::Text(_) => {}
                Piece::Segment => {
                    let before = at > 0 && (ends[at - 1] || next[at - 1]);
                    next[at] = before && !matches!(uri[at - 1], b'/' | b'?' | b'#');
                }
                Piece::Any => next[at] = ends[at] || at > 0 && next[at - 1],
            }
        }
        ends = next;
    }
    ends[uri.len()]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    /// One or more signs without `/`, `?` and `#`.
    Segment,
    /// Anything, or nothing.
    Any,
}

fn pieces(template: &str) -> Option<Vec<Piece<'_>>> {
    let (mut pieces, mut rest) = (Vec::new(), template);
    while let Some(at) = rest.find(['{', '}']) {
        let (text, tail) = rest.split_at(at);
        let (expression, after) = tail.strip_prefix('{')?.split_once('}')?;
        let named = expression.trim_start_matches(['+', '#', '.', '/', ';', '?', '&']);
        let sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '%' | ',' | ':' | '*');
        if named.is_empty() || expression.len() > named.len() + 1 || !named.chars().all(sign) {
            return None;
        }
        let many = expression.len() > named.len() || named.contains('*');
        pieces.extend([Piece::Text(text), if many { Piece::Any } else { Piece::Segment }]);
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    Some(pieces)
}

/// RFC 3986 section 3.1, in lower case: those in capitals mean the same, and would be another's.
fn scheme(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    let sign = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '+' | '-' | '.');
    let good = scheme.starts_with(|first: char| first.is_ascii_lowercase()) && scheme.chars().all(sign);
    (good && !rest.is_empty()).then_some(scheme)
}

fn is_of_uri(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_of_one_connector() {
        for (connector, uri, told) in [
            ("notes", "file:///a", "notes+file:///a"),
            ("notes", "notes://a", "notes://a"),
            ("my_notes", "my-notes://a", "my-notes://a"),
            ("my_notes", "urn:x:y", "my-notes+urn:x:y"),
            ("notes", "notes+x:a", "notes+notes+x:a"),
            ("notes", "git+https://a", "notes+git+https://a"),
            ("gloveport", "gloveport://executions/x/result", "gloveport+gloveport://executions/x/result"),
            // Nobody takes another's name by the scheme of its own URIs.
            ("evil", "notes://a", "evil+notes://a"),
            ("evil", "notes+file:///a", "evil+notes+file:///a"),
        ] {
            assert_eq!(told_uri(connector, uri), told);
            assert_eq!(owner_of_uri(told), Some((connector.to_owned(), uri)), "{told}");
        }
        for nobodys in [
            "",
            "a",
            ":a",
            "notes:",
            "Notes://a",
            "my_notes://a",
            "notes+notes://a",
            "+file:///a",
            "notes+:a",
            "gloveport://executions/x/result",
        ] {
            assert_eq!(owner_of_uri(nobodys), None, "{nobodys}");
        }
    }

    #[test]
    fn a_template_says_how_a_uri_looks() {
        for (template, good, bad) in [
            (
                "t://a/{id}/b",
                &["t://a/1/b", "t://a/x%20y/b"][..],
                &["t://a//b", "t://a/1/2/b", "t://a/1/b/", "t://a/1"][..],
            ),
            ("t://{a}-{b}", &["t://1-2", "t://1-2-3"], &["t://-", "t://1-", "t://12"]),
            ("t://f/{+path}", &["t://f/", "t://f/a/b?c#d"], &["t://f", "x://f/a"]),
            ("t://f{?q,r}", &["t://f", "t://f?q=1&r=2"], &["t://", "u://f"]),
            ("t://f{/path*}", &["t://f/a/b"], &["t://"]),
            ("t://{list*}", &["t://a,b"], &["u://a"]),
            ("t://plain", &["t://plain"], &["t://plain/", "t://plai"]),
        ] {
            check_uri_template(template).unwrap();
            good.iter().for_each(|uri| assert!(uri_fits(template, uri), "{template}: {uri}"));
            bad.iter().for_each(|uri| assert!(!uri_fits(template, uri), "{template}: {uri}"));
        }
        let many = format!("t://{}", "{a}".repeat(EXPRESSIONS + 1));
        for template in [
            "",
            "t",
            "{s}://a",
            "t://{",
            "t://}",
            "t://{}",
            "t://{+}",
            "t://{a{b}}",
            "t://{a b}",
            "t://{??a}",
            &many,
            "t://\u{200b}",
        ] {
            assert!(check_uri_template(template).is_err(), "{template}");
        }
        for uri in ["", "a", "t:", "t://a b", "t://{a}", "t://é", "t://\u{200b}", "T://a", "1t://a"] {
            assert!(check_uri(uri).is_err(), "{uri}");
        }
        check_uri("t://a/b?c=%20#d").unwrap();
        // A long URI costs time in proportion to its length.
        let long = format!("t://{}", "a".repeat(100_000));
        assert!(!uri_fits("t://{a}b{c}b{d}b", &long));
    }
}
