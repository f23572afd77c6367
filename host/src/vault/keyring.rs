//! The master keys in memory: wiped when dropped, never printed.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::VaultError;
use crate::model::Random;

/// More keys than anyone rotates through before dropping the old ones: a longer file is not a key file.
const MAX_KEYS: usize = 64;

/// One master key.
pub(super) struct Key {
    /// The first eight hex digits of the key's SHA-256: enough to tell a handful of keys apart, useless for guessing 256
    /// random bits.
    pub(super) id: String,
    pub(super) bytes: Zeroizing<[u8; 32]>,
}

/// Master keys: the first one seals, all open.
pub(super) struct Keyring {
    current: Arc<Key>,
    older: Vec<Arc<Key>>,
    /// Those that were here before, and open still what this process holds.
    gone: Vec<Arc<Key>>,
}

impl Key {
    pub(super) fn new(random: &Random) -> Self {
        Self::of(Zeroizing::new(random.bytes()))
    }

    fn of(bytes: Zeroizing<[u8; 32]>) -> Self {
        let mut id = hex::encode(Sha256::digest(&bytes[..]));
        id.truncate(8);
        Self { id, bytes }
    }
}

impl Keyring {
    pub(super) fn of(current: Key) -> Self {
        Self { current: Arc::new(current), older: Vec::new(), gone: Vec::new() }
    }

