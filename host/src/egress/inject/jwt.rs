//! Tokens that the host signs itself (RFC 7515, RFC 7519).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::SigningKey;
use rustls::{SignatureAlgorithm, SignatureScheme};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::super::{EgressError, Values};
use super::Text;
use super::keys::{bytes, code};
use super::place::unusable;
use crate::model::{HmacHash, JwtAlgorithm, JwtClaims, KEY_FINGERPRINT, Secret, TextSource, TextTemplate, Timestamp};

/// Half of an ES256 signature, in bytes (RFC 7518 section 3.4).
const P256_BYTES: usize = 32;

/// Seconds by which a token seems older than it is, at most: a provider whose clock is a little behind refuses one that is of
/// the future. GitHub advises a minute to those who sign for its apps; half of it is what this host allows others too.
const DATED_BACK: u64 = 30;

/// A token of these claims and `more`, signed at this moment; it says that it was some seconds ago, so that it does not hold
/// for longer than providers let one hold, and ends that much earlier. `values` has what [`JwtClaims::names`] names. A claim that
/// comes out empty is left out: it is of an optional field.
///
/// # Errors
/// [`EgressError::Credential`] if the key is none for this algorithm, or a value is not where the claims want it. The
/// text shows nothing of them.
pub fn sign_jwt(
    claims: &JwtClaims,
    more: &[(&str, &str)],
    values: &Values,
    at: Timestamp,
) -> Result<Secret, EgressError> {
    let key = text_of(&claims.key, values, "")?;
    let key = Key::read(claims, &key)?;
    let fingerprint = key.fingerprint();
    let mut header = Map::from_iter([("typ".to_owned(), Value::from("JWT")), ("alg".to_owned(), key.name().into())]);
    if let Some(source) = &claims.key_id {
        header.insert("kid".into(), Value::from(text_of(source, values, &fingerprint)?.as_str()));
    }
    // Of a short life a quarter is given up, and no more.
    let begin = at.0.div_euclid(1_000).saturating_sub_unsigned(DATED_BACK.min(claims.lifetime / 4));
    let end = begin.saturating_add_unsigned(claims.lifetime);
    let mut body = Map::from_iter([("iat".to_owned(), Value::from(begin)), ("exp".to_owned(), Value::from(end))]);
    for (name, source) in &claims.claims {
        let value = text_of(source, values, &fingerprint)?;
        if !value.is_empty() {
            body.insert(name.clone(), Value::from(value.as_str()));
        }
    }
    for (name, value) in more {
        body.insert((*name).to_owned(), Value::from(*value));
    }
    let part = |map: Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(map).to_string());
    key.token(&format!("{}.{}", part(header), part(body)))
}

/// What a text comes out as.
fn text_of(source: &TextSource, values: &Values, fingerprint: &str) -> Result<Zeroizing<String>, EgressError> {
    match source {
        TextSource::Template(text) => {
            let template = TextTemplate::parse(text).map_err(|_| unusable("a claim is no template"))?;
            template.render(|name, into| {
                into.push_str(match name {
                    KEY_FINGERPRINT => fingerprint,
                    name => values.get(name).map_or("", Text::clear),
                });
                Ok(())
            })
        }
        TextSource::Field { name, pointer } => {
            let text = values.get(name).map_or("", Text::clear);
            let Some(pointer) = pointer else { return Ok(Zeroizing::new(text.to_owned())) };
            let parsed: Value =
                serde_json::from_str(text).map_err(|_| unusable(&format!("field `{name}` does not hold JSON")))?;
            match parsed.pointer(pointer) {
                Some(Value::String(found)) => Ok(Zeroizing::new(found.clone())),
                _ => Err(unusable(&format!("the JSON in field `{name}` has no text at `{pointer}`"))),
            }
        }
    }
}

/// A key that can sign.
enum Key {
    Shared(Zeroizing<Vec<u8>>),
    Pair(JwtAlgorithm, Arc<dyn SigningKey>),
}

