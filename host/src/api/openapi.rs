//! The document that describes the API, generated from the handlers.

use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi};

use super::scopes;

/// Name of the security scheme.
const SCHEME: &str = "key";

/// The document with what handlers cannot say: title, version, how callers authenticate.
pub(super) fn completed(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("Gloveport")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("A self-hosted connector runtime. Errors are problem documents (RFC 9457) with a `code`."))
        .build();
    let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("gp_…").build();
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme(SCHEME, SecurityScheme::Http(key));
    document.security = Some(vec![SecurityRequirement::new(SCHEME, Vec::<String>::new())]);
    scopes::describe(&mut document, SCHEME);
    document
}

/// The document as text, made once.
pub(super) fn rendered(document: OpenApi) -> Bytes {
    completed(document).to_json().map(Bytes::from).unwrap_or_default()
}

/// Serves it. It says nothing about this host's data, so it takes no key.
pub(super) async fn get(document: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document).into_response()
}
