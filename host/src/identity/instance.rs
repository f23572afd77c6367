//! The token in the URL of an MCP instance: a credential that opens this one door and no other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::IdentityError;
use super::key::caller;
use crate::model::{Caller, Random};
use crate::store::Store;

/// What every one starts with: so that scanners for leaked credentials know it, and none is taken for an API key.
const PREFIX: &str = "gpm_";

/// Characters that follow: 256 bits as base64url.
const LENGTH: usize = 43;

/// A new token, and the hash to store it by.
pub fn new_instance_token(random: &Random) -> (String, String) {
    let clear = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random.bytes::<32>()));
    let hash = hex::encode(Sha256::digest(&clear));
    (clear, hash)
}

/// Tells whose instance a URL is of.
///
/// # Errors
///
/// [`IdentityError::Unknown`] for whatever is none, or was removed or rotated.
pub async fn by_instance_token(store: &Store, token: &str) -> Result<Caller, IdentityError> {
    let hash = hash_instance_token(token).ok_or(IdentityError::Unknown)?;
    Ok(caller(store.find_key(&hash).await?.ok_or(IdentityError::Unknown)?))
}

/// The hash that a token is stored by; `None` if it is not in the form of one.
pub fn hash_instance_token(token: &str) -> Option<String> {
    let body = token.strip_prefix(PREFIX)?;
    let plain = body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (body.len() == LENGTH && plain).then(|| hex::encode(Sha256::digest(token)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{hash_key, new_key};

    #[test]
    fn a_token_is_no_key_and_a_key_is_no_token() {
        let random = Random::system();
        let ((token, hash), (key, _)) = (new_instance_token(&random), new_key(&random));
        assert_eq!(hash_instance_token(&token), Some(hash));
        assert_eq!((hash_key(&token), hash_instance_token(&key)), (None, None));
        assert_ne!(new_instance_token(&random).0, token);
        let body = &token[PREFIX.len()..];
        for wrong in [
            String::new(),
            PREFIX.into(),
            body.into(),
            format!("{token}x"),
            format!("{token}\n"),
            token[..token.len() - 1].into(),
            format!("GPM_{body}"),
            format!("{PREFIX}{}é", &body[2..]),
            token.replace(PREFIX, "gp_"),
        ] {
            assert_eq!(hash_instance_token(&wrong), None, "{wrong:?}");
        }
    }
}
