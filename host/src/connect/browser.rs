//! A browser, told from others by a random cookie: the one that used a link is the one that may go on.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::model::Random;

/// Characters of 32 random bytes in base64url.
const LENGTH: usize = 43;

/// The content of the cookie. It is kept by its browser only; a hash of it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Browser(String);

impl Browser {
    /// One that was not seen before.
    pub fn new(random: &Random) -> Self {
        Self(unguessable(random))
    }

    /// Reads a cookie back; `None` if it is not one that [`Browser::new`] makes.
    pub fn parse(cookie: &str) -> Option<Self> {
        is_unguessable(cookie).then(|| Self(cookie.to_owned()))
    }

    /// What goes into the cookie.
    pub fn cookie(&self) -> &str {
        &self.0
    }

    /// What it is stored by.
    pub fn hash(&self) -> String {
        hash("browser", &self.0)
    }

    /// What a form about `subject` has to carry, so that no other site can send it: nobody but this browser and this host can
    /// know it.
    pub fn form_token(&self, subject: &str) -> String {
        hash("form", &format!("{} {subject}", self.0))
    }

    /// Whether a form carries what it has to. The comparison is of hashes, so its time tells nothing.
    pub fn made(&self, form_token: &str, subject: &str) -> bool {
        hash("compare", form_token) == hash("compare", &self.form_token(subject))
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Browser(***)")
    }
}

/// 32 random bytes as text.
pub fn unguessable(random: &Random) -> String {
    URL_SAFE_NO_PAD.encode(random.bytes::<32>())
}

/// Whether a text has the form of what [`unguessable`] makes.
pub fn is_unguessable(text: &str) -> bool {
    text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The SHA-256 of a secret text for one purpose; hex.
pub fn hash(purpose: &str, text: &str) -> String {
    hex::encode(Sha256::digest(format!("gloveport {purpose} v1 {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_reads_back_and_others_do_not() {
        let browser = Browser::new(&Random::system());
        assert_eq!(Browser::parse(browser.cookie()), Some(browser.clone()));
        assert_eq!(format!("{browser:?}"), "Browser(***)");
        let long = format!("{}a", browser.cookie());
        for text in ["", "a", &long, &browser.cookie()[1..], &"=".repeat(LENGTH), &"é".repeat(LENGTH)] {
            assert_eq!(Browser::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_form_is_of_one_browser_and_one_subject() {
        let (one, other) = (Browser::new(&Random::system()), Browser::new(&Random::system()));
        let token = one.form_token("a");
        assert!(one.made(&token, "a"));
        assert!(!one.made(&token, "b") && !other.made(&token, "a") && !one.made("", "a"));
        assert!(!one.made(&one.hash(), "a") && !one.made(one.cookie(), "a"));
        assert_ne!(one.hash(), other.hash());
    }
}
