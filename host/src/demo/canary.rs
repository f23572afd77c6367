//! A planted credential, and the search for it in everything that leaves the host.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// A credential that occurs nowhere by chance.
///
/// Its search shares no code with the host's scrub, which it is there to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    token: String,
    /// The name of each encoding, and the bytes to look for.
    forms: Vec<(&'static str, Vec<u8>)>,
}

/// A copy in these many bytes on each side of a find shows what leaked it.
const CONTEXT: usize = 40;

/// Signs of the standard base64 alphabet.
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl Canary {
    /// A fresh one, different from all others of this process. It holds signs that each encoding must escape.
    pub fn plant() -> Self {
        static PLANTED: AtomicU64 = AtomicU64::new(0);
        let n = PLANTED.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::digest(format!("canary {n} of {}", std::process::id()));
        Self::of(format!("cnry_{}/+=\"é", hex(&digest[..12], b"0123456789abcdef")))
    }

    /// A given credential: for tokens whose signs a provider or a header limits.
    pub fn of(token: impl Into<String>) -> Self {
        let token = token.into();
        let forms = forms(&token);
        Self { token, forms }
    }

    /// A fresh one of letters, digits and `_`, which passes unchanged as a bearer token.
    pub fn plain() -> Self {
        let planted = Self::plant();
        Self::of(planted.token.split('/').next().unwrap_or_default())
    }

    /// The credential itself, to be given to the host.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where the credential is in `bytes`, in any of its forms: the form's name and the offset.
    pub fn find(&self, bytes: &[u8]) -> Option<(&'static str, usize)> {
        self.forms.iter().find_map(|(name, form)| Some((*name, position(bytes, form)?)))
    }

    /// What to tell when the credential is in `bytes`: the label, the form, and what stands around it.
    pub fn leak(&self, label: &str, bytes: &[u8]) -> Option<String> {
        let (form, at) = self.find(bytes)?;
        let around = &bytes[at.saturating_sub(CONTEXT)..bytes.len().min(at + CONTEXT)];
        let around = String::from_utf8_lossy(around);
        Some(format!("the planted credential is in {label}, {form}, at byte {at}: …{around}…"))
    }
}

/// Every form that is looked for.
fn forms(token: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = token.as_bytes();
    let mut forms = vec![
        ("in clear", bytes.to_vec()),
        ("percent-encoded", percent(token, false, b"0123456789ABCDEF").into_bytes()),
        ("percent-encoded in lower case", percent(token, false, b"0123456789abcdef").into_bytes()),
        ("percent-encoded as a form", percent(token, true, b"0123456789ABCDEF").into_bytes()),
        ("in hex", hex(bytes, b"0123456789abcdef").into_bytes()),
        ("in hex in upper case", hex(bytes, b"0123456789ABCDEF").into_bytes()),
        ("JSON-escaped", json(token, false).into_bytes()),
        ("JSON-escaped to ASCII", json(token, true).into_bytes()),
    ];
    for (offset, name) in ["in base64", "in base64 after one byte", "in base64 after two bytes"].into_iter().enumerate()
    {
        let standard = base64(bytes, offset);
        let url = standard.iter().map(|sign| match sign {
            b'+' => b'-',
            b'/' => b'_',
            other => *other,
        });
        forms.push((name, url.collect()));
        forms.push((name, standard));
    }
    forms
}

fn hex(bytes: &[u8], digits: &[u8; 16]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(digits[usize::from(digit)])).collect()
}

/// As a query or a path has it: all but the unreserved signs.
fn percent(token: &str, form: bool, digits: &[u8; 16]) -> String {
    let mut text = String::new();
    for byte in token.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => text.push(char::from(byte)),
            b'~' if !form => text.push('~'),
            b'*' if form => text.push('*'),
            b' ' if form => text.push('+'),
            other => {
                text.push('%');
                text.push_str(&hex(&[other], digits));
            }
        }
    }
    text
}

