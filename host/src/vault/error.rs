//! What can go wrong with secrets and keys. No variant ever holds a value, a key or a part of one.

use std::path::PathBuf;

use thiserror::Error;

use crate::model::AccountId;
use crate::store::StoreError;

/// A secret that was not sealed or opened, or keys that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum VaultError {
    /// Sealed with a key that is not here.
    #[error("sealed with key {id}, which this host does not have: bring the key file or variable that has it")]
    UnknownKey {
        /// Which key.
        id: String,
    },
    /// None of this host's keys is one that the database's credentials are sealed with.
    #[error(
        "the credentials in this database are sealed with {known}, and this host only has {own}: put the file \
         `master.key` of the host that sealed them into this host's data folder in place of its own, or give its keys in \
         GLOVEPORT_MASTER_KEY. If they are lost, `gloveport key rotate` makes a new key known to the database; every \
         account has to be connected again then"
    )]
    WrongKeys {
        /// Identifiers of this host's keys.
        own: String,
        /// Identifiers of those that the database knows.
        known: String,
    },
    /// It was changed, or it belongs to another project, account or field, or its allowed hosts were changed.
    #[error("a sealed value was changed, or belongs to something else")]
    Tampered,
    /// It is not a sealed text.
    #[error("this is not a sealed value")]
    Malformed,
    /// The value is too long to be sealed.
    #[error("the value is too long to be sealed")]
    TooLong,
    /// The key file cannot be read or written.
    #[error("the key file {path} cannot be used: {reason}")]
    KeyFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Others than its owner may read the key file.
    #[error(
        "others may read the key file {path} (mode {mode:o}): run `chmod 600 {path}`; if others did, rotate the key"
    )]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The text of the keys is not what it should be.
    #[error("key {number} cannot be used: {reason}")]
    BadKey {
        /// Which one, from 1; 0 for all together.
        number: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Keys from the environment are changed where they come from.
    #[error("the keys come from the environment: put the new one first there, start again, and re-seal")]
    NotAFile,
    /// Another process is changing the key file.
    #[error("another process is changing the keys: try again when it is done")]
    Locked,
    /// A row changed again each time that it was to be sealed anew.
    #[error("account {account} changes all the time: run the rotation again")]
    Busy {
        /// Whose row.
        account: AccountId,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
