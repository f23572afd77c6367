//! Seals secrets for the database and opens them for one call.
//!
//! A sealed text is authenticated together with the project, owner, field and allowed hosts that it belongs to: moved
//! to another row, or kept in a row whose hosts were widened, it does not open. The master keys come from a file that
//! only its owner can read, or from the environment.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::config::SecretSources;
use crate::model::{ProjectId, Random, Secret, Webhook};
use crate::store::OAuthClient;

mod agree;
mod bodies;
mod error;
mod examine;
mod key_file;
mod keyring;
mod named;
mod rotate;
mod seal;

pub use agree::agree;
pub use error::VaultError;
pub use examine::{Examined, examine, keys_needed};
pub use named::NamedError;
pub use rotate::{Rotated, drop_unused, reseal, rotate, unused};

use key_file::Stamp;
use keyring::Keyring;

/// Where the master keys come from.
#[derive(Debug)]
pub enum KeySource {
    /// A file, made at the first start with a new key, readable by its owner only.
    File(PathBuf),
    /// The text of `GLOVEPORT_MASTER_KEY`: base64 of 32 bytes, or several of these separated by commas, each with an
    /// optional `id:` before it. The first seals; all open.
    Environment(Secret),
}

/// What a secret belongs to. All of it is authenticated with the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The tenant.
    pub project: &'a ProjectId,
    /// Whose it is: the identifier of an account, or of a webhook.
    pub owner: &'a str,
    /// Which part.
    pub field: &'a str,
    /// The only hosts it may be sent to, as patterns; their order does not matter.
    pub hosts: &'a [String],
}

impl<'a> Binding<'a> {
    /// Of an OAuth client's secret.
    pub fn of_oauth_client(client: &'a OAuthClient) -> Self {
        Self { project: &client.project, owner: client.id.as_str(), field: "client_secret", hosts: &client.hosts }
    }

    /// Of what a webhook's notices are signed with. It is sent nowhere.
    pub fn of_webhook(webhook: &'a Webhook) -> Self {
        Self { project: &webhook.project, owner: webhook.id.as_str(), field: "secret", hosts: &[] }
    }
}

/// What sealed bytes belong to that are no credential: what a call was asked, told and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body<'a> {
    /// The tenant.
    pub project: &'a ProjectId,
    /// Identifier of the record that they are kept with.
    pub record: &'a str,
    /// Which part of it.
    pub part: &'a str,
}

/// The master keys, and what they are for.
pub struct Vault {
    /// The file of the keys; `None` if they came from the environment and cannot change.
    file: Option<PathBuf>,
    random: Random,
    ring: ArcSwap<Keyring>,
    /// The file as it was when it was last read.
    seen: Mutex<Option<Stamp>>,
    /// What projects may read of secrets that are kept elsewhere.
    sources: SecretSources,
}

/// The key of one moment. Not to be kept: the key may be dropped once nothing is sealed with it.
pub struct Sealing {
    random: Random,
    ring: Arc<Keyring>,
}

impl Sealing {
    /// Seals bytes that are no credential, as text.
    pub fn seal(&self, whose: &Body<'_>, bytes: &[u8]) -> Result<String, VaultError> {
        seal::seal_body(self.ring.current(), &self.random, whose, bytes)
    }
}

impl Vault {
    /// Reads the master keys; makes the first one if they are to be in a file that does not exist.
    pub fn load(source: KeySource, random: Random) -> Result<Self, VaultError> {
        let (file, ring, seen) = match source {
            KeySource::File(path) => {
                let (ring, seen) = key_file::read_or_make(&path, &random)?;
                (Some(path), ring, Some(seen))
            }
            KeySource::Environment(text) => (None, seal::keyring_of(&text)?, None),
        };
        let (ring, seen) = (ArcSwap::from_pointee(ring), Mutex::new(seen));
        Ok(Self { file, random, ring, seen, sources: SecretSources::none() })
    }

    /// The same, which also reads secrets that are kept outside of the database.
    #[must_use]
    pub fn reading(self, sources: SecretSources) -> Self {
        Self { sources, ..self }
    }

    /// Seals a secret with the current key, as text.
    pub fn seal(&self, binding: &Binding<'_>, secret: &Secret) -> Result<String, VaultError> {
        // Another process may have made a new key since, and may drop the old one once nothing is sealed with it.
        self.reload()?;
        seal::seal(self.ring.load().current(), &self.random, binding, secret)
    }

    /// Opens a sealed text that belongs to `binding`.
    pub fn open(&self, binding: &Binding<'_>, sealed: &str) -> Result<Secret, VaultError> {
        let parts = seal::Parts::of(sealed)?;
        if let Some(key) = self.ring.load().find(parts.key_id) {
            return seal::open(key, binding, &parts);
        }
        // Sealed by another process with a key that it made since: look once.
        self.reload()?;
        let ring = self.ring.load();
        let key = ring.find(parts.key_id).ok_or_else(|| VaultError::UnknownKey { id: parts.key_id.into() })?;
        seal::open(key, binding, &parts)
    }

    /// Seals bytes that are no credential with the current key, as text.
    pub fn seal_body(&self, whose: &Body<'_>, bytes: &[u8]) -> Result<String, VaultError> {
        self.sealing()?.seal(whose, bytes)
    }

    /// Looks once for the current key, to seal several bodies of one moment with it.
    pub fn sealing(&self) -> Result<Sealing, VaultError> {
        self.reload()?;
        Ok(Sealing { random: self.random, ring: self.ring.load_full() })
    }

    /// Opens what [`Vault::seal_body`] sealed for the same.
    pub fn open_body(&self, whose: &Body<'_>, sealed: &str) -> Result<Vec<u8>, VaultError> {
        let parts = seal::Parts::of(sealed)?;
        if self.ring.load().find(parts.key_id).is_none() {
            self.reload()?;
        }
        let ring = self.ring.load();
        let key = ring.find(parts.key_id).ok_or_else(|| VaultError::UnknownKey { id: parts.key_id.into() })?;
        seal::open_body(key, whose, &parts)
    }

    /// The identifier of the key that seals now.
    pub fn current_key_id(&self) -> String {
        self.ring.load().current().id.clone()
    }

    /// The identifiers of all keys, the current one first.
    pub fn key_ids(&self) -> Vec<String> {
        self.ring.load().ids()
    }

    /// Takes over the file's keys if it is not as it was when it was last read.
    fn reload(&self) -> Result<(), VaultError> {
        let Some(path) = &self.file else { return Ok(()) };
        let now = key_file::stamp(path)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == Some(now) {
            return Ok(());
        }
        let (ring, read) = key_file::read(path)?;
        if ring.ids() != self.ring.load().ids() {
            // What is kept in memory may be sealed with a key that was dropped from the file since.
            let known = self.ring.load_full();
            self.ring.store(Arc::new(ring.remembering(&known)));
        }
        *seen = Some(read);
        Ok(())
    }

    /// Changes the key file under its lock and takes the result over.
    fn change_file(&self, change: impl FnOnce(Keyring) -> Result<Keyring, VaultError>) -> Result<(), VaultError> {
        let path = self.file.as_ref().ok_or(VaultError::NotAFile)?;
        self.ring.store(Arc::new(key_file::change(path, &self.random, change)?));
        Ok(())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({})", self.key_ids().join(", "))
    }
}
