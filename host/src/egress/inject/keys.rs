//! Shared keys: how they are written, and the codes that they make.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use ring::hmac;
use zeroize::Zeroizing;

use super::super::EgressError;
use super::place::unusable;
use crate::model::{HmacHash, KeyEncoding};

/// The bytes of a shared key.
pub(super) fn bytes(text: &str, encoding: KeyEncoding) -> Result<Zeroizing<Vec<u8>>, EgressError> {
    let text = if encoding == KeyEncoding::Text { text } else { text.trim() };
    let bytes = Zeroizing::new(match encoding {
        KeyEncoding::Text => text.as_bytes().to_vec(),
        KeyEncoding::Hex => hex::decode(text).map_err(|_| unusable("the key is not hexadecimal"))?,
        // Vendors write it either way, and say only "base64".
        KeyEncoding::Base64 => {
            let bare = text.trim_end_matches('=');
            let read = STANDARD_NO_PAD.decode(bare).or_else(|_| URL_SAFE_NO_PAD.decode(bare));
            read.map_err(|_| unusable("the key is not base64"))?
        }
    });
    if bytes.is_empty() {
        return Err(unusable("the key is empty"));
    }
    Ok(bytes)
}

/// A code that is not complete yet.
pub(super) fn begin(hash: HmacHash, key: &[u8]) -> hmac::Context {
    let algorithm = match hash {
        // What vendors ask for who have not moved on; as a code it is not broken.
        HmacHash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        HmacHash::Sha256 => hmac::HMAC_SHA256,
        HmacHash::Sha512 => hmac::HMAC_SHA512,
    };
    hmac::Context::with_key(&hmac::Key::new(algorithm, key))
}

/// The code of a text.
pub(super) fn code(hash: HmacHash, key: &[u8], text: &[u8]) -> hmac::Tag {
    let mut context = begin(hash, key);
    context.update(text);
    context.sign()
}
