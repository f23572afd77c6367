//! One attempt: signed, sent through the one way out, and what came of it written down.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::limits::{LEASE, MAX_ATTEMPTS_KEPT, PER_LANE, TIMEOUT};
use super::{Notices, backoff, figures, payload};
use crate::egress::{Body, EgressError, Grant, Injection, Request};
use crate::model::{By, Effect, Secret, Timestamp, WebhookId};
use crate::store::{Claimed, Settled, Settlement, StoreError, WebhookRow};
use crate::vault::{Binding, VaultError};

/// What a receiver answers that is gone for good, and wants no more of this.
const GONE: u16 = 410;

/// Why there was no answer.
#[derive(Debug, Error)]
enum SendError {
    #[error("the webhook's secret cannot be opened: {0}")]
    Vault(#[from] VaultError),
    #[error("{0}")]
    Egress(#[from] EgressError),
}

/// One attempt as a notice's row tells of it. No text of the receiver's is in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Attempt {
    /// Milliseconds.
    at: i64,
    status: Option<u16>,
    error: Option<String>,
    took_ms: u64,
}

impl Notices {
    /// Sends a few notices that are due for a webhook, all at the same time, and writes down what came of them together:
    /// one wait for the disk, which calls need too.
    pub(super) async fn send_some(&self, webhook: &WebhookId) -> Result<(), StoreError> {
        let parts = &self.0;
        let Some(row) = parts.store.webhook(webhook).await?.filter(|row| !row.webhook.disabled) else { return Ok(()) };
        let now = parts.clock.now();
        let claimed = parts.store.claim_notices(webhook, &parts.host_id, now, now.plus(LEASE), PER_LANE).await?;
        let attempts = claimed.iter().map(|claimed| self.attempt(&row, claimed));
        let made = futures_util::future::join_all(attempts).await;
        let settlements: Vec<Settlement> =
            claimed.iter().zip(&made).map(|(claimed, made)| self.settlement(claimed, made)).collect();
        let now = parts.clock.now();
        if made.iter().any(|made| made.status == Some(GONE))
            && parts.store.switch_webhook_off(&By::host(now), &row.webhook).await?
        {
            tracing::warn!(%webhook, "its receiver answers that it is gone: the webhook is off now");
        }
        let own = parts.store.settle_notices(&settlements, now).await?;
        for ((claimed, made), (settlement, own)) in claimed.iter().zip(&made).zip(settlements.iter().zip(own)) {
            if own {
                tell(webhook, claimed, made, settlement.settled);
            } else {
                tracing::debug!(notice = %claimed.id, "another host sends this notice by now, or it was removed");
            }
        }
        Ok(())
    }

