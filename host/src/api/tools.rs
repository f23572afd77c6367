//! Tools: what a caller may call, and calling it.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::continuing::WaitsForBody;
use super::extract::{Authenticated, Json, Path, Query};
use super::page::{List, page};
use super::results::CutBody;
use super::{ApiState, Problem};
use crate::call::{self, CallRequest, Reply, Surface, Visible, Wanted, visible_tools};
use crate::catalog::InstalledTool;
use crate::model::{AccountId, Caller, Connector, ExecutionId};

/// A tool.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ToolBody {
    name: String,
    title: String,
    description: String,
    connector: String,
    connector_title: String,
    categories: Vec<String>,
    /// `read`, `write` or `destroy`.
    effect: &'static str,
    /// Scopes that the account must have.
    scopes: Vec<String>,
    /// The only requests that it can send.
    routes: Vec<String>,
    tags: Vec<String>,
    deferred: bool,
    /// Other names for it.
    aliases: Vec<String>,
    /// JSON Schema 2020-12 of what a caller gives: what is preset is not in it.
    #[schema(value_type = Object)]
    input_schema: Box<RawValue>,
    /// JSON Schema 2020-12.
    #[schema(value_type = Option<Object>)]
    output_schema: Option<Box<RawValue>>,
    /// The connections that it can be called through for the given user.
    connections: Vec<String>,
}

/// Which tools.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ToolQuery {
    /// Only those that can be called for this user.
    identifier: Option<String>,
    /// Only those that can be called for this user as one of this organization.
    organization: Option<String>,
    /// Only those that can be called through this connection. Needs `identifier`, unless the key is bound to one.
    connection: Option<String>,
    /// Only those of this connector.
    connector: Option<String>,
    /// Only those of this profile, on its terms. For administrators; other keys see their own profile's in any case.
    profile: Option<String>,
    /// Words that the name, title, description or tags must contain.
    query: Option<String>,
    /// `deferred` includes deferred tools.
    include: Option<String>,
    /// Items at most: 1 to 200, 50 if absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExecuteBody {
    /// The user to act for.
    identifier: Option<String>,
    /// The user's organization: only accounts of it are used, and shared ones that serve it.
    organization: Option<String>,
    /// The account to use, where the user has several.
    account: Option<String>,
    /// Name of the connection to go through.
    connection: Option<String>,
    /// The tool's input. It reaches the connector byte for byte; `{}` if absent.
    #[schema(value_type = Object)]
    input: Option<Box<RawValue>>,
    /// The caller's own id of the call.
    tool_call_id: Option<String>,
    /// The execution that this call is made for.
    parent: Option<String>,
    /// The conversation it belongs to.
    chat_id: Option<String>,
    /// What set it off.
    trigger_type: Option<String>,
    /// How long it may take: 1 to 120000, 30000 if absent.
    timeout_ms: Option<u64>,
}

/// The result of a call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExecuteResult {
    execution_id: String,
    /// `succeeded`.
    status: &'static str,
    /// There, and true, where nothing was sent because the connection is in demo mode: the data is made up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    simulated: bool,
    /// What the tool answered: any JSON; null if it is longer than answers are.
    #[schema(value_type = serde_json::Value)]
    data: Box<RawValue>,
    /// There in place of data that is too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<CutBody>,
    timing: Timing,
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

/// The tools that this caller may call.
#[utoipa::path(get, path = "/v1/tools", tag = "tools", params(ToolQuery),
    responses((status = 200, body = List<ToolBody>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ToolQuery>,
) -> Result<axum::Json<List<ToolBody>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let deferred = match query.include.as_deref() {
        None => false,
        Some("deferred") => true,
        Some(_) => return Err(Problem::bad_request("`include` takes `deferred`")),
    };
    let wanted = Wanted {
        identifier: query.identifier.as_deref(),
        organization: query.organization.as_deref(),
        profile: query.profile.as_deref(),
    };
    let visible = visible_tools(&state.host, &caller, &wanted).await?;
    let words: Vec<String> = query.query.iter().flat_map(|text| text.split_whitespace()).map(lower).collect();
    let mut fitting: Vec<&Visible> = visible
        .iter()
        .filter(|visible| deferred || !visible.deferred)
        .filter(|visible| query.connector.as_ref().is_none_or(|name| *name == visible.installed.connector.name))
        .filter(|visible| query.connection.as_ref().is_none_or(|name| visible.connections.contains(name)))
        .filter(|visible| words.iter().all(|word| mentions(visible, word)))
        .collect();
    fitting.sort_by(|a, b| a.tool().tool.name.cmp(&b.tool().tool.name));
    let cut = List::cut(fitting, page.limit, page.cursor.as_deref(), |visible| &visible.tool().tool.name);
    let items = cut.items.iter().map(|visible| visible_body(visible)).collect();
    Ok(axum::Json(List { items, next_cursor: cut.next_cursor, total_size: cut.total_size }))
}

