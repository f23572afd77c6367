//! A code over parts of the request, with a shared key (RFC 2104): each vendor has its own parts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::HeaderValue;
use sha2::{Digest as _, Sha256};

use super::super::{EgressError, Values};
use super::keys::{begin, bytes};
use super::place::{authority, named, set, unusable};
use super::{Moment, Outgoing, Text};
use crate::model::{Encoding, Hmac, Secret, TextPiece, TextTemplate};

/// A shared key and what is signed with it.
#[derive(Debug)]
pub struct HmacKey {
    /// What the manifest says.
    pub pattern: Hmac,
    /// The key.
    pub key: Secret,
    /// The account's public fields that its templates name.
    pub values: Values,
}

impl HmacKey {
    /// The headers that it sets, in lower case.
    pub(super) fn headers(&self) -> Vec<String> {
        let names = std::iter::once(&self.pattern.header).chain(&self.pattern.timestamp_header);
        names.map(|name| name.to_ascii_lowercase()).collect()
    }
}

pub(super) fn sign(key: &HmacKey, request: &mut Outgoing, now: &Moment) -> Result<(), EgressError> {
    let HmacKey { pattern, key, values } = key;
    let timestamp = now.seconds().to_string();
    if let Some(name) = &pattern.timestamp_header {
        set(&mut request.headers, named(name)?, &timestamp)?;
    }
    let parts = Parts { request, timestamp: &timestamp, values };
    let mut code = begin(pattern.hash, &bytes(key.expose(), pattern.key_encoding)?);
    parts.write(&pattern.text, &mut |part| code.update(part))?;
    let mut value = Vec::new();
    parts.write(&pattern.prefix, &mut |part| value.extend_from_slice(part))?;
    let code = code.sign();
    value.extend(match pattern.encoding {
        Encoding::Hex => hex::encode(code).into_bytes(),
        Encoding::Base64 => STANDARD.encode(code).into_bytes(),
    });
    let mut value = HeaderValue::from_bytes(&value)
        .map_err(|_| unusable("its header would have a character that none can hold"))?;
    value.set_sensitive(true);
    request.headers.insert(named(&pattern.header)?, value);
    Ok(())
}

/// What templates of a code may name.
struct Parts<'a> {
    request: &'a Outgoing,
    timestamp: &'a str,
    values: &'a Values,
}

impl Parts<'_> {
    /// Gives the template's pieces one by one: a body may be large, and need not be text.
    fn write(&self, template: &str, give: &mut impl FnMut(&[u8])) -> Result<(), EgressError> {
        let template = TextTemplate::parse(template).map_err(|_| unusable("what is to be signed is no template"))?;
        let url = &self.request.url;
        let body = self.request.body.as_deref().unwrap_or_default();
        for piece in template.pieces() {
            match piece {
                TextPiece::Literal(text) => give(text.as_bytes()),
                TextPiece::Name("method") => give(self.request.method.as_str().as_bytes()),
                TextPiece::Name("path") => give(url.path().as_bytes()),
                TextPiece::Name("query") => give(url.query().unwrap_or_default().as_bytes()),
                TextPiece::Name("body") => give(body),
                TextPiece::Name("body_sha256") => give(hex::encode(Sha256::digest(body)).as_bytes()),
                TextPiece::Name("timestamp") => give(self.timestamp.as_bytes()),
                TextPiece::Name("host") => give(authority(url).as_bytes()),
                TextPiece::Name(name) => give(self.values.get(name).map_or("", Text::clear).as_bytes()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{moment, outgoing, secret};
    use super::super::{Injection, inject};
    use super::*;
    use crate::model::{HmacHash, KeyEncoding};

    fn pattern(text: &str) -> Hmac {
        Hmac {
            key: "key".into(),
            key_encoding: KeyEncoding::Text,
            hash: HmacHash::Sha256,
            text: text.into(),
            encoding: Encoding::Hex,
            header: "X-Signature".into(),
            prefix: String::new(),
            timestamp_header: None,
        }
    }

    fn signed(pattern: Hmac, key: &str, body: &str) -> Result<String, EgressError> {
        let mut request = outgoing("POST", "https://api.example.com:8443/v1/a%20b?x=1&y=%2F", &[], body);
        let values = [("team".to_owned(), Text::Public("acme".into()))].into();
        inject(
            &Injection::Hmac(Box::new(HmacKey { pattern, key: secret(key), values })),
            &mut request,
            &moment(1_700),
        )?;
        Ok(request.headers["x-signature"].to_str().unwrap().to_owned())
    }

    /// RFC 4231 section 4.3 and RFC 2202 section 3: the second test case of each hash.
    #[test]
    fn codes_are_those_of_the_standards() {
        const TEXT: &str = "what do ya want for nothing?";
        for (hash, expected) in [
            (HmacHash::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (HmacHash::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                HmacHash::Sha512,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
                 9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            assert_eq!(signed(Hmac { hash, ..pattern("{{body}}") }, "Jefe", TEXT).unwrap(), expected);
        }
        for (key_encoding, key) in
            [(KeyEncoding::Hex, "4a656665"), (KeyEncoding::Base64, "SmVmZQ=="), (KeyEncoding::Base64, "SmVmZQ")]
        {
            let pattern =
                Hmac { key_encoding, encoding: Encoding::Base64, prefix: "v1=".into(), ..pattern("{{body}}") };
            assert_eq!(signed(pattern, key, TEXT).unwrap(), "v1=W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
        }
    }

    #[test]
    fn each_part_of_a_request_can_be_signed() {
        let hash = hex::encode(Sha256::digest("{}"));
        for (text, means) in [
            ("{{method}}", "POST"),
            ("{{path}}", "/v1/a%20b"),
            ("{{query}}", "x=1&y=%2F"),
            ("{{body}}", "{}"),
            ("{{body_sha256}}", hash.as_str()),
            ("{{timestamp}}", "1700"),
            ("{{host}}", "api.example.com:8443"),
            ("{{team}}", "acme"),
            ("{{nothing}}", ""),
            ("{{method}}\n{{timestamp}}:{{team}}", "POST\n1700:acme"),
        ] {
            assert_eq!(signed(pattern(text), "k", "{}").unwrap(), signed(pattern(means), "k", "{}").unwrap(), "{text}");
        }
        assert_ne!(signed(pattern("a"), "k", "").unwrap(), signed(pattern("b"), "k", "").unwrap());
        let prefixed = Hmac { prefix: "id={{team}}, t={{timestamp}}, s=".into(), ..pattern("a") };
        assert!(signed(prefixed, "k", "").unwrap().starts_with("id=acme, t=1700, s="));
    }

    #[test]
    fn what_is_no_key_signs_nothing() {
        for (key_encoding, key) in [
            (KeyEncoding::Text, ""),
            (KeyEncoding::Hex, ""),
            (KeyEncoding::Hex, "canary"),
            (KeyEncoding::Hex, "abc"),
            (KeyEncoding::Base64, "==="),
            (KeyEncoding::Base64, "canary!"),
        ] {
            let error = signed(Hmac { key_encoding, ..pattern("a") }, key, "").unwrap_err();
            assert!(matches!(&error, EgressError::Credential(text) if !text.contains("canary")), "{error}");
        }
    }
}
