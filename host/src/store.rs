//! All rows of the host, and the only SQL: one implementation for SQLite and PostgreSQL.
//!
//! Every row belongs to a project, and every method that answers to a caller takes the project. The few that do not
//! are the host's own: they start it, recover it, rotate its keys, or go by an identifier that the host itself made.

use std::fmt;
use std::sync::Arc;

use sqlx::{Any, AnyPool, Transaction};
use tokio::sync::Notify;

use crate::config::Database;

mod account_changes;
mod account_events;
mod accounts;
mod applied;
mod approvals;
mod audit;
mod auth_requests;
mod backup;
mod cache;
mod call_context;
mod clients;
mod connections;
mod connectors;
mod decisions;
mod declarations;
mod deliveries;
mod discoveries;
mod error;
mod executions;
mod group_commit;
mod idempotency;
mod issuers;
mod joint;
mod kept;
mod keys;
mod master_keys;
mod mcp;
mod mcp_grants;
mod mcp_requests;
mod modifiers;
mod oauth_clients;
mod outbox;
mod page;
mod pauses;
mod policies;
mod pool;
mod principals;
mod profiles;
mod projects;
mod revisions;
mod revocations;
mod row;
mod sealed;
mod sealed_bodies;
mod secrets;
mod signing_keys;
mod standing;
mod tokens;
mod values;
mod webhooks;

pub use accounts::AccountFilter;
pub use applied::AppliedRow;
pub use approvals::{Decided, Edited, Wait};
pub use audit::{Act, AuditFilter, AuditWalkError, Detail};
pub use auth_requests::{AuthMove, AuthRequestRow};
pub use backup::Unfinished;
pub use call_context::{CallContext, ContextQuery, MAX_CANDIDATES};
pub use clients::ClientRow;
pub use connections::ConnectionFilter;
pub use connectors::ConnectorRow;
pub use declarations::{DeclarationRow, HeldTools, ServerNews};
pub use deliveries::{Claimed, Settled, Settlement};
pub use discoveries::{Asking, DiscoveryRow};
pub use error::StoreError;
pub use executions::{Beginning, ExecutionFilter, Outcome};
pub use group_commit::{MAX_BATCH, MAX_QUEUE};
pub use idempotency::{KeptAnswer, Reservation, Reserved};
pub use issuers::IssuerRow;
pub use joint::Joint;
pub use kept::{Bodies, KeptEnd, KeptStart};
pub use keys::ApiKey;
pub use mcp::{McpConfigFilter, McpConfigRow, McpInstanceFilter, UsedInstance};
pub use mcp_grants::{GrantRow, GrantTokens, McpGrantFilter};
pub use mcp_requests::{McpClientRow, McpMove, Vouched};
pub use modifiers::{ModifierRow, ModifierSet};
pub use oauth_clients::OAuthClient;
pub use page::{DEFAULT_LIMIT, MAX_COUNTED, MAX_LIMIT, Page, PageRequest};
pub use pauses::{InputRequest, Pause};
pub use policies::{PolicyRow, PolicySet};
pub use principals::PrincipalRow;
pub use profiles::ProfileRow;
pub use projects::Project;
pub use revisions::Subject;
pub use revocations::{Revocation, Told};
pub use sealed::{SealedCredential, SealedRow};
pub use sealed_bodies::{SEALED_COLUMNS, SealedBody, SealedColumn};
pub use secrets::{SecretFilter, SecretRow};
pub use signing_keys::SigningKeyRow;
pub use tokens::{Held, TokenLease};
pub use webhooks::{Secrets, WebhookRow};

/// The database. Cloning it is cheap; all clones share one set of connections and one journal.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    kind: Kind,
    /// Any number of readers. On PostgreSQL the same pool as `write`.
    read: AnyPool,
    /// On SQLite one connection: a second writer could only wait for the first, and might be told that it is busy.
    write: AnyPool,
    journal: group_commit::Journal,
    ledger: Arc<audit::Ledger>,
    cache: cache::Cache,
    /// Told when notices were written.
    noticed: Arc<Notify>,
    /// Whether both pools are one connection with a transaction open on it.
    is_joint: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

impl Store {
    /// Opens the database, makes it if it is a file that does not exist, and brings its tables up to date.
    ///
    /// Needs a tokio runtime: the journal of executions is written by a task of its own, which ends with the last
    /// clone of the store.
    pub async fn open(database: &Database) -> Result<Self, StoreError> {
        let (kind, read, write) = pool::open(database).await?;
        Ok(Self::of(kind, read, write))
    }

    fn of(kind: Kind, read: AnyPool, write: AnyPool) -> Self {
        let ledger = Arc::new(audit::Ledger::new(kind));
        let noticed = Arc::new(Notify::new());
        let journal = group_commit::start(kind, write.clone(), Arc::clone(&ledger), Arc::clone(&noticed));
        let cache = cache::Cache::default();
        Self { inner: Arc::new(Inner { kind, read, write, journal, ledger, cache, noticed, is_joint: false }) }
    }

    /// Makes sure that no other host runs on this SQLite file, and from then on keeps in memory what every call reads.
    ///
    /// A conflict if another one does. Commands that write beside a running host need not claim it: what they write
    /// (credentials sealed anew) reads the same to the host. On PostgreSQL, which hosts share, it does nothing.
    pub fn claim(&self, database: &Database) -> Result<(), StoreError> {
        match database {
            Database::Sqlite(path) => self.inner.cache.claim(path),
            Database::Postgres(_) => Ok(()),
        }
    }

    /// Whether other hosts may write to it, too.
    pub fn is_shared(&self) -> bool {
        self.inner.kind == Kind::Postgres
    }

    /// Looks at a database without changing it: whether it can be reached, and on SQLite whether it is whole.
    ///
    /// Unlike [`Store::open`] it neither makes the database nor brings it up to date.
    pub async fn examine(database: &Database) -> Result<(), StoreError> {
        pool::examine(database).await
    }

    /// Whether the database answers and can be written to.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        sqlx::query("SELECT 1").execute(self.read()).await?;
        Ok(transaction.rollback().await?)
    }

    /// Ends all connections, after what is under way. Other clones of the store fail from then on.
    pub async fn close(&self) {
        self.inner.read.close().await;
        self.inner.write.close().await;
        self.inner.cache.release();
    }

    fn read(&self) -> &AnyPool {
        &self.inner.read
    }

    fn write(&self) -> &AnyPool {
        &self.inner.write
    }

    async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        if self.inner.is_joint {
            return Ok(self.inner.write.begin().await?);
        }
        pool::begin(self.inner.kind, &self.inner.write).await
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({:?})", self.inner.kind)
    }
}
