//! A request that the caller wrote itself, sent through a connection that allows it: a call of a tool like any other.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::execute::{ExecuteBody, ExecuteWaiting, Outcome, idempotency_key, outcome, requested};
use super::extract::{Authenticated, Json};
use super::{ApiState, Problem};
use crate::call::CallRequest;
use crate::catalog::proxy_tool;
use crate::model::Surface;

/// A request of the caller's own.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProxyBody {
    /// Name of the connection to go through: one with `proxy_enabled`.
    connection: String,
    /// The user to act for.
    identifier: Option<String>,
    /// The user's organization.
    organization: Option<String>,
    /// The account to use, where the user has several.
    account: Option<String>,
    /// GET, HEAD, OPTIONS, POST, PUT, PATCH or DELETE; GET if absent.
    method: Option<String>,
    /// Below the connection's base URL, percent-encoded where it has to be, without a query.
    path: String,
    /// Query parameters; a list repeats its parameter.
    #[schema(value_type = Option<Object>)]
    query: Option<Map<String, Value>>,
    /// Headers besides those that the host sets. It alone sets the credential.
    headers: Option<BTreeMap<String, String>>,
    /// Any JSON.
    #[schema(value_type = Option<Object>)]
    body: Option<Box<RawValue>>,
    /// Fields, sent as `application/x-www-form-urlencoded`.
    #[schema(value_type = Option<Object>)]
    form: Option<Map<String, Value>>,
    /// Fields, sent as `multipart/form-data`; a file is `{"file_name", "content_type", "base64"}`.
    #[schema(value_type = Option<Object>)]
    multipart: Option<Map<String, Value>>,
    /// Text, sent as it is; the header `content-type` says what it is.
    raw_body: Option<String>,
    /// How long it may take: 1 to 120000, 30000 if absent.
    timeout_ms: Option<u64>,
    /// The execution that this request is made for.
    parent: Option<String>,
    /// The conversation it belongs to.
    chat_id: Option<String>,
    /// What set it off.
    trigger_type: Option<String>,
}

/// What the provider answered.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct ProxyReply {
    /// The provider's status, whatever it is.
    status: u16,
    /// Its headers.
    headers: BTreeMap<String, String>,
    /// JSON parsed, text as text, nothing as null, anything else as `{"content_type", "base64"}`.
    #[schema(value_type = serde_json::Value)]
    body: Box<RawValue>,
    /// There, and true, where the body was longer than the host lets through.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    truncated: bool,
}

/// The same, and its record.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProxyResult {
    execution_id: String,
    #[serde(flatten)]
    reply: ProxyReply,
}

/// What the tool takes: this body but for whom and through what.
#[derive(Serialize)]
struct Written<'a> {
    method: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multipart: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_body: Option<&'a str>,
}

/// Sends a request that the caller wrote, with the account's credential, under the rules of a call.
#[utoipa::path(post, path = "/v1/proxy", tag = "tools", request_body = ProxyBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "As for the call of a tool.")),
    responses((status = 200, body = ProxyResult), (status = 202, body = ExecuteWaiting),
        (status = 403, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn send(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    Json(body): Json<ProxyBody>,
) -> Result<Response, Problem> {
    let idempotency_key = idempotency_key(&headers)?;
    let host = &state.host;
    let connection = host.store.find_connection(&caller.project, &body.connection).await?;
    let connection = connection.ok_or_else(|| Problem::not_found("there is no such connection"))?;
    let method = body.method.as_deref().unwrap_or("GET");
    let tool = proxy_tool(&connection.connector, method).ok_or_else(|| {
        Problem::bad_request("`method` is one of GET, HEAD, OPTIONS, POST, PUT, PATCH and DELETE, in capitals")
    })?;
    let written = Written {
        method,
        path: &body.path,
        query: body.query.as_ref(),
        headers: body.headers.as_ref(),
        body: body.body.as_deref(),
        form: body.form.as_ref(),
        multipart: body.multipart.as_ref(),
        raw_body: body.raw_body.as_deref(),
    };
    let input = serde_json::value::to_raw_value(&written).map_err(|error| Problem::bad_request(error.to_string()))?;
    let call = ExecuteBody {
        identifier: body.identifier,
        organization: body.organization,
        account: body.account,
        connection: Some(connection.name),
        input: Some(input),
        timeout_ms: body.timeout_ms,
        parent: body.parent,
        chat_id: body.chat_id,
        trigger_type: body.trigger_type,
        ..ExecuteBody::default()
    };
    let (request, _) = requested(&state, &caller, Surface::Execute, Some(tool), call).await?;
    let request = CallRequest { idempotency_key, ..request };
    Ok(match outcome(&state, &caller, request, None).await {
        Outcome::Done(result) => match serde_json::from_str::<ProxyReply>(result.data.get()) {
            Ok(reply) => axum::Json(ProxyResult { execution_id: result.execution_id, reply }).into_response(),
            // Cut because it is too long, or changed by a modifier: as any call says it.
            Err(_) => axum::Json(result).into_response(),
        },
        Outcome::Waiting(waiting) => (StatusCode::ACCEPTED, axum::Json(waiting)).into_response(),
        Outcome::Failed(problem) => problem.into_response(),
    })
}
