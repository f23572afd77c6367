//! Puts the credential into a request, after everything that a guest could have had a say in.

mod aws;
mod body;
mod code;
mod jwt;
mod keys;
mod oauth1a;
mod place;

use std::convert::Infallible;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName};
use sha2::Sha256;
use url::Url;
use zeroize::Zeroizing;

use super::{EgressError, Injection, Text, Values};
use crate::model::{Placement, Random, Secret, TextTemplate, Timestamp};
use place::{named, set, set_cookie, set_parameter, unusable, visible};

pub use aws::AwsKeys;
pub use code::HmacKey;
pub use jwt::sign_jwt;
pub use oauth1a::OAuth1aKeys;
pub(super) use place::remove_parameters;

/// What a webhook's secret begins with.
pub(super) const WEBHOOK_PREFIX: &str = "whsec_";

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// A request that is complete but for the credential.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

/// What a signature takes besides the request and the key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// When it is made.
    pub(super) at: Timestamp,
    /// What makes it different from all others.
    pub(super) random: Random,
}

impl Moment {
    /// Whole seconds since 1970: the remainder is cut, before 1970 too.
    fn seconds(&self) -> i64 {
        self.at.0.div_euclid(1_000)
    }
}

impl Text {
    /// In clear, whichever it is.
    fn clear(&self) -> &str {
        match self {
            Self::Public(text) => text,
            Self::Secret(secret) => secret.expose(),
        }
    }
}

/// The headers that the credential is in, in lower case: no guest may set them.
pub(super) fn injected_headers(injection: &Injection) -> Vec<String> {
    let one = |name: &str| vec![name.to_ascii_lowercase()];
    match injection {
        Injection::None | Injection::Hidden(_) | Injection::Insertion { .. } => Vec::new(),
        Injection::Bearer(_) | Injection::Basic { .. } | Injection::OAuth1a(_) => one(AUTHORIZATION.as_str()),
        Injection::Webhook { .. } => one(WEBHOOK_SIGNATURE.as_str()),
        Injection::Header { name, .. } => one(name),
        Injection::ApiKey { .. } | Injection::CallerToken { .. } => match placement_of(injection) {
            Some((Placement::Header, name)) => one(name),
            Some((Placement::Cookie, _)) => one(COOKIE.as_str()),
            Some((Placement::Query, _)) | None => Vec::new(),
        },
        Injection::AwsSigV4(_) => aws::HEADERS.map(str::to_owned).to_vec(),
        Injection::Hmac(key) => key.headers(),
        Injection::All(all) => all.iter().flat_map(injected_headers).collect(),
    }
}

/// Whether a query parameter carries the credential or a part of it: no guest may set it.
pub(super) fn is_injected_parameter(injection: &Injection, found: &str) -> bool {
    match injection {
        Injection::OAuth1a(_) => found.starts_with(oauth1a::PREFIX),
        Injection::AwsSigV4(_) => aws::PARAMETERS.iter().any(|name| name.eq_ignore_ascii_case(found)),
        Injection::All(all) => all.iter().any(|one| is_injected_parameter(one, found)),
        _ => matches!(placement_of(injection), Some((Placement::Query, name)) if name == found),
    }
}

/// Puts the credential into a request, in place of whatever stands there, and signs what is there then.
///
/// # Errors
/// [`EgressError::Credential`] if the credential is empty or has characters that its place cannot hold. The text says
/// what is wrong and never what the credential is. [`EgressError::Invalid`] for a body with more markers than one.
pub(super) fn inject(injection: &Injection, request: &mut Outgoing, now: &Moment) -> Result<(), EgressError> {
    match injection {
        Injection::None | Injection::Hidden(_) => Ok(()),
        Injection::All(all) => all.iter().try_for_each(|one| inject(one, request, now)),
        Injection::Bearer(token) => {
            let token = visible(token.expose(), "the token")?;
            set(&mut request.headers, AUTHORIZATION, &format!("Bearer {token}"))
        }
        Injection::Basic { username, password } => basic(&mut request.headers, username.clear(), password.expose()),
        Injection::ApiKey { placement, name, prefix, key } => put_key(request, *placement, name, (prefix, key)),
        Injection::CallerToken { placed, token } => {
            put_key(request, placed.placement, &placed.name, (&placed.prefix, token.secret()))
        }
        Injection::Header { name, value, values } => match rendered(value, values) {
            Some(value) => set(&mut request.headers, named(name)?, &value),
            None => Ok(()),
        },
        Injection::Insertion { content_type, marker, value } => {
            body::insert(request, content_type, marker, value.clear())
        }
        Injection::Webhook { id, at, keys } => webhook(request, id, *at, keys),
        Injection::OAuth1a(keys) => oauth1a::sign(keys, request, now),
        Injection::AwsSigV4(keys) => aws::sign(keys, request, now),
        Injection::Hmac(key) => code::sign(key, request, now),
    }
}

