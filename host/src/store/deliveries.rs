//! Notices on their way: who sends them next, what came of it, and which were given up.
//!
//! A host that is about to send a notice leases it: it moves on when the notice is due, to a time by which it must have
//! the answer. If the host ends before, the notice is due again then, for any host. Each lease has a number, and only
//! the last one says what came of the notice.

use sqlx::AnyConnection;

use super::page::{Listing, Order};
use super::row::Columns;
use super::{Page, PageRequest, Store, StoreError};
use crate::model::{Delivery, DeliveryState, Event, MessageId, ProjectId, Timestamp, WebhookId};

/// A notice that this host is to send now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Its identifier.
    pub id: MessageId,
    /// What it tells of.
    pub event: Event,
    /// When that happened.
    pub at: Timestamp,
    /// The payload's data, without links: a JSON object.
    pub data: String,
    /// How often it was sent in vain.
    pub failures: u32,
    /// The last attempts, as a JSON list.
    pub attempts: String,
    /// The number of the lease.
    pub lease: i64,
}

/// What came of sending a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The receiver took it.
    Delivered,
    /// It is to be sent again at this time.
    Again(Timestamp),
    /// It is given up.
    Dead,
}

/// What came of a notice, to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The notice.
    pub id: MessageId,
    /// The lease under which it was sent.
    pub lease: i64,
    /// What came of it.
    pub settled: Settled,
    /// Its last attempts, as a JSON list.
    pub attempts: String,
}

macro_rules! columns {
    () => {
        "id, event, at, state, due_at, ended_at, attempts"
    };
}

impl Store {
    /// Webhooks for which something is to be sent, the one that has waited longest first.
    pub async fn due_webhooks(&self, now: Timestamp) -> Result<Vec<WebhookId>, StoreError> {
        let rows = sqlx::query(
            "SELECT id FROM (SELECT w.id AS id, (SELECT MIN(n.due_at) FROM notices n WHERE n.webhook = w.id \
             AND n.state = 'pending') AS due FROM webhooks w WHERE w.disabled = 0) AS waiting \
             WHERE due <= $1 ORDER BY due, id",
        )
        .bind(now.0)
        .fetch_all(self.read())
        .await?;
        rows.iter().map(|row| Columns::of(row).parsed(WebhookId::parse)).collect()
    }

    /// Leases at most `most` notices that are due for a webhook to `host`, until a time.
    pub async fn claim_notices(
        &self,
        webhook: &WebhookId,
        host: &str,
        now: Timestamp,
        until: Timestamp,
        most: u32,
    ) -> Result<Vec<Claimed>, StoreError> {
        // The condition is there twice: of two hosts that found the same row, the second one looks again.
        let rows = sqlx::query(
            "UPDATE notices SET due_at = $1, host = $2, leases = leases + 1 WHERE id IN (SELECT n.id FROM notices n \
             WHERE n.webhook = $3 AND n.state = 'pending' AND n.due_at <= $4 ORDER BY n.due_at, n.id LIMIT $5) \
             AND state = 'pending' AND due_at <= $4 \
             RETURNING id, event, at, data, failures, attempts, leases",
        )
        .bind(until.0)
        .bind(host)
        .bind(webhook.as_str())
        .bind(now.0)
        .bind(i64::from(most))
        .fetch_all(self.write())
        .await?;
        rows.iter().map(|row| read_claimed(&mut Columns::of(row))).collect()
    }

    /// Writes down what came of notices; for each, whether it was this lease's to say.
    pub async fn settle_notices(&self, settlements: &[Settlement], now: Timestamp) -> Result<Vec<bool>, StoreError> {
        let mut transaction = self.begin().await?;
        let mut done = Vec::with_capacity(settlements.len());
        for settlement in settlements {
            done.push(settle(&mut transaction, settlement, now).await?);
        }
        transaction.commit().await?;
        Ok(done)
    }

    /// What `host` was sending when it ended is due at once; gives how many notices those are. For the start of a host.
    pub async fn release_notices(&self, host: &str, now: Timestamp) -> Result<u64, StoreError> {
        let done = sqlx::query("UPDATE notices SET due_at = $1, host = NULL WHERE host = $2 AND state = 'pending'")
            .bind(now.0)
            .bind(host)
            .execute(self.write())
            .await?;
        Ok(done.rows_affected())
    }

    /// A webhook's notices, newest first.
    pub async fn list_deliveries(
        &self,
        project: &ProjectId,
        webhook: &WebhookId,
        state: Option<DeliveryState>,
        request: &PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        Listing::of(columns!(), "notices", "id", Order::NewestFirst)
            .only("webhook = ?", webhook.as_str())
            .only("project = ?", project.as_str())
            .only_if("state = ?", state.map(DeliveryState::as_str))
            .page(self.read(), request, |text| MessageId::parse(text).is_some(), read_delivery)
            .await
    }

