//! Notices by webhook: operators' programs hear of what happens here, at least once each, signed as Standard Webhooks are.
//!
//! The store writes a notice in the transaction of what it tells of; this sends what is due, through the one way out.
//! See decisions/0018-notices.md.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::egress::Egress;
use crate::model::{Clock, Random, Timestamp, WebhookId};
use crate::store::Store;
use crate::vault::Vault;
use lanes::Lanes;

mod backoff;
mod figures;
mod lanes;
mod limits;
mod manage;
mod payload;
mod send;

pub use figures::describe_metrics;
pub use limits::MAX_WEBHOOKS;
pub use manage::{Change, NoticeError};

/// What sending notices takes. Cheap to clone.
#[derive(Clone)]
pub struct Notices(Arc<Parts>);

/// The parts of [`Notices`].
pub struct Parts {
    /// All rows.
    pub store: Store,
    /// Seals and opens webhooks' secrets.
    pub vault: Arc<Vault>,
    /// The way out.
    pub egress: Arc<Egress>,
    /// The time.
    pub clock: Clock,
    /// Randomness for identifiers, secrets, and waits.
    pub random: Random,
    /// Tells what this host sends from what others on the same database send.
    pub host_id: String,
    /// What links to this host begin with.
    pub public_url: Url,
}

impl Notices {
    /// Shares the parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The same over another store, such as one within a transaction.
    pub fn over(&self, store: Store) -> Self {
        let parts = &self.0;
        Self::new(Parts {
            store,
            vault: Arc::clone(&parts.vault),
            egress: Arc::clone(&parts.egress),
            clock: parts.clock.clone(),
            random: parts.random,
            host_id: parts.host_id.clone(),
            public_url: parts.public_url.clone(),
        })
    }

    /// Sends what is due until it is told to stop, and then waits a moment for what it is sending. A failure is told and
    /// tried again.
    pub async fn run(&self, stop: CancellationToken) {
        self.recover().await;
        let mut lanes = Lanes::new();
        let (mut turns, mut sweeps) = (interval(limits::TURN), interval(limits::SWEEP));
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.begin(&mut lanes).await;
            tokio::select! {
                () = stop.cancelled() => break,
                () = lanes.one_ended(), if !lanes.is_empty() => {}
                () = self.0.store.noticed() => {}
                _ = turns.tick() => {}
                _ = sweeps.tick() => self.sweep().await,
            }
        }
        let _ = tokio::time::timeout(limits::STOP, lanes.all_ended()).await;
    }

    /// Sends what is due, and what becomes due meanwhile, until nothing is.
    pub async fn deliver_due(&self) {
        let mut lanes = Lanes::new();
        loop {
            self.begin(&mut lanes).await;
            if lanes.is_empty() {
                return;
            }
            lanes.one_ended().await;
        }
    }

    /// Removes what nobody asks for any more.
    pub async fn sweep(&self) {
        let now = self.0.clock.now();
        let (delivered, given_up) = (before(now, limits::DELIVERED_KEPT), before(now, limits::GIVEN_UP_KEPT));
        match self.0.store.forget_notices(delivered, given_up).await {
            Ok(0) => {}
            Ok(forgotten) => tracing::debug!(forgotten, "old notices are gone"),
            Err(error) => tracing::warn!(%error, "old notices could not be removed"),
        }
    }

    /// What this host was sending when it last ended is due at once.
    async fn recover(&self) {
        match self.0.store.release_notices(&self.0.host_id, self.0.clock.now()).await {
            Ok(0) => {}
            Ok(again) => {
                tracing::info!(again, "notices were on their way when this host last ended: they are sent again")
            }
            Err(error) => tracing::warn!(%error, "notices on their way could not be found"),
        }
    }

    /// Begins a lane for each webhook that has none and for which something is due, as long as there is room.
    async fn begin(&self, lanes: &mut Lanes) {
        let due = match self.0.store.due_webhooks(self.0.clock.now()).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "what notices are due could not be read");
                return;
            }
        };
        for webhook in lanes.next(due) {
            let (notices, id) = (self.clone(), webhook.clone());
            lanes.begin(webhook, async move { notices.lane(&id).await });
        }
    }

    /// Sends a few notices to one webhook. The next few are another lane, so that others have their turn.
    async fn lane(&self, webhook: &WebhookId) {
        if let Err(error) = self.send_some(webhook).await {
            tracing::warn!(%webhook, %error, "notices could not be sent");
            // Asking at once would only fail at once.
            tokio::time::sleep(limits::TURN).await;
        }
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notices")
    }
}

fn before(now: Timestamp, kept: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX)))
}
