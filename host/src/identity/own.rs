//! Tokens that this host gave to its clients: signed with ES256 or RS256, for this host alone, and short-lived.

use ::ring::rand::SystemRandom;
use ::ring::rsa::PublicKeyComponents;
use ::ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::limits::{LEEWAY, TOKEN_LIFE};
use super::token::{Expected, Unchecked};
use super::{Identity, IdentityError, TokenFault, ring, role_of};
use crate::model::{Caller, ClientId, KeyId, Scopes, Timestamp};
use crate::store::{PrincipalRow, SigningKeyRow};

/// What the header of an access token calls it (RFC 9068 section 2.1): no other token of this host can pass for one.
const KIND: &str = "at+jwt";

/// Before the public part of an RSA key: modulus and exponent, base64url, with a space between.
const RSA: &str = "rsa ";

/// A key to sign with.
pub struct NewSigningKey {
    /// Its name: the first half of the SHA-256 of the public part, so that two keys never have one name.
    pub id: String,
    /// The point of the curve, base64url; of an RSA key as [`RSA`] says.
    pub public: String,
    /// PKCS #8, or PKCS #1.
    pub private: Zeroizing<Vec<u8>>,
}

/// What a token is to say.
#[derive(Clone, Copy, Debug)]
pub struct Issued<'a> {
    /// Who gives it.
    pub issuer: &'a str,
    /// Where it is good.
    pub audience: &'a str,
    /// Whose it is.
    pub client: &'a ClientId,
    /// What it may do.
    pub scopes: Scopes,
    /// The only user it may act for.
    pub identifier: Option<&'a str>,
    /// Its own name.
    pub id: &'a str,
    /// From when on.
    pub at: Timestamp,
}

/// Makes a key. The randomness is that of the cryptography itself: a key is never made twice, in tests neither.
pub fn new_signing_key() -> Result<NewSigningKey, TokenFault> {
    let random = SystemRandom::new();
    let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
    let private = Zeroizing::new(private.map_err(|_| TokenFault::NoKeys)?.as_ref().to_vec());
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private, &random);
    let pair = pair.map_err(|_| TokenFault::NoKeys)?;
    let public = pair.public_key().as_ref();
    let mut id = hex::encode(Sha256::digest(public));
    id.truncate(32);
    Ok(NewSigningKey { id, public: URL_SAFE_NO_PAD.encode(public), private })
}

/// A key that an operator made, in PEM; `None` if it is no RSA key of 2,048 to 4,096 bits. ring makes none by itself.
pub fn given_signing_key(pem: &[u8]) -> Option<NewSigningKey> {
    let der = PrivateKeyDer::from_pem_slice(pem).ok()?;
    let private = Zeroizing::new(der.secret_der().to_vec());
    let pair = ring::rsa_key(&private)?;
    let PublicKeyComponents::<Vec<u8>> { n, e } = pair.public().into();
    let mut id = hex::encode(Sha256::digest([n.as_slice(), &e].concat()));
    id.truncate(32);
    let public = format!("{RSA}{} {}", URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e));
    Some(NewSigningKey { id, public, private })
}

/// Whether an operator made a key, and replaces it: its public part tells.
pub fn is_given(key: &SigningKeyRow) -> bool {
    key.public.starts_with(RSA)
}

fn algorithm(key: &SigningKeyRow) -> Algorithm {
    if is_given(key) { Algorithm::RS256 } else { Algorithm::ES256 }
}

/// The modulus and the exponent of an RSA key, base64url.
fn rsa_parts(key: &SigningKeyRow) -> Option<(&str, &str)> {
    key.public.strip_prefix(RSA)?.split_once(' ')
}

/// A signed token.
pub fn sign(signing: &SigningKeyRow, private: &[u8], issued: &Issued<'_>) -> Result<String, TokenFault> {
    ring::install();
    let at = issued.at.0 / 1000;
    let end = issued.at.plus(TOKEN_LIFE).0 / 1000;
    let names = issued.scopes.names();
    let mut claims = json!({
        "iss": issued.issuer, "aud": issued.audience, "sub": issued.client.as_str(), "client_id": issued.client.as_str(),
        "jti": issued.id, "iat": at, "nbf": at, "exp": end, "scope": names.join(" "), "scopes": names,
    });
    if let Some(identifier) = issued.identifier {
        claims["identifier"] = identifier.into();
    }
    let mut header = Header::new(algorithm(signing));
    (header.typ, header.kid) = (Some(KIND.into()), Some(signing.id.clone()));
    let key = if is_given(signing) { EncodingKey::from_rsa_der(private) } else { EncodingKey::from_ec_der(private) };
    jsonwebtoken::encode(&header, &claims, &key).map_err(|_| TokenFault::NoKeys)
}

/// The key as it is published (RFC 7517); `None` if the row is not what was written.
pub fn public_jwk(key: &SigningKeyRow) -> Option<Value> {
    if let Some((n, e)) = rsa_parts(key) {
        return Some(json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": key.id, "n": n, "e": e }));
    }
    let point = URL_SAFE_NO_PAD.decode(&key.public).ok()?;
    let (x, y) = point.strip_prefix(&[4])?.split_at_checked(32)?;
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    Some(json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": key.id, "x": x, "y": y }))
}

/// Who comes with a token of this host.
pub(super) async fn caller(
    identity: &Identity,
    token: Unchecked<'_>,
    audiences: &[&str],
) -> Result<(Caller, PrincipalRow), IdentityError> {
    let (store, now) = (&identity.store, identity.clock.now());
    let key = store.signing_key(token.key_id()?).await?.ok_or(TokenFault::UnknownKey)?;
    if key.retired_at.is_some_and(|at| now >= at.plus(TOKEN_LIFE + LEEWAY)) {
        return Err(TokenFault::UnknownKey.into());
    }
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenFault::UnknownKey);
    let public = match rsa_parts(&key) {
        Some((n, e)) => DecodingKey::from_rsa_raw_components(&decoded(n)?, &decoded(e)?),
        None => DecodingKey::from_ec_der(&decoded(&key.public)?),
    };
    // The way of signing is the key's own, and never what the token says.
    let algorithms = &[algorithm(&key)];
    let expected = Expected { issuer: &identity.issuer, audiences, algorithms, kind: Some(KIND) };
    let claims = token.check(&public, &expected, now)?;
    let id = ClientId::parse(claims.subject()?).ok_or(TokenFault::Claim)?;
    let client = store.client(&key.project, &id).await?.ok_or(TokenFault::Client)?;
    let named = claims.list("scopes").into_iter().filter_map(crate::model::CallerScope::parse).collect::<Scopes>();
    // What was taken from the client since is taken from its tokens too.
    let scopes = named.both(client.scopes);
    let identifier = match (&client.identifier, claims.get("identifier")) {
        (Some(own), _) => Some(own.clone()),
        (None, Some(_)) => Some(claims.name("identifier")?.to_owned()),
        (None, None) => None,
    };
    let principal = PrincipalRow {
        id: KeyId::of(&["client", id.as_str()]),
        project: client.project.clone(),
        source: id.to_string(),
        issuer: identity.issuer.clone(),
        subject: id.to_string(),
        name: client.name.clone(),
        identifier: client.identifier,
        organization: None,
        role: role_of(client.scopes),
    };
    let caller = Caller {
        project: client.project,
        key: principal.id.clone(),
        name: client.name,
        role: role_of(scopes),
        identifier,
        profile: client.profile,
        scopes,
        organization: None,
        token: None,
    };
    Ok((caller, principal))
}
