//! Puts the credential into a request, after everything that a guest could have had a say in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue};
use percent_encoding::utf8_percent_encode;
use sha2::Sha256;
use url::Url;
use zeroize::Zeroizing;

use super::target::UNRESERVED;
use super::{EgressError, Injection, Username};
use crate::model::{Placement, Secret};

/// What a webhook's secret begins with.
pub(super) const WEBHOOK_PREFIX: &str = "whsec_";

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The header that carries the credential, if one does: no guest may set it.
pub(super) fn injected_header(injection: &Injection) -> Option<String> {
    match injection {
        Injection::None => None,
        Injection::Bearer(_) | Injection::Basic { .. } => Some(AUTHORIZATION.as_str().to_owned()),
        Injection::Webhook { .. } => Some(WEBHOOK_SIGNATURE.as_str().to_owned()),
        Injection::ApiKey { placement: Placement::Header, name, .. } => Some(name.to_ascii_lowercase()),
        Injection::ApiKey { placement: Placement::Cookie, .. } => Some(COOKIE.as_str().to_owned()),
        Injection::ApiKey { placement: Placement::Query, .. } => None,
    }
}

/// The query parameter that carries the credential, if one does: no guest may set it.
pub(super) fn injected_parameter(injection: &Injection) -> Option<&str> {
    match injection {
        Injection::ApiKey { placement: Placement::Query, name, .. } => Some(name),
        _ => None,
    }
}

/// Puts the credential into `url` and `headers`, in place of whatever stands there.
///
/// # Errors
/// [`EgressError::Credential`] if the credential is empty or has characters that its place cannot hold. The text says
/// what is wrong and never what the credential is.
pub(super) fn inject(
    injection: &Injection,
    url: &mut Url,
    headers: &mut HeaderMap,
    body: Option<&[u8]>,
) -> Result<(), EgressError> {
    match injection {
        Injection::None => Ok(()),
        Injection::Webhook { id, at, keys } => {
            // Whole seconds: the remainder is cut, before 1970 too.
            let seconds = at.0.div_euclid(1_000).to_string();
            let signatures = keys.iter().map(|key| signature(key, id, &seconds, body.unwrap_or_default()));
            let signatures = signatures.collect::<Result<Vec<_>, _>>()?;
            if signatures.is_empty() {
                return Err(unusable("there is no key to sign with"));
            }
            set(headers, WEBHOOK_ID, id)?;
            set(headers, WEBHOOK_TIMESTAMP, &seconds)?;
            set(headers, WEBHOOK_SIGNATURE, &signatures.join(" "))
        }
        Injection::Bearer(token) => {
            let token = visible(token.expose(), "the token")?;
            set(headers, AUTHORIZATION, &format!("Bearer {token}"))
        }
        Injection::Basic { username, password } => {
            let (username, password) = (name_of(username), password.expose());
            if username.is_empty() || username.contains(':') {
                return Err(unusable("the user name is empty or has a colon"));
            }
            if username.chars().chain(password.chars()).any(char::is_control) {
                return Err(unusable("the user name or the password has a control character"));
            }
            let pair = Zeroizing::new(format!("{username}:{password}"));
            set(headers, AUTHORIZATION, &format!("Basic {}", STANDARD.encode(pair.as_bytes())))
        }
        Injection::ApiKey { placement, name, prefix, key } => {
            let key = visible(key.expose(), "the key")?;
            let value = Zeroizing::new(format!("{prefix}{key}"));
            match placement {
                Placement::Header => {
                    let name = name.parse::<HeaderName>().map_err(|_| unusable("its header has no valid name"))?;
                    set(headers, name, &value)
                }
                Placement::Query => {
                    set_parameter(url, name, &value);
                    Ok(())
                }
                Placement::Cookie => set_cookie(headers, name, &value),
            }
        }
    }
}

/// HMAC-SHA256 over identifier, time and body, with its version before it.
fn signature(key: &Secret, id: &str, seconds: &str, body: &[u8]) -> Result<String, EgressError> {
    let text =
        key.expose().strip_prefix(WEBHOOK_PREFIX).ok_or_else(|| unusable("a key does not begin with `whsec_`"))?;
    let bytes = STANDARD.decode(text).map(Zeroizing::new).map_err(|_| unusable("a key is not base64"))?;
    if bytes.is_empty() {
        return Err(unusable("a key is empty"));
    }
    let mut code = Hmac::<Sha256>::new_from_slice(&bytes).map_err(|_| unusable("a key cannot sign"))?;
    for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
        code.update(part);
    }
    Ok(format!("v1,{}", STANDARD.encode(code.finalize().into_bytes())))
}

