//! What all calls share.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;
use url::Url;

use super::to_end::ToEnd;
use super::{
    CompiledModifiers, CompiledPolicies, CompiledProfiles, Failed, Figures, Hints, Pace, Parsed, Stoppable, Used,
};
use crate::catalog::{Catalog, Generic, Importing};
use crate::config::{Connect, McpClient, Records, Retention};
use crate::egress::Egress;
use crate::identity::Identity;
use crate::model::{Clock, Code, Culprit, Fault, Random};
use crate::oauth::OAuth;
use crate::runtime::Runtime;
use crate::store::Store;
use crate::vault::Vault;

/// What all calls share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Host(Arc<Shared>);

/// The parts of a [`Host`].
#[derive(Debug)]
pub struct Shared {
    /// All rows.
    pub store: Store,
    /// Seals and opens credentials.
    pub vault: Arc<Vault>,
    /// Tells who asks.
    pub identity: Arc<Identity>,
    /// Gets tokens.
    pub oauth: OAuth,
    /// The way out.
    pub egress: Arc<Egress>,
    /// Runs connectors.
    pub runtime: Runtime,
    /// What is installed.
    pub catalog: Catalog,
    /// What runs the tools of imported documents.
    pub generic: Arc<Generic>,
    /// The time.
    pub clock: Clock,
    /// Randomness for ids and nonces.
    pub random: Random,
    /// Tells this host's executions from those of others on the same database.
    pub host_id: String,
    /// Whether executions are recorded.
    pub records: Records,
    /// What is kept of them besides, and for how long.
    pub retention: Retention,
    /// What links to this host begin with.
    pub public_url: Url,
    /// The pages on which users connect their accounts.
    pub connect: Connect,
    /// Who gives tokens to MCP clients; none stands for this host.
    pub authorization_servers: Vec<String>,
    /// Whether MCP clients may register by themselves.
    pub client_registration: bool,
    /// Those that the operator registered.
    pub mcp_clients: Vec<McpClient>,
    /// What decides on calls.
    pub policies: CompiledPolicies,
    /// Limits between callers.
    pub pace: Arc<Pace>,
    /// What agents may use, and the presets of it.
    pub profiles: CompiledProfiles,
    /// What stands before and after tools.
    pub modifiers: CompiledModifiers,
    /// Figures of calls.
    pub figures: Arc<Figures>,
    /// Calls that run.
    pub running: TaskTracker,
    /// The same, to be stopped one by one.
    pub stoppable: Stoppable,
    /// Accounts that calls went through.
    pub used: Used,
    /// Hosts and base URLs that calls go to.
    pub parsed: Parsed,
    /// MCP servers that said that they have other tools.
    pub hints: Hints,
}

impl Deref for Host {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Host {
    /// Shares the parts.
    pub fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// The same host over another store, such as one within a transaction, with what is installed there. It is for changes:
    /// what it learns of running calls, this one does not hear.
    pub fn over(&self, store: Store, catalog: Catalog) -> Self {
        let shared = &self.0;
        Self::new(Shared {
            oauth: shared.oauth.over(store.clone()),
            store,
            catalog,
            vault: Arc::clone(&shared.vault),
            identity: Arc::clone(&shared.identity),
            egress: Arc::clone(&shared.egress),
            runtime: shared.runtime.clone(),
            generic: Arc::clone(&shared.generic),
            clock: shared.clock.clone(),
            random: shared.random,
            host_id: shared.host_id.clone(),
            records: shared.records,
            retention: shared.retention,
            public_url: shared.public_url.clone(),
            connect: shared.connect.clone(),
            authorization_servers: shared.authorization_servers.clone(),
            client_registration: shared.client_registration,
            mcp_clients: shared.mcp_clients.clone(),
            pace: Arc::clone(&shared.pace),
            figures: Arc::clone(&shared.figures),
            running: shared.running.clone(),
            policies: CompiledPolicies::default(),
            profiles: CompiledProfiles::default(),
            modifiers: CompiledModifiers::default(),
            stoppable: Stoppable::default(),
            used: Used::default(),
            parsed: Parsed::default(),
            hints: Hints::default(),
        })
    }

    /// What imports need of it.
    pub fn importing(&self) -> Importing<'_> {
        Importing {
            catalog: &self.catalog,
            store: &self.store,
            runtime: &self.runtime,
            egress: &self.egress,
            generic: &self.generic,
        }
    }

    /// Refuses new calls and waits until the running ones have ended, at most `grace`. Whether all have ended.
    pub async fn drain(&self, grace: Duration) -> bool {
        self.running.close();
        tokio::time::timeout(grace, self.running.wait()).await.is_ok()
    }

    /// Whether new calls are refused.
    pub fn is_draining(&self) -> bool {
        self.running.is_closed()
    }

    /// New calls are refused; those that others make are a part of these.
    pub(super) fn refuse_while_draining(&self) -> Result<(), Fault> {
        if self.is_draining() {
            let detail = "this host is stopping: try again in a moment";
            return Err(Fault::new(Code::Unavailable, Culprit::Host, detail));
        }
        Ok(())
    }

    /// Runs `work` to its end even if the caller of this function goes away.
    pub(super) async fn run_to_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Failed>> + Send + 'static,
    ) -> Result<T, Failed> {
        ToEnd::new(self.running.clone(), work).await.unwrap_or_else(|_| {
            tracing::error!("a call ended abnormally");
            Err(Fault::new(Code::Internal, Culprit::Host, "the call ended abnormally; the log says more").into())
        })
    }
}

/// Names of the gauges of the pool.
mod gauges {
    pub(super) const SLOTS: &str = "gloveport_pool_slots";
    pub(super) const BUSY: &str = "gloveport_pool_busy_slots";
    pub(super) const WARM_BYTES: &str = "gloveport_pool_warm_memory_bytes";
}

impl Host {
    /// Brings the gauges of the pool up to date: when somebody looks, not on each call.
    pub fn note_pool(&self) {
        let pool = self.runtime.pool_metrics();
        metrics::gauge!(gauges::SLOTS).set(f64::from(pool.slots));
        metrics::gauge!(gauges::BUSY).set(f64::from(pool.busy_slots));
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; 2^53 bytes is more than any machine has")]
        metrics::gauge!(gauges::WARM_BYTES).set(pool.warm_memory_bytes as f64);
    }
}
