//! Wiring: a configuration becomes a running host's parts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio_util::task::TaskTracker;

use crate::api::ApiState;
use crate::call::{self, Host};
use crate::catalog::{Catalog, CatalogError, Generic};
use crate::config::{Config, PrivateNetworks};
use crate::egress::{Egress, EgressConfig, EgressError, Resolver, SystemResolver};
use crate::identity::Identity;
use crate::issuing::Issuing;
use crate::model::{Clock, Random, Secret};
use crate::notices::{self, Notices};
use crate::oauth::{self, OAuth};
use crate::runtime::{Runtime, RuntimeConfig, RuntimeError};
use crate::store::{Store, StoreError};
use crate::vault::{self, KeySource, Vault, VaultError};

mod figures;
mod first_key;
mod host_id;

/// A host, ready to serve.
#[derive(Clone)]
pub struct App {
    /// What handlers share.
    pub state: ApiState,
    /// The first admin key in clear, if this start made one: to be shown once.
    pub first_key: Option<String>,
    /// How long calls that run may go on after the host was asked to stop.
    pub stop_grace: std::time::Duration,
}

/// What a host takes from the machine that it runs on, and a test from itself.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// What time it is.
    pub clock: Clock,
    /// Chance.
    pub random: Random,
    /// Where names lead.
    pub resolver: Arc<dyn Resolver>,
}

impl Surroundings {
    /// The machine's own.
    pub fn system() -> Self {
        Self { clock: Clock::system(), random: Random::system(), resolver: Arc::new(SystemResolver) }
    }
}

