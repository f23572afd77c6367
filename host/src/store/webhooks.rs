//! Webhooks. Their secrets pass through here sealed, never in clear.

use serde_json::Value;

use super::page::{Listing, Order};
use super::row::Columns;
use super::{Act, Detail, Page, PageRequest, Store, StoreError, outbox};
use crate::model::{Action, By, Event, MessageId, ProjectId, Timestamp, Webhook, WebhookId};

/// What a webhook's notices are signed with. All texts are sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// The one that receivers are to verify with.
    pub current: String,
    /// The one before, until [`Webhook::overlap_until`].
    pub previous: Option<String>,
}

/// A webhook with its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRow {
    /// All but the secrets.
    pub webhook: Webhook,
    /// The secrets.
    pub secrets: Secrets,
}

macro_rules! columns {
    () => {
        "id, project, url, events, disabled, previous_until, created_at, updated_at, secret, previous"
    };
}

impl Store {
    /// Adds a webhook, unless the project has `most` already. Whether it was added.
    pub async fn insert_webhook(&self, by: &By, row: &WebhookRow, most: u32) -> Result<bool, StoreError> {
        let WebhookRow { webhook, secrets } = row;
        let mut transaction = self.begin().await?;
        let count = sqlx::query("SELECT COUNT(*) FROM webhooks WHERE project = $1")
            .bind(webhook.project.as_str())
            .fetch_one(&mut *transaction)
            .await?;
        if Columns::of(&count).number()? >= i64::from(most) {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO webhooks (id, project, url, events, secret, disabled, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(webhook.id.as_str())
        .bind(webhook.project.as_str())
        .bind(webhook.url.as_str())
        .bind(events_json(&webhook.events))
        .bind(secrets.current.as_str())
        .bind(i64::from(webhook.disabled))
        .bind(webhook.created_at.0)
        .bind(webhook.updated_at.0)
        .execute(&mut *transaction)
        .await?;
        self.append(&mut transaction, told(by, webhook, Action::WebhookCreated)).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The webhook with this identifier.
    pub async fn find_webhook(&self, project: &ProjectId, id: &WebhookId) -> Result<Option<WebhookRow>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", columns!(), " FROM webhooks WHERE project = $1 AND id = $2"))
            .bind(project.as_str())
            .bind(id.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| read_webhook(&mut Columns::of(&row))).transpose()
    }

    /// The webhook with this identifier, whatever its project.
    pub async fn webhook(&self, id: &WebhookId) -> Result<Option<WebhookRow>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", columns!(), " FROM webhooks WHERE id = $1"))
            .bind(id.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| read_webhook(&mut Columns::of(&row))).transpose()
    }

    /// The project's webhooks, oldest first.
    pub async fn list_webhooks(
        &self,
        project: &ProjectId,
        request: &PageRequest,
    ) -> Result<Page<WebhookRow>, StoreError> {
        Listing::of(columns!(), "webhooks", "id", Order::OldestFirst)
            .only("project = ?", project.as_str())
            .page(self.read(), request, |text| WebhookId::parse(text).is_some(), read_webhook)
            .await
    }

    /// Webhooks of all projects after this one, in the order of their identifiers: to seal them anew.
    pub async fn webhooks_after(&self, after: Option<&WebhookId>, limit: u32) -> Result<Vec<WebhookRow>, StoreError> {
        let rows = sqlx::query(concat!("SELECT ", columns!(), " FROM webhooks WHERE id > $1 ORDER BY id LIMIT $2"))
            .bind(after.map_or("", WebhookId::as_str))
            .bind(i64::from(limit))
            .fetch_all(self.read())
            .await?;
        rows.iter().map(|row| read_webhook(&mut Columns::of(row))).collect()
    }

    /// Writes what can change of a webhook but its secrets, if nobody changed it since `seen`. `false` if somebody did, or
    /// there is none such.
    pub async fn update_webhook(&self, by: &By, webhook: &Webhook, seen: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let done = sqlx::query(
            "UPDATE webhooks SET url = $1, events = $2, disabled = $3, updated_at = $4 \
             WHERE project = $5 AND id = $6 AND updated_at = $7",
        )
        .bind(webhook.url.as_str())
        .bind(events_json(&webhook.events))
        .bind(i64::from(webhook.disabled))
        .bind(webhook.updated_at.0)
        .bind(webhook.project.as_str())
        .bind(webhook.id.as_str())
        .bind(seen.0)
        .execute(&mut *transaction)
        .await?;
        self.commit_change(transaction, &done, told(by, webhook, Action::WebhookChanged)).await
    }

    /// Switches a webhook off whose receiver is gone for good. `false` if it is off already.
    pub async fn switch_webhook_off(&self, by: &By, webhook: &Webhook) -> Result<bool, StoreError> {
        let off = Webhook { disabled: true, updated_at: by.at, ..webhook.clone() };
        let mut transaction = self.begin().await?;
        let done = sqlx::query("UPDATE webhooks SET disabled = 1, updated_at = $1 WHERE id = $2 AND disabled = 0")
            .bind(by.at.0)
            .bind(webhook.id.as_str())
            .execute(&mut *transaction)
            .await?;
        self.commit_change(transaction, &done, told(by, &off, Action::WebhookChanged)).await
    }

    /// Puts a secret in the place of the current one, which signs too until a time. `false` if another one did at the
    /// same time, or there is none such.
    pub async fn rotate_webhook(
        &self,
        by: &By,
        row: &WebhookRow,
        secret: &str,
        overlap_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let WebhookRow { webhook, secrets } = row;
        let mut transaction = self.begin().await?;
        let done = sqlx::query(
            "UPDATE webhooks SET secret = $1, previous = $2, previous_until = $3, updated_at = $4 \
             WHERE project = $5 AND id = $6 AND secret = $2",
        )
        .bind(secret)
        .bind(secrets.current.as_str())
        .bind(overlap_until.0)
        .bind(by.at.0)
        .bind(webhook.project.as_str())
        .bind(webhook.id.as_str())
        .execute(&mut *transaction)
        .await?;
        let act = Act::new(&webhook.project, by, Action::WebhookRotated, webhook.id.as_str());
        self.commit_change(transaction, &done, act.detail(Detail::default().digest("secret", secret))).await
    }

    /// Puts the same secrets, sealed anew, in the place of those that were read. `false` if there are others by now.
    pub async fn reseal_webhook(&self, by: &By, row: &WebhookRow, anew: &Secrets) -> Result<bool, StoreError> {
        let WebhookRow { webhook, secrets } = row;
        let mut transaction = self.begin().await?;
        let done = sqlx::query(
            "UPDATE webhooks SET secret = $1, previous = $2 WHERE id = $3 AND secret = $4 \
             AND COALESCE(previous, '') = $5",
        )
        .bind(anew.current.as_str())
        .bind(anew.previous.as_deref())
        .bind(webhook.id.as_str())
        .bind(secrets.current.as_str())
        .bind(secrets.previous.as_deref().unwrap_or_default())
        .execute(&mut *transaction)
        .await?;
        let act = Act::new(&webhook.project, by, Action::WebhookResealed, webhook.id.as_str());
        self.commit_change(transaction, &done, act.detail(Detail::default().digest("secret", &anew.current))).await
    }

    /// Removes a webhook with all notices for it. `false` if the project has none such.
    pub async fn delete_webhook(&self, by: &By, project: &ProjectId, id: &WebhookId) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let done = sqlx::query("DELETE FROM webhooks WHERE project = $1 AND id = $2")
            .bind(project.as_str())
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM notices WHERE webhook = $1").bind(id.as_str()).execute(&mut *transaction).await?;
        self.append(&mut transaction, Act::new(project, by, Action::WebhookDeleted, id.as_str())).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Writes a notice for one webhook alone, to try it.
    pub async fn insert_test_notice(&self, webhook: &Webhook, id: &MessageId, at: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        outbox::test(&mut transaction, webhook.project.as_str(), webhook.id.as_str(), id, at).await?;
        transaction.commit().await?;
        self.tell_of_notices(true);
        Ok(())
    }

    /// Waits until notices may have been written through this store. What another host writes, that host delivers.
    pub async fn noticed(&self) {
        self.inner.noticed.notified().await;
    }

    /// Wakes who waits for notices, after the commit.
    pub(super) fn tell_of_notices(&self, any: bool) {
        if any {
            self.inner.noticed.notify_one();
        }
    }

    /// Commits, and wakes who waits for notices if any were written.
    pub(super) async fn commit_telling(
        &self,
        transaction: sqlx::Transaction<'_, sqlx::Any>,
        any: bool,
    ) -> Result<(), StoreError> {
        transaction.commit().await?;
        self.tell_of_notices(any);
        Ok(())
    }
}

/// Its URL may hold what only its receiver knows: the chain has the host and a digest.
fn told(by: &By, webhook: &Webhook, action: Action) -> Act {
    let host = url::Url::parse(&webhook.url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let events: Vec<&str> = webhook.events.iter().map(|event| event.as_str()).collect();
    let detail = Detail::default()
        .with_some("host", host.as_deref())
        .digest("url", &webhook.url)
        .with("events", &events.join(" "))
        .flag("disabled", webhook.disabled);
    Act::new(&webhook.project, by, action, webhook.id.as_str()).detail(detail)
}

fn events_json(events: &[Event]) -> String {
    Value::from(events.iter().map(|event| event.as_str()).collect::<Vec<_>>()).to_string()
}

fn events_of(names: &[String]) -> Option<Vec<Event>> {
    names.iter().map(|name| Event::parse(name)).collect()
}

fn read_webhook(columns: &mut Columns<'_>) -> Result<WebhookRow, StoreError> {
    let webhook = Webhook {
        id: columns.parsed(WebhookId::parse)?,
        project: columns.parsed(ProjectId::parse)?,
        url: columns.text()?,
        events: columns.parsed(|text| events_of(&serde_json::from_str::<Vec<String>>(text).ok()?))?,
        disabled: columns.flag()?,
        overlap_until: columns.maybe_number()?.map(Timestamp),
        created_at: columns.time()?,
        updated_at: columns.time()?,
    };
    Ok(WebhookRow { webhook, secrets: Secrets { current: columns.text()?, previous: columns.maybe_text()? } })
}
