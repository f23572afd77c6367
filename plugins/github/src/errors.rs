//! From GitHub's error replies to failures.

use gloveport_sdk::http::{ErrorDetail, Response};
use gloveport_sdk::{Failure, FieldError, clock};
use serde::Deserialize;
use serde_json::Value;

/// The longest message that goes on to a model, in characters: GitHub's own are one sentence, and a longer text is
/// more likely somebody's data than an explanation.
const MESSAGE_LIMIT: usize = 300;

/// What GitHub asks to wait after a secondary rate limit that names no time.
const SECONDARY_LIMIT_WAIT_MS: u64 = 60_000;

/// GitHub's names of fields, each with the JSON Pointer of the input that fills it.
pub(crate) type Fields = &'static [(&'static str, &'static str)];

/// GitHub's error body. Nothing else of it is ever handed on.
#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    message: String,
    /// Mostly a list of [`Complaint`]s, but a list of texts or one text at some endpoints.
    #[serde(default)]
    errors: Value,
}

/// What is wrong with one field.
#[derive(Deserialize)]
struct Complaint {
    field: Option<String>,
    code: Option<String>,
    message: Option<String>,
}

/// The response if its status is 2xx, else the failure that it means.
pub(crate) fn check(response: Response, fields: Fields) -> Result<Response, Failure> {
    if response.is_success() {
        return Ok(response);
    }
    let body: ErrorBody = response.json().unwrap_or_default();
    let complaints = complaints(&body.errors);
    let message = short(&body.message);
    match response.status {
        // GitHub's own text says nothing that a caller could act on.
        401 => Err(Failure::auth_required("GitHub does not accept the token")),
        422 => Err(unprocessable(&message, &complaints, fields)),
        403 | 429 if names_no_time(&response) && message.to_lowercase().contains("secondary rate limit") => {
            Err(Failure::rate_limited(Some(SECONDARY_LIMIT_WAIT_MS), message))
        }
        _ => response.error_for_status_with(|_| ErrorDetail {
            code: complaints.into_iter().find_map(|complaint| complaint.code).map(|code| short(&code)),
            message: Some(message).filter(|message| !message.is_empty()),
            // GitHub says when a rate limit ends, not how long it lasts.
            now_ms: Some(clock::now_ms()),
        }),
    }
}

/// The caller's mistake if GitHub complains about a field of the input, else an error of GitHub's.
fn unprocessable(message: &str, complaints: &[Complaint], fields: Fields) -> Failure {
    let about_the_input: Vec<FieldError> = complaints.iter().filter_map(|one| field_error(one, fields)).collect();
    if !about_the_input.is_empty() {
        return Failure::InvalidInput(about_the_input);
    }
    let code = complaints.iter().find_map(|complaint| complaint.code.as_deref()).map(short);
    let message = complaints.iter().find_map(|complaint| complaint.message.as_deref()).map_or(message.into(), short);
    Failure::upstream(422, code, message)
}

fn field_error(complaint: &Complaint, fields: Fields) -> Option<FieldError> {
    let field = complaint.field.as_deref()?;
    let (_, pointer) = fields.iter().find(|(name, _)| *name == field)?;
    let message = match (complaint.message.as_deref(), complaint.code.as_deref()) {
        (Some(message), _) => short(message),
        (None, Some("missing" | "missing_field")) => "GitHub misses a value here".into(),
        (None, Some("already_exists")) => "something with this value exists already".into(),
        (None, Some(code)) => format!("GitHub refuses the value: {}", short(code)),
        (None, None) => "GitHub refuses the value".into(),
    };
    Some(FieldError { path: (*pointer).into(), message })
}

fn complaints(errors: &Value) -> Vec<Complaint> {
    let list = match errors {
        Value::Array(list) => list.as_slice(),
        Value::Null => &[],
        single => std::slice::from_ref(single),
    };
    let read = |value: &Value| match value {
        Value::String(message) => Some(Complaint { field: None, code: None, message: Some(message.clone()) }),
        other => Complaint::deserialize(other).ok(),
    };
    list.iter().filter_map(read).collect()
}

fn names_no_time(response: &Response) -> bool {
    response.header("retry-after").is_none() && response.header("x-ratelimit-remaining") != Some("0")
}

