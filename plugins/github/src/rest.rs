//! What all requests to GitHub's REST API have in common.

use gloveport_sdk::Failure;
use gloveport_sdk::http::{Request, Response};

use crate::errors;

/// GitHub's own flavour of JSON.
const JSON: &str = "application/vnd.github+json";

/// The version that the types of this connector follow.
const API_VERSION: &str = "2022-11-28";

/// GitHub refuses requests without a name of the program.
const USER_AGENT: &str = "gloveport-github";

/// Sends a request and asks for JSON.
///
/// `fields` pairs GitHub's names of what the request carries with where the caller wrote it in the tool's input, so
/// that GitHub's complaint about a field reaches the caller as one about that field.
pub(crate) fn send(request: Request, fields: errors::Fields) -> Result<Response, Failure> {
    send_accepting(JSON, request, fields)
}

/// Sends a request and asks for another media type than JSON.
pub(crate) fn send_accepting(media_type: &str, request: Request, fields: errors::Fields) -> Result<Response, Failure> {
    let response = request
        .header("accept", media_type)
        .header("x-github-api-version", API_VERSION)
        .header("user-agent", USER_AGENT)
        .send()?;
    errors::check(response, fields)
}
