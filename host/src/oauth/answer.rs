//! What the answer of a token endpoint means: tokens, or why there are none.

mod legs;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::OAuthError;
use super::limits::{MAX_ANSWER, MAX_LIFETIME, MAX_REASON, MAX_SCOPES, MAX_TOKEN};
use super::tokens::{ACCESS_TOKEN, REFRESH_TOKEN, Tokens};
use crate::egress::Response;
use crate::model::{Secret, Timestamp, TokenResponse};
pub(super) use legs::{Leg, credentials};

/// Codes by which vendors say that a refresh token, a code or an assertion is worth nothing any more.
const OVER: &[&str] = &[
    "invalid_grant",
    "invalid_token",
    "invalid_code",
    "invalid_refresh_token",
    "bad_refresh_token",
    "bad_verification_code",
    "expired_token",
    "token_expired",
    "refresh_token_expired",
    "interaction_required",
    "login_required",
    "consent_required",
];

/// Codes by which vendors say that somebody took the authorization back.
const WITHDRAWN: &[&str] = &["access_denied", "token_revoked", "account_inactive", "user_removed", "invalid_auth"];

/// Codes by which vendors say that they are not able to answer now.
const LATER: &[&str] = &["temporarily_unavailable", "server_error", "slow_down", "ratelimited", "rate_limited"];

/// Codes that no other try and no user can mend.
const SETUP: &[&str] = &[
    "invalid_client",
    "invalid_client_id",
    "bad_client_secret",
    "incorrect_client_credentials",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_request",
    "invalid_target",
    "redirect_uri_mismatch",
];

/// Tokens from an answer. `separator` stands between scopes.
///
/// # Errors
/// [`OAuthError`], by what the provider says; a reason is still to be searched for what was sent.
pub(super) fn tokens(
    answer: &Response,
    response: &TokenResponse,
    separator: &str,
    now: Timestamp,
) -> Result<Tokens, OAuthError> {
    let body = read(answer)?;
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let Some(access_token) = text(&response.access_token) else {
        return Err(refused(answer, &body));
    };
    if error_code(&body).is_some() {
        // Both at once means neither: a token beside an error is not one to use.
        return Err(refused(answer, &body));
    }
    let mut secrets = BTreeMap::from([(ACCESS_TOKEN, usable(access_token)?)]);
    if let Some(refresh_token) = text(&response.refresh_token) {
        secrets.insert(REFRESH_TOKEN, usable(refresh_token)?);
    }
    let lifetime = body.pointer(&response.expires_in).and_then(seconds).filter(|seconds| *seconds > 0);
    let lifetime = lifetime.or(response.lifetime).map(|seconds| Duration::from_secs(seconds).min(MAX_LIFETIME));
    Ok(Tokens {
        secrets,
        expires_at: lifetime.map(|lifetime| now.plus(lifetime)),
        scopes: body.pointer(&response.scope).map(|scope| scopes(scope, separator)),
        fields: fields(&body, &response.fields),
        client: None,
    })
}

/// The JSON of a complete answer with a good status.
pub(super) fn read(answer: &Response) -> Result<Value, OAuthError> {
    complete(answer)?;
    let json = answer.headers.iter().any(|(name, value)| name == "content-type" && is_json(value));
    let body = if json { serde_json::from_slice(&answer.body).ok() } else { None };
    match (answer.status, body) {
        (200..=299, Some(body)) => Ok(body),
        (200..=299, None) => Err(OAuthError::transient("its answer is not JSON")),
        (_, body) => Err(refused(answer, &body.unwrap_or_default())),
    }
}

/// Nothing of an answer that leads elsewhere, or is too long, is looked at.
pub(super) fn complete(answer: &Response) -> Result<(), OAuthError> {
    if (300..400).contains(&answer.status) {
        let reason = format!("its token endpoint redirects ({}), which is never followed", answer.status);
        // It has moved for good, or shows everybody another page for a while.
        return Err(match answer.status {
            301 | 308 => OAuthError::configuration(reason),
            _ => OAuthError::transient(reason),
        });
    }
    if answer.truncated || answer.body.len() > MAX_ANSWER {
        return Err(OAuthError::transient(format!("its answer has more than {MAX_ANSWER} bytes")));
    }
    Ok(())
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.ends_with("/json") || essence.ends_with("+json") || essence == "text/javascript"
}

