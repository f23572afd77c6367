//! What time alone brings to an end: calls that nobody approved, and what was kept of calls that ended.

use std::time::Duration;

use super::{Host, pause};

/// How often it is looked: whoever asks for an approval or a call looks by itself, so this is for records that nobody
/// asks for.
const INTERVAL: Duration = Duration::from_secs(60);

/// How long a link is remembered after its time is over, so that a late click is told that it is late.
const LINKS_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an MCP client is remembered that registered and that nobody uses: whoever tries it out does so within a month,
/// and clients register again by themselves.
const CLIENTS_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long it is told what happened to an account: long enough to find out why it stopped working last month.
const EVENTS_KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

impl Host {
    /// Goes on for ever; a failure is told and tried again at the next turn.
    pub async fn sweep(&self) {
        let mut turns = tokio::time::interval(INTERVAL);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            self.sweep_once().await;
        }
    }

    /// One turn.
    pub async fn sweep_once(&self) {
        self.pace.forget();
        self.write_used().await;
        let now = self.clock.now();
        match self.store.expire_approvals(now).await {
            Ok(0) => {}
            Ok(expired) => tracing::info!(expired, "calls waited in vain for a person"),
            Err(error) => tracing::warn!(%error, "approvals could not be expired"),
        }
        match self.store.expire_input(now).await {
            Ok(0) => {}
            Ok(expired) => tracing::info!(expired, "calls waited in vain for their users"),
            Err(error) => tracing::warn!(%error, "calls that wait for their users could not be expired"),
        }
        pause::wake(self, None).await;
        match self.store.forget_bodies(now.minus(self.retention.bodies_for)).await {
            Ok(0) => {}
            Ok(forgotten) => tracing::debug!(forgotten, "what was kept of ended calls is gone"),
            Err(error) => tracing::warn!(%error, "what was kept of ended calls could not be removed"),
        }
        match self.store.forget_executions(now.minus(self.retention.executions_for)).await {
            Ok(0) => {}
            Ok(forgotten) => tracing::info!(forgotten, "records of calls are gone: their time is over"),
            Err(error) => tracing::warn!(%error, "records of calls could not be removed"),
        }
        self.oauth.revoke_due().await;
        match self.store.forget_reservations(now).await {
            Ok(0) => {}
            Ok(forgotten) => tracing::debug!(forgotten, "idempotency keys are free again"),
            Err(error) => tracing::warn!(%error, "idempotency keys could not be freed"),
        }
        match self.store.forget_auth_requests(now.minus(LINKS_KEPT)).await {
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "old links could not be removed"),
        }
        self.forget_clients().await;
        match self.store.forget_account_events(now.minus(EVENTS_KEPT)).await {
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "old events of accounts could not be removed"),
        }
    }

    /// Requests of MCP clients, clients that nobody uses, and grants whose time is over.
    async fn forget_clients(&self) {
        let now = self.clock.now();
        match self.store.end_expired_mcp_grants(now).await {
            Ok(0) => {}
            Ok(ended) => tracing::debug!(ended, "grants of MCP clients are over"),
            Err(error) => tracing::warn!(%error, "grants of MCP clients could not be ended"),
        }
        for done in [
            self.store.forget_mcp_requests(now, now.minus(LINKS_KEPT)).await,
            self.store.forget_mcp_clients(now.minus(CLIENTS_KEPT)).await,
        ] {
            if let Err(error) = done {
                tracing::warn!(%error, "what MCP clients left could not be removed");
            }
        }
    }
}
