//! What all pages have in common: how they look, and the headers that keep others out.

use std::sync::Arc;

use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::colour;
use crate::call::Host;
use crate::config::Connect;
use crate::issuer::Documents;

/// What handlers of pages share. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pages {
    pub(super) host: Host,
    pub(super) look: Arc<Look>,
    /// What clients say of themselves.
    pub(super) documents: Arc<Documents>,
}

/// How pages look on this host.
#[derive(Debug)]
pub(super) struct Look {
    /// Who asks.
    pub(super) name: String,
    /// The style, within each page.
    pub(super) css: String,
    /// No script at all, nothing from elsewhere, this one style, and forms that go nowhere else.
    policy: String,
}

impl Look {
    pub(super) fn of(settings: &Connect) -> Self {
        // The style has no part that can fail to be written; without it a page is still whole.
        let css = colour::style(settings.colour).unwrap_or_default();
        let digest = STANDARD.encode(Sha256::digest(&css));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        );
        Self { name: settings.name.clone(), css, policy }
    }
}

/// A page as an answer.
pub(super) fn respond(look: &Look, status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => guarded(look, (status, Html(html)).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            guarded(look, StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }
    }
}

/// Sends the browser to another page with GET, whatever it came with (RFC 9700 section 4.12: never 307).
pub(super) fn go_to(look: &Look, url: &str) -> Response {
    match HeaderValue::from_str(url) {
        Ok(url) => guarded(look, (StatusCode::SEE_OTHER, [(header::LOCATION, url)]).into_response()),
        Err(_) => guarded(look, StatusCode::INTERNAL_SERVER_ERROR.into_response()),
    }
}

fn guarded(look: &Look, mut response: Response) -> Response {
    const FIXED: [(HeaderName, &str); 7] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
    ];
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&look.policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