/// Removes the parameter that carries the credential, as an upstream may have echoed it into a redirect.
pub(super) fn remove_parameter(url: &mut Url, name: &str) {
    let Some(query) = url.query() else { return };
    let is_other =
        |pair: &&str| url::form_urlencoded::parse(pair.as_bytes()).next().is_none_or(|(found, _)| found != name);
    let kept: Vec<&str> = query.split('&').filter(is_other).collect();
    let kept = kept.join("&");
    url.set_query(if kept.is_empty() { None } else { Some(&kept) });
}

fn set_parameter(url: &mut Url, name: &str, value: &str) {
    remove_parameter(url, name);
    let pair =
        Zeroizing::new(format!("{}={}", utf8_percent_encode(name, UNRESERVED), utf8_percent_encode(value, UNRESERVED)));
    let query = match url.query() {
        Some(query) if !query.is_empty() => format!("{query}&{}", *pair),
        _ => pair.to_string(),
    };
    url.set_query(Some(&query));
}

/// A cookie's value cannot be escaped in any way that all servers undo (RFC 6265 section 4.1.1).
fn set_cookie(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), EgressError> {
    if name.parse::<HeaderName>().is_err() {
        return Err(unusable("its cookie has no valid name"));
    }
    if value.bytes().any(|byte| !matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)) {
        return Err(unusable("the key has a character that a cookie cannot hold"));
    }
    set(headers, COOKIE, &format!("{name}={value}"))
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), EgressError> {
    let mut value =
        HeaderValue::from_str(value).map_err(|_| unusable("it has a character that a header cannot hold"))?;
    // Keeps it out of Debug output and out of HTTP/2's compression table.
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

fn name_of(username: &Username) -> &str {
    match username {
        Username::Public(name) => name,
        Username::Secret(key) => key.expose(),
    }
}

fn visible<'a>(secret: &'a str, what: &str) -> Result<&'a str, EgressError> {
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

