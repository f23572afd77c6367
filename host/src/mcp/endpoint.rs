//! One request: read, held to its revision, carried out, answered.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest as _, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::answer::{Refusal, refusal};
use super::era::Era;
use super::limits::{BODY, BODY_PATIENCE, LIST_FRESH_MS, PROGRESS_KEPT};
use super::listen::Stream;
use super::message::{self, Message, RpcError, result};
use super::names::{self, LEGACY, MODERN, TASKS, code, meta};
use super::whose::{self, Narrowed, Visitor};
use super::{Endpoint, list, metadata, prompts, resources, stream, tasks, tools};
use crate::call::{Asker, Host};

/// The endpoint of an instance.
pub(super) async fn by_url(State(endpoint): State<Endpoint>, Path(token): Path<String>, request: Request) -> Response {
    match whose::by_token(&endpoint.host, &token).await {
        Ok(visitor) => entered(endpoint, visitor, request).await.unwrap_or_else(IntoResponse::into_response),
        Err(refused) => refused.into_response(),
    }
}

/// The endpoint of clients that their users let call.
pub(super) async fn by_grant(
    State(endpoint): State<Endpoint>,
    Path(config): Path<String>,
    request: Request,
) -> Response {
    match whose::by_grant(&endpoint.host, &config, request.headers()).await {
        Ok(visitor) => entered(endpoint, visitor, request).await.unwrap_or_else(IntoResponse::into_response),
        Err(refused) => {
            let sent = request.headers().contains_key(header::AUTHORIZATION);
            metadata::refused_at(&endpoint.host, &config, refused, sent).await
        }
    }
}

/// The endpoint of keys.
pub(super) async fn by_key(State(endpoint): State<Endpoint>, request: Request) -> Response {
    let Ok(Query(narrowed)) = Query::<Narrowed>::try_from_uri(request.uri()) else {
        return refusal(StatusCode::BAD_REQUEST, "the URL takes `profile` and `identifier`").into_response();
    };
    match whose::by_key(&endpoint.host, request.headers(), narrowed).await {
        Ok(visitor) => entered(endpoint, visitor, request).await.unwrap_or_else(IntoResponse::into_response),
        Err(refused) => {
            let sent = request.headers().contains_key(header::AUTHORIZATION);
            metadata::refused(&endpoint.host, refused, sent)
        }
    }
}

