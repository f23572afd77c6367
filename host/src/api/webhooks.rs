//! Webhooks: where operators' programs hear of what happens. Secrets are shown once, and never listed.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Admin, Json, Path, Query};
use super::page::{List, PageQuery, page};
use super::{ApiState, Problem};
use crate::model::{Code, Culprit, Event, Fault, Timestamp, Webhook, WebhookId};
use crate::notices::{Change, NoticeError};

/// A webhook, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookBody {
    id: String,
    url: String,
    /// Of what it hears; of everything if empty.
    events: Vec<&'static str>,
    /// Nothing is sent to it while set. A receiver that answers 410 sets it.
    disabled: bool,
    /// Until when notices are signed with the secret before this one, too.
    overlap_until: Option<String>,
    created_at: String,
    updated_at: String,
    /// What its notices are signed with: shown once, now.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// A new webhook.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhook {
    /// Where notices are posted to: https, or http within a network that the operator allowed.
    url: String,
    /// Of what it hears: `approval.waiting`, `approval.decided`, `execution.finished`, `account.needs_attention`,
    /// `account.recovered`, `connector.tools_held`; of everything, what will be added too, if absent or empty.
    #[serde(default)]
    events: Vec<String>,
}

/// What to change. What is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangedWebhook {
    /// Where notices are posted to.
    url: Option<String>,
    /// Of what it hears; of everything if empty.
    events: Option<Vec<String>>,
    /// Whether nothing is sent to it. Nothing is written down for it either, so it never hears of what happens meanwhile;
    /// what was written before is sent when it is on again.
    disabled: Option<bool>,
}

/// A notice that was written to try a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TestNoticeBody {
    /// Its identifier among the deliveries, which tell what came of it.
    id: String,
}

/// Makes a webhook. Its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/v1/webhooks", tag = "webhooks", request_body = NewWebhook,
    responses((status = 201, body = WebhookBody), (status = 409, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn create(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Json(new): Json<NewWebhook>,
) -> Result<Response, Problem> {
    let by = caller.by(state.host.clock.now());
    let events = events(&new.events)?;
    let (webhook, secret) = state.notices.create(&by, &caller.project, new.url, events).await?;
    Ok((StatusCode::CREATED, axum::Json(body(webhook, Some(secret)))).into_response())
}

/// All webhooks, without their secrets.
#[utoipa::path(get, path = "/v1/webhooks", tag = "webhooks", params(PageQuery),
    responses((status = 200, body = List<WebhookBody>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<List<WebhookBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let found = state.host.store.list_webhooks(&caller.project, &page).await?;
    Ok(axum::Json(List::of(found, |row| body(row.webhook, None))))
}

/// One webhook, without its secret.
#[utoipa::path(get, path = "/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 200, body = WebhookBody), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<axum::Json<WebhookBody>, Problem> {
    let found = state.host.store.find_webhook(&caller.project, &parse(&id)?).await?;
    Ok(axum::Json(body(found.ok_or(NoticeError::Missing)?.webhook, None)))
}

/// Changes a webhook, or switches it off or on.
#[utoipa::path(patch, path = "/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    request_body = ChangedWebhook,
    responses((status = 200, body = WebhookBody), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn change(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    Json(changed): Json<ChangedWebhook>,
) -> Result<axum::Json<WebhookBody>, Problem> {
    let ChangedWebhook { url, events: names, disabled } = changed;
    let change = Change { url, events: names.as_deref().map(events).transpose()?, disabled };
    let by = caller.by(state.host.clock.now());
    let webhook = state.notices.change(&by, &caller.project, &parse(&id)?, change).await?;
    Ok(axum::Json(body(webhook, None)))
}

/// Removes a webhook, and what was to be sent to it.
#[utoipa::path(delete, path = "/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let by = caller.by(state.host.clock.now());
    let removed = state.host.store.delete_webhook(&by, &caller.project, &parse(&id)?).await?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(NoticeError::Missing.into()) }
}

/// Gives a webhook another secret, which is in this answer and nowhere else. For a day notices are signed with both.
#[utoipa::path(post, path = "/v1/webhooks/{id}/rotate", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 200, body = WebhookBody), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn rotate(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<axum::Json<WebhookBody>, Problem> {
    let by = caller.by(state.host.clock.now());
    let (webhook, secret) = state.notices.rotate(&by, &caller.project, &parse(&id)?).await?;
    Ok(axum::Json(body(webhook, Some(secret))))
}

/// Sends a `webhook.test` to a webhook, of whatever it hears.
#[utoipa::path(post, path = "/v1/webhooks/{id}/test", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 202, body = TestNoticeBody), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn test(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = state.notices.test(&caller.project, &parse(&id)?).await?.to_string();
    Ok((StatusCode::ACCEPTED, axum::Json(TestNoticeBody { id })).into_response())
}

/// The identifier in a path.
pub(super) fn parse(id: &str) -> Result<WebhookId, Problem> {
    WebhookId::parse(id).ok_or_else(|| NoticeError::Missing.into())
}

pub(super) fn events(names: &[String]) -> Result<Vec<Event>, Problem> {
    let mut events = Vec::with_capacity(names.len());
    for name in names {
        let event = Event::parse(name).filter(|event| *event != Event::WebhookTest);
        let event = event.ok_or_else(|| {
            let known = Event::ALL.iter().filter(|event| **event != Event::WebhookTest).map(|event| event.as_str());
            Problem::bad_request(format!("`events` may have {}", known.collect::<Vec<_>>().join(", ")))
        })?;
        if !events.contains(&event) {
            events.push(event);
        }
    }
    Ok(events)
}

fn body(webhook: Webhook, secret: Option<String>) -> WebhookBody {
    WebhookBody {
        id: webhook.id.to_string(),
        url: webhook.url,
        events: webhook.events.iter().map(|event| event.as_str()).collect(),
        disabled: webhook.disabled,
        overlap_until: webhook.overlap_until.map(Timestamp::to_rfc3339),
        created_at: webhook.created_at.to_rfc3339(),
        updated_at: webhook.updated_at.to_rfc3339(),
        secret,
    }
}

impl From<NoticeError> for Problem {
    fn from(error: NoticeError) -> Self {
        match error {
            NoticeError::Store(error) => error.into(),
            NoticeError::Missing => Self::not_found(error.to_string()),
            NoticeError::Url(_) => Self::bad_request(error.to_string()),
            NoticeError::TooMany | NoticeError::Raced | NoticeError::Disabled => Self::conflict(error.to_string()),
            NoticeError::Vault(error) => {
                tracing::error!(%error, "the vault failed");
                Fault::new(Code::Internal, Culprit::Host, "the secret could not be sealed: the log says why").into()
            }
        }
    }
}