/// One line of at most [`MESSAGE_LIMIT`] characters.
fn short(text: &str) -> String {
    text.chars().take(MESSAGE_LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use gloveport_sdk::fake_host::{FakeHost, Reply};
    use gloveport_sdk::http::Error;
    use gloveport_sdk::{Failure, FieldError};
    use serde_json::{Value, json};

    use crate::Github;

    const NOW_MS: u64 = 1_800_000_000_000;

    /// What `github_issues_create` makes of a reply.
    fn failure(reply: Reply) -> Failure {
        let host = FakeHost::new().clock(NOW_MS).on("POST", "/repos/octo/cabinet/issues", reply);
        let input = json!({ "owner": "octo", "repo": "cabinet", "title": "x", "assignees": ["nobody"] });
        host.call::<Github>("github_issues_create", input).unwrap_err()
    }

    fn said(status: u16, message: &str) -> Reply {
        Reply::json(status, json!({ "message": message, "documentation_url": "https://docs.github.com/rest" }))
    }

    fn invalid(errors: Value) -> Reply {
        Reply::json(422, json!({ "message": "Validation Failed", "errors": errors }))
    }

    fn field(path: &str, message: &str) -> FieldError {
        FieldError { path: path.into(), message: message.into() }
    }

    /// AK-501: who has to act is told by the variant, what happened by a short message.
    #[test]
    fn each_status_names_who_has_to_act() {
        for (reply, expected) in [
            (said(401, "Bad credentials"), Failure::auth_required("GitHub does not accept the token")),
            (
                said(403, "Resource not accessible by personal access token"),
                Failure::denied("Resource not accessible by personal access token"),
            ),
            (said(404, "Not Found"), Failure::not_found("Not Found")),
            (said(410, "Issues are disabled for this repo"), Failure::not_found("Issues are disabled for this repo")),
            (said(409, "Git Repository is empty."), Failure::upstream(409, None, "Git Repository is empty.")),
            (said(451, "Repository access blocked"), Failure::upstream(451, None, "Repository access blocked")),
            (said(500, "Server Error"), Failure::upstream(500, None, "Server Error")),
            (
                Reply::text(502, "<html>Unicorn!</html>"),
                Failure::upstream(502, None, "the provider answered with status 502"),
            ),
            (said(503, "Service unavailable"), Failure::upstream(503, None, "Service unavailable")),
        ] {
            assert_eq!(failure(reply), expected);
        }
    }

    #[test]
    fn only_server_errors_are_retryable() {
        for (status, expected) in [(400, false), (409, false), (422, false), (500, true), (502, true), (503, true)] {
            let Failure::Upstream(error) = failure(said(status, "x")) else { panic!("{status}") };
            assert_eq!(error.retryable, expected, "{status}");
        }
    }

    #[test]
    fn rate_limits_say_how_long_to_wait() {
        let limited = |status| said(status, "API rate limit exceeded");
        let secondary = |status| said(status, "You have exceeded a secondary rate limit.");
        let reset = "1800000090";
        for (reply, expected) in [
            (limited(403).header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", reset), Some(90_000)),
            (limited(429).header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", reset), Some(90_000)),
            (limited(429).header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", "1700000000"), Some(0)),
            (limited(403).header("retry-after", "30").header("x-ratelimit-reset", reset), Some(30_000)),
            (limited(429), None),
            (limited(429).header("retry-after", "soon"), None),
            (secondary(403), Some(60_000)),
            (secondary(403).header("x-ratelimit-remaining", "4999"), Some(60_000)),
            (secondary(429).header("retry-after", "5"), Some(5_000)),
        ] {
            let Failure::RateLimited(limit) = failure(reply) else { panic!("expected a rate limit") };
            assert_eq!(limit.retry_after_ms, expected, "{}", limit.message);
        }
        let plenty_left = said(403, "Must have admin rights").header("x-ratelimit-remaining", "4999");
        assert_eq!(failure(plenty_left), Failure::denied("Must have admin rights"));
    }

    #[test]
    fn complaints_about_the_input_point_at_it() {
        for (errors, expected) in [
            (
                json!([{ "resource": "Issue", "field": "assignees", "code": "invalid", "value": "nobody" }]),
                vec![field("/assignees", "GitHub refuses the value: invalid")],
            ),
            (
                json!([
                    { "resource": "Issue", "field": "title", "code": "missing_field" },
                    { "resource": "Issue", "field": "labels", "code": "custom", "message": "too many labels" },
                    { "resource": "Issue", "field": "node", "code": "invalid" },
                ]),
                vec![field("/title", "GitHub misses a value here"), field("/labels", "too many labels")],
            ),
        ] {
            assert_eq!(failure(invalid(errors)), Failure::InvalidInput(expected));
        }
    }

    #[test]
    fn complaints_about_anything_else_are_githubs() {
        for (errors, code, message) in [
            (Value::Null, None, "Validation Failed"),
            (json!([]), None, "Validation Failed"),
            (json!(7), None, "Validation Failed"),
            (json!([7, null, [1]]), None, "Validation Failed"),
            (json!("Could not resolve"), None, "Could not resolve"),
            (json!(["No commits between main and main"]), None, "No commits between main and main"),
            (
                json!([{ "resource": "Repository", "field": "name", "code": "invalid" }]),
                Some("invalid"),
                "Validation Failed",
            ),
            (json!([{ "code": "unprocessable" }]), Some("unprocessable"), "Validation Failed"),
        ] {
            assert_eq!(
                failure(invalid(errors.clone())),
                Failure::upstream(422, code.map(str::to_owned), message),
                "{errors}"
            );
        }
    }

    /// AK-501: GitHub's body is not echoed.
    #[test]
    fn nothing_but_a_short_message_goes_on() {
        let reply = Reply::json(500, json!({ "message": format!("a\nb{}", "x".repeat(9_999)), "trace": "private" }));
        let Failure::Upstream(error) = failure(reply) else { panic!() };
        assert_eq!(error.message.chars().count(), super::MESSAGE_LIMIT);
        assert!(error.message.starts_with("a bx"));
        for body in ["", "null", "[]", "\"private\"", "{\"message\":7}", "private"] {
            let told = format!("{:?}", failure(Reply::bytes(400, body)));
            assert!(told.contains("status 400") && !told.contains("private"), "{body}: {told}");
        }
    }

    #[test]
    fn no_answer_is_told_from_a_refusal() {
        let Failure::Upstream(error) = failure(Reply::error(Error::Timeout("5 s".into()))) else { panic!() };
        assert!(error.retryable);
        assert!(matches!(failure(Reply::error(Error::Refused("policy".into()))), Failure::Denied(_)));
    }
}
