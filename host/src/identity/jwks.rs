//! The keys of issuers: fetched when one is missing, by one request at a time, and not more often than a floor allows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::TokenFault;
use super::limits::{DOCUMENT_BYTES, FETCH_FLOOR, FETCH_TIMEOUT, ISSUERS, KEYS, KEYS_FRESH, KEYS_STALE};
use crate::egress::{Egress, EgressError, Grant, Request};
use crate::model::{Clock, Effect, Timestamp};

/// Where an issuer's keys are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Source {
    /// The issuer, as its tokens name it.
    pub(super) issuer: String,
    /// Where the operator says that the keys are; the issuer's metadata says it otherwise.
    pub(super) jwks_url: Option<String>,
}

/// The keys of all issuers, as far as they were asked for.
#[derive(Debug, Default)]
pub(super) struct Jwks(Mutex<HashMap<Source, Arc<Slot>>>);

/// The keys of one issuer.
#[derive(Debug, Default)]
struct Slot {
    known: Mutex<Known>,
    /// Held by whoever fetches; the others wait for what comes of it.
    flight: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    keys: HashMap<String, Arc<Jwk>>,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
    /// Whether the last attempt brought none.
    failed: bool,
}

/// Why there are no keys. It says nothing of what came back.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("{0}")]
    Egress(#[from] EgressError),
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("the answer is longer than {DOCUMENT_BYTES} bytes")]
    TooLong,
    #[error("the answer is not {0}")]
    Malformed(&'static str),
    #[error("the metadata is of another issuer")]
    OtherIssuer,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl Jwks {
    /// The key of this name, for this way of signing.
    pub(super) async fn key(
        &self,
        egress: &Egress,
        clock: &Clock,
        source: &Source,
        (kid, algorithm): (&str, Algorithm),
    ) -> Result<DecodingKey, TokenFault> {
        let slot = self.slot(source);
        if let Some(key) = slot.fresh(kid, clock.now()) {
            return usable(&key, algorithm);
        }
        let _flight = slot.flight.lock().await;
        // Somebody else may have fetched it while this one waited.
        if let Some(key) = slot.fresh(kid, clock.now()) {
            return usable(&key, algorithm);
        }
        if slot.begins(clock.now()) {
            slot.ends(fetch(egress, source).await, source, clock.now());
        }
        match slot.kept(kid, clock.now()) {
            Some(key) => usable(&key, algorithm),
            None if slot.known().failed => Err(TokenFault::NoKeys),
            None => Err(TokenFault::UnknownKey),
        }
    }

    fn slot(&self, source: &Source) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= ISSUERS && !slots.contains_key(source) {
            slots.clear();
        }
        Arc::clone(slots.entry(source.clone()).or_default())
    }
}

impl Slot {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key that need not be looked for.
    fn fresh(&self, kid: &str, now: Timestamp) -> Option<Arc<Jwk>> {
        let known = self.known();
        let fresh = known.fetched_at.is_some_and(|at| now < at.plus(KEYS_FRESH));
        known.keys.get(kid).filter(|_| fresh).cloned()
    }

    /// A key that may be taken after it was looked for.
    fn kept(&self, kid: &str, now: Timestamp) -> Option<Arc<Jwk>> {
        let known = self.known();
        let usable = known.fetched_at.is_some_and(|at| now < at.plus(KEYS_STALE));
        known.keys.get(kid).filter(|_| usable).cloned()
    }

    /// Whether the floor allows a request now; notes that one is made.
    fn begins(&self, now: Timestamp) -> bool {
        let mut known = self.known();
        let allowed = known.tried_at.is_none_or(|at| now >= at.plus(FETCH_FLOOR));
        if allowed {
            known.tried_at = Some(now);
        }
        allowed
    }

    fn ends(&self, fetched: Result<HashMap<String, Arc<Jwk>>, FetchError>, source: &Source, now: Timestamp) {
        let mut known = self.known();
        known.failed = fetched.is_err();
        match fetched {
            Ok(keys) => {
                tracing::debug!(issuer = source.issuer, keys = keys.len(), "an issuer's keys were read");
                (known.keys, known.fetched_at) = (keys, Some(now));
            }
            Err(error) => tracing::warn!(issuer = source.issuer, %error, "an issuer's keys cannot be read"),
        }
    }
}

/// A key for this way of signing and no other: what the key says of itself counts, never what the token says.
fn usable(jwk: &Jwk, algorithm: Algorithm) -> Result<DecodingKey, TokenFault> {
    let common = &jwk.common;
    let signs = common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let verifies = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let fits = common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
    let symmetric = matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_));
    let curve = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(point) => matches!(
            (algorithm, &point.curve),
            (Algorithm::ES256, EllipticCurve::P256) | (Algorithm::ES384, EllipticCurve::P384)
        ),
        _ => true,
    };
    if !signs || !verifies || !fits || symmetric || !curve {
        return Err(TokenFault::Algorithm);
    }
    DecodingKey::from_jwk(jwk).map_err(|_| TokenFault::UnknownKey)
}

async fn fetch(egress: &Egress, source: &Source) -> Result<HashMap<String, Arc<Jwk>>, FetchError> {
    let url = match &source.jwks_url {
        Some(url) => url.clone(),
        None => {
            let place = format!("{}/.well-known/openid-configuration", source.issuer.trim_end_matches('/'));
            let text = get(egress, &place).await?;
            let found: Metadata =
                serde_json::from_slice(&text).map_err(|_| FetchError::Malformed("an issuer's metadata"))?;
            // Whoever serves the metadata of one issuer must not speak for another (OpenID Discovery section 4.3).
            if found.issuer != source.issuer {
                return Err(FetchError::OtherIssuer);
            }
            found.jwks_uri
        }
    };
    keys(&get(egress, &url).await?)
}

/// The keys that have a name. What is no key that is known here is left aside: issuers publish others' kinds too.
fn keys(text: &[u8]) -> Result<HashMap<String, Arc<Jwk>>, FetchError> {
    let set: Set = serde_json::from_slice(text).map_err(|_| FetchError::Malformed("a set of keys"))?;
    if set.keys.len() > KEYS {
        return Err(FetchError::TooLong);
    }
    let read = set.keys.iter().filter_map(|key| serde_json::from_str::<Jwk>(key.get()).ok());
    Ok(read.filter_map(|key| Some((key.common.key_id.clone()?, Arc::new(key)))).collect())
}

async fn get(egress: &Egress, url: &str) -> Result<bytes::Bytes, FetchError> {
    let grant = Grant::to(url, "GET", Effect::Read, FETCH_TIMEOUT)?;
    let request = Request { method: "GET".into(), target: url.to_owned(), ..Request::default() };
    let answer = egress.send(&grant, request).await?;
    if answer.status != 200 {
        return Err(FetchError::Status(answer.status));
    }
    if answer.truncated || answer.body.len() > DOCUMENT_BYTES {
        return Err(FetchError::TooLong);
    }
    Ok(answer.body)
}
