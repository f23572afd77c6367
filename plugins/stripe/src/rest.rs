//! What all requests to Stripe's API have in common.

use gloveport_sdk::Failure;
use gloveport_sdk::http::{Request, Response};

use crate::errors;

/// The version that the types of this connector follow, whatever the Stripe account's own default is.
const API_VERSION: &str = "2024-06-20";

/// Sends a request.
///
/// `fields` pairs Stripe's parameters with where the caller wrote them in the tool's input, so that Stripe's complaint
/// about a parameter reaches the caller as one about that field.
pub(crate) fn send(request: Request, fields: errors::Fields) -> Result<Response, Failure> {
    errors::check(request.header("stripe-version", API_VERSION).send()?, fields)
}