    /// One of a webhook's notices.
    pub async fn find_delivery(
        &self,
        project: &ProjectId,
        webhook: &WebhookId,
        id: &MessageId,
    ) -> Result<Option<Delivery>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM notices WHERE project = $1 AND webhook = $2 AND id = $3"
        ))
        .bind(project.as_str())
        .bind(webhook.as_str())
        .bind(id.as_str())
        .fetch_optional(self.read())
        .await?;
        row.map(|row| read_delivery(&mut Columns::of(&row))).transpose()
    }

    /// Makes a notice due now that was given up or is to be sent later, as if it had never been sent. `false` if it was
    /// delivered, or there is none such.
    pub async fn retry_notice(
        &self,
        project: &ProjectId,
        webhook: &WebhookId,
        id: &MessageId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        // One that is being sent now is left to its host.
        let done = sqlx::query(
            "UPDATE notices SET state = 'pending', due_at = $1, ended_at = NULL, failures = 0 \
             WHERE project = $2 AND webhook = $3 AND id = $4 AND state <> 'delivered' AND host IS NULL",
        )
        .bind(now.0)
        .bind(project.as_str())
        .bind(webhook.as_str())
        .bind(id.as_str())
        .execute(self.write())
        .await?;
        self.tell_of_notices(done.rows_affected() > 0);
        Ok(done.rows_affected() > 0)
    }

    /// When the oldest thing happened that a webhook was not told of yet.
    pub async fn oldest_pending_notice(&self) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query("SELECT MIN(at) FROM notices WHERE state = 'pending'").fetch_one(self.read()).await?;
        Ok(Columns::of(&row).maybe_number()?.map(Timestamp))
    }

    /// Removes notices that were delivered or given up before a time each, what has waited since `given_up` (its
    /// webhook is off), and what waits for no webhook; gives how many those are.
    pub async fn forget_notices(&self, delivered: Timestamp, given_up: Timestamp) -> Result<u64, StoreError> {
        let ended = sqlx::query(
            "DELETE FROM notices WHERE state <> 'pending' AND (ended_at <= $1 OR ended_at <= $2 AND state = 'delivered')",
        )
        .bind(given_up.0)
        .bind(delivered.0)
        .execute(self.write())
        .await?;
        let left = sqlx::query(
            "DELETE FROM notices WHERE state = 'pending' AND (at <= $1 OR NOT EXISTS (SELECT 1 FROM webhooks w \
             WHERE w.id = notices.webhook))",
        )
        .bind(given_up.0)
        .execute(self.write())
        .await?;
        Ok(ended.rows_affected() + left.rows_affected())
    }
}

async fn settle(transaction: &mut AnyConnection, settlement: &Settlement, now: Timestamp) -> Result<bool, StoreError> {
    let (state, due, ended, failed) = match settlement.settled {
        Settled::Delivered => (DeliveryState::Delivered, now, Some(now), 0),
        Settled::Again(due) => (DeliveryState::Pending, due, None, 1),
        Settled::Dead => (DeliveryState::Dead, now, Some(now), 1),
    };
    let done = sqlx::query(
        "UPDATE notices SET state = $1, due_at = $2, ended_at = CAST($3 AS BIGINT), failures = failures + $4, \
         attempts = $5, host = NULL WHERE id = $6 AND leases = $7 AND state = 'pending' AND host IS NOT NULL",
    )
    .bind(state.as_str())
    .bind(due.0)
    .bind(ended.map(|at| at.0))
    .bind(i64::from(failed))
    .bind(settlement.attempts.as_str())
    .bind(settlement.id.as_str())
    .bind(settlement.lease)
    .execute(transaction)
    .await?;
    Ok(done.rows_affected() > 0)
}

fn read_claimed(columns: &mut Columns<'_>) -> Result<Claimed, StoreError> {
    Ok(Claimed {
        id: columns.parsed(MessageId::parse)?,
        event: columns.parsed(Event::parse)?,
        at: columns.time()?,
        data: columns.text()?,
        failures: columns.count()?,
        attempts: columns.text()?,
        lease: columns.number()?,
    })
}

fn read_delivery(columns: &mut Columns<'_>) -> Result<Delivery, StoreError> {
    let (id, event, at) = (columns.parsed(MessageId::parse)?, columns.parsed(Event::parse)?, columns.time()?);
    let state = columns.parsed(DeliveryState::parse)?;
    let due_at = Some(columns.time()?).filter(|_| state == DeliveryState::Pending);
    let ended_at = columns.maybe_number()?.map(Timestamp);
    Ok(Delivery { id, event, at, state, due_at, ended_at, attempts: columns.text()? })
}
