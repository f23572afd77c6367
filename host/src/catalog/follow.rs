//! Follows what other hosts install and remove in a database that they share, without a restart.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::{Catalog, CatalogError, Installed};
use crate::model::ProjectId;
use crate::runtime::Runtime;
use crate::store::Store;

/// How often the revision is looked at: one row by its key, and late enough for nobody who waits for an installation.
/// Who asks for something that is not there makes this host look at once.
const INTERVAL: Duration = Duration::from_secs(1);

impl Catalog {
    /// Takes over what other hosts changed, and loads the code of what is new; goes on until it is dropped. On a database
    /// of this host alone, there is nothing to follow.
    pub async fn follow(&self, runtime: &Runtime, store: &Store) {
        if !store.is_shared() {
            return;
        }
        let mut ticks = tokio::time::interval(INTERVAL);
        // After a stall one look is enough.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            ticks.tick().await;
            match self.catch_up(store).await {
                Ok(true) => self.warm_up(runtime, store).await,
                Ok(false) => {}
                // Once, and not each second: whoever calls hears of it as well.
                Err(error) if !failing => {
                    tracing::error!(%error, "what other hosts install cannot be read");
                    failing = true;
                    continue;
                }
                Err(_) => continue,
            }
            failing = false;
        }
    }

    /// The connector of this name, also if another host installed it a moment ago.
    pub async fn find_connector(
        &self,
        store: &Store,
        project: &ProjectId,
        name: &str,
    ) -> Result<Option<Arc<Installed>>, CatalogError> {
        match self.connector(project, name) {
            None if self.catch_up(store).await? => Ok(self.connector(project, name)),
            found => Ok(found),
        }
    }

    /// The connector and the position of the tool of this name or alias, also if another host installed it a moment ago.
    pub async fn find_tool(
        &self,
        store: &Store,
        project: &ProjectId,
        name: &str,
    ) -> Result<Option<(Arc<Installed>, usize)>, CatalogError> {
        match self.tool(project, name) {
            None if self.catch_up(store).await? => Ok(self.tool(project, name)),
            found => Ok(found),
        }
    }

    /// Reads everything anew if something was installed or removed since it was read. Whether it was.
    pub(super) async fn catch_up(&self, store: &Store) -> Result<bool, CatalogError> {
        if !store.is_shared() {
            return Ok(false);
        }
        let mut known = self.revision.lock().await;
        // The revision first: what is installed between the two is read again, never missed.
        let revision = store.connectors_revision().await?;
        if revision == *known {
            return Ok(false);
        }
        self.read(store).await?;
        *known = revision;
        Ok(true)
    }
}