async fn entered(endpoint: Endpoint, visitor: Visitor, request: Request) -> Result<Response, Refusal> {
    let headers = request.headers().clone();
    match *request.method() {
        Method::POST => {}
        Method::GET => return told_of_changes(&endpoint, &visitor, &headers),
        _ => return Err(refusal(StatusCode::METHOD_NOT_ALLOWED, "this endpoint takes POST; there are no sessions")),
    }
    if !accepts(&headers, header::CONTENT_TYPE, "application/json") {
        return Err(refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body has to be `application/json`"));
    }
    if headers.contains_key(header::ACCEPT) && !accepts(&headers, header::ACCEPT, "application/json") {
        let reason = "`Accept` has to name `application/json` and `text/event-stream`";
        return Err(refusal(StatusCode::NOT_ACCEPTABLE, reason));
    }
    let body = body(request).await?;
    let unreadable = |error| Refusal::of(&Value::Null, error, true).unreadable();
    let request = match Message::read(&body).map_err(unreadable)? {
        Message::Request(request) => request,
        Message::Notification(notification) => {
            cancelled(&endpoint, &visitor, &notification);
            return Ok(StatusCode::ACCEPTED.into_response());
        }
        Message::Response => return Ok(StatusCode::ACCEPTED.into_response()),
    };
    let era = Era::of(&request, &headers).map_err(|error| Refusal::of(&request.id, error, true).unreadable())?;
    let streams = accepts(&headers, header::ACCEPT, "text/event-stream");
    if request.method == "subscriptions/listen" && era.is_modern() {
        return listen(&endpoint, &visitor, &era, &request);
    }
    if CALLS.contains(&request.method.as_str()) && (request.method != "prompts/get" || visitor.shows.prompts) {
        return Ok(call(endpoint, visitor, era, request, streams).await);
    }
    let done = carried_out(&endpoint, &visitor, &era, &request).await;
    let (done, session) = match done {
        Ok((done, session)) => (done, session),
        Err(error) => return Err(Refusal::of(&request.id, error, era.is_modern())),
    };
    let mut response = axum::Json(result(&request.id, completed(done, &era))).into_response();
    if let Some(Ok(session)) = session.map(|session| session.parse()) {
        response.headers_mut().insert(HeaderName::from_static(names::header::SESSION), session);
    }
    Ok(response)
}

/// What comes of a request that is answered at once; the name of the session, where one begins.
async fn carried_out(
    endpoint: &Endpoint,
    visitor: &Visitor,
    era: &Era,
    request: &message::Request,
) -> Result<(Value, Option<String>), RpcError> {
    let host = &endpoint.host;
    let done = match request.method.as_str() {
        "initialize" if !era.is_modern() => return initialized(endpoint, visitor, request.params()?).await,
        "ping" if !era.is_modern() => json!({}),
        "server/discover" if era.is_modern() => discovered(endpoint, visitor).await,
        "tools/list" => list::page(host, visitor, era, request.params()?).await?,
        "prompts/list" if visitor.shows.prompts => prompts::page(host, visitor, era, request.params()?).await?,
        "resources/list" => resources::page(host, visitor, era, request.params()?).await?,
        "resources/templates/list" => resources::templates(host, visitor, era, request.params()?).await?,
        _ => match tasks::answered(host, visitor, era, request).await? {
            Some(done) => done,
            None => return Err(RpcError::new(code::NO_SUCH_METHOD, "there is no such method here")),
        },
    };
    Ok((done, None))
}

/// Methods that make a call.
const CALLS: [&str; 3] = ["tools/call", "prompts/get", "resources/read"];

/// Makes a call; with progress on the way, where the client asks for it.
async fn call(endpoint: Endpoint, visitor: Visitor, era: Era, request: message::Request, streams: bool) -> Response {
    let stop = CancellationToken::new();
    let (progress, hears) = mpsc::channel(PROGRESS_KEPT);
    // In the current revision a closed stream means that nobody wants the call any more; in the earlier ones that is said.
    let gone = era.is_modern().then(|| stop.clone().drop_guard());
    let entered = (!era.is_modern()).then(|| endpoint.running.enter(&visitor.caller.key, &request.id, &stop));
    let asker = Asker { stop, progress };
    let token = era.progress_token.clone().filter(|_| streams);
    let id = request.id.clone();
    let work = async move {
        let _while_it_runs = (gone, entered);
        match called(&endpoint.host, &visitor, &era, &request, asker).await {
            Ok(done) => result(&id, completed(done, &era)),
            Err(error) => error.written(&id),
        }
    };
    match token {
        Some(token) => stream::with_progress(token, hears, work),
        None => axum::Json(work.await).into_response(),
    }
}

async fn called(
    host: &Host,
    visitor: &Visitor,
    era: &Era,
    request: &message::Request,
    asker: Asker,
) -> Result<Value, RpcError> {
    match request.method.as_str() {
        "prompts/get" => prompts::get(host, visitor, era, request.params()?, asker).await,
        "resources/read" => resources::read(host, visitor, era, request.params()?, asker).await,
        _ => tools::call(host, visitor, era, request.params()?, asker).await,
    }
}

#[derive(Deserialize)]
struct Initialize {
    #[serde(rename = "protocolVersion")]
    version: String,
    #[serde(default)]
    capabilities: Value,
}

async fn initialized(
    endpoint: &Endpoint,
    visitor: &Visitor,
    params: Initialize,
) -> Result<(Value, Option<String>), RpcError> {
    let era = Era::begun(&params.version, Some(&params.capabilities));
    let mut result =
        json!({ "protocolVersion": era.to_string(), "capabilities": capabilities(visitor), "serverInfo": server() });
    if let Some(instructions) = instructions(endpoint, visitor).await {
        result["instructions"] = instructions.into();
    }
    let session = format!("{}{}", hex::encode(endpoint.host.random.bytes::<16>()), era.elicits.as_suffix());
    Ok((result, Some(session)))
}

async fn discovered(endpoint: &Endpoint, visitor: &Visitor) -> Value {
    let versions: Vec<&str> = std::iter::once(MODERN).chain(LEGACY).collect();
    let mut result = json!({ "supportedVersions": versions, "capabilities": capabilities(visitor), "serverInfo": server(),
        "ttlMs": LIST_FRESH_MS, "cacheScope": "private" });
    result["capabilities"]["extensions"] = json!({ TASKS: {} });
    if let Some(instructions) = instructions(endpoint, visitor).await {
        result["instructions"] = instructions.into();
    }
    result
}

fn capabilities(visitor: &Visitor) -> Value {
    // Long results are resources everywhere.
    let mut capabilities = json!({ "tools": { "listChanged": true }, "resources": {} });
    if visitor.shows.prompts {
        capabilities["prompts"] = json!({});
    }
    capabilities
}

fn server() -> Value {
    json!({ "name": "gloveport", "title": "Gloveport", "version": env!("CARGO_PKG_VERSION") })
}

/// What the config is for, in the words of who made it.
async fn instructions(endpoint: &Endpoint, visitor: &Visitor) -> Option<String> {
    let profile = visitor.caller.profile.as_ref()?;
    let found = endpoint.host.store.find_profile(&visitor.caller.project, &profile.name).await.ok().flatten()?;
    Some(found.description).filter(|description| !description.is_empty())
}

#[derive(Default, Deserialize)]
struct Listen {
    #[serde(default)]
    notifications: Wanted,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    #[serde(default)]
    tools_list_changed: bool,
}

fn listen(endpoint: &Endpoint, visitor: &Visitor, era: &Era, request: &message::Request) -> Result<Response, Refusal> {
    let refused = |error| Refusal::of(&request.id, error, era.is_modern());
    let params: Listen = request.params().map_err(refused)?;
    let wanted = params.notifications.tools_list_changed;
    let stream = Stream::open(endpoint, visitor, Some(request.id.clone()), wanted).map_err(refused)?;
    Ok(stream::listening(stream))
}

/// The stream of changes of the earlier revisions. Clients of the transport before that, which begin with a GET and say no
/// revision, would wait on it for ever: they are told at once that it is not spoken here.
fn told_of_changes(endpoint: &Endpoint, visitor: &Visitor, headers: &HeaderMap) -> Result<Response, Refusal> {
    let said = headers.get(names::header::VERSION).and_then(|value| value.to_str().ok());
    if !said.is_some_and(|said| LEGACY.contains(&said)) || !accepts(headers, header::ACCEPT, "text/event-stream") {
        return Err(refusal(StatusCode::METHOD_NOT_ALLOWED, "this endpoint takes POST: it speaks Streamable HTTP"));
    }
    let opened = Stream::open(endpoint, visitor, None, true);
    Ok(stream::listening(opened.map_err(|error| Refusal::of(&Value::Null, error, false))?))
}

#[derive(Deserialize)]
struct Cancelled {
    #[serde(rename = "requestId")]
    id: Value,
}

fn cancelled(endpoint: &Endpoint, visitor: &Visitor, notification: &message::Request) {
    if notification.method == "notifications/cancelled"
        && let Ok(Cancelled { id }) = notification.params()
    {
        endpoint.running.stop(&visitor.caller.key, &id);
    }
}

/// A result with what the current revision wants of each.
fn completed(mut result: Value, era: &Era) -> Value {
    if era.is_modern() {
        if result.get("resultType").is_none() {
            result["resultType"] = "complete".into();
        }
        result["_meta"][meta::SERVER] = server();
    }
    result
}

async fn body(request: Request) -> Result<Bytes, Refusal> {
    match tokio::time::timeout(BODY_PATIENCE, Bytes::from_request(request, &())).await {
        Err(_) => Err(refusal(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(BytesRejection::FailedToBufferBody(rejection)))
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE =>
        {
            Err(refusal(StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {BODY} bytes")))
        }
        Ok(Err(_)) => Err(refusal(StatusCode::BAD_REQUEST, "the body could not be read to its end")),
    }
}

/// Whether a header names a media type, or everything.
fn accepts(headers: &HeaderMap, name: HeaderName, media_type: &str) -> bool {
    let texts = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let kind = media_type.split('/').next().unwrap_or_default();
    texts.flat_map(|text| text.split(',')).any(|part| {
        let part = part.split(';').next().unwrap_or_default().trim();
        part.eq_ignore_ascii_case(media_type) || part == "*/*" || part.strip_suffix("/*") == Some(kind)
    })
}