impl Key {
    fn read(claims: &JwtClaims, text: &str) -> Result<Self, EgressError> {
        let wanted = match claims.algorithm {
            JwtAlgorithm::Hs256 => return bytes(text, claims.key_encoding).map(Self::Shared),
            JwtAlgorithm::Rs256 => SignatureAlgorithm::RSA,
            JwtAlgorithm::Es256 => SignatureAlgorithm::ECDSA,
        };
        // Keys come out of JSON files and environment variables with their line breaks written as `\n`.
        let pem = Zeroizing::new(text.replace("\\n", "\n"));
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| unusable("the private key is not in PEM, or is encrypted"))?;
        let pair = any_supported_type(&der).map_err(|_| unusable("the private key cannot be read"))?;
        if pair.algorithm() != wanted {
            return Err(unusable("the private key is of another kind than the pattern's algorithm takes"));
        }
        Ok(Self::Pair(claims.algorithm, pair))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Shared(_) | Self::Pair(JwtAlgorithm::Hs256, _) => "HS256",
            Self::Pair(JwtAlgorithm::Rs256, _) => "RS256",
            Self::Pair(JwtAlgorithm::Es256, _) => "ES256",
        }
    }

    /// SHA-256 of the public key as certificates have it, in base64; empty for a shared key.
    fn fingerprint(&self) -> String {
        match self {
            Self::Shared(_) => String::new(),
            Self::Pair(_, pair) => {
                pair.public_key().map(|public| STANDARD.encode(Sha256::digest(&public))).unwrap_or_default()
            }
        }
    }

    /// `text` and its signature.
    fn token(&self, text: &str) -> Result<Secret, EgressError> {
        let signature = match self {
            Self::Shared(key) => code(HmacHash::Sha256, key, text.as_bytes()).as_ref().to_vec(),
            Self::Pair(algorithm, pair) => {
                let scheme = match algorithm {
                    JwtAlgorithm::Es256 => SignatureScheme::ECDSA_NISTP256_SHA256,
                    JwtAlgorithm::Rs256 | JwtAlgorithm::Hs256 => SignatureScheme::RSA_PKCS1_SHA256,
                };
                let signer =
                    pair.choose_scheme(&[scheme]).ok_or_else(|| unusable("the private key has another curve"))?;
                let made = signer.sign(text.as_bytes()).map_err(|_| unusable("the private key cannot sign"))?;
                match algorithm {
                    JwtAlgorithm::Es256 => fixed(&made).ok_or_else(|| unusable("the private key cannot sign"))?,
                    JwtAlgorithm::Rs256 | JwtAlgorithm::Hs256 => made,
                }
            }
        };
        Ok(Secret::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

/// The two numbers of an ECDSA signature, one after the other (RFC 7515 appendix A.3), out of ASN.1: a sequence of two
/// integers, each short enough that its length is one byte.
fn fixed(asn1: &[u8]) -> Option<Vec<u8>> {
    let [0x30, length, rest @ ..] = asn1 else { return None };
    if usize::from(*length) != rest.len() {
        return None;
    }
    let (first, rest) = integer(rest)?;
    let (second, rest) = integer(rest)?;
    rest.is_empty().then(|| [first, second].concat())
}

fn integer(asn1: &[u8]) -> Option<([u8; P256_BYTES], &[u8])> {
    let [0x02, length, rest @ ..] = asn1 else { return None };
    let (digits, rest) = rest.split_at_checked(usize::from(*length))?;
    let start = digits.iter().position(|digit| *digit != 0).unwrap_or(digits.len());
    let digits = &digits[start..];
    let mut number = [0; P256_BYTES];
    number.get_mut(P256_BYTES.checked_sub(digits.len())?..)?.copy_from_slice(digits);
    Some((number, rest))
}

#[cfg(test)]
mod tests;
