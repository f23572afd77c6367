//! API keys: what they look like, and what they are stored as.
//!
//! A key is 256 random bits, so it is stored as a plain SHA-256: there is nothing to guess, and the salt and the slow
//! hash that people's passwords need would only cost each call its time. It is looked up by that hash; how long the
//! lookup takes tells about the hash of what was sent, which nobody can steer towards a stored one, so nothing here
//! needs to take the same time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::IdentityError;
use crate::model::{Caller, Random, Scopes};
use crate::store::{ApiKey, Store};

/// What every API key starts with: so that scanners for leaked keys know it.
const PREFIX: &str = "gp_";

/// What the secret of every client starts with, for the same reason.
const SECRET_PREFIX: &str = "gps_";

/// The least that may follow the prefix: 32 characters of six bits are 192 bits, beyond guessing. Ours have 43; an
/// operator may bring a key of their own.
const MIN_LENGTH: usize = 32;

/// The most that may follow: nobody needs more, and a header of a megabyte is not worth hashing.
const MAX_LENGTH: usize = 128;

/// Whether this could be an API key, rather than a token.
pub(super) fn is_key(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Tells whose API key this is.
pub(super) async fn by_key(store: &Store, clear: &str) -> Result<Caller, IdentityError> {
    let hash = hash_key(clear).ok_or(IdentityError::Malformed)?;
    Ok(caller(store.find_key(&hash).await?.ok_or(IdentityError::Unknown)?))
}

/// The caller that comes with a key.
pub(super) fn caller(key: ApiKey) -> Caller {
    let ApiKey { id, project, role, identifier, profile, scopes, name, .. } = key;
    let scopes = scopes.unwrap_or_else(|| Scopes::of_role(role));
    Caller { project, key: id, name, role, identifier, profile, scopes, organization: None, token: None }
}

/// A new key, and the hash to store it by. The first is shown to its owner once and kept nowhere.
pub fn new_key(random: &Random) -> (String, String) {
    made(PREFIX, random)
}

/// A new secret of a client, and the hash to store it by.
pub fn new_client_secret(random: &Random) -> (String, String) {
    made(SECRET_PREFIX, random)
}

/// The hash that a key is stored by; `None` if it is not in the form of a key.
pub fn hash_key(clear: &str) -> Option<String> {
    hashed(PREFIX, clear)
}

/// The hash that a client's secret is stored by; `None` if it is not in the form of one.
pub fn hash_client_secret(clear: &str) -> Option<String> {
    hashed(SECRET_PREFIX, clear)
}

fn made(prefix: &str, random: &Random) -> (String, String) {
    let clear = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random.bytes::<32>()));
    let hash = digest(&clear);
    (clear, hash)
}

fn hashed(prefix: &str, clear: &str) -> Option<String> {
    let body = clear.strip_prefix(prefix)?;
    let fits = (MIN_LENGTH..=MAX_LENGTH).contains(&body.len());
    let plain = body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (fits && plain).then(|| digest(clear))
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
        let (secret, hash) = new_client_secret(&Random::system());
        assert_eq!((hash_client_secret(&secret), hash_key(&secret)), (Some(hash), None));
        assert_eq!(hash_client_secret(&clear), None);
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
}
