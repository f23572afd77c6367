//! Tokens that this host gave to its clients: signed with ES256, for this host alone, and short-lived.

use ::ring::rand::SystemRandom;
use ::ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
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

/// The only way in which this host signs.
const ALGORITHM: Algorithm = Algorithm::ES256;

/// A key to sign with.
pub struct NewSigningKey {
    /// Its name: the first half of the SHA-256 of the public part, so that two keys never have one name.
    pub id: String,
    /// The point of the curve, base64url.
    pub public: String,
    /// PKCS #8.
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

/// A signed token.
pub fn sign(key_id: &str, private: &[u8], issued: &Issued<'_>) -> Result<String, TokenFault> {
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
    let mut header = Header::new(ALGORITHM);
    (header.typ, header.kid) = (Some(KIND.into()), Some(key_id.into()));
    let key = EncodingKey::from_ec_der(private);
    jsonwebtoken::encode(&header, &claims, &key).map_err(|_| TokenFault::NoKeys)
}

/// The key as it is published (RFC 7517); `None` if the row is not what was written.
pub fn public_jwk(key: &SigningKeyRow) -> Option<Value> {
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
    let public = URL_SAFE_NO_PAD.decode(&key.public).map_err(|_| TokenFault::UnknownKey)?;
    let expected = Expected { issuer: &identity.issuer, audiences, algorithms: &[ALGORITHM], kind: Some(KIND) };
    let claims = token.check(&DecodingKey::from_ec_der(&public), &expected, now)?;
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
