//! One span and one log line per request, with an id that the answer carries too.

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use super::ApiState;
use crate::model::RequestId;

/// Name of the header that carries the request's id back.
const REQUEST_ID: &str = "x-request-id";

/// Runs the request in a span of its own. The log has the route, not the path: a path may hold what users chose.
pub(super) async fn trace(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let id = RequestId::new(&state.host.clock, &state.host.random);
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", %id, method = %request.method(), route);
    let started = std::time::Instant::now();
    let work = async move {
        let mut response = next.run(request).await;
        let status = response.status().as_u16();
        if status >= 500 {
            tracing::warn!(status, micros = started.elapsed().as_micros(), "answered");
        } else {
            tracing::debug!(status, micros = started.elapsed().as_micros(), "answered");
        }
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        response
    };
    work.instrument(span).await
}
