//! Where a request goes: from a guest's target to a URL, and whether the grant holds it.

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use super::address::is_metadata_name;
use super::limits::URL_BYTES;
use super::{EgressError, Grant};
use crate::model::{Effect, HostPattern};

/// All but the unreserved characters (RFC 3986 section 2.3).
pub(super) const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The URL of a guest's target and query.
///
/// A target is `/path`, joined to the grant's base URL below its path, or an absolute URL. It is refused as it was
/// written, before the URL standard's lenient parser can bend it into something else, if it has
/// - control characters, white space or backslashes, which that parser drops or takes for slashes;
/// - a fragment, which has no meaning in a request, or user information, which hides the host from a reader;
/// - two slashes at its start, which would name a host;
/// - a `.` or `..` segment, also percent-encoded, behind an encoded slash or before a `;`: servers differ in what they
///   make of it, so no route would hold;
/// - a broken escape or an escaped control character;
/// - a host in any but the usual spelling (`0x7f.1`, `2130706433`, zone identifiers, a trailing dot).
///
/// Left to the parser, and checked in its normal form: letters outside ASCII in paths and host names, upper case in
/// scheme and host, and the scheme's own port.
pub(super) fn resolve(grant: &Grant, target: &str, query: &[(String, String)]) -> Result<Url, EgressError> {
    if target.len() > URL_BYTES {
        return Err(too_long());
    }
    if let Some(bad) = target.chars().find(|c| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '#')) {
        return Err(invalid(match bad {
            '#' => "the target has a fragment",
            '\\' => "the target has a backslash",
            _ => "the target has white space or a control character",
        }));
    }
    let mut url = if target.starts_with('/') { relative(&grant.base_url, target)? } else { absolute(target)? };
    append_query(&mut url, query);
    if url.as_str().len() > URL_BYTES {
        return Err(too_long());
    }
    Ok(url)
}

/// The URL of a `Location`, which may be relative to where it came from. It is not a guest's: dot segments and
/// fragments are resolved as browsers do, and everything else is as strict.
pub(super) fn redirected(from: &Url, location: &str) -> Result<Url, EgressError> {
    if location.is_empty() || location.len() > URL_BYTES {
        return Err(invalid("a redirect has no location, or one of over 16 KiB"));
    }
    if location.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(invalid("a redirect has white space, a control character or a backslash in its location"));
    }
    if let Some(rest) = after_scheme(location).or_else(|| location.strip_prefix("//").map(|rest| (0, rest))) {
        check_authority(authority_of(rest.1))?;
    } else if authority_of(location).contains(':') {
        // Another scheme, or `https:host`, which the parser would take for a path.
        return Err(invalid("a redirect's location is neither a path nor an http or https URL"));
    }
    let mut url = from.join(location).map_err(|_| invalid("a redirect's location is not a URL"))?;
    url.set_fragment(None);
    check_parsed(&url)?;
    Ok(url)
}

/// Whether the grant holds the URL's host. Metadata services are never held, whatever a pattern says.
pub(super) fn check_host(grant: &Grant, url: &Url) -> Result<(), EgressError> {
    let (host, port) = host_and_port(url);
    if is_metadata_name(host) {
        return Err(EgressError::AddressNotAllowed(format!("{host} is a metadata service, which is never allowed")));
    }
    if grant.hosts.iter().any(|pattern| pattern.matches(host, port)) {
        Ok(())
    } else {
        Err(EgressError::HostNotAllowed(format!("{host}:{port} is not among the connector's hosts")))
    }
}

/// What the request does, if the tool declared it; the strongest effect where several routes hold it. Below the base URL, routes without a host hold what is left of the path;
/// everywhere, routes with a host hold the whole path there.
pub(super) fn check_route(grant: &Grant, method: &Method, url: &Url) -> Result<Effect, EgressError> {
    let (host, port) = host_and_port(url);
    let below = below_base(&grant.base_url, url);
    let fitting =
        grant.routes.iter().filter(|route| route.method == method.as_str()).filter(|route| match &route.host {
            None => below.is_some_and(|rest| route.path.matches(rest)),
            Some(pattern) => pattern.matches(host, port) && route.path.matches(url.path()),
        });
    fitting.map(|route| route.effect).max().ok_or_else(|| {
        EgressError::RouteNotAllowed(format!("no route of the tool holds this {method} request to {host}"))
    })
}

/// Whether two URLs have the same scheme, host and port.
pub(super) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}

