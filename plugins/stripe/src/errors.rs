//! From Stripe's error replies to failures.

use gloveport_sdk::http::{ErrorDetail, Response};
use gloveport_sdk::{Failure, UpstreamError};
use serde::Deserialize;

/// The longest message that goes on to a model, in characters: Stripe's own are one or two sentences, and a longer
/// text is more likely somebody's data than an explanation.
const MESSAGE_LIMIT: usize = 300;

/// Stripe's names of parameters, each with the JSON Pointer of the input that fills it.
pub(crate) type Fields = &'static [(&'static str, &'static str)];

/// Stripe's error body. Nothing else of it is ever handed on.
#[derive(Default, Deserialize)]
struct ErrorBody {
    error: StripeError,
}

/// The error in it.
#[derive(Default, Deserialize)]
struct StripeError {
    /// For example `card_declined`, or `charge_already_refunded`.
    code: Option<String>,
    /// Why the bank refused, for example `insufficient_funds`.
    decline_code: Option<String>,
    /// A sentence for the developer.
    message: Option<String>,
    /// The parameter that is wrong.
    param: Option<String>,
}

/// The response if its status is 2xx, else the failure that it means.
pub(crate) fn check(response: Response, fields: Fields) -> Result<Response, Failure> {
    if response.is_success() {
        return Ok(response);
    }
    let status = response.status;
    let body: ErrorBody = response.json().unwrap_or_default();
    let error = body.error;
    let code = error.code.as_deref().map(short);
    let message = error.message.as_deref().map(short);
    let said = || message.clone().unwrap_or_else(|| format!("Stripe answered with status {status}"));
    let pointer = error.param.as_deref().and_then(|param| fields.iter().find(|(name, _)| *name == param));
    match (status, pointer) {
        // Stripe's own text repeats a part of the key.
        (401, _) => Err(Failure::auth_required("Stripe does not accept the secret key")),
        // Stripe says so with 400 too where the name of the missing thing came as a parameter.
        (400, _) if code.as_deref() == Some("resource_missing") => Err(Failure::not_found(said())),
        (400, Some((_, pointer))) => Err(Failure::invalid_input(*pointer, said())),
        (402, _) => Err(Failure::upstream(402, code, declined(said(), error.decline_code.as_deref()))),
        // Another request held the same thing or the same idempotency key: the next try may find it free.
        (409, _) => Err(Failure::Upstream(UpstreamError { status, code, message: said(), retryable: true })),
        _ => response.error_for_status_with(|_| ErrorDetail { code, message: Some(said()), now_ms: None }),
    }
}

fn declined(message: String, decline_code: Option<&str>) -> String {
    match decline_code {
        Some(reason) => format!("{message} (the bank says: {})", short(reason)),
        None => message,
    }
}

