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
    /// The component cannot be compiled, linked or asked what it offers.
    #[error("not a connector: {0}")]
    Runtime(#[from] RuntimeError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The component's bytes are not where they should be.
    #[error("component {0} is missing from the database: install the connector again")]
    Missing(String),
}
