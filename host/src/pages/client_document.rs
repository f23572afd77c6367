//! What this host says of itself to authorization servers that know a client by the address of its document.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::shell::Pages;
use crate::connect;
use crate::oauth;

/// How long others may keep it: it changes with the host's address, and never else.
const KEPT: &str = "public, max-age=3600";

/// The document of one connector's client. Each has its own, as each has its own place to come back to (AK-306).
pub(super) async fn show(State(pages): State<Pages>, Path(connector): Path<String>) -> Response {
    let Some(own) = connect::own_client(&pages.host, &connector) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut document = oauth::described(&own.redirect_uri, "none");
    document["client_id"] = own.document.map_or(Value::Null, Value::from);
    ([(header::CACHE_CONTROL, KEPT)], axum::Json(document)).into_response()
}
