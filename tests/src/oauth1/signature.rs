//! Signatures as a provider checks them, by RFC 5849 section 3 and nothing of the host's own.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use ring::hmac;
use url::form_urlencoded;

use crate::upstream::Recorded;

/// Section 3.6.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request with a signature.
pub(super) struct Signed {
    /// The protocol's own parameters, decoded.
    pub(super) protocol: BTreeMap<String, String>,
    method: String,
    path: String,
    others: Vec<(String, String)>,
}

/// Reads the header of a request (section 3.5.1).
pub(super) fn read(request: &Recorded) -> Result<Signed, &'static str> {
    let header = request.header("authorization").and_then(|header| header.strip_prefix("OAuth "));
    let mut protocol = BTreeMap::new();
    for part in header.ok_or("parameter_absent")?.split(',') {
        let (name, value) = part.trim().split_once('=').ok_or("parameter_rejected")?;
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).ok_or("parameter_rejected")?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        if protocol.insert(decoded(name), decoded(value)).is_some() {
            return Err("parameter_rejected");
        }
    }
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut others: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    if request.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
        others.extend(request.form());
    }
    Ok(Signed { protocol, method: request.method.clone(), path: path.to_owned(), others })
}

impl Signed {
    /// What the signature has to be (section 3.4).
    pub(super) fn signature(&self, method: &str, base: &str, consumer: &str, token: &str) -> String {
        let key = format!("{}&{}", encoded(consumer), encoded(token));
        let algorithm = match method {
            "PLAINTEXT" => return key,
            "HMAC-SHA256" => hmac::HMAC_SHA256,
            _ => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        };
        let own = self.protocol.iter().filter(|(name, _)| !matches!(name.as_str(), "oauth_signature" | "realm"));
        let others = self.others.iter().map(|(name, value)| (name, value));
        let all = own.chain(others).map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let mut pairs: Vec<String> = all.collect();
        pairs.sort_unstable();
        let place = format!("{base}{}", self.path);
        let text = [self.method.as_str(), &place, &pairs.join("&")].map(encoded).join("&");
        STANDARD.encode(hmac::sign(&hmac::Key::new(algorithm, key.as_bytes()), text.as_bytes()))
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}
