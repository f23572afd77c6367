//! Who asks: a request's `Authorization` header becomes a [`Caller`].
//!
//! A key is 256 random bits, so it is stored as a plain SHA-256: there is nothing to guess, and the salt and the slow
//! hash that people's passwords need would only cost each call its time. It is looked up by that hash; how long the
//! lookup takes tells about the hash of what was sent, which nobody can steer towards a stored one, so nothing here
//! needs to take the same time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::model::{Caller, CallerScope, Random, Scopes};
use crate::store::{ApiKey, Store, StoreError};

mod instance;

pub use instance::{by_instance_token, new_instance_token};

/// What every API key starts with: so that scanners for leaked keys know it.
const PREFIX: &str = "gp_";

/// The least that may follow the prefix: 32 characters of six bits are 192 bits, beyond guessing. Ours have 43; an
/// operator may bring a key of their own.
const MIN_LENGTH: usize = 32;

/// The most that may follow: nobody needs more, and a header of a megabyte is not worth hashing.
const MAX_LENGTH: usize = 128;

/// Why a request is not answered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum IdentityError {
    /// There is no `Authorization` header.
    #[error("send an API key in the header `Authorization: Bearer gp_…`")]
    Missing,
    /// The header does not hold an API key.
    #[error("the header `Authorization` must be `Bearer` and an API key, which starts with `gp_`")]
    Malformed,
    /// The key is not known: never made, or removed.
    #[error("this API key is not valid, or was removed")]
    Unknown,
    /// The caller is known, but may not do this.
    #[error("this needs the scope `{}`, which this caller does not have", .0.as_str())]
    MissingScope(CallerScope),
    /// Who asks could not be found out.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IdentityError {
    /// Whether the caller is known and may not (403), rather than not known (401).
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::MissingScope(_))
    }
}

/// Tells who sent a request with this `Authorization` header.
pub async fn authenticate(store: &Store, header: Option<&str>) -> Result<Caller, IdentityError> {
    let hash = hash_key(bearer(header.ok_or(IdentityError::Missing)?)?).ok_or(IdentityError::Malformed)?;
    let key = store.find_key(&hash).await?.ok_or(IdentityError::Unknown)?;
    Ok(caller(key))
}

/// The caller that comes with a key.
pub fn caller(key: ApiKey) -> Caller {
    let ApiKey { id, project, role, identifier, profile, scopes, name, .. } = key;
    let scopes = scopes.unwrap_or_else(|| Scopes::of_role(role));
    Caller { project, key: id, name, role, identifier, profile, scopes }
}

/// Lets only callers pass that may do this.
pub fn require(caller: &Caller, scope: CallerScope) -> Result<(), IdentityError> {
    if caller.may(scope) { Ok(()) } else { Err(IdentityError::MissingScope(scope)) }
}

/// A new key, and the hash to store it by. The first is shown to its owner once and kept nowhere.
pub fn new_key(random: &Random) -> (String, String) {
    let clear = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random.bytes::<32>()));
    let hash = digest(&clear);
    (clear, hash)
}

/// The hash that a key is stored by; `None` if it is not in the form of a key.
pub fn hash_key(clear: &str) -> Option<String> {
    let body = clear.strip_prefix(PREFIX)?;
    let fits = (MIN_LENGTH..=MAX_LENGTH).contains(&body.len());
    let plain = body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (fits && plain).then(|| digest(clear))
}

/// The token of a bearer header (RFC 6750 section 2.1); the scheme's case does not matter (RFC 9110 section 11.1).
fn bearer(header: &str) -> Result<&str, IdentityError> {
    let (scheme, token) = header.trim().split_once(' ').ok_or(IdentityError::Malformed)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim_start()) } else { Err(IdentityError::Malformed) }
}

fn digest(clear: &str) -> String {
    hex::encode(Sha256::digest(clear.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_hashes_to_what_is_stored_and_is_never_the_same() {
        let (clear, hash) = new_key(&Random::system());
        assert_eq!(clear.len(), 46);
        assert_eq!(hash_key(&clear), Some(hash.clone()));
        assert_eq!(hash.len(), 64);
        assert!(!clear.contains(&hash));
        assert_ne!(new_key(&Random::system()).0, clear);
    }

    #[test]
    fn what_is_not_a_key_is_not_hashed() {
        let body = "a".repeat(43);
        assert!(hash_key(&format!("gp_{body}")).is_some());
        let long = "a".repeat(MAX_LENGTH + 1);
        let short = "a".repeat(MIN_LENGTH - 1);
        let cases = [
            String::new(),
            "gp_".into(),
            body.clone(),
            format!("GP_{body}"),
            format!("sk_{body}"),
            format!("gp_{short}"),
            format!("gp_{long}"),
            format!("gp_{body} "),
            format!("gp_{body}\n"),
            format!("gp_{body}é"),
            format!("gp_{body}=="),
            format!(" gp_{body}"),
        ];
        for case in cases {
            assert_eq!(hash_key(&case), None, "{case:?}");
        }
    }

    #[test]
    fn only_a_bearer_header_has_a_token() {
        for header in ["Bearer x", "bearer x", "BEARER   x", " Bearer x "] {
            assert_eq!(bearer(header), Ok("x"), "{header:?}");
        }
        for header in ["", "x", "Bearer", "Basic x", "Bearer\tx", "Token x", "Bearerx"] {
            assert_eq!(bearer(header), Err(IdentityError::Malformed), "{header:?}");
        }
    }

    #[test]
    fn no_error_repeats_what_was_sent() {
        let missing = IdentityError::MissingScope(CallerScope::AuditRead);
        for error in [IdentityError::Missing, IdentityError::Malformed, IdentityError::Unknown, missing.clone()] {
            assert_eq!(error.is_forbidden(), error == missing);
            assert!(!error.to_string().is_empty());
        }
    }
}
