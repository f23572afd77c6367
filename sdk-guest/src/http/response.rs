//! A response, and which failure it is.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::Failure;
use crate::bindings::gloveport::connector::http as wire;

/// Numbers above this are times since 1970 and not waits: 31 years in seconds.
const EPOCH_FROM: u64 = 1_000_000_000;

/// What a provider answered.
#[derive(Clone, PartialEq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The body was longer than the host's limit and has been cut.
    pub truncated: bool,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What a provider's error body says, for [`Response::error_for_status_with`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorDetail {
    /// The provider's own short code.
    pub code: Option<String>,
    /// One sentence; without it the status stands for it.
    pub message: Option<String>,
    /// The time in milliseconds, for rate limits which say *when* and not *how long*: `Some(clock::now_ms())`.
    pub now_ms: Option<u64>,
}

impl Response {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(candidate, _)| candidate.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All headers; names in lower case.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body, taken out.
    pub fn into_bytes(self) -> Vec<u8> {
        self.body
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// [`Failure::Upstream`] when the provider answered something else, or more than the host lets through.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let reason = if self.truncated {
                "the reply is longer than the host lets through".to_owned()
            } else {
                format!("the reply is not what was expected: {error}")
            };
            Failure::upstream(self.status, None, reason)
        })
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The response if its status is 2xx.
    ///
    /// # Errors
    ///
    /// As [`Response::error_for_status_with`], with the status as message.
    pub fn error_for_status(self) -> Result<Self, Failure> {
        self.error_for_status_with(|_| ErrorDetail::default())
    }

    /// The response if its status is 2xx; else `explain` reads the provider's error body.
    ///
    /// # Errors
    ///
    /// 401 is [`Failure::AuthRequired`], 403 [`Failure::Denied`], 404 and 410 [`Failure::NotFound`], 429 (and 403 with
    /// `retry-after` or `x-ratelimit-remaining: 0`) [`Failure::RateLimited`], all else [`Failure::Upstream`].
    pub fn error_for_status_with(self, explain: impl FnOnce(&Self) -> ErrorDetail) -> Result<Self, Failure> {
        if self.is_success() {
            return Ok(self);
        }
        let detail = explain(&self);
        let message = detail.message.unwrap_or_else(|| format!("the provider answered with status {}", self.status));
        Err(match self.status {
            401 => Failure::auth_required(message),
            429 => Failure::rate_limited(self.retry_after_ms(detail.now_ms), message),
            403 if self.is_rate_limited() => Failure::rate_limited(self.retry_after_ms(detail.now_ms), message),
            403 => Failure::denied(message),
            404 | 410 => Failure::not_found(message),
            status => Failure::upstream(status, detail.code, message),
        })
    }

    /// How long the provider asks to wait: `retry-after` in seconds, else `x-ratelimit-reset` (seconds to wait, or a
    /// time since 1970, for which `now_ms` is needed).
    pub fn retry_after_ms(&self, now_ms: Option<u64>) -> Option<u64> {
        if let Some(seconds) = self.number("retry-after") {
            return seconds.checked_mul(1000);
        }
        let reset = self.number("x-ratelimit-reset").or_else(|| self.number("ratelimit-reset"))?;
        if reset < EPOCH_FROM {
            return reset.checked_mul(1000);
        }
        Some(reset.checked_mul(1000)?.saturating_sub(now_ms?))
    }

    fn is_rate_limited(&self) -> bool {
        self.header("retry-after").is_some() || self.number("x-ratelimit-remaining") == Some(0)
    }

    fn number(&self, header: &str) -> Option<u64> {
        self.header(header)?.trim().parse().ok()
    }
}

impl From<wire::Response> for Response {
    fn from(wire: wire::Response) -> Self {
        Self { status: wire.status, truncated: wire.truncated, headers: wire.headers, body: wire.body }
    }
}

/// Without the body, which may be long and private.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Response { status, truncated: false, headers, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn each_status_names_who_has_to_act() {
        let kind = |status: u16, headers: &[(&str, &str)]| match response(status, headers, "").error_for_status() {
            Ok(_) => "ok",
            Err(Failure::AuthRequired(_)) => "auth required",
            Err(Failure::Denied(_)) => "denied",
            Err(Failure::NotFound(_)) => "not found",
            Err(Failure::RateLimited(_)) => "rate limited",
            Err(Failure::Upstream(_)) => "upstream",
            Err(_) => "other",
        };
        for (status, headers, expected) in [
            (200, &[][..], "ok"),
            (204, &[], "ok"),
            (304, &[], "upstream"),
            (400, &[], "upstream"),
            (401, &[], "auth required"),
            (403, &[], "denied"),
            (403, &[("x-ratelimit-remaining", "12")], "denied"),
            (403, &[("x-ratelimit-remaining", "0")], "rate limited"),
            (403, &[("retry-after", "60")], "rate limited"),
            (404, &[], "not found"),
            (410, &[], "not found"),
            (422, &[], "upstream"),
            (429, &[], "rate limited"),
            (500, &[], "upstream"),
        ] {
            assert_eq!(kind(status, headers), expected, "{status} {headers:?}");
        }
    }

    #[test]
    fn waits_are_read_from_either_header() {
        let now = Some(1_800_000_000_000);
        for (headers, now, expected) in [
            (&[("retry-after", "30")][..], None, Some(30_000)),
            (&[("Retry-After", "1"), ("x-ratelimit-reset", "9")], None, Some(1_000)),
            (&[("x-ratelimit-reset", "45")], None, Some(45_000)),
            (&[("x-ratelimit-reset", "1800000060")], now, Some(60_000)),
            (&[("x-ratelimit-reset", "1700000000")], now, Some(0)),
            (&[("x-ratelimit-reset", "1800000060")], None, None),
            (&[("x-ratelimit-reset", "18446744073709551615")], now, None),
            (&[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], now, None),
            (&[], now, None),
        ] {
            assert_eq!(response(429, headers, "").retry_after_ms(now), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_malformed_reply_is_the_providers_mistake() {
        let mut reply = response(200, &[], "<html>");
        let Err(Failure::Upstream(error)) = reply.json::<u8>() else { panic!() };
        assert!(error.message.contains("not what was expected"), "{}", error.message);
        reply.truncated = true;
        let Err(Failure::Upstream(error)) = reply.json::<u8>() else { panic!() };
        assert!(error.message.contains("longer"), "{}", error.message);
    }

    #[test]
    fn the_body_is_not_in_debug_output() {
        assert!(!format!("{:?}", response(200, &[], "private")).contains("private"));
    }
}