fn relative(base: &Url, target: &str) -> Result<Url, EgressError> {
    if target.starts_with("//") {
        return Err(invalid("the target starts with two slashes"));
    }
    check_path(path_of(target))?;
    let mut joined = base.clone();
    joined.set_query(None);
    joined.set_fragment(None);
    let text = format!("{}{target}", joined.as_str().trim_end_matches('/'));
    let url = Url::parse(&text).map_err(|_| invalid("the target is not a path"))?;
    check_parsed(&url)?;
    // Nothing that passed above can leave the base; if something does, it is not sent.
    if !same_origin(base, &url) || below_base(base, &url).is_none() {
        return Err(invalid("the target leaves the base URL"));
    }
    Ok(url)
}

fn absolute(target: &str) -> Result<Url, EgressError> {
    let Some((_, rest)) = after_scheme(target) else {
        return Err(invalid("the target is neither a path nor an http or https URL"));
    };
    let authority = authority_of(rest);
    check_authority(authority)?;
    check_path(path_of(&rest[authority.len()..]))?;
    let url = Url::parse(target).map_err(|_| invalid("the target is not a URL"))?;
    check_parsed(&url)?;
    Ok(url)
}

/// The scheme's length and what follows `://`, for the two schemes there are.
fn after_scheme(text: &str) -> Option<(usize, &str)> {
    ["https://", "http://"].into_iter().find_map(|scheme| {
        let start = text.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| (scheme.len(), &text[scheme.len()..]))
    })
}

fn authority_of(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn path_of(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or_default()
}

/// A host pattern's grammar is just as strict as we need it here, wildcards aside.
fn check_authority(authority: &str) -> Result<(), EgressError> {
    match HostPattern::parse(authority) {
        Ok(pattern) if !pattern.is_suffix() => Ok(()),
        Ok(_) => Err(invalid("the target's host has a wildcard")),
        Err(error) => Err(invalid(&format!("the target's host: {}", error.reason))),
    }
}

fn check_path(path: &str) -> Result<(), EgressError> {
    path.split('/').try_for_each(check_segment)
}

fn check_segment(segment: &str) -> Result<(), EgressError> {
    if !segment.contains(['%', '.']) {
        return Ok(());
    }
    let mut rest = segment.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        match rest.get(at + 1..at + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => rest = &rest[at + 3..],
            _ => return Err(invalid("the target has a `%` without two hexadecimal digits")),
        }
    }
    let decoded: Vec<u8> = percent_decode_str(segment).collect();
    if decoded.iter().any(u8::is_ascii_control) {
        return Err(invalid("the target has an escaped control character"));
    }
    let dots = |part: &[u8]| {
        let name = part.split(|byte| *byte == b';').next().unwrap_or_default();
        name == b"." || name == b".."
    };
    if decoded.split(|byte| matches!(byte, b'/' | b'\\')).any(dots) {
        return Err(invalid("the target has a `.` or `..` segment"));
    }
    Ok(())
}

fn check_parsed(url: &Url) -> Result<(), EgressError> {
    if !matches!(url.scheme(), "https" | "http") {
        return Err(invalid("the scheme is neither https nor http"));
    }
    if url.host_str().is_none_or(|host| host.is_empty() || host.ends_with('.')) {
        return Err(invalid("there is no host, or it ends with a dot"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("the URL has user information"));
    }
    Ok(())
}

fn append_query(url: &mut Url, query: &[(String, String)]) {
    if query.is_empty() {
        return;
    }
    let mut text = url.query().unwrap_or_default().to_owned();
    for (name, value) in query {
        if !text.is_empty() {
            text.push('&');
        }
        // `%20` rather than `+`: every server reads it as a space.
        text.extend(utf8_percent_encode(name, UNRESERVED));
        text.push('=');
        text.extend(utf8_percent_encode(value, UNRESERVED));
    }
    url.set_query(Some(&text));
}

/// What is left of the URL's path below the base's, starting with `/`; `None` if it is not below.
fn below_base<'a>(base: &Url, url: &'a Url) -> Option<&'a str> {
    if !same_origin(base, url) {
        return None;
    }
    let rest = url.path().strip_prefix(base.path().trim_end_matches('/'))?;
    match rest.chars().next() {
        None => Some("/"),
        Some('/') => Some(rest),
        Some(_) => None,
    }
}

