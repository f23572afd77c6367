//! Sends a browser on from the answer to a form.
//!
//! A redirect would do, but for browsers that hold each page on the way to the form's `form-action`: there is no telling
//! over which pages a provider leads.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use url::Url;

use super::shell::{Look, respond};

#[derive(Template)]
#[template(path = "leave.html")]
struct Leave<'a> {
    look: &'a Look,
    title: String,
    host: &'a str,
    url: &'a str,
}

/// A page that goes on by itself to a site, and has a link where that is switched off.
pub(super) fn page(look: &Look, title: String, url: &Url) -> Response {
    to(look, title, url.host_str().unwrap_or_default(), url)
}

/// The same to where a host's name would say nothing: a program of the user's.
pub(super) fn to(look: &Look, title: String, host: &str, url: &Url) -> Response {
    respond(look, StatusCode::OK, &Leave { look, title, host, url: url.as_str() })
}
