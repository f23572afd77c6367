//! Places within a request: what can stand in them, and how it is put there.

use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};
use percent_encoding::utf8_percent_encode;
use url::Url;
use zeroize::Zeroizing;

use super::super::EgressError;
use super::super::target::UNRESERVED;

/// Removes parameters that carry the credential, as an upstream may have echoed them into a redirect.
pub(crate) fn remove_parameters(url: &mut Url, carries: impl Fn(&str) -> bool) {
    let Some(query) = url.query() else { return };
    let is_other =
        |pair: &&str| url::form_urlencoded::parse(pair.as_bytes()).next().is_none_or(|(found, _)| !carries(&found));
    let kept: Vec<&str> = query.split('&').filter(is_other).collect();
    let kept = kept.join("&");
    url.set_query(if kept.is_empty() { None } else { Some(&kept) });
}

pub(super) fn set_parameter(url: &mut Url, name: &str, value: &str) {
    remove_parameters(url, |found| found == name);
    let pair =
        Zeroizing::new(format!("{}={}", utf8_percent_encode(name, UNRESERVED), utf8_percent_encode(value, UNRESERVED)));
    let query = match url.query() {
        Some(query) if !query.is_empty() => format!("{query}&{}", *pair),
        _ => pair.to_string(),
    };
    url.set_query(Some(&query));
}

/// A cookie's value cannot be escaped in any way that all servers undo (RFC 6265 section 4.1.1).
pub(super) fn set_cookie(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), EgressError> {
    if name.parse::<HeaderName>().is_err() {
        return Err(unusable("its cookie has no valid name"));
    }
    if value.bytes().any(|byte| !matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)) {
        return Err(unusable("the key has a character that a cookie cannot hold"));
    }
    set(headers, COOKIE, &format!("{name}={value}"))
}

pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), EgressError> {
    let mut value =
        HeaderValue::from_str(value).map_err(|_| unusable("it has a character that a header cannot hold"))?;
    // Keeps it out of Debug output and out of HTTP/2's compression table.
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

pub(super) fn named(name: &str) -> Result<HeaderName, EgressError> {
    name.parse().map_err(|_| unusable("its header has no valid name"))
}

pub(super) fn visible<'a>(secret: &'a str, what: &str) -> Result<&'a str, EgressError> {
    if secret.is_empty() {
        return Err(unusable(&format!("{what} is empty")));
    }
    if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unusable(&format!(
            "{what} has a space, a line break or another character that is not visible ASCII"
        )));
    }
    Ok(secret)
}

/// The host and its port, as the header `Host` has them: without the port that goes with the scheme.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

pub(super) fn unusable(reason: &str) -> EgressError {
    EgressError::Credential(reason.to_owned())
}
