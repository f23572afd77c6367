//! A value that must not be seen: wiped when dropped, and readable only where `expose` is called.

use std::fmt;

use zeroize::Zeroizing;

use super::FieldPattern;

/// A credential, or a part of one, in clear.
///
/// It cannot be cloned, printed or serialized. The few files that may call [`Secret::expose`] are named in
/// ARCHITECTURE.md, and a test holds the tree to that list.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over. The caller's own buffers are its own to wipe.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The clear text.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is anything to hide.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether both hide the same. How long that takes tells only their lengths.
    pub fn is_same(&self, other: &Self) -> bool {
        let (one, two) = (self.0.as_bytes(), other.0.as_bytes());
        one.len() == two.len() && one.iter().zip(two).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }

    /// Whether the whole of it matches.
    pub fn fits(&self, pattern: &FieldPattern) -> bool {
        pattern.fits(&self.0)
    }

    /// Gives up the secrecy of a value: one that turned out to be a public field, such as a domain, or one that only this
    /// process goes on with. The files that may are a fence of `ARCHITECTURE.md`.
    pub fn into_public(mut self) -> String {
        std::mem::take(&mut *self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn what_is_the_same_is_told_without_showing_it() {
        let is_same = |one: &str, two: &str| Secret::new(one.into()).is_same(&Secret::new(two.into()));
        assert!(is_same("", "") && is_same("sk_1", "sk_1"));
        assert!(!is_same("sk_1", "sk_2") && !is_same("sk_1", "sk_") && !is_same("", "sk_1"));
    }

    #[test]
    fn debug_hides_the_value() {
        let secret = Secret::new("sk_live_1".into());
        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)), "*** Some(\n    ***,\n)");
    }
}