/// One tool, by name or alias.
#[utoipa::path(get, path = "/v1/tools/{name}", tag = "tools", params(("name" = String, Path)),
    responses((status = 200, body = ToolBody), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
) -> Result<axum::Json<ToolBody>, Problem> {
    let found = seen(&state, &caller, &name).await?;
    found.map(|visible| axum::Json(visible_body(&visible))).ok_or_else(|| Problem::not_found("there is no such tool"))
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
    let input = body.input.map_or_else(|| "{}".to_owned(), |input| input.get().to_owned());
    let request = CallRequest {
        identifier: body.identifier,
        organization: body.organization,
        account: body.account.as_deref().map(account_id).transpose()?,
        connection: body.connection,
        tool_call_id: name("tool_call_id", body.tool_call_id)?,
        parent: body.parent.as_deref().map(execution_id).transpose()?,
        chat_id: name("chat_id", body.chat_id)?,
        trigger_type: name("trigger_type", body.trigger_type)?,
        timeout_ms: body.timeout_ms,
        idempotency_key,
        respond_async,
        ..CallRequest::new(Surface::Execute, tool, input)
    };
    let answer = match call::call(&state.host, &caller, request).await? {
        Reply::Done(answer) => answer,
        Reply::Waiting(held) => {
            let waiting = ExecuteWaiting {
                execution_id: held.execution.to_string(),
                status: "waiting",
                on: Some(WaitsForBody::of(held.waits_for)),
            };
            return Ok((StatusCode::ACCEPTED, axum::Json(waiting)).into_response());
        }
        Reply::Started(execution) => {
            let started = ExecuteWaiting { execution_id: execution.to_string(), status: "started", on: None };
            let applied = [("preference-applied", RESPOND_ASYNC)];
            return Ok((StatusCode::ACCEPTED, applied, axum::Json(started)).into_response());
        }
    };
    let latency = answer.latency;
    let cut = answer.collect_until.map(|until| CutBody::of(&state, &answer.execution, &answer.data, Some(until)));
    let result = ExecuteResult {
        execution_id: answer.execution.to_string(),
        status: "succeeded",
        simulated: answer.simulated,
        data: if cut.is_some() { RawValue::NULL.to_owned() } else { raw(answer.data) },
        cut,
        timing: Timing { total_us: latency.total_us, guest_us: latency.guest_us, upstream_us: latency.upstream_us },
    };
    Ok(axum::Json(result).into_response())
}

/// A call that waits, or goes on by itself: `GET /v1/executions/{execution_id}` tells how it ends.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExecuteWaiting {
    execution_id: String,
    /// `waiting` or `started`.
    status: &'static str,
    #[serde(flatten)]
    on: Option<WaitsForBody>,
}

/// A tool's wire form.
pub(super) fn body(connector: &Connector, tool: &InstalledTool, connections: &[String]) -> ToolBody {
    let tool = &tool.tool;
    let routes = tool.routes.iter().map(|route| match &route.host {
        Some(host) => format!("{} {host}{}", route.method, route.path),
        None => format!("{} {}", route.method, route.path),
    });
    ToolBody {
        name: tool.name.clone(),
        title: tool.title.clone(),
        description: tool.description.clone(),
        connector: connector.name.clone(),
        connector_title: connector.title.clone(),
        categories: connector.categories.clone(),
        effect: tool.effect.as_str(),
        scopes: tool.scopes.clone(),
        routes: routes.collect(),
        tags: tool.tags.clone(),
        deferred: tool.deferred,
        aliases: tool.aliases.clone(),
        input_schema: raw(tool.input_schema.clone()),
        output_schema: tool.output_schema.clone().map(raw),
        connections: connections.to_vec(),
    }
}

/// The tool of this name as the caller sees it: for a key that is bound to a user, only if that user may call it.
async fn seen(state: &ApiState, caller: &Caller, name: &str) -> Result<Option<Visible>, Problem> {
    let host = &state.host;
    let found = host.catalog.find_tool(&host.store, &caller.project, name).await?;
    let Some((installed, tool)) = found else { return Ok(None) };
    let visible = visible_tools(&state.host, caller, &Wanted::default()).await?;
    Ok(visible
        .into_iter()
        .find(|visible| visible.installed.connector.name == installed.connector.name && visible.tool == tool))
}

fn visible_body(visible: &Visible) -> ToolBody {
    let body = body(&visible.installed.connector, visible.tool(), &visible.connections);
    ToolBody { deferred: visible.deferred, input_schema: raw(visible.input_schema().to_owned()), ..body }
}

fn mentions(visible: &Visible, word: &str) -> bool {
    let tool = &visible.tool().tool;
    [&tool.name, &tool.title, &tool.description].into_iter().chain(&tool.tags).any(|text| lower(text).contains(word))
}

fn lower(text: impl AsRef<str>) -> String {
    text.as_ref().to_lowercase()
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

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut all = headers.get_all("idempotency-key").iter();
    let Some(value) = all.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let visible = (1..=MAX_IDEMPOTENCY_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !visible || all.next().is_some() {
        let detail = format!("`Idempotency-Key` is one header of 1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters");
        return Err(Problem::bad_request(detail));
    }
    Ok(Some(text.to_owned()))
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

/// JSON text that was checked when it came in; null where it was not JSON after all.
pub(super) fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
