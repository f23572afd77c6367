//! What this host says of itself to authorization servers that know a client by the address of its document.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::shell::Pages;
use crate::connect;

/// How long others may keep it: it changes with the host's address, and never else.
const KEPT: &str = "public, max-age=3600";

/// The document of one connector's client. Each has its own, as each has its own place to come back to (AK-306).
pub(super) async fn show(State(pages): State<Pages>, Path(connector): Path<String>) -> Response {
    match connect::client_document(&pages.host, &connector) {
        Some(document) => ([(header::CACHE_CONTROL, KEPT)], axum::Json(document)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