/// Why an answer has no tokens. A body that says why is believed whatever the status.
fn refused(answer: &Response, body: &Value) -> OAuthError {
    let status = answer.status;
    let code = error_code(body).unwrap_or_default();
    let reason = reason(status, code, body);
    if matches!(status, 408 | 425 | 429 | 500..=599) || LATER.contains(&code) {
        return passes(answer, reason);
    }
    if WITHDRAWN.contains(&code) || OVER.contains(&code) && says_revoked(body) {
        return OAuthError::Revoked { reason };
    }
    if OVER.contains(&code) {
        return OAuthError::Expired { reason };
    }
    if SETUP.contains(&code) || status == 401 || status == 404 {
        return OAuthError::Configuration { reason };
    }
    // A refusal without a word that is known: from a firewall, as likely as not. Nobody's authorization ends by it.
    OAuthError::Transient { reason, retry_after: None }
}

/// The provider asks for patience.
pub(super) fn passes(answer: &Response, reason: String) -> OAuthError {
    let after = answer.headers.iter().find(|(name, _)| name == "retry-after");
    let retry_after = after.and_then(|(_, value)| value.trim().parse().ok()).map(Duration::from_secs);
    OAuthError::Transient { reason, retry_after }
}

/// `error` as RFC 6749 section 5.2 has it, or as those who put more into it do.
fn error_code(body: &Value) -> Option<&str> {
    let error = body.get("error")?;
    let code = error.as_str().or_else(|| ["code", "type", "status"].iter().find_map(|name| error.get(*name)?.as_str()));
    code.filter(|code| !code.is_empty())
}

/// A provider that says "expired or revoked" does not know which, and then "expired" is what it is called here.
fn says_revoked(body: &Value) -> bool {
    let said = description(body).to_lowercase();
    said.contains("revoked") && !said.contains("expired")
}

fn description(body: &Value) -> &str {
    let error = body.get("error");
    let nested = error.and_then(|error| error.get("message")).and_then(Value::as_str);
    body.get("error_description").and_then(Value::as_str).or(nested).unwrap_or_default()
}

/// One line for people: what the provider said, shortened and without control characters.
fn reason(status: u16, code: &str, body: &Value) -> String {
    let said = [code, description(body)].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
    let said: String = said.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect();
    match said.is_empty() {
        true => format!("it answers {status}"),
        false => format!("it answers {status}, {said}"),
    }
}

pub(super) fn usable(token: &str) -> Result<Secret, OAuthError> {
    if token.len() > MAX_TOKEN || !token.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        return Err(OAuthError::transient("it answers with a token that no request can carry"));
    }
    Ok(Secret::new(token.to_owned()))
}

fn seconds(value: &Value) -> Option<u64> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    let whole = text.split('.').next().unwrap_or_default();
    whole.parse().ok()
}

