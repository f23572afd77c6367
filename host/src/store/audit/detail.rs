//! What an audit row says beside its columns: a small JSON object, with digests in place of what is secret or long.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Bytes of one text. Names and identifiers are shorter; what is longer is no name, and is cut so that nobody can make
/// rows that never go away grow.
const MAX_TEXT: usize = 512;

/// More about an act. Neither secrets nor bodies: give [`Detail::digest`] for those.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail(Map<String, Value>);

impl Detail {
    /// With a name or an identifier; one of more than 512 bytes is cut.
    pub fn with(mut self, name: &str, text: &str) -> Self {
        let mut value = text;
        if text.len() > MAX_TEXT {
            value = &text[..text.floor_char_boundary(MAX_TEXT)];
        }
        self.0.insert(name.into(), value.into());
        self
    }

    /// [`Detail::with`] if there is a text.
    pub fn with_some(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.with(name, text),
            None => self,
        }
    }

    /// With a number.
    pub fn number(mut self, name: &str, number: u64) -> Self {
        self.0.insert(name.into(), number.into());
        self
    }

    /// With a flag.
    pub fn flag(mut self, name: &str, flag: bool) -> Self {
        self.0.insert(name.into(), flag.into());
        self
    }

    /// With the mark that nothing leaves for a call, if that is so.
    pub(in crate::store) fn simulated(self, simulated: bool) -> Self {
        if simulated { self.flag("simulated", true) } else { self }
    }

    /// With the SHA-256 of something that is secret, long, or somebody's content; hex.
    pub fn digest(self, name: &str, content: &str) -> Self {
        self.with(name, &hex::encode(Sha256::digest(content.as_bytes())))
    }

    /// As it is stored and hashed.
    pub(super) fn text(&self) -> String {
        // A map of texts, numbers and flags always has a JSON form.
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters_and_digests_are_of_all() {
        let long = "é".repeat(MAX_TEXT);
        let detail = Detail::default().with("x", &format!("a{long}")).digest("d", &long).with_some("none", None);
        let value: Value = serde_json::from_str(&detail.text()).unwrap();
        assert_eq!(value["x"].as_str().unwrap().len(), MAX_TEXT - 1);
        assert_eq!(value["d"], hex::encode(Sha256::digest(long.as_bytes())));
        assert_eq!(value.as_object().unwrap().len(), 2);
        assert_eq!(Detail::default().text(), "{}");
        assert_eq!(
            Detail::default().number("n", u64::MAX).flag("f", true).text(),
            r#"{"f":true,"n":18446744073709551615}"#
        );
    }
}
