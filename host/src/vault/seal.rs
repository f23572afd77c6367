//! XChaCha20-Poly1305 over a secret and what it belongs to: the only file of the vault that sees a secret in clear.
//!
//! A sealed text is `v1.<key id>.<base64url of nonce and ciphertext>`. The nonce is 192 random bits: with XChaCha20
//! these do not repeat by chance, so hosts need not agree on a counter.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use zeroize::Zeroize as _;

use super::keyring::{Key, Keyring};
use super::{Binding, Body, VaultError};
use crate::model::{Random, Secret};

const FORMAT: &str = "v1";
const NONCE: usize = 24;

/// A sealed text taken apart.
pub(super) struct Parts<'a> {
    pub(super) key_id: &'a str,
    body: Vec<u8>,
}

impl<'a> Parts<'a> {
    pub(super) fn of(sealed: &'a str) -> Result<Self, VaultError> {
        let mut parts = sealed.split('.');
        let (Some(FORMAT), Some(key_id), Some(body), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(VaultError::Malformed);
        };
        if key_id.len() != 8 || !key_id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(VaultError::Malformed);
        }
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| VaultError::Malformed)?;
        if body.len() < NONCE { Err(VaultError::Malformed) } else { Ok(Self { key_id, body }) }
    }
}

/// What all texts begin with that this key sealed.
pub(super) fn start(key_id: &str) -> String {
    format!("{FORMAT}.{key_id}.")
}

/// Seals a secret with `key`.
pub(super) fn seal(key: &Key, random: &Random, binding: &Binding<'_>, secret: &Secret) -> Result<String, VaultError> {
    let nonce: [u8; NONCE] = random.bytes();
    let payload = Payload { msg: secret.expose().as_bytes(), aad: &associated(&key.id, binding) };
    let ciphertext = cipher(key).encrypt(&XNonce::from(nonce), payload).map_err(|_| VaultError::TooLong)?;
    let mut body = Vec::with_capacity(NONCE + ciphertext.len());
    body.extend_from_slice(&nonce);
    body.extend_from_slice(&ciphertext);
    Ok(format!("{FORMAT}.{}.{}", key.id, URL_SAFE_NO_PAD.encode(body)))
}

/// Opens a sealed text with `key`.
pub(super) fn open(key: &Key, binding: &Binding<'_>, parts: &Parts<'_>) -> Result<Secret, VaultError> {
    let (nonce, ciphertext) = parts.body.split_first_chunk::<NONCE>().ok_or(VaultError::Malformed)?;
    let payload = Payload { msg: ciphertext, aad: &associated(parts.key_id, binding) };
    let clear = cipher(key).decrypt(&XNonce::from(*nonce), payload).map_err(|_| VaultError::Tampered)?;
    match String::from_utf8(clear) {
        Ok(text) => Ok(Secret::new(text)),
        Err(error) => {
            error.into_bytes().zeroize();
            Err(VaultError::Malformed)
        }
    }
}

/// Seals bytes that are no credential with `key`.
pub(super) fn seal_body(key: &Key, random: &Random, whose: &Body<'_>, bytes: &[u8]) -> Result<String, VaultError> {
    let nonce: [u8; NONCE] = random.bytes();
    let payload = Payload { msg: bytes, aad: &associated_body(&key.id, whose) };
    let ciphertext = cipher(key).encrypt(&XNonce::from(nonce), payload).map_err(|_| VaultError::TooLong)?;
    Ok(format!("{FORMAT}.{}.{}", key.id, URL_SAFE_NO_PAD.encode([nonce.as_slice(), &ciphertext].concat())))
}

/// Opens what [`seal_body`] sealed.
pub(super) fn open_body(key: &Key, whose: &Body<'_>, parts: &Parts<'_>) -> Result<Vec<u8>, VaultError> {
    let (nonce, ciphertext) = parts.body.split_first_chunk::<NONCE>().ok_or(VaultError::Malformed)?;
    let payload = Payload { msg: ciphertext, aad: &associated_body(parts.key_id, whose) };
    cipher(key).decrypt(&XNonce::from(*nonce), payload).map_err(|_| VaultError::Tampered)
}

/// The keys in a variable of the environment.
pub(super) fn keyring_of(text: &Secret) -> Result<Keyring, VaultError> {
    Keyring::parse(text.expose())
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&*key.bytes).into())
}

