//! Webhooks as operators make, change, try and remove them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;
use url::Url;

use super::limits::{MAX_URL, MAX_WEBHOOKS, OVERLAP};
use super::send::{grant, request};
use super::{Notices, Parts};
use crate::egress::{EgressError, Injection};
use crate::model::{By, Event, MessageId, ProjectId, Secret, Webhook, WebhookId};
use crate::store::{Secrets, StoreError, WebhookRow};
use crate::vault::{Binding, VaultError};

/// Bytes of a secret: what the specification recommends is 24 to 64.
const SECRET_BYTES: usize = 32;

/// Why a webhook cannot be made, changed or tried.
#[derive(Debug, Error)]
pub enum NoticeError {
    /// Its URL cannot be sent to.
    #[error("`url` cannot be used: {0}")]
    Url(String),
    /// The project has as many as it can have.
    #[error("a project has at most {MAX_WEBHOOKS} webhooks")]
    TooMany,
    /// Somebody else changed it.
    #[error("somebody else changed the webhook at the same time: try again")]
    Raced,
    /// It is off.
    #[error("the webhook is off: enable it first")]
    Disabled,
    /// There is none such.
    #[error("there is no such webhook")]
    Missing,
    /// Its secret could not be sealed.
    #[error("the secret could not be sealed: {0}")]
    Vault(#[from] VaultError),
    /// The database failed.
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
}

/// What to change of a webhook. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Where notices are posted to.
    pub url: Option<String>,
    /// Of what it wants to hear; of everything if empty.
    pub events: Option<Vec<Event>>,
    /// Whether it is off.
    pub disabled: Option<bool>,
}

impl Notices {
    /// Makes a webhook. Its secret, in clear, is given back here and nowhere else.
    ///
    /// # Errors
    /// [`NoticeError::Url`] for a URL that nothing may be sent to, as far as that can be told without sending.
    pub async fn create(
        &self,
        by: &By,
        project: &ProjectId,
        url: String,
        events: Vec<Event>,
    ) -> Result<(Webhook, String), NoticeError> {
        check_url(&self.0, &url)?;
        let webhook = Webhook {
            id: WebhookId::new(&self.0.clock, &self.0.random),
            project: project.clone(),
            url,
            events,
            disabled: false,
            overlap_until: None,
            created_at: by.at,
            updated_at: by.at,
        };
        let (clear, current) = self.new_secret(&webhook)?;
        let row = WebhookRow { webhook, secrets: Secrets { current, previous: None } };
        if !self.0.store.insert_webhook(by, &row, MAX_WEBHOOKS).await? {
            return Err(NoticeError::TooMany);
        }
        Ok((row.webhook, clear))
    }

    /// Changes a webhook. What waits for one that is switched on again is sent then.
    pub async fn change(
        &self,
        by: &By,
        project: &ProjectId,
        id: &WebhookId,
        change: Change,
    ) -> Result<Webhook, NoticeError> {
        let old = self.find(project, id).await?.webhook;
        let seen = old.updated_at;
        let Change { url, events, disabled } = change;
        if let Some(url) = &url {
            check_url(&self.0, url)?;
        }
        let new = Webhook {
            url: url.unwrap_or(old.url),
            events: events.unwrap_or(old.events),
            disabled: disabled.unwrap_or(old.disabled),
            updated_at: by.at,
            ..old
        };
        if self.0.store.update_webhook(by, &new, seen).await? { Ok(new) } else { Err(NoticeError::Raced) }
    }

    /// Gives a webhook another secret, in clear here and nowhere else. Notices are signed with both for a day.
    pub async fn rotate(&self, by: &By, project: &ProjectId, id: &WebhookId) -> Result<(Webhook, String), NoticeError> {
        let row = self.find(project, id).await?;
        let (clear, sealed) = self.new_secret(&row.webhook)?;
        let until = by.at.plus(OVERLAP);
        if !self.0.store.rotate_webhook(by, &row, &sealed, until).await? {
            return Err(NoticeError::Raced);
        }
        Ok((Webhook { overlap_until: Some(until), updated_at: by.at, ..row.webhook }, clear))
    }

    /// Sends a notice that tells of nothing; gives its identifier. What comes of it is among the deliveries.
    pub async fn test(&self, project: &ProjectId, id: &WebhookId) -> Result<MessageId, NoticeError> {
        let webhook = self.find(project, id).await?.webhook;
        if webhook.disabled {
            return Err(NoticeError::Disabled);
        }
        let message = MessageId::new(&self.0.clock, &self.0.random);
        self.0.store.insert_test_notice(&webhook, &message, self.0.clock.now()).await?;
        Ok(message)
    }

    async fn find(&self, project: &ProjectId, id: &WebhookId) -> Result<WebhookRow, NoticeError> {
        self.0.store.find_webhook(project, id).await?.ok_or(NoticeError::Missing)
    }

    /// In clear and sealed.
    fn new_secret(&self, webhook: &Webhook) -> Result<(String, String), VaultError> {
        let clear = format!("whsec_{}", STANDARD.encode(self.0.random.bytes::<SECRET_BYTES>()));
        let sealed = self.0.vault.seal(&Binding::of_webhook(webhook), &Secret::new(clear.clone()))?;
        Ok((clear, sealed))
    }
}

fn check_url(parts: &Parts, text: &str) -> Result<(), NoticeError> {
    let refused = |error: EgressError| NoticeError::Url(error.to_string());
    if text.len() > MAX_URL {
        return Err(NoticeError::Url(format!("it has more than {MAX_URL} bytes")));
    }
    let grant = grant(text, Injection::None).map_err(refused)?;
    parts.egress.plan(&grant, request(text, String::new())).map_err(refused)?;
    let url = Url::parse(text).map_err(|error| NoticeError::Url(error.to_string()))?;
    parts.egress.check_address(&url).map_err(refused)
}
