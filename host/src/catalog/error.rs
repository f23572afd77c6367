//! Why something is not installed, or not on offer.

use thiserror::Error;

use crate::runtime::RuntimeError;
use crate::store::StoreError;

/// Why the catalogue did not do what it was asked.
#[derive(Debug, Error)]
pub enum CatalogError {
    /// The bytes are not a connector that this host can run: its author has to act.
    #[error("not a connector: {0}")]
    NotAConnector(String),
    /// It is there already with other contents, or something depends on it.
    #[error("{0}")]
    Conflict(String),
    /// A document, or what was said of it, is not what it should be: whoever sent it has to act.
    #[error("{0}")]
    Document(String),
    /// A document cannot be fetched.
    #[error("the document cannot be fetched: {0}")]
    Fetch(String),
    /// There is no connector of this name.
    #[error("{0}")]
    NotFound(String),
    /// The generic connector is not there, or is none: the operator has to act.
    #[error("{0}")]
    NoGeneric(String),
    /// The component cannot be compiled, linked or asked what it offers.
    #[error("not a connector: {0}")]
    Runtime(#[from] RuntimeError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The work on it ended abnormally.
    #[error("the work on the component ended abnormally: {0}")]
    Unfinished(String),
    /// The component's bytes are not where they should be.
    #[error("component {0} is missing from the database: install the connector again")]
    Missing(String),
    /// The component's bytes are not those that were installed (lesson 12).
    #[error("component {0} was changed in the database: install the connector again")]
    Altered(String),
}

impl CatalogError {
    /// Whether this host has to be mended, and not the connector.
    pub fn is_hosts_own(&self) -> bool {
        use RuntimeError::{Cache, Config, Digest, Engine};
        match self {
            Self::Store(_) | Self::Missing(_) | Self::Altered(_) | Self::Unfinished(_) => true,
            Self::Runtime(error) => matches!(error, Config { .. } | Engine { .. } | Cache { .. } | Digest { .. }),
            Self::NotAConnector(_)
            | Self::Conflict(_)
            | Self::Document(_)
            | Self::Fetch(_)
            | Self::NotFound(_)
            | Self::NoGeneric(_) => false,
        }
    }
}