fn scopes(value: &Value, separator: &str) -> Vec<String> {
    let parts: Vec<&str> = match value {
        Value::String(text) => {
            let by_separator = text.split(|c: char| c.is_whitespace() || c == ',' || separator.contains(c));
            by_separator.collect()
        }
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let distinct: BTreeSet<&str> = parts.into_iter().filter(|scope| !scope.is_empty()).collect();
    distinct.into_iter().take(MAX_SCOPES).map(str::to_owned).collect()
}

/// Texts, numbers and flags as texts; what is not there is left out.
pub(super) fn fields(body: &Value, wanted: &[(String, String)]) -> BTreeMap<String, String> {
    let found = wanted.iter().filter_map(|(pointer, field)| {
        let text = match body.pointer(pointer)? {
            Value::String(text) => text.clone(),
            value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
            _ => return None,
        };
        Some((field.clone(), text))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    fn answer(status: u16, content_type: &str, body: impl Into<bytes::Bytes>) -> Response {
        Response {
            status,
            headers: vec![("content-type".into(), content_type.into())],
            body: body.into(),
            truncated: false,
            scrubbed: 0,
            sent_bytes: 0,
            received_bytes: 0,
        }
    }

    fn of(status: u16, body: &Value) -> Result<Tokens, OAuthError> {
        tokens(
            &answer(status, "application/json;charset=UTF-8", body.to_string()),
            &TokenResponse::standard(),
            " ",
            NOW,
        )
    }

    fn kind(result: &Result<Tokens, OAuthError>) -> &'static str {
        match result {
            Ok(_) => "ok",
            Err(OAuthError::Transient { .. }) => "transient",
            Err(OAuthError::Expired { .. }) => "expired",
            Err(OAuthError::Revoked { .. }) => "revoked",
            Err(OAuthError::Configuration { .. }) => "configuration",
            Err(_) => "other",
        }
    }

    /// AK-203 to AK-205: only what the provider says of the authorization ends it.
    #[test]
    fn each_refusal_is_told_from_the_others() {
        for status in [408, 425, 429, 500, 502, 503, 504, 599] {
            assert_eq!(kind(&of(status, &json!({ "error": "invalid_grant" }))), "transient", "{status}");
        }
        for (status, body, expected) in [
            (400, json!({ "error": "invalid_grant" }), "expired"),
            (401, json!({ "error": "invalid_grant", "error_description": "x" }), "expired"),
            (
                400,
                json!({ "error": "invalid_grant", "error_description": "Token has been expired or revoked." }),
                "expired",
            ),
            (400, json!({ "error": "invalid_grant", "error_description": "The grant was Revoked" }), "revoked"),
            (403, json!({ "error": "access_denied" }), "revoked"),
            (400, json!({ "error": "invalid_client" }), "configuration"),
            (401, json!({}), "configuration"),
            (404, json!({}), "configuration"),
            (400, json!({ "error": "invalid_scope" }), "configuration"),
            (400, json!({ "error": "temporarily_unavailable" }), "transient"),
            (400, json!({ "error": "what is this" }), "transient"),
            (400, json!({}), "transient"),
            (403, json!("no"), "transient"),
            // With 200, as some do.
            (200, json!({ "error": "bad_refresh_token" }), "expired"),
            (200, json!({ "ok": false, "error": "invalid_refresh_token" }), "expired"),
            (200, json!({ "ok": false, "error": "token_revoked" }), "revoked"),
            (200, json!({ "error": { "code": "invalid_client" } }), "configuration"),
            (200, json!({ "error": "invalid_grant", "access_token": "t" }), "expired"),
            (200, json!({}), "transient"),
            (200, json!([]), "transient"),
            (200, json!({ "access_token": "" }), "transient"),
            (200, json!({ "access_token": 7 }), "transient"),
            (200, json!({ "access_token": null }), "transient"),
            (200, json!({ "access_token": "a\nb" }), "transient"),
            (200, json!({ "access_token": "é" }), "transient"),
            (200, json!({ "access_token": "a".repeat(MAX_TOKEN + 1) }), "transient"),
            (200, json!({ "access_token": "a", "refresh_token": "b\u{0}" }), "transient"),
            (301, json!({ "access_token": "a" }), "configuration"),
            (308, json!({ "error": "invalid_grant" }), "configuration"),
            (302, json!({ "error": "invalid_grant" }), "transient"),
            (307, json!({}), "transient"),
            (200, json!({ "access_token": "a" }), "ok"),
            (201, json!({ "access_token": "a", "error": null }), "ok"),
            (200, json!({ "access_token": "a", "error": "" }), "ok"),
        ] {
            let result = of(status, &body);
            assert_eq!(kind(&result), expected, "{status} {body}: {result:?}");
        }
    }

    #[test]
    fn what_is_not_json_or_too_long_says_nothing() {
        let good = json!({ "access_token": "a" }).to_string();
        for content_type in ["text/html", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
            let answer = answer(200, content_type, good.clone());
            assert_eq!(kind(&tokens(&answer, &TokenResponse::standard(), " ", NOW)), "transient", "{content_type}");
        }
        for body in ["", "<html>", "access_token=a", "{\"access_token\":\"a\"", "{\"access_token\":\"a\"} x"] {
            let answer = answer(200, "application/json", body);
            assert_eq!(kind(&tokens(&answer, &TokenResponse::standard(), " ", NOW)), "transient", "{body}");
        }
        let long = json!({ "access_token": "a", "more": "x".repeat(MAX_ANSWER) }).to_string();
        let cut = Response { truncated: true, ..answer(200, "application/json", good) };
        for answer in [answer(200, "application/json", long), cut] {
            assert_eq!(kind(&tokens(&answer, &TokenResponse::standard(), " ", NOW)), "transient");
        }
    }

    #[test]
    fn lifetimes_and_scopes_come_in_many_forms() {
        let max = i64::try_from(MAX_LIFETIME.as_millis()).unwrap();
        for (expires_in, expected) in [
            (json!(1), Some(2_000)),
            (json!("3600"), Some(3_601_000)),
            (json!(59.9), Some(60_000)),
            (json!(0), None),
            (json!(-5), None),
            (json!("soon"), None),
            (json!(null), None),
            (json!(9_999_999_999_999_u64), Some(1_000 + max)),
        ] {
            let tokens = of(200, &json!({ "access_token": "a", "expires_in": expires_in })).unwrap();
            assert_eq!(tokens.expires_at, expected.map(Timestamp), "{expires_in}");
        }
        let assumed = TokenResponse { lifetime: Some(60), ..TokenResponse::standard() };
        let plain = answer(200, "application/json", r#"{"access_token":"a","expires_in":0}"#);
        assert_eq!(tokens(&plain, &assumed, " ", NOW).unwrap().expires_at, Some(Timestamp(61_000)));
        for (scope, expected) in [
            (json!("b a"), vec!["a", "b"]),
            (json!("a,b,,a"), vec!["a", "b"]),
            (json!(["b", "a c", 7]), vec!["a c", "b"]),
            (json!(""), vec![]),
            (json!(7), vec![]),
        ] {
            let tokens = of(200, &json!({ "access_token": "a", "scope": scope })).unwrap();
            assert_eq!(tokens.scopes, Some(expected.into_iter().map(str::to_owned).collect()), "{scope}");
        }
        assert_eq!(of(200, &json!({ "access_token": "a" })).unwrap().scopes, None);
    }

    #[test]
    fn a_vendors_own_places_are_found() {
        let response = TokenResponse {
            access_token: "/data/0/token".into(),
            refresh_token: "/data/0/again".into(),
            expires_in: "/data/0/ttl".into(),
            scope: "/granted".into(),
            lifetime: None,
            fields: vec![("/data/0/site".into(), "site".into()), ("/n".into(), "n".into()), ("/no".into(), "x".into())],
        };
        let body =
            json!({ "data": [{ "token": "t", "again": "r", "ttl": "9", "site": "s" }], "granted": "a+b", "n": 7 });
        let tokens = tokens(&answer(200, "text/json", body.to_string()), &response, "+", NOW).unwrap();
        assert_eq!(tokens.secrets.keys().copied().collect::<Vec<_>>(), [ACCESS_TOKEN, REFRESH_TOKEN]);
        assert_eq!((tokens.expires_at, tokens.scopes), (Some(Timestamp(10_000)), Some(vec!["a".into(), "b".into()])));
        assert_eq!(tokens.fields, BTreeMap::from([("site".into(), "s".into()), ("n".into(), "7".into())]));
    }

    #[test]
    fn reasons_are_short_and_printable() {
        let body =
            json!({ "error": "invalid_grant", "error_description": format!("a\n\u{1b}[31m{}", "b".repeat(1_000)) });
        let Err(OAuthError::Expired { reason }) = of(400, &body) else { panic!("it is over") };
        assert!(reason.starts_with("it answers 400, invalid_grant: a[31mbbb") && reason.len() < 400, "{reason}");
    }
}