/// One line of at most [`MESSAGE_LIMIT`] characters.
fn short(text: &str) -> String {
    text.chars().take(MESSAGE_LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use gloveport_sdk::fake_host::{FakeHost, Reply};
    use gloveport_sdk::http::Error;
    use gloveport_sdk::{Failure, UpstreamError};
    use serde_json::{Value, json};

    use crate::Stripe;

    /// What `stripe_refund_create` makes of a reply.
    fn failure(reply: Reply) -> Failure {
        let host = FakeHost::new().on("POST", "/v1/refunds", reply);
        host.call::<Stripe>("stripe_refund_create", json!({ "charge": "ch_1", "amount": 5 })).unwrap_err()
    }

    fn said(status: u16, error: Value) -> Reply {
        Reply::json(status, json!({ "error": error }))
    }

    fn upstream(status: u16, code: Option<&str>, message: &str, retryable: bool) -> Failure {
        Failure::Upstream(UpstreamError { status, code: code.map(Into::into), message: message.into(), retryable })
    }

    /// AK-501: who has to act is told by the variant, what happened by code and short message.
    #[test]
    fn each_error_names_who_has_to_act() {
        let missing = json!({
            "type": "invalid_request_error", "code": "resource_missing", "message": "No such charge: 'ch_1'",
            "param": "charge",
        });
        for (reply, expected) in [
            (
                said(
                    400,
                    json!({ "type": "invalid_request_error", "message": "Invalid integer: 5", "param": "amount" }),
                ),
                Failure::invalid_input("/amount", "Invalid integer: 5"),
            ),
            (
                said(400, json!({ "message": "Received unknown parameter: extra", "param": "extra" })),
                upstream(400, None, "Received unknown parameter: extra", false),
            ),
            (
                said(400, json!({ "code": "charge_already_refunded", "message": "Charge ch_1 has been refunded." })),
                upstream(400, Some("charge_already_refunded"), "Charge ch_1 has been refunded.", false),
            ),
            (said(400, missing.clone()), Failure::not_found("No such charge: 'ch_1'")),
            (said(404, missing), Failure::not_found("No such charge: 'ch_1'")),
            (
                said(401, json!({ "message": "Invalid API Key provided: sk_test_****4242" })),
                Failure::auth_required("Stripe does not accept the secret key"),
            ),
            (
                said(
                    402,
                    json!({ "type": "card_error", "code": "card_declined", "message": "Your card was declined.",
                    "decline_code": "insufficient_funds" }),
                ),
                upstream(
                    402,
                    Some("card_declined"),
                    "Your card was declined. (the bank says: insufficient_funds)",
                    false,
                ),
            ),
            (
                said(402, json!({ "code": "balance_insufficient", "message": "Insufficient funds." })),
                upstream(402, Some("balance_insufficient"), "Insufficient funds.", false),
            ),
            (
                said(403, json!({ "message": "The key lacks a permission." })),
                Failure::denied("The key lacks a permission."),
            ),
            (said(409, json!({ "message": "Try again." })), upstream(409, None, "Try again.", true)),
            (
                said(424, json!({ "message": "A dependency failed." })),
                upstream(424, None, "A dependency failed.", false),
            ),
            (said(500, json!({ "type": "api_error", "message": "Oops." })), upstream(500, None, "Oops.", true)),
            (Reply::text(503, "<html>"), upstream(503, None, "Stripe answered with status 503", true)),
        ] {
            assert_eq!(failure(reply), expected);
        }
    }

    #[test]
    fn rate_limits_say_how_long_to_wait_if_stripe_does() {
        let limited = || said(429, json!({ "code": "rate_limit", "message": "Too many requests." }));
        for (reply, expected) in [(limited(), None), (limited().header("Retry-After", "2"), Some(2_000))] {
            assert_eq!(failure(reply), Failure::rate_limited(expected, "Too many requests."));
        }
    }

    /// AK-501: Stripe's body is not echoed.
    #[test]
    fn nothing_but_a_short_message_goes_on() {
        let long = json!({ "message": format!("a\r\n{}", "x".repeat(9_999)), "request_log_url": "private", "charge": "private" });
        let Failure::Upstream(error) = failure(said(500, long)) else { panic!() };
        assert_eq!(error.message.chars().count(), super::MESSAGE_LIMIT);
        assert!(error.message.starts_with("a  x"));
        for body in
            ["", "null", "[]", "\"private\"", "{\"error\":\"private\"}", "{\"error\":{\"message\":7}}", "private"]
        {
            let told = format!("{:?}", failure(Reply::bytes(400, body)));
            assert!(told.contains("status 400") && !told.contains("private"), "{body}: {told}");
        }
    }

    #[test]
    fn no_answer_is_told_from_a_refusal() {
        let Failure::Upstream(error) = failure(Reply::error(Error::Unreachable("reset".into()))) else { panic!() };
        assert!(error.retryable);
        assert!(matches!(failure(Reply::error(Error::Refused("policy".into()))), Failure::Denied(_)));
    }
}
