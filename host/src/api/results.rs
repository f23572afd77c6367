//! Outputs that are longer than answers are: their beginning, and the rest by ranges (lesson 16).

use std::ops::Range;

use axum::extract::State;
use axum::http::header::{ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::executions::find;
use super::extract::{Authenticated, Path};
use super::{ApiState, Problem};
use crate::call;
use crate::model::{ExecutionId, Timestamp};

/// Bytes that are shown of an output that is cut: enough to see what it is.
const HEAD_BYTES: usize = 4 << 10;

/// An output that is longer than answers are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CutBody {
    /// Its length.
    bytes: usize,
    /// Its beginning as text: no JSON by itself.
    head: String,
    /// Where all of it can be fetched by the key that asked, whole or by ranges (RFC 9110 section 14).
    url: String,
    /// Until when.
    expires_at: Option<String>,
}

impl CutBody {
    /// Of the output of an execution.
    pub(super) fn of(state: &ApiState, execution: &ExecutionId, data: &str, until: Option<Timestamp>) -> Self {
        let public = state.host.public_url.as_str().trim_end_matches('/');
        Self {
            bytes: data.len(),
            head: data[..data.floor_char_boundary(HEAD_BYTES)].to_owned(),
            url: format!("{public}/v1/executions/{execution}/result"),
            expires_at: until.map(Timestamp::to_rfc3339),
        }
    }
}

/// What a call answered, as it is: for the key that asked, if it got only an id or the answer was cut. `Range` takes one
/// range of bytes.
#[utoipa::path(get, path = "/v1/executions/{id}/result", tag = "executions",
    params(("id" = String, Path), ("Range" = Option<String>, Header, description = "`bytes=FIRST-LAST`")),
    responses((status = 200, content_type = "application/json", body = serde_json::Value),
        (status = 206, content_type = "application/json", body = String), (status = 404, body = Problem),
        (status = 416, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn result(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let execution = find(&state, &caller, &id).await?;
    let data = call::bodies(&state.host, &caller, &execution)
        .await?
        .data
        .ok_or_else(|| Problem::not_found("this call has no result that was kept for this key, or its time is over"))?;
    let length = data.len();
    let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let ranges = (ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    match headers.get(RANGE).and_then(|value| range(value.to_str().ok()?, length)) {
        None => Ok(([json, ranges], data).into_response()),
        Some(None) => {
            let detail = format!("the result has {length} bytes");
            let mut refused = Problem::invalid_request(StatusCode::RANGE_NOT_SATISFIABLE, detail).into_response();
            refused.headers_mut().insert(CONTENT_RANGE, written(format!("bytes */{length}")));
            Ok(refused)
        }
        Some(Some(Range { start, end })) => {
            let part = data.into_bytes()[start..end].to_vec();
            let place = (CONTENT_RANGE, written(format!("bytes {start}-{}/{length}", end - 1)));
            Ok((StatusCode::PARTIAL_CONTENT, [json, ranges, place], part).into_response())
        }
    }
}

/// The bytes that a `Range` asks for; `Some(None)` if there are none such. What is not one range of bytes is as if it were
/// not there (RFC 9110 section 14.2).
fn range(text: &str, length: usize) -> Option<Option<Range<usize>>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number has are more than there is.
        true if !text.is_empty() => Some(text.parse().unwrap_or(usize::MAX)),
        _ => None,
    };
    let (start, end) = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1)),
        (Some(first), None) if last.is_empty() => (first, length),
        (None, Some(last)) if first.is_empty() => (length.saturating_sub(last), if last == 0 { 0 } else { length }),
        _ => return None,
    };
    let end = end.min(length);
    Some((start < end).then_some(start..end))
}

fn written(text: String) -> HeaderValue {
    // Digits and a few signs.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("bytes"))
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn a_range_is_within_what_there_is() {
        for (text, expected) in [
            ("bytes=0-0", Some(Some(0..1))),
            ("bytes=0-9", Some(Some(0..10))),
            ("bytes=0-99", Some(Some(0..10))),
            ("bytes=4-", Some(Some(4..10))),
            ("bytes=-3", Some(Some(7..10))),
            ("bytes=-99", Some(Some(0..10))),
            ("bytes=9-99999999999999999999999", Some(Some(9..10))),
            ("bytes=10-", Some(None)),
            ("bytes=10-12", Some(None)),
            ("bytes=-0", Some(None)),
            ("bytes=5-4", None),
            ("bytes=0-1,3-4", None),
            ("bytes=-", None),
            ("bytes=a-b", None),
            ("bytes= 0-1", None),
            ("items=0-1", None),
            ("", None),
        ] {
            assert_eq!(range(text, 10), expected, "{text}");
        }
        assert_eq!(range("bytes=0-", 0), Some(None));
    }
}
