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
use crate::model::Surface;

/// A request of the caller's own. What it is written as is what the tool takes; for whom and through what is not.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProxyBody {
    /// Name of the connection to go through: one with `proxy_enabled`.
    #[serde(skip_serializing)]
    connection: String,
    /// The user to act for.
    #[serde(skip_serializing)]
    identifier: Option<String>,
    /// The user's organization.
    #[serde(skip_serializing)]
    organization: Option<String>,
    /// The account to use, where the user has several.
    #[serde(skip_serializing)]
    account: Option<String>,
    /// GET, HEAD, OPTIONS, POST, PUT, PATCH or DELETE; GET if absent.
    method: Option<String>,
    /// Below the connection's base URL, percent-encoded where it has to be, without a query.
    path: String,
    /// Query parameters; a list repeats its parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    query: Option<Map<String, Value>>,
    /// Headers besides those that the host sets. It alone sets the credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<String, String>>,
    /// Any JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    body: Option<Box<RawValue>>,
    /// Fields, sent as `application/x-www-form-urlencoded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    form: Option<Map<String, Value>>,
    /// Fields, sent as `multipart/form-data`; a file is `{"file_name", "content_type", "base64"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    multipart: Option<Map<String, Value>>,
    /// Text, sent as it is; the header `content-type` says what it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_body: Option<String>,
    /// How long it may take: 1 to 120000, 30000 if absent.
    #[serde(skip_serializing)]
    timeout_ms: Option<u64>,
    /// The execution that this request is made for.
    #[serde(skip_serializing)]
    parent: Option<String>,
    /// The conversation it belongs to.
    #[serde(skip_serializing)]
    chat_id: Option<String>,
    /// What set it off.
    #[serde(skip_serializing)]
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

/// Sends a request that the caller wrote, with the account's credential, under the rules of a call.
#[utoipa::path(post, path = "/v1/proxy", tag = "tools", request_body = ProxyBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "As for the call of a tool.")),
    responses((status = 200, body = ProxyResult), (status = 202, body = ExecuteWaiting),
        (status = 403, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn send(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    Json(mut body): Json<ProxyBody>,
) -> Result<Response, Problem> {
    let idempotency_key = idempotency_key(&headers)?;
    let host = &state.host;
    let connection = host.store.find_connection(&caller.project, &body.connection).await?;
    let connection = connection.ok_or_else(|| Problem::not_found("there is no such connection"))?;
    let installed = host.catalog.find_connector(&host.store, &caller.project, &connection.connector).await?;
    let installed = installed.ok_or_else(|| Problem::conflict("its connector cannot be used: install it again"))?;
    let method = body.method.get_or_insert_with(|| "GET".into());
    let tool = installed.proxy(method).ok_or_else(|| {
        Problem::bad_request("`method` is one of GET, HEAD, OPTIONS, POST, PUT, PATCH and DELETE, in capitals")
    })?;
    let tool = tool.tool.name.clone();
    let input = serde_json::value::to_raw_value(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
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