    /// Reads keys, one in a line or between commas: base64 of 32 bytes, with an optional `id:` before it that must be
    /// right. Lines that begin with `#` are for people.
    pub(super) fn parse(text: &str) -> Result<Self, VaultError> {
        let mut keys: Vec<Arc<Key>> = Vec::new();
        let entries = text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(|line| line.split(','));
        for entry in entries.map(str::trim).filter(|entry| !entry.is_empty()) {
            let number = keys.len() + 1;
            let bad = |reason| VaultError::BadKey { number, reason };
            let key = parse_key(entry).map_err(bad)?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(bad("it is there twice"));
            }
            if number > MAX_KEYS {
                return Err(bad("there are too many keys"));
            }
            keys.push(Arc::new(key));
        }
        let mut keys = keys.into_iter();
        let current = keys.next().ok_or(VaultError::BadKey { number: 0, reason: "there is none" })?;
        Ok(Self { current, older: keys.collect(), gone: Vec::new() })
    }

    /// As [`Keyring::parse`] reads it.
    pub(super) fn to_text(&self) -> Zeroizing<String> {
        // Sized so that it does not grow: growing would leave a copy behind that nobody wipes.
        let mut text = Zeroizing::new(String::with_capacity(HEADER.len() + (self.older.len() + 1) * 64));
        text.push_str(HEADER);
        for key in self.all() {
            text.push_str(&key.id);
            text.push(':');
            text.push_str(&Zeroizing::new(STANDARD.encode(&key.bytes[..])));
            text.push('\n');
        }
        text
    }

    pub(super) fn current(&self) -> &Key {
        &self.current
    }

    pub(super) fn find(&self, id: &str) -> Option<&Key> {
        self.all().chain(&self.gone).find(|key| key.id == id).map(AsRef::as_ref)
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.all().map(|key| key.id.clone()).collect()
    }

    /// The same with `key` as the one that seals.
    pub(super) fn with_current(self, key: Key) -> Result<Self, VaultError> {
        let mut older = vec![self.current];
        older.extend(self.older);
        if older.len() >= MAX_KEYS {
            return Err(VaultError::BadKey { number: 0, reason: "there are too many keys: drop those not in use" });
        }
        Ok(Self { current: Arc::new(key), older, gone: self.gone })
    }

    /// The same without the older keys that `in_use` does not name.
    pub(super) fn retain(mut self, in_use: impl Fn(&str) -> bool) -> Self {
        self.older.retain(|key| in_use(&key.id));
        self
    }

    /// The same, which opens what those opened that were known before.
    pub(super) fn remembering(mut self, before: &Self) -> Self {
        let gone = before.all().chain(&before.gone).filter(|key| self.find(&key.id).is_none());
        self.gone = gone.cloned().collect();
        self
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Key>> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

const HEADER: &str = "# Gloveport's master keys: the first seals, all open. Keep a copy apart from the database.\n";

fn parse_key(entry: &str) -> Result<Key, &'static str> {
    let (id, text) = match entry.split_once(':') {
        Some((id, text)) => (Some(id.trim()), text.trim()),
        None => (None, entry),
    };
    let engines = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD];
    let decoded = engines.iter().find_map(|engine| engine.decode(text).ok()).map(Zeroizing::new);
    let decoded = decoded.ok_or("it is not base64")?;
    let bytes = <[u8; 32]>::try_from(decoded.as_slice()).map_err(|_| "it does not have 32 bytes")?;
    if bytes.iter().all(|byte| *byte == bytes[0]) {
        return Err("it is not random: make one with `openssl rand -base64 32`");
    }
    let key = Key::of(Zeroizing::new(bytes));
    match id {
        Some(id) if id != key.id => Err("its identifier is not that of its bytes"),
        _ => Ok(key),
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({})", self.ids().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base64_of(key: &Key) -> String {
        STANDARD.encode(&key.bytes[..])
    }

    #[test]
    fn keys_read_back_in_their_order() {
        let random = Random::system();
        let ring = Keyring::of(Key::new(&random)).with_current(Key::new(&random)).unwrap();
        let read = Keyring::parse(&ring.to_text()).unwrap();
        assert_eq!(read.ids(), ring.ids());
        assert_eq!(read.current().bytes, ring.current().bytes);
        assert_eq!(read.current().id.len(), 8);
        let bare = base64_of(ring.current());
        assert_eq!(Keyring::parse(&bare).unwrap().ids(), [ring.current().id.clone()]);
        let listed = format!(" {bare} , {}:{}", ring.older[0].id, base64_of(&ring.older[0]));
        assert_eq!(Keyring::parse(&listed).unwrap().ids(), ring.ids());
        let (first, second) = (ring.current().id.clone(), ring.older[0].id.clone());
        let file = Keyring::parse(&ring.to_text()).unwrap().retain(|_| false);
        assert_eq!(file.ids().len(), 1);
        assert!(file.find(&second).is_none());
        // In memory it opens on, for as long as the process lives, and is never written again.
        let kept = file.remembering(&ring);
        let again = Keyring::parse(&kept.to_text()).unwrap().remembering(&kept);
        for ring in [&kept, &again] {
            assert_eq!(ring.ids(), std::slice::from_ref(&first));
            assert!(ring.find(&second).is_some() && !ring.to_text().contains(&second));
        }
    }

    #[test]
    fn what_is_not_a_key_is_named_by_its_place_and_never_quoted() {
        let random = Random::system();
        let good = base64_of(&Key::new(&random));
        let short = STANDARD.encode([7; 31]);
        let long = STANDARD.encode([7; 33]);
        let even = STANDARD.encode([7; 32]);
        let cases = [
            (String::new(), 0),
            ("# nothing\n\n".into(), 0),
            ("correct horse battery staple".into(), 1),
            (short, 1),
            (long, 1),
            (even, 1),
            (format!("00000000:{good}"), 1),
            (format!("{good},{good}"), 2),
            (format!("{good}\n{good}x"), 2),
            ((0..=MAX_KEYS).map(|_| base64_of(&Key::new(&random))).collect::<Vec<_>>().join(","), MAX_KEYS + 1),
        ];
        for (text, place) in cases {
            let error = Keyring::parse(&text).unwrap_err();
            assert!(matches!(error, VaultError::BadKey { number, .. } if number == place), "{place}: {error}");
            assert!(!error.to_string().contains(&good) && !format!("{error:?}").contains(&good));
        }
    }

    #[test]
    fn debug_shows_identifiers_only() {
        let ring = Keyring::of(Key::new(&Random::system()));
        assert_eq!(format!("{ring:?}"), format!("Keyring({})", ring.current().id));
    }
}