fn unusable(reason: &str) -> EgressError {
    EgressError::Credential(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn secret(text: &str) -> Secret {
        Secret::new(text.into())
    }

    fn api_key(placement: Placement, name: &str, prefix: &str, key: &str) -> Injection {
        Injection::ApiKey { placement, name: name.into(), prefix: prefix.into(), key: secret(key) }
    }

    fn basic(username: &str, password: &str) -> Injection {
        Injection::Basic { username: Username::Secret(secret(username)), password: secret(password) }
    }

    fn apply(injection: &Injection) -> Result<(String, Vec<(String, String)>), EgressError> {
        let mut url = Url::parse("https://api.example.com/v1?a=1").unwrap();
        let mut headers = HeaderMap::new();
        inject(injection, &mut url, &mut headers, None)?;
        assert!(headers.values().all(HeaderValue::is_sensitive));
        let list = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        Ok((url.to_string(), list))
    }

    /// AU-04, AU-05, AU-06, AK-806, SI-10.
    #[test]
    fn each_pattern_puts_it_where_it_belongs() {
        type Row = (Injection, &'static str, &'static [(&'static str, &'static str)]);
        let rows: Vec<Row> = vec![
            (Injection::None, "a=1", &[]),
            (Injection::Bearer(secret("tok-123456")), "a=1", &[("authorization", "Bearer tok-123456")]),
            (api_key(Placement::Header, "X-Api-Key", "", "k1"), "a=1", &[("x-api-key", "k1")]),
            (api_key(Placement::Header, "Authorization", "Token ", "k1"), "a=1", &[("authorization", "Token k1")]),
            (api_key(Placement::Query, "api_key", "", "k+1/=&"), "a=1&api_key=k%2B1%2F%3D%26", &[]),
            (api_key(Placement::Query, "a", "", "k"), "a=k", &[]),
            (api_key(Placement::Cookie, "session", "v1.", "k"), "a=1", &[("cookie", "session=v1.k")]),
            (basic("user", "pass"), "a=1", &[("authorization", "Basic dXNlcjpwYXNz")]),
            (basic("key", ""), "a=1", &[("authorization", "Basic a2V5Og==")]),
            (basic("key", "X"), "a=1", &[("authorization", "Basic a2V5Olg=")]),
            (basic("zoë", "p w"), "a=1", &[("authorization", "Basic em/DqzpwIHc=")]),
        ];
        for (injection, query, headers) in rows {
            let (url, list) = match apply(&injection) {
                Ok(applied) => applied,
                Err(error) => panic!("{injection:?}: {error}"),
            };
            let expected: Vec<(String, String)> =
                headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!(list, expected);
            assert_eq!(url, format!("https://api.example.com/v1?{query}"));
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_being_shown() {
        let canary = "CANARY";
        for bad in ["\r\nX-Evil: 1", "\n", "\0", "\x7f", " ", "\t", "é"] {
            let key = format!("{canary}{bad}");
            for injection in [
                Injection::Bearer(secret(&key)),
                api_key(Placement::Header, "x-key", "", &key),
                api_key(Placement::Query, "key", "", &key),
                api_key(Placement::Cookie, "key", "", &key),
            ] {
                let error = apply(&injection).unwrap_err();
                assert!(matches!(error, EgressError::Credential(_)), "{error}");
                assert!(!error.to_string().contains(canary), "{error}");
            }
        }
        for injection in [
            Injection::Bearer(secret("")),
            api_key(Placement::Header, "x-key", "", ""),
            api_key(Placement::Header, "x key", "", "k"),
            api_key(Placement::Header, "x-key", "a\r\nb", "k"),
            api_key(Placement::Cookie, "a=b", "", "k"),
            api_key(Placement::Cookie, "a", "", "k;d"),
            api_key(Placement::Cookie, "a", "", "k,d"),
            api_key(Placement::Cookie, "a", "", "k\"d"),
            basic("", "pass"),
            basic("a:b", "pass"),
            basic("a", "pa\nss"),
            basic("a\0", "pass"),
        ] {
            assert!(matches!(apply(&injection), Err(EgressError::Credential(_))), "{injection:?}");
        }
    }

    /// Signs `{"test": 2432232314}`.
    fn signed(at: i64, keys: &[&str]) -> Result<HeaderMap, EgressError> {
        let keys = keys.iter().map(|key| secret(key)).collect();
        let injection = Injection::Webhook { id: "msg_p5jXN8AQM9LWM0D4loKWxJek".into(), at: Timestamp(at), keys };
        let mut url = Url::parse("https://hooks.example.com/").unwrap();
        let mut headers = HeaderMap::new();
        inject(&injection, &mut url, &mut headers, Some(br#"{"test": 2432232314}"#)).map(|()| headers)
    }

    /// The example that libraries of Standard Webhooks test themselves with.
    #[test]
    fn a_notice_is_signed_as_the_specification_has_it() {
        const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let headers = signed(1_614_265_330_999, &[KEY]).unwrap();
        assert_eq!(headers["webhook-id"], "msg_p5jXN8AQM9LWM0D4loKWxJek");
        assert_eq!(headers["webhook-timestamp"], "1614265330");
        assert_eq!(headers["webhook-signature"], SIGNATURE);
        let both = signed(1_614_265_330_000, &["whsec_AAAA", KEY]).unwrap();
        let both: Vec<_> = both["webhook-signature"].to_str().unwrap().split(' ').map(str::to_owned).collect();
        assert!(both.len() == 2 && both[0].starts_with("v1,") && both[0] != SIGNATURE && both[1] == SIGNATURE);
    }

    #[test]
    fn what_is_no_key_signs_nothing() {
        for keys in [&[][..], &[""], &["whsec_"], &["AAAA"], &["whsec_canary!"], &["WHSEC_AAAA"], &["whsec_AAAA", ""]] {
            let error = signed(0, keys).unwrap_err();
            assert!(matches!(&error, EgressError::Credential(text) if !text.contains("canary")), "{error}");
        }
    }

    #[test]
    fn an_echoed_parameter_goes() {
        for (before, after) in [
            ("https://a.example/?key=1", "https://a.example/"),
            ("https://a.example/?a=1&key=1&b=2&key", "https://a.example/?a=1&b=2"),
            ("https://a.example/?%6Bey=1&a", "https://a.example/?a"),
            ("https://a.example/?monkey=1", "https://a.example/?monkey=1"),
            ("https://a.example/", "https://a.example/"),
        ] {
            let mut url = Url::parse(before).unwrap();
            remove_parameter(&mut url, "key");
            assert_eq!(url.as_str(), after);
        }
    }
}
