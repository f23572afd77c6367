//! The operator's configuration, in two steps: as written ([`file`]), and as used ([`Config`]).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use thiserror::Error;
use url::Url;

use crate::model::Secret;

mod connect;
mod environment;
pub mod fault;
mod file;
mod limits;
mod mcp;
mod retention;
mod sources;

pub use connect::{Connect, WrittenConnect};
pub use environment::Environment;
pub use fault::FaultPoint;
pub use file::ConfigFile;
pub use limits::NeighbourLimits;
pub use mcp::{Mcp, McpClient, WrittenMcp};
pub use retention::{KeepBodies, Retention, WrittenRetention};
pub use sources::{SecretSources, SourceError, WrittenSources};

/// How long calls that run may go on after the host was asked to stop: longer than the longest call
/// ([`crate::call::MAX_TIMEOUT`] is 120 s), so that a stop never makes an outcome unknown.
pub const STOP_GRACE: Duration = Duration::from_secs(130);

/// What a host runs with.
#[derive(Debug)]
pub struct Config {
    /// Folder of all that the host keeps: database, master key, compiled components.
    pub data: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where it keeps its rows.
    pub database: Database,
    /// What links to this host begin with; never taken from a request (lesson 15).
    pub public_url: Url,
    /// Networks that are not public and may be reached all the same.
    pub private_networks: PrivateNetworks,
    /// A certificate authority to trust besides the public ones, as a PEM file.
    pub extra_ca: Option<PathBuf>,
    /// The first admin key; one is made and shown once if there is none.
    pub admin_key: Option<Secret>,
    /// The master key, if it is not to be kept in the data folder.
    pub master_key: Option<Secret>,
    /// Whether executions are recorded.
    pub records: Records,
    /// What is kept of them besides, and for how long.
    pub retention: Retention,
    /// The generic connector, which runs the tools of imported documents; looked for beside the program otherwise.
    pub generic: Option<PathBuf>,
    /// The pages on which users connect their accounts.
    pub connect: Connect,
    /// What MCP clients are told.
    pub mcp: Mcp,
    /// What projects may read of secrets that are kept outside of the database.
    pub secrets: SecretSources,
    /// How many guests may run at the same time.
    pub max_concurrent_calls: u32,
    /// What one caller may take from its neighbours.
    pub limits: NeighbourLimits,
    /// How long calls that run may go on after the host was asked to stop.
    pub stop_grace: Duration,
}

/// Where rows are kept. A URL holds a password, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// One file.
    Sqlite(PathBuf),
    /// A PostgreSQL server, as a `postgres://` URL.
    Postgres(String),
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "Sqlite({})", path.display()),
            Self::Postgres(_) => f.write_str("Postgres(***)"),
        }
    }
}

/// Whether executions are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// Each execution is on disk before its first byte leaves, and its outcome after.
    Durable,
    /// None are kept. For measuring what records cost; no option of the command line leads here.
    Off,
}

/// Networks that are not public and may be reached all the same: for development, tests and internal APIs.
#[derive(Clone, Debug, Default)]
pub struct PrivateNetworks(pub Vec<IpNet>);

/// Why a configuration cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{path} is not a valid configuration: {message}")]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
    /// A value is not what it should be.
    #[error("`{value}` is not a valid {name}: {reason}")]
    Value {
        /// Which setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What is expected.
        reason: String,
    },
}

/// How many guests may run at the same time unless the operator says otherwise: each may hold up to 64 MiB, so
/// 1,000 is more than a small machine's memory, but idle slots cost only address space.
pub const DEFAULT_MAX_CONCURRENT_CALLS: u32 = 1_000;

impl Config {
    /// What is used, from what was written: `file` is the configuration file with the command line laid over it.
    pub fn resolve(file: ConfigFile, environment: Environment) -> Result<Self, ConfigError> {
        let data = file.data.unwrap_or_else(|| PathBuf::from("gloveport-data"));
        let listen = match &file.listen {
            Some(text) => parse("listen address", text, "an address and a port, such as 127.0.0.1:7070")?,
            None => SocketAddr::from(([127, 0, 0, 1], 7070)),
        };
        let database = match file.database {
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => Database::Postgres(url),
            Some(value) => {
                return Err(ConfigError::Value {
                    name: "database",
                    value: value.split("://").next().unwrap_or_default().into(),
                    reason: "a postgres:// URL; without one, SQLite in the data folder is used".into(),
                });
            }
            None => Database::Sqlite(data.join("gloveport.db")),
        };
        let public_url = match &file.public_url {
            Some(text) => parse("public URL", text, "an absolute URL, such as https://gloveport.example.com")?,
            None => parse("public URL", &format!("http://{listen}"), "an absolute URL")?,
        };
        let networks = file.allow_private_network.unwrap_or_default();
        let private_networks = networks
            .iter()
            .map(|text| parse("private network", text, "a network in CIDR notation, such as 10.0.0.0/8"))
            .collect::<Result<_, _>>()?;
        let secrets = SecretSources::resolve(file.secrets.unwrap_or_default(), &data)?;
        Ok(Self {
            data,
            listen,
            database,
            public_url,
            private_networks: PrivateNetworks(private_networks),
            extra_ca: file.extra_ca,
            generic: file.generic,
            admin_key: environment.admin_key,
            master_key: environment.master_key,
            records: Records::Durable,
            retention: Retention::resolve(file.records.unwrap_or_default())?,
            connect: Connect::resolve(file.connect.unwrap_or_default())?,
            mcp: Mcp::resolve(file.mcp.unwrap_or_default())?,
            secrets,
            limits: file.limits.unwrap_or(NeighbourLimits::NONE),
            max_concurrent_calls: file.max_concurrent_calls.unwrap_or(DEFAULT_MAX_CONCURRENT_CALLS).max(1),
            stop_grace: STOP_GRACE,
        })
    }
}

fn parse<T: std::str::FromStr>(name: &'static str, text: &str, expected: &str) -> Result<T, ConfigError> {
    text.parse().map_err(|_| ConfigError::Value { name, value: text.into(), reason: format!("expected {expected}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_written_is_a_loopback_host_on_sqlite() {
        let config = Config::resolve(ConfigFile::default(), Environment::default()).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:7070");
        assert_eq!(config.public_url.as_str(), "http://127.0.0.1:7070/");
        assert_eq!(config.database, Database::Sqlite("gloveport-data/gloveport.db".into()));
        assert!(config.private_networks.0.is_empty());
    }

    #[test]
    fn values_that_make_no_sense_are_named() {
        let cases = [
            (ConfigFile { listen: Some("here".into()), ..ConfigFile::default() }, "listen address"),
            (ConfigFile { database: Some("mysql://u:p@h/d".into()), ..ConfigFile::default() }, "database"),
            (ConfigFile { public_url: Some("gloveport".into()), ..ConfigFile::default() }, "public URL"),
            (
                ConfigFile { allow_private_network: Some(vec!["10.0.0.0/99".into()]), ..ConfigFile::default() },
                "private network",
            ),
        ];
        for (file, name) in cases {
            let error = Config::resolve(file, Environment::default()).unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains("u:p"), "{error}");
        }
    }
}