    async fn attempt(&self, row: &WebhookRow, claimed: &Claimed) -> Attempt {
        let (at, started) = (self.0.clock.now(), Instant::now());
        let (status, error) = match self.send(row, claimed, at).await {
            Ok(status) => (Some(status), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Attempt { at: at.0, status, error, took_ms }
    }

    fn settlement(&self, claimed: &Claimed, made: &Attempt) -> Settlement {
        let chance = u32::from_le_bytes(self.0.random.bytes());
        Settlement {
            id: claimed.id.clone(),
            lease: claimed.lease,
            settled: settled(made.status, claimed.failures, self.0.clock.now(), chance),
            attempts: with_attempt(&claimed.attempts, made.clone()),
        }
    }

    /// The status of the receiver's answer. Its body is read to a limit, and nothing of it is kept.
    async fn send(&self, row: &WebhookRow, claimed: &Claimed, at: Timestamp) -> Result<u16, SendError> {
        let webhook = &row.webhook;
        let injection = Injection::Webhook { id: claimed.id.to_string(), at, keys: self.keys(row, at)? };
        let grant = grant(&webhook.url, injection)?;
        let body = payload::body(claimed, &self.0.public_url);
        Ok(self.0.egress.send(&grant, request(&webhook.url, body)).await?.status)
    }

    fn keys(&self, row: &WebhookRow, now: Timestamp) -> Result<Vec<Secret>, VaultError> {
        let overlaps = row.webhook.overlap_until.is_some_and(|until| now < until);
        let previous = row.secrets.previous.as_ref().filter(|_| overlaps);
        let sealed = std::iter::once(&row.secrets.current).chain(previous);
        sealed.map(|sealed| self.0.vault.open(&Binding::of_webhook(&row.webhook), sealed)).collect()
    }
}

/// Tells in figures and log what came of an attempt.
fn tell(webhook: &WebhookId, claimed: &Claimed, made: &Attempt, settled: Settled) {
    let (id, event, status, error) = (&claimed.id, claimed.event.as_str(), made.status, made.error.as_deref());
    match settled {
        Settled::Delivered => {
            figures::count("delivered");
            tracing::debug!(%webhook, notice = %id, event, status, "a notice was delivered");
        }
        Settled::Again(_) => {
            figures::count("failed");
            tracing::info!(%webhook, notice = %id, event, status, error, "a notice was not taken");
        }
        Settled::Dead => {
            figures::count("dead");
            tracing::warn!(%webhook, notice = %id, event, status, error, "a notice was given up");
        }
    }
}

/// The right to post to this URL, and to nothing else.
pub(super) fn grant(url: &str, injection: Injection) -> Result<Grant, EgressError> {
    Ok(Grant { injection, ..Grant::to(url, "POST", Effect::Write, TIMEOUT)? })
}

/// A notice as it is sent, unsigned.
pub(super) fn request(url: &str, body: String) -> Request {
    Request { method: "POST".into(), target: url.to_owned(), body: Body::Json(body), ..Request::default() }
}

/// What comes of an attempt.
fn settled(status: Option<u16>, failures: u32, now: Timestamp, chance: u32) -> Settled {
    match status {
        Some(200..=299) => Settled::Delivered,
        Some(GONE) => Settled::Dead,
        _ => backoff::wait(failures.saturating_add(1), chance)
            .map_or(Settled::Dead, |wait| Settled::Again(now.plus(wait))),
    }
}

/// The attempts so far and one more, without the oldest where they are too many.
fn with_attempt(attempts: &str, attempt: Attempt) -> String {
    let mut attempts: Vec<Attempt> = serde_json::from_str(attempts).unwrap_or_default();
    attempts.push(attempt);
    let many = attempts.len().saturating_sub(MAX_ATTEMPTS_KEPT);
    attempts.drain(..many);
    // Numbers and texts always have a JSON form.
    serde_json::to_string(&attempts).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_is_taken_and_only_410_is_the_end() {
        let settle = |status, failures| settled(status, failures, Timestamp(0), 0);
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(settle(Some(status), 9), Settled::Delivered);
        }
        let again = Settled::Again(Timestamp(5_000));
        for status in [100, 199, 300, 301, 302, 303, 307, 308, 400, 401, 404, 409, 411, 429, 500, 502, 503, 599] {
            assert_eq!((settle(Some(status), 0), settle(Some(status), 9)), (again, Settled::Dead), "{status}");
        }
        assert_eq!((settle(None, 0), settle(None, 9)), (again, Settled::Dead));
        assert_eq!(settle(Some(410), 0), Settled::Dead);
    }

    #[test]
    fn the_last_attempts_are_kept() {
        let mut attempts = String::from("[]");
        for at in 0..50 {
            attempts = with_attempt(&attempts, Attempt { at, status: Some(500), error: None, took_ms: 1 });
        }
        let kept: Vec<Attempt> = serde_json::from_str(&attempts).unwrap();
        let times: Vec<i64> = kept.iter().map(|attempt| attempt.at).collect();
        assert_eq!(times, (30..50).collect::<Vec<_>>());
    }

    #[test]
    fn a_grant_holds_one_url() {
        for url in [
            "https://hooks.example.com",
            "https://hooks.example.com/",
            "https://hooks.example.com:8443/a//b/?token=x%20y",
            "https://hooks.example.com/{a}/é/%7e",
            "http://[::1]:8080/x;y=1",
        ] {
            let grant = grant(url, Injection::None).unwrap();
            let held = |path: &str| grant.routes.iter().any(|route| route.path.matches(path));
            assert!(held(grant.base_url.path()), "{url}");
            assert!(!held("/other") && !held(&format!("{}/x", grant.base_url.path())), "{url}");
        }
        for url in ["", "hooks.example.com", "mailto:ada@example.com", "https://", "data:,x"] {
            assert!(grant(url, Injection::None).is_err(), "{url}");
        }
    }
}
