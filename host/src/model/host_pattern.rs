//! Host patterns: `api.github.com`, `*.example.com`, `localhost:8080`, `[::1]:8080`.

use std::fmt;

use thiserror::Error;
use url::Host;

/// The longest host name in DNS, in bytes (RFC 1035 section 2.3.4, without the root's dot).
const NAME_MAX: usize = 253;

/// The longest label of a host name, in bytes (RFC 1035 section 2.3.4).
const LABEL_MAX: usize = 63;

/// The ports that a pattern without a port stands for: those of `https` and `http`.
const SCHEME_PORTS: [u16; 2] = [443, 80];

/// A set of hosts.
///
/// `*.example.com` holds every name below `example.com` at any depth, and not `example.com` itself. An address is only
/// ever matched by itself. A pattern without a port holds the scheme's own ports.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPattern {
    suffix: bool,
    host: String,
    port: Option<u16>,
}

/// Why a text is not a host pattern.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{text}` is not a host pattern: {reason}")]
pub struct HostPatternError {
    /// What was read.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl HostPattern {
    /// Reads a pattern. Names are put into lower case and into their ASCII form (IDNA), addresses into their shortest.
    ///
    /// # Errors
    /// With the reason, for anything that is not exactly a host and perhaps a port: a scheme, a path, user
    /// information, a trailing dot, a wildcard elsewhere than as the whole first label, a wildcard on less than two
    /// labels, and addresses in any spelling but the usual.
    pub fn parse(text: &str) -> Result<Self, HostPatternError> {
        let (suffix, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        read(suffix, rest).map_err(|reason| HostPatternError { text: text.to_owned(), reason })
    }

    /// Whether `host` (as the URL standard normalises it, an IPv6 address in brackets) on `port` is in the set.
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let port_fits = match self.port {
            Some(own) => own == port,
            None => SCHEME_PORTS.contains(&port),
        };
        port_fits && if self.suffix { self.holds_below(host) } else { self.host.eq_ignore_ascii_case(host) }
    }

    /// Whether all that `other` holds is in the set, too.
    pub fn covers(&self, other: &Self) -> bool {
        let port_fits = match (self.port, other.port) {
            (Some(own), port) => port == Some(own),
            (None, Some(port)) => SCHEME_PORTS.contains(&port),
            (None, None) => true,
        };
        let host_fits = match (self.suffix, other.suffix) {
            (true, true) => self.host == other.host || self.holds_below(&other.host),
            (true, false) => self.holds_below(&other.host),
            (false, true) => false,
            (false, false) => self.host == other.host,
        };
        port_fits && host_fits
    }

    /// Whether every host of the set is below a name, rather than one host.
    pub fn is_suffix(&self) -> bool {
        self.suffix
    }

    fn holds_below(&self, host: &str) -> bool {
        let Some(cut) = host.len().checked_sub(self.host.len()) else { return false };
        let (Some(below), Some(end)) = (host.get(..cut), host.get(cut..)) else { return false };
        let Some(labels) = below.strip_suffix('.') else { return false };
        end.eq_ignore_ascii_case(&self.host) && labels.split('.').all(is_label)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.suffix {
            f.write_str("*.")?;
        }
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

fn read(suffix: bool, text: &str) -> Result<HostPattern, &'static str> {
    let (host, port) = split_port(text)?;
    let host = normalise_host(host)?;
    if suffix {
        if host.parse::<std::net::Ipv4Addr>().is_ok() || host.starts_with('[') {
            return Err("a wildcard stands before a name, not an address");
        }
        if !host.contains('.') {
            return Err("a wildcard needs at least two labels after it");
        }
    }
    Ok(HostPattern { suffix, host, port })
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    let after_host = if text.starts_with('[') { text.find(']').map(|end| end + 1) } else { text.find(':') };
    let Some(cut) = after_host else { return Ok((text, None)) };
    let (host, rest) = text.split_at(cut);
    if rest.is_empty() {
        return Ok((host, None));
    }
    let digits = rest.strip_prefix(':').ok_or("something follows the host that is not a port")?;
    Ok((host, Some(parse_port(digits)?)))
}

/// Reads a port as people write it: digits without sign or leading zero, 1 to 65535.
pub(super) fn parse_port(digits: &str) -> Result<u16, &'static str> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    if !plain {
        return Err("the port is not a number from 1 to 65535");
    }
    digits.parse().map_err(|_| "the port is not a number from 1 to 65535")
}

