//! Which headers may pass, both ways.

use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};

use super::inject::injected_headers;
use super::limits::{REQUEST_HEADER_BYTES, REQUEST_HEADERS, RESPONSE_HEADER_BYTES, RESPONSE_HEADERS};
use super::{EgressError, Grant};

/// Headers that describe a connection and not a message (RFC 9110 section 7.6.1), and their ancestors.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// More headers that no guest may set.
const HOST_ONLY: &[&str] = &[
    // The host's: it knows where the request goes, how long it is and what it can decode.
    "host",
    "content-length",
    "accept-encoding",
    "expect",
    "via",
    // Cookies are credentials.
    "cookie",
    "cookie2",
    // Claims about who is asking, which servers behind balancers believe.
    "forwarded",
    "x-real-ip",
    "true-client-ip",
    "cf-connecting-ip",
    // They turn one method or path into another, behind the back of the routes.
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-original-method",
    "x-rewrite-url",
];

const HOST_ONLY_PREFIXES: &[&str] = &["proxy-", "x-forwarded-", ":"];

/// Response headers that no guest sees, besides those of the connection: cookies are credentials, and the body is
/// decoded already.
const NOT_FOR_GUESTS: &[&str] = &["set-cookie", "set-cookie2", "content-encoding"];

/// Guest headers that go along to another origin: they say what is wanted, and nothing about who wants it.
const HARMLESS: &[&str] = &[
    "accept",
    "accept-language",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "range",
    "user-agent",
];

/// The guest's headers, checked.
///
/// # Errors
/// [`EgressError::Invalid`] naming the header, or [`EgressError::Limit`].
pub(super) fn guest_headers(grant: &Grant, list: &[(String, String)]) -> Result<HeaderMap, EgressError> {
    let bytes: usize = list.iter().map(|(name, value)| name.len() + value.len()).sum();
    if list.len() > REQUEST_HEADERS || bytes > REQUEST_HEADER_BYTES {
        return Err(EgressError::Limit(format!(
            "a request has at most {REQUEST_HEADERS} headers of {REQUEST_HEADER_BYTES} bytes together"
        )));
    }
    let injected = injected_headers(&grant.injection);
    let idempotency = grant.idempotency.as_ref().map(|key| key.header.to_ascii_lowercase());
    let mut headers = HeaderMap::with_capacity(list.len() + 8);
    for (name, value) in list {
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| EgressError::Invalid("a header's name has a character that names cannot have".into()))?;
        let lower = parsed.as_str();
        let taken = injected.iter().chain(&idempotency).any(|own| own == lower);
        let owned = HOP_BY_HOP.contains(&lower) || HOST_ONLY.contains(&lower);
        if taken || owned || HOST_ONLY_PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
            return Err(EgressError::Invalid(format!("the header `{lower}` is set by the host only")));
        }
        if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(EgressError::Invalid(format!("the header `{lower}` has a control character in its value")));
        }
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| EgressError::Invalid(format!("the header `{lower}` has no valid value")))?;
        headers.append(parsed, value);
    }
    for once in ["content-type", "user-agent"] {
        if headers.get_all(once).iter().count() > 1 {
            return Err(EgressError::Invalid(format!("the header `{once}` is set twice")));
        }
    }
    Ok(headers)
}

/// Whether a part of a credential may go into this header: not into one that is the connection's or the host's own.
pub fn is_for_credentials(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let owned = HOP_BY_HOP.contains(&lower.as_str()) || HOST_ONLY.contains(&lower.as_str());
    // Values of a content type or a range are the guest's to say.
    let owned = owned || HARMLESS.contains(&lower.as_str());
    HeaderName::from_bytes(name.as_bytes()).is_ok()
        && !owned
        && !HOST_ONLY_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
}

/// Leaves only what may go to another origin than the request was made for.
pub(super) fn keep_harmless(headers: &mut HeaderMap) {
    let gone: Vec<HeaderName> = headers.keys().filter(|name| !HARMLESS.contains(&name.as_str())).cloned().collect();
    for name in gone {
        headers.remove(name);
    }
}

