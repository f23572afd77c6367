//! Whether the process lives, whether it can take calls, and its figures.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ApiState, Problem};
use crate::model::{Code, Culprit, Fault};

/// How it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    status: &'static str,
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses((status = 200, body = Health)))]
pub(super) async fn live() -> axum::Json<Health> {
    axum::Json(Health { status: "ok" })
}

/// The host can take calls: it is not stopping, and its database answers.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = Health), (status = 503, body = Problem)))]
pub(super) async fn ready(State(state): State<ApiState>) -> Result<axum::Json<Health>, Problem> {
    if state.host.is_draining() {
        return Err(Fault::new(Code::Unavailable, Culprit::Host, "this host is stopping").into());
    }
    state.host.store.ping().await?;
    Ok(axum::Json(Health { status: "ok" }))
}

/// All figures in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, content_type = "text/plain", body = String)))]
pub(super) async fn metrics(State(state): State<ApiState>) -> Response {
    state.host.note_pool();
    state.notices.note_oldest().await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], state.metrics.render()).into_response()
}
