//! Calling a tool: one call, as an application or a model writes it.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::continuing::WaitsForBody;
use super::extract::{Admin, Authenticated, Json, Path};
use super::results::CutBody;
use super::tools::raw;
use super::{ApiState, Problem};
use crate::call::{self, About, Answer, CallRequest, Reply};
use crate::connect;
use crate::formats::{self, NativeCall, NativeResult};
use crate::model::{AccountId, Caller, ExecutionId, Surface};

/// A call.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExecuteBody {
    /// The user to act for.
    pub(super) identifier: Option<String>,
    /// The user's organization: only accounts of it are used, and shared ones that serve it.
    pub(super) organization: Option<String>,
    /// The account to use, where the user has several.
    pub(super) account: Option<String>,
    /// Name of the connection to go through.
    pub(super) connection: Option<String>,
    /// The tool's input. It reaches the connector byte for byte; `{}` if absent.
    #[schema(value_type = Object)]
    pub(super) input: Option<Box<RawValue>>,
    /// In place of `input`: a tool call as a model wrote it, in the form of OpenAI's chat completions or responses,
    /// Anthropic's messages, Gemini, or MCP. The answer then has a `tool_result` in the same form. Null in it means that
    /// the model leaves a parameter out, where the tool takes no null.
    #[schema(value_type = Option<Object>)]
    pub(super) tool_call: Option<Box<RawValue>>,
    /// The caller's own id of the call; that of `tool_call` if absent.
    pub(super) tool_call_id: Option<String>,
    /// The execution that this call is made for.
    pub(super) parent: Option<String>,
    /// The conversation it belongs to.
    pub(super) chat_id: Option<String>,
    /// What set it off.
    pub(super) trigger_type: Option<String>,
    /// How long it may take: 1 to 120000, 30000 if absent.
    pub(super) timeout_ms: Option<u64>,
}

/// The result of a call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExecuteResult {
    pub(super) execution_id: String,
    /// `succeeded`.
    status: &'static str,
    /// There, and true, where nothing was sent because the connection is in demo mode: the data is made up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    simulated: bool,
    /// What the tool answered: any JSON; null if it is longer than answers are.
    #[schema(value_type = serde_json::Value)]
    pub(super) data: Box<RawValue>,
    /// There in place of data that is too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<CutBody>,
    timing: Timing,
    /// There if a `tool_call` was given: what the model is to be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    tool_result: Option<serde_json::Value>,
}

/// Where the time of a call went, in microseconds.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Timing {
    /// The whole call.
    pub(super) total_us: u64,
    /// The connector itself.
    pub(super) guest_us: u64,
    /// Waiting for the provider.
    pub(super) upstream_us: u64,
}

/// A call that waits, or goes on by itself: `GET /v1/executions/{execution_id}` tells how it ends.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExecuteWaiting {
    execution_id: String,
    /// `waiting` or `started`.
    status: &'static str,
    #[serde(flatten)]
    on: Option<WaitsForBody>,
    /// There if a `tool_call` was given: what the model is to be told meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    tool_result: Option<serde_json::Value>,
}

/// What a call came to, on the wire.
#[derive(Debug)]
pub(super) enum Outcome {
    Done(ExecuteResult),
    Waiting(ExecuteWaiting),
    Failed(Problem),
}

impl Outcome {
    /// What the model is to be told, where it asked.
    pub(super) fn tool_result(&mut self) -> &mut Option<serde_json::Value> {
        match self {
            Self::Done(result) => &mut result.tool_result,
            Self::Waiting(waiting) => &mut waiting.tool_result,
            Self::Failed(problem) => &mut problem.tool_result,
        }
    }
}