/// Puts a host into the form in which the URL standard would write it.
///
/// The standard's own parser is lenient: it decodes `%`, and reads `0x7f.1` and `2130706433` as addresses. What it
/// would have to bend is refused here before it can.
pub(super) fn normalise_host(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("there is no host");
    }
    if let Some(bad) = text.chars().find(|c| c.is_whitespace() || c.is_control() || "%/\\@?#*<>^|".contains(*c)) {
        return Err(match bad {
            '*' => "a wildcard stands for the whole first label only",
            '/' | '\\' => "a host has neither scheme nor path",
            '@' => "a host has no user information",
            _ => "a host has no such character",
        });
    }
    match Host::parse(text).map_err(|_| "the host is not valid")? {
        Host::Domain(name) => check_name(&name).map(|()| name),
        Host::Ipv4(address) if address.to_string() == text => Ok(address.to_string()),
        Host::Ipv4(_) => Err("an IPv4 address is written as four decimal numbers without leading zeros"),
        // The kernel connects to it as IPv4, so it would be one address under two names.
        Host::Ipv6(address) if address.to_ipv4_mapped().is_some() => {
            Err("an IPv4 address is written as such, not as IPv6")
        }
        Host::Ipv6(address) => Ok(format!("[{address}]")),
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.ends_with('.') {
        return Err("a host has no trailing dot");
    }
    if name.len() > NAME_MAX {
        return Err("a host name has at most 253 characters");
    }
    if !name.split('.').all(is_label) {
        return Err("a label of the host has 1 to 63 letters, digits, `-` and `_`, and no `-` at its ends");
    }
    Ok(())
}