/// A key in a header, a parameter or a cookie.
fn put_key(
    request: &mut Outgoing,
    placement: Placement,
    name: &str,
    (prefix, key): (&str, &Secret),
) -> Result<(), EgressError> {
    let key = visible(key.expose(), "the key")?;
    let value = Zeroizing::new(format!("{prefix}{key}"));
    match placement {
        Placement::Header => set(&mut request.headers, named(name)?, &value),
        Placement::Query => {
            set_parameter(&mut request.url, name, &value);
            Ok(())
        }
        Placement::Cookie => set_cookie(&mut request.headers, name, &value),
    }
}

/// Where a key goes, and the name that it has there.
fn placement_of(injection: &Injection) -> Option<(Placement, &str)> {
    match injection {
        Injection::ApiKey { placement, name, .. } => Some((*placement, name)),
        Injection::CallerToken { placed, .. } => Some((placed.placement, &placed.name)),
        _ => None,
    }
}

/// A text with its gaps filled; `None` where it has some, and all that goes into them is empty.
pub(super) fn rendered(template: &TextTemplate, values: &Values) -> Option<Zeroizing<String>> {
    let value = |name: &str| values.get(name).map_or("", Text::clear);
    if template.names().next().is_some() && template.names().all(|name| value(name).is_empty()) {
        return None;
    }
    let Ok(text) = template.render(|name, into| {
        into.push_str(value(name));
        Ok::<_, Infallible>(())
    });
    Some(text)
}

fn basic(headers: &mut HeaderMap, username: &str, password: &str) -> Result<(), EgressError> {
    if username.is_empty() || username.contains(':') {
        return Err(unusable("the user name is empty or has a colon"));
    }
    if username.chars().chain(password.chars()).any(char::is_control) {
        return Err(unusable("the user name or the password has a control character"));
    }
    let pair = Zeroizing::new(format!("{username}:{password}"));
    set(headers, AUTHORIZATION, &format!("Basic {}", STANDARD.encode(pair.as_bytes())))
}

fn webhook(request: &mut Outgoing, id: &str, at: Timestamp, keys: &[Secret]) -> Result<(), EgressError> {
    // Whole seconds: the remainder is cut, before 1970 too.
    let seconds = at.0.div_euclid(1_000).to_string();
    let body = request.body.as_deref().unwrap_or_default();
    let signatures = keys.iter().map(|key| signature(key, id, &seconds, body));
    let signatures = signatures.collect::<Result<Vec<_>, _>>()?;
    if signatures.is_empty() {
        return Err(unusable("there is no key to sign with"));
    }
    set(&mut request.headers, WEBHOOK_ID, id)?;
    set(&mut request.headers, WEBHOOK_TIMESTAMP, &seconds)?;
    set(&mut request.headers, WEBHOOK_SIGNATURE, &signatures.join(" "))
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

#[cfg(test)]
mod tests {
    use http::header::HeaderValue;

    use super::*;

    pub(super) fn secret(text: &str) -> Secret {
        Secret::new(text.into())
    }

    pub(super) fn outgoing(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Outgoing {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(named(name).unwrap(), value.parse().unwrap());
        }
        let body = (!body.is_empty()).then(|| Bytes::copy_from_slice(body.as_bytes()));
        Outgoing { method: method.parse().unwrap(), url: url.parse().unwrap(), headers: map, body }
    }

    /// At this second.
    pub(super) fn moment(seconds: i64) -> Moment {
        Moment { at: Timestamp(seconds * 1_000), random: Random::system() }
    }

    fn api_key(placement: Placement, name: &str, prefix: &str, key: &str) -> Injection {
        Injection::ApiKey { placement, name: name.into(), prefix: prefix.into(), key: secret(key) }
    }

    fn basic(username: &str, password: &str) -> Injection {
        Injection::Basic { username: Text::Secret(secret(username)), password: secret(password) }
    }

    fn apply(injection: &Injection) -> Result<(String, Vec<(String, String)>), EgressError> {
        let mut request = outgoing("GET", "https://api.example.com/v1?a=1", &[], "");
        inject(injection, &mut request, &moment(0))?;
        let Outgoing { url, headers, .. } = request;
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
        let mut request = outgoing("POST", "https://hooks.example.com/", &[], r#"{"test": 2432232314}"#);
        inject(&injection, &mut request, &moment(0)).map(|()| request.headers)
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
            remove_parameters(&mut url, |name| name == "key");
            assert_eq!(url.as_str(), after);
        }
    }
}
