//! Addresses of the machine itself.

use url::{Host, Url};

/// Whether a URL's host is the machine that opens it: a loopback address, or `localhost`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_from_look_alikes() {
        let cases = [
            ("http://127.0.0.1", true),
            ("http://127.8.8.8", true),
            ("http://[::1]", true),
            ("http://localhost:1", true),
            ("http://localhost.example", false),
            ("http://127.0.0.1.example", false),
            ("http://10.0.0.1", false),
            ("http://[::]", false),
        ];
        for (text, expected) in cases {
            assert_eq!(is_loopback(&Url::parse(text).unwrap()), expected, "{text}");
        }
    }
}
