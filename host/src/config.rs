//! The operator's configuration: as written, and as used.

use std::path::PathBuf;

use ipnet::IpNet;

/// Networks that are not public and may be reached all the same: for development, tests and internal APIs.
#[derive(Clone, Debug, Default)]
pub struct PrivateNetworks(pub Vec<IpNet>);

/// Where rows are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// One file.
    Sqlite(PathBuf),
    /// A PostgreSQL server, as a `postgres://` URL.
    Postgres(String),
}
