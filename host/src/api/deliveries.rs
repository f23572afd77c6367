//! What became of a webhook's notices, and sending one again.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Admin, Path, Query};
use super::page::{List, page};
use super::webhooks::parse;
use super::{ApiState, Problem};
use crate::model::{Delivery, DeliveryState, MessageId, Timestamp};
use crate::notices::NoticeError;

/// A notice for one webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryBody {
    /// The header `webhook-id`, the same each time it is sent.
    id: String,
    /// What it tells of.
    event: &'static str,
    /// When that happened.
    at: String,
    /// `pending`, `delivered` or `dead`.
    state: &'static str,
    /// When it is sent next, while it is pending.
    due_at: Option<String>,
    /// When it was delivered or given up.
    ended_at: Option<String>,
    /// The last attempts, oldest first.
    attempts: Vec<AttemptBody>,
}

/// One time that it was sent.
#[derive(Debug, Serialize, ToSchema)]
struct AttemptBody {
    at: String,
    /// Of the receiver's answer; null if there was none.
    status: Option<u16>,
    /// Why there was none.
    error: Option<String>,
    took_ms: u64,
}

/// An attempt as the row has it.
#[derive(Deserialize)]
struct Attempt {
    at: i64,
    status: Option<u16>,
    error: Option<String>,
    took_ms: u64,
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveryQuery {
    /// Only those that stand so: `pending`, `delivered` or `dead`.
    state: Option<String>,
    /// Items at most: 1 to 200, 50 if absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A webhook's notices, newest first. What was delivered is listed for a week, what was given up for a month.
#[utoipa::path(get, path = "/v1/webhooks/{id}/deliveries", tag = "webhooks",
    params(("id" = String, Path), DeliveryQuery),
    responses((status = 200, body = List<DeliveryBody>), (status = 404, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    Query(query): Query<DeliveryQuery>,
) -> Result<axum::Json<List<DeliveryBody>>, Problem> {
    let wanted = query.state.as_deref().map(|text| {
        DeliveryState::parse(text).ok_or_else(|| Problem::bad_request("`state` must be pending, delivered or dead"))
    });
    let (wanted, page, id) = (wanted.transpose()?, page(query.limit, query.cursor)?, parse(&id)?);
    let store = &state.host.store;
    store.find_webhook(&caller.project, &id).await?.ok_or(NoticeError::Missing)?;
    let found = store.list_deliveries(&caller.project, &id, wanted, &page).await?;
    Ok(axum::Json(List::of(found, body)))
}

/// Sends a notice again that was given up, or at once instead of later. Its attempts are counted anew.
#[utoipa::path(post, path = "/v1/webhooks/{id}/deliveries/{message}/retry", tag = "webhooks",
    params(("id" = String, Path), ("message" = String, Path)),
    responses((status = 202), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = "default", body = Problem)))]
pub(super) async fn retry(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path((id, message)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let missing = || Problem::not_found("there is no such delivery");
    let (store, id) = (&state.host.store, parse(&id)?);
    let message = MessageId::parse(&message).ok_or_else(missing)?;
    let webhook = store.find_webhook(&caller.project, &id).await?.ok_or(NoticeError::Missing)?.webhook;
    let delivery = store.find_delivery(&caller.project, &id, &message).await?.ok_or_else(missing)?;
    if webhook.disabled {
        return Err(NoticeError::Disabled.into());
    }
    if delivery.state == DeliveryState::Delivered {
        return Err(Problem::conflict("it was delivered"));
    }
    if store.retry_notice(&caller.project, &id, &message, state.host.clock.now()).await? {
        Ok(StatusCode::ACCEPTED)
    } else {
        Err(Problem::conflict("it is being sent now"))
    }
}

fn body(delivery: Delivery) -> DeliveryBody {
    // Written by the host; what cannot be read is not shown.
    let attempts: Vec<Attempt> = serde_json::from_str(&delivery.attempts).unwrap_or_default();
    let attempts = attempts.into_iter().map(|Attempt { at, status, error, took_ms }| AttemptBody {
        at: Timestamp(at).to_rfc3339(),
        status,
        error,
        took_ms,
    });
    DeliveryBody {
        id: delivery.id.to_string(),
        event: delivery.event.as_str(),
        at: delivery.at.to_rfc3339(),
        state: delivery.state.as_str(),
        due_at: delivery.due_at.map(Timestamp::to_rfc3339),
        ended_at: delivery.ended_at.map(Timestamp::to_rfc3339),
        attempts: attempts.collect(),
    }
}