/// The response's headers that a guest may see, in the order they came, not scrubbed yet.
///
/// # Errors
/// [`EgressError::Limit`] if there are too many or too large ones.
pub(super) fn for_guest(headers: &HeaderMap, decoded: bool) -> Result<Vec<(&str, &[u8])>, EgressError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > RESPONSE_HEADERS || bytes > RESPONSE_HEADER_BYTES {
        return Err(EgressError::Limit(format!(
            "a response has at most {RESPONSE_HEADERS} headers of {RESPONSE_HEADER_BYTES} bytes together"
        )));
    }
    let named: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let hidden = |name: &str| {
        HOP_BY_HOP.contains(&name)
            || NOT_FOR_GUESTS.contains(&name)
            || named.iter().any(|own| own == name)
            || (decoded && name == "content-length")
    };
    let visible = headers.iter().filter(|(name, _)| !hidden(name.as_str()));
    Ok(visible.map(|(name, value)| (name.as_str(), value.as_bytes())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::tests::{bearer, grant};
    use crate::egress::{IdempotencyKey, Injection};
    use crate::model::{Placement, Secret};

    fn checked(grant: &Grant, name: &str, value: &str) -> Result<HeaderMap, EgressError> {
        guest_headers(grant, &[(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn the_hosts_own_headers_are_refused() {
        let mut grant = grant("https://a.example", &["a.example"], &["GET /"]);
        grant.injection = bearer("secret-token");
        grant.idempotency = Some(IdempotencyKey { header: "Idempotency-Key".into(), prefix: "x".into() });
        for name in HOP_BY_HOP.iter().chain(HOST_ONLY) {
            for spelled in [(*name).to_owned(), name.to_uppercase()] {
                assert!(matches!(checked(&grant, &spelled, "x"), Err(EgressError::Invalid(_))), "{spelled}");
            }
        }
        for name in [
            "Authorization",
            "authorization",
            "AUTHORIZATION",
            "idempotency-key",
            "Idempotency-Key",
            "Proxy-Anything",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "x-forwarded-proto",
            ":authority",
            ":path",
            "",
            " ",
            "a b",
            "a:b",
            "a\r\nb",
            "a\nHost: evil",
            "a\0",
            "é",
            "Host ",
            " Host",
            "host\t",
        ] {
            assert!(matches!(checked(&grant, name, "x"), Err(EgressError::Invalid(_))), "{name}");
        }
        for value in ["a\r\nHost: evil.com", "a\nb", "a\rb", "a\0b", "\x7f", "\x1b[0m"] {
            assert!(matches!(checked(&grant, "x-ok", value), Err(EgressError::Invalid(_))), "{value:?}");
        }
        for (name, value) in [("Accept", "application/json"), ("X-Custom", "é"), ("x-tab", "a\tb"), ("x-empty", "")] {
            assert!(checked(&grant, name, value).is_ok(), "{name}");
        }
    }

    #[test]
    fn the_injected_header_is_the_hosts_wherever_it_is() {
        let mut grant = grant("https://a.example", &["a.example"], &["GET /"]);
        assert!(checked(&grant, "authorization", "x").is_ok());
        grant.injection = Injection::ApiKey {
            placement: Placement::Header,
            name: "X-Api-Key".into(),
            prefix: String::new(),
            key: Secret::new("k".into()),
        };
        assert!(checked(&grant, "x-api-key", "x").is_err());
        assert!(checked(&grant, "X-API-KEY", "x").is_err());
        assert!(checked(&grant, "x-api-key2", "x").is_ok());
    }

    #[test]
    fn headers_have_limits() {
        let grant = grant("https://a.example", &["a.example"], &["GET /"]);
        let many: Vec<_> = (0..=REQUEST_HEADERS).map(|n| (format!("x-{n}"), String::new())).collect();
        assert!(matches!(guest_headers(&grant, &many), Err(EgressError::Limit(_))));
        assert!(guest_headers(&grant, &many[1..]).is_ok());
        assert!(matches!(checked(&grant, "x", &"v".repeat(REQUEST_HEADER_BYTES)), Err(EgressError::Limit(_))));
        let twice: Vec<_> = ["a/b", "c/d"].map(|value| ("Content-Type".to_owned(), value.to_owned())).into();
        assert!(matches!(guest_headers(&grant, &twice), Err(EgressError::Invalid(_))));
        let mut large = HeaderMap::new();
        large.insert("x", HeaderValue::from_bytes(&[b'v'; RESPONSE_HEADER_BYTES]).unwrap());
        assert!(matches!(for_guest(&large, false), Err(EgressError::Limit(_))));
    }

    #[test]
    fn what_is_not_for_guests_stays_here() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "a/b"),
            ("set-cookie", "sid=1"),
            ("set-cookie2", "sid=1"),
            ("connection", "X-Private, close"),
            ("x-private", "1"),
            ("keep-alive", "1"),
            ("transfer-encoding", "chunked"),
            ("content-encoding", "gzip"),
            ("content-length", "3"),
            ("proxy-authenticate", "x"),
            ("etag", "e"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let names = |decoded| for_guest(&headers, decoded).unwrap().iter().map(|(name, _)| *name).collect::<Vec<_>>();
        assert_eq!(names(true), ["content-type", "etag"]);
        assert_eq!(names(false), ["content-type", "content-length", "etag"]);
    }

    #[test]
    fn only_harmless_headers_cross_origins() {
        let mut headers = HeaderMap::new();
        for name in ["accept", "x-shopify-token", "authorization", "range", "api-version", "user-agent"] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("x"));
        }
        keep_harmless(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "range", "user-agent"]);
    }
}