/// Why a host does not start.
#[derive(Debug, Error)]
pub enum AppError {
    /// The data folder cannot be used.
    #[error("the data folder {path} cannot be used: {source}")]
    Data {
        /// Which path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The extra certificate authority cannot be read.
    #[error("the certificate authority {path} cannot be read: {source}")]
    Ca {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database cannot be used.
    #[error("the database cannot be used: {0}")]
    Store(#[from] StoreError),
    /// The master key cannot be used.
    #[error("the master key cannot be used: {0}")]
    Vault(#[from] VaultError),
    /// The Wasm engine does not start.
    #[error("the Wasm engine does not start: {0}")]
    Runtime(#[from] RuntimeError),
    /// Egress does not start.
    #[error("egress does not start: {0}")]
    Egress(#[from] EgressError),
    /// What is installed cannot be read.
    #[error("what is installed cannot be read: {0}")]
    Catalog(#[from] CatalogError),
    /// The admin key from the environment cannot be used.
    #[error("GLOVEPORT_ADMIN_KEY cannot be used: {0}")]
    AdminKey(String),
    /// Figures cannot be kept.
    #[error("figures cannot be kept: {0}")]
    Figures(String),
}

impl App {
    /// Opens everything that a host needs, in the order in which it depends on each other.
    pub async fn open(config: Config, around: Surroundings) -> Result<Self, AppError> {
        let Surroundings { clock, random, .. } = around.clone();
        let data = &config.data;
        private_folder(data)?;
        let metrics = figures::recorder()?;
        let store = Store::open(&config.database).await?;
        store.claim(&config.database)?;
        let vault = Arc::new(Vault::load(key_source(data, config.master_key), random)?.reading(config.secrets));
        vault::agree(&store, &vault).await?;
        let (cache_dir, max_concurrent_calls) = (Some(data.join("compiled")), config.max_concurrent_calls);
        let runtime = Runtime::new(RuntimeConfig { cache_dir, random, max_concurrent_calls })?;
        let egress = egress(config.extra_ca.as_deref(), config.private_networks, &around)?;
        let first_key = first_key(&store, config.admin_key, &clock, &random).await?;
        let catalog = Catalog::load(&store).await?;
        let host_id = host_id::read_or_make(data, &random)?;
        recover(&store, &host_id, &clock).await?;
        let notices = Notices::new(notices::Parts {
            store: store.clone(),
            vault: Arc::clone(&vault),
            egress: Arc::clone(&egress),
            clock: clock.clone(),
            random,
            host_id: host_id.clone(),
            public_url: config.public_url.clone(),
        });
        let identity = Identity::new(store.clone(), Arc::clone(&egress), clock.clone(), &config.public_url);
        let issuing = Issuing::new(store.clone(), Arc::clone(&vault), clock.clone(), random, identity.issuer());
        let running = TaskTracker::new();
        let oauth = OAuth::new(oauth::Parts {
            store: store.clone(),
            vault: Arc::clone(&vault),
            egress: Arc::clone(&egress),
            clock: clock.clone(),
            random,
            host_id: host_id.clone(),
            running: running.clone(),
        });
        let host = Host::new(call::Shared {
            pace: Arc::new(call::Pace::new(&config.limits, &clock)),
            store,
            vault,
            identity: Arc::new(identity),
            oauth,
            egress,
            runtime,
            catalog,
            generic: Arc::new(Generic::new(generic_places(config.generic))),
            clock,
            random,
            host_id,
            records: config.records,
            retention: config.retention,
            public_url: config.public_url,
            connect: config.connect,
            authorization_servers: config.mcp.authorization_servers,
            client_registration: config.mcp.client_registration,
            mcp_clients: config.mcp.clients,
            policies: call::CompiledPolicies::default(),
            profiles: call::CompiledProfiles::default(),
            modifiers: call::CompiledModifiers::default(),
            figures: Arc::new(call::Figures::register()),
            running,
            stoppable: Default::default(),
            used: Default::default(),
            parsed: Default::default(),
            hints: Default::default(),
        });
        Ok(Self { state: ApiState { host, notices, issuing, metrics }, first_key, stop_grace: config.stop_grace })
    }
}

/// The first admin key of the first project, if it was made now.
async fn first_key(
    store: &Store,
    given: Option<Secret>,
    clock: &Clock,
    random: &Random,
) -> Result<Option<String>, AppError> {
    let project = store.default_project(clock, random).await?;
    first_key::ensure(store, &project, given, clock, random).await
}

/// Ends what this host had begun when it last ended.
async fn recover(store: &Store, host_id: &str, clock: &Clock) -> Result<(), StoreError> {
    let lost = store.recover_started(host_id, clock.now()).await?;
    if lost > 0 {
        tracing::warn!(lost, "calls were running when this host last ended: their outcome is unknown");
    }
    Ok(())
}

/// Makes a folder that only its owner can read.
fn private_folder(path: &Path) -> Result<(), AppError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| AppError::Data { path: path.to_owned(), source })
}

/// Where the generic connector may be: where the operator says, else in `plugins` beside the running program or beside its
/// folder.
fn generic_places(given: Option<PathBuf>) -> Vec<PathBuf> {
    const FILE: &str = "plugins/openapi.wasm";
    match (given, std::env::current_exe()) {
        (Some(file), _) => vec![file],
        (None, Ok(program)) => program.ancestors().skip(1).take(2).map(|folder| folder.join(FILE)).collect(),
        (None, Err(_)) => Vec::new(),
    }
}

fn key_source(data: &Path, from_environment: Option<Secret>) -> KeySource {
    match from_environment {
        Some(text) => KeySource::Environment(text),
        None => KeySource::File(data.join("master.key")),
    }
}

/// The only way out.
fn egress(ca: Option<&Path>, private: PrivateNetworks, around: &Surroundings) -> Result<Arc<Egress>, AppError> {
    let ca_certificate = ca.map(read_ca).transpose()?;
    let Surroundings { clock, random, resolver } = around.clone();
    let config = EgressConfig { private_networks: private, ca_certificate, resolver, clock, random };
    Ok(Arc::new(Egress::new(config)?))
}

fn read_ca(path: &Path) -> Result<String, AppError> {
    fs::read_to_string(path).map_err(|source| AppError::Ca { path: path.to_owned(), source })
}