/// As JSON has it, without the quotes.
fn json(token: &str, ascii: bool) -> String {
    let mut text = String::new();
    for sign in token.chars() {
        match sign {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            // Some writers escape it, all readers take it.
            '/' if ascii => text.push_str("\\/"),
            sign if sign < ' ' || (ascii && !sign.is_ascii()) => {
                for unit in sign.encode_utf16(&mut [0; 2]) {
                    // A String takes all that is written to it.
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
            sign => text.push(sign),
        }
    }
    text
}

/// The signs that depend on `token` alone when `offset` bytes stand before it in the encoded text.
fn base64(token: &[u8], offset: usize) -> Vec<u8> {
    let padded: Vec<u8> = std::iter::repeat_n(0, offset).chain(token.iter().copied()).collect();
    let bit = |n: usize| padded.get(n / 8).map_or(0, |byte| byte >> (7 - n % 8) & 1);
    // A sign is six bits; the first that has no bit from before the token, up to the last that has none from after.
    let first = (offset * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    let sign = |n: usize| (0..6).fold(0, |value, at| value << 1 | bit(n * 6 + at));
    (first..last).map(|n| BASE64[usize::from(sign(n))]).collect()
}

/// Found by a library: everything that left a host, and its database, are gone through for each form of each credential.
fn position(bytes: &[u8], form: &[u8]) -> Option<usize> {
    if form.is_empty() {
        return None;
    }
    memchr::memmem::find(bytes, form)
}

#[cfg(test)]
mod tests {
    use ::base64::Engine as _;
    use ::base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::{prop_assert, proptest};
    use serde_json::json;

    use super::Canary;

    #[test]
    fn each_is_another() {
        assert_ne!(Canary::plant(), Canary::plant());
        assert_ne!(Canary::plain().token(), Canary::plain().token());
    }

    #[test]
    fn every_form_is_found() {
        let canary = Canary::of("tok_1/+=\"é ~\\x");
        for text in [
            "a tok_1/+=\"é ~\\x b",
            "tok_1%2F%2B%3D%22%C3%A9%20~%5Cx",
            "tok_1%2f%2b%3d%22%c3%a9%20~%5cx",
            "tok_1%2F%2B%3D%22%C3%A9+%7E%5Cx",
            "746f6b5f312f2b3d22c3a9207e5c78",
            "746F6B5F312F2B3D22C3A9207E5C78",
            r#"{"a":"tok_1/+=\"é ~\\x"}"#,
            r#"{"a":"tok_1\/+=\"\u00e9 ~\\x"}"#,
        ] {
            assert!(canary.find(text.as_bytes()).is_some(), "{text}");
        }
    }

    #[test]
    fn what_only_resembles_it_is_not_found() {
        let canary = Canary::of("tok_1234");
        for text in ["", "tok_123", "tok_1235", "TOK_1234", "4321_kot", "tok_ 1234", "dG9rXzEyM"] {
            assert_eq!(canary.find(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_find_names_its_place() {
        let canary = Canary::of("tok_1234");
        let told = "the planted credential is in the log, in clear, at byte 2: …a tok_1234 b…";
        assert_eq!(canary.leak("the log", b"a tok_1234 b").as_deref(), Some(told));
        assert_eq!(canary.leak("the log", b"a tok_123 b"), None);
    }

    proptest! {
        /// Checked against encoders that are not ours, at any offset.
        #[test]
        fn is_found_wherever_it_stands(token in "[ -~é]{8,40}", before: Vec<u8>, after: Vec<u8>) {
            let canary = Canary::of(token.clone());
            let whole = [&before, token.as_bytes(), &after].concat();
            prop_assert!(canary.find(&whole).is_some());
            prop_assert!(canary.find(hex::encode(&whole).as_bytes()).is_some());
            prop_assert!(canary.find(hex::encode_upper(&whole).as_bytes()).is_some());
            for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
                prop_assert!(canary.find(engine.encode(&whole).as_bytes()).is_some());
            }
            let object = json!({ "a": token }).to_string();
            prop_assert!(canary.find(object.as_bytes()).is_some());
        }

        #[test]
        fn is_not_found_where_it_is_not(token in "[a-z]{12,20}", text in "[A-Z0-9 ]{0,200}") {
            prop_assert!(Canary::of(token).find(text.as_bytes()).is_none());
        }
    }
}