fn is_label(label: &str) -> bool {
    (1..=LABEL_MAX).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_hold_what_they_say_and_nothing_else() {
        let rows: &[(&str, &str, u16, bool)] = &[
            ("api.github.com", "api.github.com", 443, true),
            ("api.github.com", "api.github.com", 80, true),
            ("API.GitHub.com", "api.github.com", 443, true),
            ("api.github.com", "API.GITHUB.COM", 443, true),
            ("api.github.com", "api.github.com", 8443, false),
            ("api.github.com", "api.github.com.evil.com", 443, false),
            ("api.github.com", "evilapi.github.com", 443, false),
            ("api.github.com", "x.api.github.com", 443, false),
            ("api.github.com", "github.com", 443, false),
            ("api.github.com", "api.github.com.", 443, false),
            ("api.github.com", "", 443, false),
            ("*.example.com", "a.example.com", 443, true),
            ("*.example.com", "a.b.example.com", 443, true),
            ("*.example.com", "A.EXAMPLE.com", 443, true),
            ("*.example.com", "example.com", 443, false),
            ("*.example.com", ".example.com", 443, false),
            ("*.example.com", "a..example.com", 443, false),
            ("*.example.com", "evilexample.com", 443, false),
            ("*.example.com", "a.example.com.evil.com", 443, false),
            ("*.example.com", "a.example.com", 8080, false),
            ("*.example.com", "é.example.com", 443, false),
            ("*.example.com:8080", "a.example.com", 8080, true),
            ("*.example.com:8080", "a.example.com", 443, false),
            ("localhost:8080", "localhost", 8080, true),
            ("localhost:8080", "localhost", 80, false),
            ("127.0.0.1:9000", "127.0.0.1", 9000, true),
            ("127.0.0.1:9000", "127.0.0.2", 9000, false),
            ("[::1]:8080", "[::1]", 8080, true),
            ("[0:0::1]:8080", "[::1]", 8080, true),
            ("[::1]", "[::1]", 443, true),
            ("[::1]", "::1", 443, false),
            ("[::1]", "[::2]", 443, false),
            ("bücher.example", "xn--bcher-kva.example", 443, true),
            ("*.BÜCHER.example", "a.xn--bcher-kva.example", 443, true),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", 443, true),
            ("_dmarc.example.com", "_dmarc.example.com", 443, true),
        ];
        for (pattern, host, port, held) in rows {
            let pattern = HostPattern::parse(pattern).unwrap();
            assert_eq!(pattern.matches(host, *port), *held, "{pattern} {host}:{port}");
        }
    }

    #[test]
    fn a_pattern_covers_what_holds_no_more() {
        for (wide, narrow, expected) in [
            ("a.example.com", "a.example.com", true),
            ("a.example.com", "A.example.com", true),
            ("a.example.com", "a.example.com:443", true),
            ("a.example.com", "a.example.com:80", true),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "*.example.com", true),
            ("*.example.com", "*.b.example.com", true),
            ("*.example.com:8443", "a.example.com:8443", true),
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("a.example.com:443", "a.example.com", false),
            ("a.example.com", "a.example.com:8443", false),
            ("a.example.com:1", "a.example.com:2", false),
            ("a.example.com", "b.example.com", false),
            ("a.example.com", "*.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.b.example.com", "*.example.com", false),
            ("*.example.com", "*.badexample.com", false),
            ("*.example.com", "aexample.com", false),
            ("127.0.0.1", "127.0.0.2", false),
        ] {
            let parse = |text: &str| HostPattern::parse(text).unwrap();
            assert_eq!(parse(wide).covers(&parse(narrow)), expected, "{wide} {narrow}");
        }
    }

    #[test]
    fn what_is_not_a_host_is_refused() {
        let long = format!("{}.com", "a".repeat(64));
        let longer = format!("{}com", "a.".repeat(130));
        for text in [
            "",
            "*",
            "*.",
            "*.com",
            "*.*.com",
            "a.*.com",
            "a*.example.com",
            "**.example.com",
            "*example.com",
            "https://example.com",
            "example.com/",
            "example.com/path",
            "user@example.com",
            "example.com?x",
            "example.com#x",
            "example.com.",
            "*.example.com.",
            ".example.com",
            "a..example.com",
            "-a.example.com",
            "a-.example.com",
            "example.com:",
            "example.com:0",
            "example.com:080",
            "example.com:65536",
            "example.com:+80",
            "example.com:80:80",
            "example.com:http",
            "example .com",
            " example.com",
            "example.com ",
            "exa\tmple.com",
            "exa\nmple.com",
            "exam%70le.com",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "127.0.0.01",
            "127.0.0.1.",
            "*.0.0.1",
            "*.127.0.0.1",
            "256.1.1.1",
            "1.2.3.4.5",
            "::1",
            "[::1",
            "[::1]x",
            "[::1%25eth0]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]:80",
            "[fe80::1%eth0]",
            "*.[::1]",
            "[]",
            "[127.0.0.1]",
            "a\\b.com",
            "a<b.com",
            "*.localhost",
            &long,
            &longer,
        ] {
            let parsed = HostPattern::parse(text);
            assert!(parsed.is_err(), "{text} became {parsed:?}");
        }
    }

    #[test]
    fn a_pattern_is_written_in_its_normal_form() {
        for (text, written) in [
            ("*.Example.COM:8080", "*.example.com:8080"),
            ("[0:0:0::0001]:1", "[::1]:1"),
            ("Bücher.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(HostPattern::parse(text).unwrap().to_string(), written);
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_writing_reads_back(text in "\\PC{0,40}|[*.a-zA-Z0-9:\\[\\]-]{0,24}") {
            if let Ok(pattern) = HostPattern::parse(&text) {
                let again = HostPattern::parse(&pattern.to_string());
                prop_assert_eq!(again.as_ref(), Ok(&pattern));
            }
        }

        #[test]
        fn an_exact_pattern_holds_one_host(one in "[a-z]{1,8}(\\.[a-z]{2,6}){1,3}", other in "[a-z]{1,8}(\\.[a-z]{2,6}){1,3}") {
            let pattern = HostPattern::parse(&one).unwrap();
            prop_assert_eq!(pattern.matches(&other, 443), one == other);
        }

        #[test]
        fn a_suffix_holds_only_what_ends_in_it(apex in "[a-z]{1,8}\\.[a-z]{2,6}", host in "[a-z.]{0,20}", below in "[a-z]{1,8}") {
            let pattern = HostPattern::parse(&format!("*.{apex}")).unwrap();
            prop_assert!(!pattern.matches(&apex, 443));
            let child = format!("{below}.{apex}");
            prop_assert!(pattern.matches(&child, 443));
            let glued = format!("{below}{apex}");
            prop_assert!(!pattern.matches(&glued, 443));
            let dotted = format!(".{apex}");
            prop_assert!(!pattern.matches(&host, 443) || host.ends_with(&dotted));
        }
    }
}
