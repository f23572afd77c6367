//! OAuth 1.0a (RFC 5849): each request is signed with the secrets of a client and of a token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use percent_encoding::utf8_percent_encode;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::super::EgressError;
use super::super::target::UNRESERVED;
use super::keys::code;
use super::place::{authority, set, unusable};
use super::{Moment, Outgoing, Text};
use crate::model::{HmacHash, OAuth1aSignature, Secret};

/// What the protocol's own parameters begin with.
pub(super) const PREFIX: &str = "oauth_";

/// What requests are signed with.
#[derive(Debug)]
pub struct OAuth1aKeys {
    /// How.
    pub signature: OAuth1aSignature,
    /// Who the client is.
    pub consumer_key: Text,
    /// Its secret.
    pub consumer_secret: Secret,
    /// The token; empty where there is none yet.
    pub token: Secret,
    /// Its secret; empty where there is no token yet.
    pub token_secret: Secret,
    /// For which part of the provider, if it wants to be told.
    pub realm: Option<String>,
    /// More parameters of the protocol: `oauth_callback`, `oauth_verifier`.
    pub parameters: Vec<(String, String)>,
}

pub(super) fn sign(keys: &OAuth1aKeys, request: &mut Outgoing, now: &Moment) -> Result<(), EgressError> {
    let nonce = hex::encode(now.random.bytes::<16>());
    let value = authorization(keys, request, &now.seconds().to_string(), &nonce)?;
    set(&mut request.headers, AUTHORIZATION, &value)
}

/// The header of a request (section 3.5.1).
fn authorization(
    keys: &OAuth1aKeys,
    request: &Outgoing,
    seconds: &str,
    nonce: &str,
) -> Result<Zeroizing<String>, EgressError> {
    if keys.consumer_key.clear().is_empty() {
        return Err(unusable("the key of the client is empty"));
    }
    let method = match keys.signature {
        OAuth1aSignature::HmacSha1 => "HMAC-SHA1",
        OAuth1aSignature::HmacSha256 => "HMAC-SHA256",
        OAuth1aSignature::Plaintext => "PLAINTEXT",
    };
    let mut own: Vec<(&str, &str)> = vec![("oauth_consumer_key", keys.consumer_key.clear())];
    if !keys.token.is_empty() {
        own.push(("oauth_token", keys.token.expose()));
    }
    own.push(("oauth_signature_method", method));
    if keys.signature != OAuth1aSignature::Plaintext {
        own.extend([("oauth_timestamp", seconds), ("oauth_nonce", nonce)]);
    }
    own.push(("oauth_version", "1.0"));
    own.extend(keys.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let signature = signature(keys, request, &own);
    own.push(("oauth_signature", &signature));
    let mut parts = Vec::with_capacity(own.len() + 1);
    if let Some(realm) = &keys.realm {
        parts.push(format!("realm=\"{}\"", realm.replace('\\', "\\\\").replace('"', "\\\"")));
    }
    parts.extend(own.iter().map(|(name, value)| format!("{}=\"{}\"", encode(name), encode(value))));
    Ok(Zeroizing::new(format!("OAuth {}", parts.join(", "))))
}

/// Section 3.4.
fn signature(keys: &OAuth1aKeys, request: &Outgoing, own: &[(&str, &str)]) -> Zeroizing<String> {
    let key =
        Zeroizing::new(format!("{}&{}", encode(keys.consumer_secret.expose()), encode(keys.token_secret.expose())));
    let hash = match keys.signature {
        OAuth1aSignature::Plaintext => return key,
        OAuth1aSignature::HmacSha1 => HmacHash::Sha1,
        OAuth1aSignature::HmacSha256 => HmacHash::Sha256,
    };
    Zeroizing::new(STANDARD.encode(code(hash, key.as_bytes(), base_string(request, own).as_bytes())))
}

/// The request in one text (section 3.4.1).
fn base_string(request: &Outgoing, own: &[(&str, &str)]) -> String {
    let url = &request.url;
    let place = format!("{}://{}{}", url.scheme(), authority(url), url.path());
    let kind = request.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_form =
        kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded");
    let body = request.body.as_deref().filter(|_| is_form).unwrap_or_default();
    let query = url.query().unwrap_or_default().as_bytes();
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(query)
        .chain(form_urlencoded::parse(body))
        .map(|(name, value)| (encode(&name), encode(&value)))
        .chain(own.iter().map(|(name, value)| (encode(name), encode(value))))
        .collect();
    pairs.sort_unstable();
    let parameters = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    format!("{}&{}&{}", encode(request.method.as_str()), encode(&place), encode(&parameters))
}

/// Section 3.6.
fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests;
