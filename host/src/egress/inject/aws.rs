//! AWS Signature Version 4: the request in one canonical form, signed with a key that holds for a day, region and service.

use std::collections::BTreeMap;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName};
use percent_encoding::{percent_decode_str, percent_encode};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::super::EgressError;
use super::super::target::UNRESERVED;
use super::keys::code;
use super::place::{authority, set, unusable, visible};
use super::{Moment, Outgoing, Text};
use crate::model::{HmacHash, Secret};

/// The headers that it sets.
pub(super) const HEADERS: [&str; 4] = ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];

/// The parameters of a URL that is signed itself: a guest's own would stand against the header.
pub(super) const PARAMETERS: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const CONTENT: HeaderName = HeaderName::from_static("x-amz-content-sha256");

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The keys of an account at AWS, and what they are used for.
#[derive(Debug)]
pub struct AwsKeys {
    /// The identifier of the key.
    pub access_key: Text,
    /// The key.
    pub secret_key: Secret,
    /// The token of temporary credentials; `None` or empty for lasting ones.
    pub session_token: Option<Secret>,
    /// For example `eu-central-1`.
    pub region: String,
    /// For example `s3`.
    pub service: String,
}

pub(super) fn sign(keys: &AwsKeys, request: &mut Outgoing, now: &Moment) -> Result<(), EgressError> {
    let time = jiff::Timestamp::from_millisecond(now.at.0).map_err(|_| unusable("the time is not one"))?;
    let time = time.strftime("%Y%m%dT%H%M%SZ").to_string();
    let content = hex::encode(Sha256::digest(request.body.as_deref().unwrap_or_default()));
    set(&mut request.headers, DATE, &time)?;
    if takes_content(&keys.service) {
        set(&mut request.headers, CONTENT, &content)?;
    }
    request.headers.remove(TOKEN);
    if let Some(token) = keys.session_token.as_ref().filter(|token| !token.is_empty()) {
        set(&mut request.headers, TOKEN, visible(token.expose(), "the session token")?)?;
    }
    let headers = signed_headers(&request.headers, &authority(&request.url));
    let path = canonical_path(request.url.path(), &keys.service);
    let query = canonical_query(request.url.query().unwrap_or_default());
    let canonical = canonical_request(request.method.as_str(), (&path, &query), &headers, &content);
    let value = authorization(keys, &time, &headers, &canonical)?;
    set(&mut request.headers, AUTHORIZATION, &value)
}

/// Whether a service wants the body's hash in a header of its own.
fn takes_content(service: &str) -> bool {
    service.starts_with("s3") || service == "glacier"
}

/// Those that say what is asked for: the host, the type of the body, and all of Amazon's own.
fn signed_headers(headers: &HeaderMap, host: &str) -> BTreeMap<String, String> {
    let signs = |name: &HeaderName| *name == CONTENT_TYPE || name.as_str().starts_with("x-amz-");
    let mut signed: BTreeMap<String, String> = headers
        .keys()
        .filter(|name| signs(name))
        .map(|name| {
            let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
            (name.to_string(), values.map(|value| words(&value)).collect::<Vec<_>>().join(","))
        })
        .collect();
    signed.insert(HOST.to_string(), host.to_owned());
    signed
}

/// With one space where there are several, and none at the ends.
fn words(value: &str) -> String {
    value.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn canonical_request(
    method: &str,
    (path, query): (&str, &str),
    headers: &BTreeMap<String, String>,
    content: &str,
) -> String {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    format!("{method}\n{path}\n{query}\n{lines}\n{}\n{content}", names(headers))
}

fn names(headers: &BTreeMap<String, String>) -> String {
    headers.keys().map(String::as_str).collect::<Vec<_>>().join(";")
}

/// The path as it is sent, encoded once more and without empty segments; that of S3 names an object, and is encoded as
/// the object's name is.
fn canonical_path(path: &str, service: &str) -> String {
    let encode = |segment: &[u8]| percent_encode(segment, UNRESERVED).to_string();
    if service.starts_with("s3") {
        let segments = path.split('/').map(|segment| encode(&percent_decode_str(segment).collect::<Vec<_>>()));
        return segments.collect::<Vec<_>>().join("/");
    }
    let segments: Vec<String> =
        path.split('/').filter(|segment| !segment.is_empty()).map(|segment| encode(segment.as_bytes())).collect();
    let end = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    format!("/{}{end}", segments.join("/"))
}

/// Its parameters, each encoded in the one way that counts, in the order of what comes out.
fn canonical_query(query: &str) -> String {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).collect::<Vec<_>>();
    let encode = |text: &str| percent_encode(&decode(text), UNRESERVED).to_string();
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn authorization(
    keys: &AwsKeys,
    time: &str,
    headers: &BTreeMap<String, String>,
    canonical: &str,
) -> Result<String, EgressError> {
    let AwsKeys { access_key, secret_key, region, service, .. } = keys;
    let access_key = visible(access_key.clear(), "the identifier of the key")?;
    let secret = visible(secret_key.expose(), "the key")?;
    let is_word =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !is_word(region) || !is_word(service) {
        return Err(unusable("the region or the service is empty, or not a name"));
    }
    let day = &time[..8];
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let text = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
    let mut key = Zeroizing::new(format!("AWS4{secret}").into_bytes());
    for part in [day, region, service, "aws4_request"] {
        key = Zeroizing::new(code(HmacHash::Sha256, &key, part.as_bytes()).as_ref().to_vec());
    }
    let signature = hex::encode(code(HmacHash::Sha256, &key, text.as_bytes()));
    let signed = names(headers);
    Ok(format!("{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"))
}

#[cfg(test)]
mod tests;