fn host_and_port(url: &Url) -> (&str, u16) {
    (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

fn invalid(reason: &str) -> EgressError {
    EgressError::Invalid(reason.to_owned())
}

fn too_long() -> EgressError {
    EgressError::Limit(format!("the URL is longer than {URL_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::tests::grant;

    /// One row: base, method, target, expected URL or the kind of refusal.
    #[test]
    fn targets_go_where_the_rows_say() {
        let rows =
            include_str!("testdata/targets.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut count = 0;
        for row in rows {
            let words: Vec<&str> = row.split(' ').collect();
            let [base, method, target, expected] = words[..] else { panic!("a row has four words: {row}") };
            let target =
                target.replace("<SP>", " ").replace("<TAB>", "\t").replace("<LF>", "\n").replace("<NUL>", "\0");
            let grant = grant(
                base,
                &["api.example.com", "*.files.example.com", "up.example.com", "[2001:db8::1]", "bücher.example"],
                &["GET /user", "GET /repos/{owner}/{repo}", "POST /repos/{owner}", "GET /files/{path+}", "GET /"],
            );
            let method: Method = method.parse().unwrap();
            let outcome = resolve(&grant, &target, &[])
                .and_then(|url| check_host(&grant, &url).map(|_| url))
                .and_then(|url| check_route(&grant, &method, &url).map(|_| url));
            let found = match &outcome {
                Ok(url) => url.as_str(),
                Err(EgressError::Invalid(_)) => "invalid",
                Err(EgressError::HostNotAllowed(_)) => "host",
                Err(EgressError::AddressNotAllowed(_)) => "address",
                Err(EgressError::RouteNotAllowed(_)) => "route",
                Err(_) => "other",
            };
            assert_eq!(found, expected, "{row}: {outcome:?}");
            count += 1;
        }
        assert!(count >= 90, "only {count} rows");
    }

    #[test]
    fn query_is_encoded_and_appended() {
        let grant = grant("https://api.example.com/", &["api.example.com"], &["GET /a"]);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        type Row = (&'static str, Vec<(String, String)>, &'static str);
        let rows: Vec<Row> = vec![
            ("/a", vec![], "https://api.example.com/a"),
            ("/a?x=1", vec![], "https://api.example.com/a?x=1"),
            (
                "/a",
                vec![pair("q", "a b&c=d#e?f/é+%")],
                "https://api.example.com/a?q=a%20b%26c%3Dd%23e%3Ff%2F%C3%A9%2B%25",
            ),
            ("/a?x=1", vec![pair("y", "2"), pair("y", "3")], "https://api.example.com/a?x=1&y=2&y=3"),
            ("/a", vec![pair("", "")], "https://api.example.com/a?="),
            ("/a", vec![pair("a\r\nb", "\0")], "https://api.example.com/a?a%0D%0Ab=%00"),
        ];
        for (target, query, url) in rows {
            assert_eq!(resolve(&grant, target, &query).unwrap().as_str(), url);
        }
        let long = "x".repeat(URL_BYTES);
        assert!(matches!(resolve(&grant, &format!("/{long}"), &[]), Err(EgressError::Limit(_))));
        assert!(matches!(resolve(&grant, "/a", &[pair("q", &long)]), Err(EgressError::Limit(_))));
    }

    #[test]
    fn locations_are_resolved_against_where_they_came_from() {
        let from = Url::parse("https://api.example.com/v1/a/b?x=1").unwrap();
        for (location, url) in [
            ("/c", Some("https://api.example.com/c")),
            ("c", Some("https://api.example.com/v1/a/c")),
            ("../c", Some("https://api.example.com/v1/c")),
            ("?y=2", Some("https://api.example.com/v1/a/b?y=2")),
            ("//up.example.com/c", Some("https://up.example.com/c")),
            ("https://up.example.com/c#frag", Some("https://up.example.com/c")),
            ("HTTPS://UP.example.com", Some("https://up.example.com/")),
            ("http://up.example.com/", Some("http://up.example.com/")),
            ("", None),
            ("https://user@up.example.com/", None),
            ("https://user:pw@up.example.com/", None),
            ("//user@up.example.com/", None),
            ("https://0x7f.1/", None),
            ("//2130706433/", None),
            ("https://up.example.com./", None),
            ("https:///up.example.com/", None),
            ("https:up.example.com", None),
            ("https:\\\\up.example.com", None),
            ("/\\up.example.com", None),
            ("file:///etc/passwd", None),
            ("javascript:alert(1)", None),
            ("data:text/plain,x", None),
            ("ftp://up.example.com/", None),
            ("gopher://up.example.com/", None),
            ("/a b", None),
            ("/a\tb", None),
            ("https://[fe80::1%25eth0]/", None),
        ] {
            let found = redirected(&from, location);
            assert_eq!(found.as_ref().map(Url::as_str).ok(), url, "{location:?} {found:?}");
        }
    }
}
