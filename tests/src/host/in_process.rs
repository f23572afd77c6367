//! The host as a task of the test's own process: quick to start, and its clock and log are the test's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use gloveport::app::{App, AppError, Surroundings};
use gloveport::config::{
    Config, ConfigFile, Environment, NeighbourLimits, Records, WrittenConnect, WrittenMcp, WrittenRetention,
    WrittenSources,
};
use gloveport::egress::{Resolver, SystemResolver};
use gloveport::model::{Clock, Random, Secret};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{ADMIN_KEY, Running, TestHost, log};
use crate::programs;

/// Guests that a test's host may run at the same time. As many as a host allows by itself reserve 24 TiB of address space,
/// and many hosts live in the tests' one process.
const CALLS: u32 = 64;

/// What a test may choose of its host.
#[derive(Debug)]
pub struct Setup {
    /// Where rows are kept: SQLite in the data folder, or a `postgres://` URL.
    pub database: Option<String>,
    /// The text of `GLOVEPORT_MASTER_KEY`; without it each host makes a key of its own in its data folder.
    pub master_key: Option<String>,
    /// Whether executions are recorded.
    pub records: Records,
    /// What is kept of them besides, as an operator writes it.
    pub retention: WrittenRetention,
    /// The pages on which users connect their accounts, as an operator writes it.
    pub connect: WrittenConnect,
    /// What links to this host begin with, if it is not where it listens.
    pub public_url: Option<String>,
    /// What MCP clients are told of where tokens come from, likewise.
    pub mcp: WrittenMcp,
    /// The host's time.
    pub clock: Clock,
    /// How many guests may run at the same time.
    pub max_concurrent_calls: Option<u32>,
    /// What one caller may take from its neighbours.
    pub limits: NeighbourLimits,
    /// Networks that are not public and may be reached: the loopback, where the upstreams of tests are.
    pub private_networks: Vec<String>,
    /// Where names lead: what the system says, or to a test's own server.
    pub resolver: Arc<dyn Resolver>,
    /// The file of a certificate authority of the test's own.
    pub extra_ca: Option<PathBuf>,
    /// What projects may read of secrets that are kept outside of the database.
    pub secrets: BTreeMap<String, WrittenSources>,
    /// Whether its log is kept, down to the last detail, and searched. Only the bench does without.
    pub captures_log: bool,
}

impl Setup {
    /// SQLite, durable records, the system's clock, 64 calls at once.
    pub fn usual() -> Self {
        Self {
            database: None,
            master_key: None,
            records: Records::Durable,
            retention: WrittenRetention::default(),
            connect: WrittenConnect::default(),
            public_url: None,
            mcp: WrittenMcp::default(),
            clock: Clock::system(),
            max_concurrent_calls: Some(CALLS),
            limits: NeighbourLimits::NONE,
            private_networks: vec!["127.0.0.0/8".into()],
            resolver: Arc::new(SystemResolver),
            extra_ca: None,
            secrets: BTreeMap::new(),
            captures_log: true,
        }
    }
}

impl TestHost {
    /// A host in this process, as it usually is.
    pub async fn start() -> Self {
        Self::with(Setup::usual()).await
    }

    /// A host in this process.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn with(setup: Setup) -> Self {
        Self::try_with(setup).await.expect("the host opens")
    }

    /// A host in this process, which may refuse to start.
    ///
    /// # Errors
    ///
    /// With the reason that an operator would read.
    pub async fn try_with(setup: Setup) -> Result<Self, AppError> {
        if setup.captures_log {
            log::capture();
        }
        let data = TempDir::new().expect("there is room for a temporary folder");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback has free ports");
        let address = listener.local_addr().expect("a bound listener has an address");
        let file = ConfigFile {
            data: Some(data.path().into()),
            listen: Some(address.to_string()),
            database: setup.database,
            allow_private_network: Some(setup.private_networks),
            extra_ca: setup.extra_ca,
            generic: Some(programs::connector("openapi")),
            max_concurrent_calls: setup.max_concurrent_calls,
            limits: Some(setup.limits),
            records: Some(setup.retention),
            connect: Some(setup.connect),
            public_url: setup.public_url,
            mcp: Some(setup.mcp),
            secrets: Some(setup.secrets),
        };
        let environment = Environment {
            admin_key: Some(Secret::new(ADMIN_KEY.into())),
            master_key: setup.master_key.map(Secret::new),
        };
        let mut config = Config::resolve(file, environment).expect("the configuration is sound");
        config.records = setup.records;
        let around = Surroundings { clock: setup.clock, random: Random::system(), resolver: setup.resolver };
        let app = App::open(config, around).await?;
        let (host, notices) = (app.state.host.clone(), app.state.notices.clone());
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(async move {
            // A dropped sender is a dropped host: it stops then too.
            let shutdown = async move { stopped.await.unwrap_or(()) };
            gloveport::server::run(listener, app, shutdown).await.map_err(|error| error.to_string())
        });
        Ok(Self::new(address, data, Running::Task { stop, server, host: Box::new(host), notices }))
    }
}