/// What is authenticated with a secret. Each part comes after its length, so that no two bindings give the same bytes.
fn associated(key_id: &str, binding: &Binding<'_>) -> Vec<u8> {
    let mut hosts: Vec<&str> = binding.hosts.iter().map(String::as_str).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let mut bytes = Vec::with_capacity(256);
    let parts = ["gloveport sealed v1", key_id, binding.project.as_str(), binding.owner, binding.field];
    for part in parts.into_iter().chain(hosts) {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// What is authenticated with a body. Its first part makes sure that a body never opens as a credential.
fn associated_body(key_id: &str, whose: &Body<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    for part in ["gloveport body v1", key_id, whose.project.as_str(), whose.record, whose.part] {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountId, Clock, ProjectId};

    struct Fixture {
        key: Key,
        project: ProjectId,
        account: AccountId,
        hosts: Vec<String>,
    }

    impl Fixture {
        fn new() -> Self {
            let (clock, random) = (Clock::system(), Random::system());
            Self {
                key: Key::new(&random),
                project: ProjectId::new(&clock, &random),
                account: AccountId::new(&clock, &random),
                hosts: vec!["api.example.com".into(), "*.example.org".into()],
            }
        }

        fn binding(&self) -> Binding<'_> {
            Binding { project: &self.project, owner: self.account.as_str(), field: "token", hosts: &self.hosts }
        }

        fn seal(&self, text: &str) -> String {
            seal(&self.key, &Random::system(), &self.binding(), &Secret::new(text.into())).unwrap()
        }
    }

    fn try_open(key: &Key, binding: &Binding<'_>, sealed: &str) -> Result<String, VaultError> {
        Ok(open(key, binding, &Parts::of(sealed)?)?.expose().to_owned())
    }

    #[test]
    fn a_secret_reads_back_and_never_looks_the_same() {
        let fixture = Fixture::new();
        for text in ["", "x", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "päßwörd 🔑", &"k".repeat(70_000)] {
            let sealed = fixture.seal(text);
            assert_eq!(try_open(&fixture.key, &fixture.binding(), &sealed).as_deref(), Ok(text));
            assert_ne!(fixture.seal(text), sealed);
            assert!(text.len() < 8 || !sealed.contains(text));
        }
    }

    /// HC-18, lesson 5: moved or widened, a credential does not open.
    #[test]
    fn a_secret_opens_for_exactly_what_it_was_sealed_for() {
        let fixture = Fixture::new();
        let other = Fixture::new();
        let sealed = fixture.seal("canary");
        let binding = fixture.binding();
        let more = [fixture.hosts.clone(), vec!["evil.example".into()]].concat();
        let joined = vec!["api.example.com*.example.org".to_owned()];
        let wrong = [
            ("project", Binding { project: &other.project, ..binding }),
            ("account", Binding { owner: other.account.as_str(), ..binding }),
            ("field", Binding { field: "password", ..binding }),
            ("part of the field", Binding { field: "toke", ..binding }),
            ("no field", Binding { field: "", ..binding }),
            ("more hosts", Binding { hosts: &more, ..binding }),
            ("fewer hosts", Binding { hosts: &fixture.hosts[..1], ..binding }),
            ("no hosts", Binding { hosts: &[], ..binding }),
            ("joined hosts", Binding { hosts: &joined, ..binding }),
        ];
        for (what, binding) in wrong {
            assert_eq!(try_open(&fixture.key, &binding, &sealed), Err(VaultError::Tampered), "{what}");
        }
        assert_eq!(try_open(&other.key, &binding, &sealed), Err(VaultError::Tampered), "another key");
        let mut turned = fixture.hosts.clone();
        turned.reverse();
        assert!(try_open(&fixture.key, &Binding { hosts: &turned, ..binding }, &sealed).is_ok(), "order of hosts");
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let fixture = Fixture::new();
        let sealed = fixture.seal("canary");
        let (head, body) = sealed.rsplit_once('.').unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(body).unwrap();
        for at in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[at / 8] ^= 1 << (at % 8);
            let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(&changed));
            assert_eq!(try_open(&fixture.key, &fixture.binding(), &text), Err(VaultError::Tampered), "bit {at}");
        }
        for length in NONCE..bytes.len() {
            let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(&bytes[..length]));
            assert_eq!(try_open(&fixture.key, &fixture.binding(), &text), Err(VaultError::Tampered), "{length} bytes");
        }
    }

    #[test]
    fn what_is_not_sealed_is_malformed() {
        let fixture = Fixture::new();
        let sealed = fixture.seal("canary");
        let body = sealed.rsplit_once('.').unwrap().1;
        let cases = [
            String::new(),
            "canary".into(),
            "v1".into(),
            "v1..".into(),
            format!("v2.{}.{body}", fixture.key.id),
            format!("v1.{}", fixture.key.id),
            format!("{sealed}.x"),
            format!("v1.{}.{body}=", fixture.key.id),
            format!("v1.{}.!{body}", fixture.key.id),
            format!("v1.{}.AAAA", fixture.key.id),
            format!("v1.xyz.{body}"),
            format!("v1.{}.{body}", fixture.key.id.to_uppercase().replace(|c: char| c.is_ascii_digit(), "F")),
        ];
        for case in cases {
            assert_eq!(try_open(&fixture.key, &fixture.binding(), &case), Err(VaultError::Malformed), "{case:?}");
        }
    }

    proptest::proptest! {
        /// Different bindings are different bytes, whatever the parts contain.
        #[test]
        fn bindings_are_unambiguous(
            one in ("[a-b.]{0,3}", proptest::collection::vec("[a-b.]{0,3}", 0..4)),
            two in ("[a-b.]{0,3}", proptest::collection::vec("[a-b.]{0,3}", 0..4)),
        ) {
            let fixture = Fixture::new();
            let bytes = |(field, hosts): &(String, Vec<String>)| {
                associated(&fixture.key.id, &Binding { field, hosts, ..fixture.binding() })
            };
            let meaning = |(field, hosts): &(String, Vec<String>)| {
                (field.clone(), hosts.iter().cloned().collect::<std::collections::BTreeSet<_>>())
            };
            proptest::prop_assert_eq!(bytes(&one) == bytes(&two), meaning(&one) == meaning(&two));
        }
    }
}