/// Calls a tool.
#[utoipa::path(post, path = "/v1/tools/{name}/execute", tag = "tools",
    params(("name" = String, Path),
        ("Idempotency-Key" = Option<String>, Header,
            description = "1 to 255 visible ASCII characters. The same key with the same call runs it once; another \
                           call with the key is refused. Kept for 24 hours after the call ended."),
        ("Prefer" = Option<String>, Header,
            description = "`respond-async` (RFC 7240) answers 202 as soon as the call has begun.")),
    request_body = ExecuteBody,
    responses((status = 200, body = ExecuteResult), (status = 202, body = ExecuteWaiting),
        (status = 409, body = Problem), (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn execute(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Path(tool): Path<String>,
    headers: HeaderMap,
    Json(body): Json<ExecuteBody>,
) -> Result<Response, Problem> {
    let idempotency_key = idempotency_key(&headers)?;
    let respond_async = prefers_async(&headers);
    let (request, native) = requested(&state, &caller, Surface::Execute, Some(tool), body).await?;
    let request = CallRequest { idempotency_key, respond_async, ..request };
    Ok(match outcome(&state, &caller, request, native.as_ref()).await {
        Outcome::Done(result) => axum::Json(result).into_response(),
        Outcome::Waiting(waiting) if waiting.on.is_none() => {
            (StatusCode::ACCEPTED, [("preference-applied", RESPOND_ASYNC)], axum::Json(waiting)).into_response()
        }
        Outcome::Waiting(waiting) => (StatusCode::ACCEPTED, axum::Json(waiting)).into_response(),
        Outcome::Failed(problem) => problem.into_response(),
    })
}

/// Tries a tool of a connector: one call like any other, under the same rules, that its record tells from others.
#[utoipa::path(post, path = "/v1/connectors/{name}/test/{tool}", tag = "connectors",
    params(("name" = String, Path), ("tool" = String, Path,
        description = "Its name, with or without the connector's before it, or an alias.")),
    request_body = ExecuteBody,
    responses((status = 200, body = ExecuteResult), (status = 202, body = ExecuteWaiting),
        (status = 404, body = Problem), (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn try_tool(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path((connector, tool)): Path<(String, String)>,
    Json(body): Json<ExecuteBody>,
) -> Result<Response, Problem> {
    let tool = tool_of(&state, &caller, &connector, &tool).await?;
    let (request, native) = requested(&state, &caller, Surface::ToolTest, Some(tool), body).await?;
    Ok(match outcome(&state, &caller, request, native.as_ref()).await {
        Outcome::Done(result) => axum::Json(result).into_response(),
        Outcome::Waiting(waiting) => (StatusCode::ACCEPTED, axum::Json(waiting)).into_response(),
        Outcome::Failed(problem) => problem.into_response(),
    })
}

/// The full name of a connector's tool.
async fn tool_of(state: &ApiState, caller: &Caller, connector: &str, tool: &str) -> Result<String, Problem> {
    let host = &state.host;
    for name in [tool.to_owned(), format!("{connector}_{tool}")] {
        let found = host.catalog.find_tool(&host.store, &caller.project, &name).await?;
        if found.is_some_and(|(installed, _)| installed.connector.name == connector) {
            return Ok(name);
        }
    }
    Err(Problem::not_found("the connector has no such tool: GET /v1/tools lists those that you may call"))
}

/// Reads a call; with the model's own, where it is one.
pub(super) async fn requested(
    state: &ApiState,
    caller: &Caller,
    surface: Surface,
    tool: Option<String>,
    body: ExecuteBody,
) -> Result<(CallRequest, Option<NativeCall>), Problem> {
    if body.tool_call.is_some() && body.input.is_some() {
        return Err(Problem::bad_request("give `input` or `tool_call`, not both"));
    }
    let native = body.tool_call.as_ref().map(|call| formats::read_call(call.get()));
    let native = native.transpose().map_err(|detail| Problem::bad_request(format!("`tool_call`: {detail}")))?;
    let (tool, input) = match (tool, &native) {
        (Some(tool), Some(call)) if tool != call.name => {
            return Err(Problem::bad_request("`tool_call` is of another tool than the call"));
        }
        (_, Some(call)) => (call.name.clone(), given(state, caller, call).await?),
        (Some(tool), None) => (tool, body.input.map_or_else(|| "{}".to_owned(), |input| input.get().to_owned())),
        (None, None) => return Err(Problem::bad_request("a call names its `tool`, or has a `tool_call`")),
    };
    let own_id = native.as_ref().and_then(|call| call.id.clone());
    let request = CallRequest {
        identifier: body.identifier,
        organization: body.organization,
        account: body.account.as_deref().map(account_id).transpose()?,
        connection: body.connection,
        tool_call_id: name("tool_call_id", body.tool_call_id.or(own_id))?,
        parent: body.parent.as_deref().map(execution_id).transpose()?,
        chat_id: name("chat_id", body.chat_id)?,
        trigger_type: name("trigger_type", body.trigger_type)?,
        timeout_ms: body.timeout_ms,
        ..CallRequest::new(surface, tool, input)
    };
    Ok((request, native))
}

/// Calls a tool, and tells the model what came of it where it asked.
pub(super) async fn outcome(
    state: &ApiState,
    caller: &Caller,
    request: CallRequest,
    native: Option<&NativeCall>,
) -> Outcome {
    let about = About::of(&request);
    let mut outcome = match call::call(&state.host, caller, request).await {
        Ok(Reply::Done(answer)) => Outcome::Done(done(state, answer)),
        Ok(Reply::Waiting(held)) => {
            let (execution_id, on) = (held.execution.to_string(), Some(WaitsForBody::of(held.waits_for)));
            Outcome::Waiting(ExecuteWaiting { execution_id, status: "waiting", on, tool_result: None })
        }
        Ok(Reply::Started(execution)) => {
            let execution_id = execution.to_string();
            Outcome::Waiting(ExecuteWaiting { execution_id, status: "started", on: None, tool_result: None })
        }
        Err(failed) => {
            let link = connect::mend(&state.host, caller, &about, &failed.fault).await;
            Outcome::Failed(Problem::from(failed).with_link(link.map(|link| link.url.into())))
        }
    };
    if let Some(call) = native {
        let text = match &outcome {
            Outcome::Done(result) if result.cut.is_none() => Some(result.data.get().to_owned()),
            Outcome::Done(result) => serde_json::to_string(result).ok(),
            Outcome::Waiting(waiting) => serde_json::to_string(waiting).ok(),
            Outcome::Failed(problem) => serde_json::to_string(problem).ok(),
        };
        let text = text.unwrap_or_default();
        let told = match &outcome {
            Outcome::Done(_) => NativeResult::Data(&text),
            Outcome::Waiting(_) => NativeResult::Told(&text),
            Outcome::Failed(_) => NativeResult::Failed(&text),
        };
        let written = formats::write_result(call, told);
        *outcome.tool_result() = Some(written);
    }
    outcome
}

/// A result on the wire.
fn done(state: &ApiState, answer: Answer) -> ExecuteResult {
    let latency = answer.latency;
    let cut = answer.collect_until.map(|until| CutBody::of(state, &answer.execution, &answer.data, Some(until)));
    ExecuteResult {
        execution_id: answer.execution.to_string(),
        status: "succeeded",
        simulated: answer.simulated,
        data: if cut.is_some() { RawValue::NULL.to_owned() } else { raw(answer.data) },
        cut,
        timing: Timing { total_us: latency.total_us, guest_us: latency.guest_us, upstream_us: latency.upstream_us },
        tool_result: None,
    }
}

/// A model's input, without what it gave as null because it had to give something.
async fn given(state: &ApiState, caller: &Caller, call: &NativeCall) -> Result<String, Problem> {
    let host = &state.host;
    let found = host.catalog.find_tool(&host.store, &caller.project, &call.name).await?;
    Ok(match found {
        Some((installed, tool)) => formats::without_nulls(&installed.tools[tool].tool.input_schema, &call.input),
        None => call.input.clone(),
    })
}

/// The preference of a caller who does not wait (RFC 7240).
const RESPOND_ASYNC: &str = "respond-async";

/// Preferences that are not known are ignored, as RFC 7240 wants.
fn prefers_async(headers: &HeaderMap) -> bool {
    let texts = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut names =
        texts.flat_map(|text| text.split(',')).map(|part| part.split([';', '=']).next().unwrap_or_default());
    names.any(|name| name.trim().eq_ignore_ascii_case(RESPOND_ASYNC))
}

/// Characters of an idempotency key: what databases and other APIs have settled on.
const MAX_IDEMPOTENCY_KEY: usize = 255;

/// The header, if there is one.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut all = headers.get_all("idempotency-key").iter();
    let Some(value) = all.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    if !is_idempotency_key(text) || all.next().is_some() {
        let detail = format!("`Idempotency-Key` is one header of 1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters");
        return Err(Problem::bad_request(detail));
    }
    Ok(Some(text.to_owned()))
}

/// Whether a text can be an idempotency key.
pub(super) fn is_idempotency_key(text: &str) -> bool {
    (1..=MAX_IDEMPOTENCY_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn account_id(text: &str) -> Result<AccountId, Problem> {
    AccountId::parse(text).ok_or_else(|| Problem::bad_request("`account` is not an account id"))
}

fn execution_id(text: &str) -> Result<ExecutionId, Problem> {
    ExecutionId::parse(text).ok_or_else(|| Problem::bad_request("`parent` is not an execution id"))
}

/// Ids of the caller's own are kept with the record; longer ones are a mistake.
const MAX_FOREIGN_ID: usize = 256;

fn name(what: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.len() > MAX_FOREIGN_ID => {
            Err(Problem::bad_request(format!("`{what}` is longer than {MAX_FOREIGN_ID} bytes")))
        }
        text => Ok(text),
    }
}
