//! The pages on which users connect their accounts, and let programs use them: forms without scripts, and nothing from elsewhere.

mod authorize;
mod callback;
mod choose;
mod client_document;
mod colour;
mod cookie;
mod ending;
mod form;
mod leave;
mod link;
mod message;
mod shell;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;

use crate::call::Host;
use shell::{Look, Pages};

/// Bytes of a form: a few fields of at most 16 KiB each, three bytes for each as a form writes them.
const MAX_FORM: usize = 256 * 1024;

/// All pages.
pub fn router<S: Clone + Send + Sync + 'static>(host: Host) -> Router<S> {
    let look = Arc::new(Look::of(&host.connect));
    Router::new()
        .route("/connect/{token}", get(link::show).post(link::submit))
        .route("/connect/choose/{id}", get(choose::show).post(choose::submit))
        .route("/connect/result/{id}", get(ending::show))
        .route("/oauth/callback/{connector}", get(callback::take))
        .route("/oauth/authorize", get(authorize::begin))
        .route("/oauth/authorize/{page}", get(authorize::show).post(authorize::submit))
        .route("/oauth/client/{connector}", get(client_document::show))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .with_state(Pages { host, look, documents: Arc::default() })
}
