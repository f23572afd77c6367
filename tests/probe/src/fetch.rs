//! Requests of every kind, allowed and not.

use gloveport_sdk::http::{Error, Part, Path, Request, Response, send_all};
use gloveport_sdk::{Failure, Json, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// More than any host should let one call send.
const MANY: u64 = 10_000;

/// A request as data.
#[derive(Clone, Deserialize, JsonSchema)]
pub struct Described {
    /// `GET` if absent.
    method: Option<String>,
    /// Sent as it is.
    target: String,
    /// Names and values.
    #[serde(default)]
    query: Vec<(String, String)>,
    /// Names and values.
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// None if absent.
    body: Option<Body>,
}

/// A body as data.
#[derive(Clone, Deserialize, JsonSchema)]
pub struct Body {
    /// Which of them.
    kind: Kind,
    /// Its text, for `bytes` and `json`.
    #[serde(default)]
    text: String,
    /// Its fields, for `form` and `multipart`.
    #[serde(default)]
    fields: Vec<(String, String)>,
}

/// The kinds of bodies.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Text as bytes.
    Bytes,
    /// Text that is sent as JSON, unread.
    Json,
    /// Fields.
    Form,
    /// Fields, each with a file name.
    Multipart,
}

/// Several requests.
#[derive(Deserialize, JsonSchema)]
pub struct DescribedAll {
    /// Sent at once.
    requests: Vec<Described>,
}

/// What came back.
#[derive(Default, Serialize, JsonSchema)]
pub struct Answer {
    /// The status, if there was a response.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Names and values.
    headers: Vec<(String, String)>,
    /// The body; what is not UTF-8 is replaced.
    body: String,
    /// Whether the body was cut.
    truncated: bool,
    /// Why there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal>,
}

/// Why there was no response.
#[derive(Serialize, JsonSchema)]
pub struct Refusal {
    /// Name of the variant.
    kind: &'static str,
    /// Its text.
    message: String,
}

/// Where to.
#[derive(Deserialize, JsonSchema)]
pub struct Target {
    /// Sent as it is.
    target: String,
}

/// A size.
#[derive(Serialize, JsonSchema)]
pub struct Sized {
    /// Bytes of the body.
    bytes: usize,
    /// Whether it was cut.
    truncated: bool,
}

/// How far it went.
#[derive(Serialize, JsonSchema)]
pub struct Sent {
    /// Responses that came.
    answered: u64,
    /// What ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal>,
}

/// Asks the upstream who the account is: the test call.
#[tool(effect = read, routes = ["GET /whoami"])]
pub fn whoami() -> Result<Json, Failure> {
    Request::get("/whoami").send()?.error_for_status()?.json()
}

/// Sends any request to the base URL or below `wild.probe.test`.
#[tool(
    effect = write,
    routes = [
        "GET /", "GET /{path+}", "HEAD /{path+}", "OPTIONS /{path+}", "POST /", "POST /{path+}", "PUT /{path+}",
        "PATCH /{path+}", "DELETE /{path+}", "GET https://*.wild.probe.test/{path+}",
        "POST https://*.wild.probe.test/{path+}", "GET https://api.probe.test/{path+}",
    ],
)]
pub fn fetch(input: Described) -> Result<Answer, Failure> {
    send(input)
}

/// Sends any request, and fails when there is no response, as connectors do.
#[tool(
    effect = write,
    routes = [
        "GET /", "GET /{path+}", "HEAD /{path+}", "OPTIONS /{path+}", "POST /", "POST /{path+}", "PUT /{path+}",
        "PATCH /{path+}", "DELETE /{path+}", "GET https://*.wild.probe.test/{path+}",
        "POST https://*.wild.probe.test/{path+}", "GET https://api.probe.test/{path+}",
    ],
)]
pub fn fetch_or_fail(input: Described) -> Result<Answer, Failure> {
    Ok(answer(Ok(build(input).send()?)))
}

/// Sends requests at once.
#[tool(effect = write, routes = ["GET /{path+}", "POST /{path+}"])]
pub fn fetch_all(input: DescribedAll) -> Result<Vec<Answer>, Failure> {
    let requests = input.requests.into_iter().map(build).collect();
    Ok(send_all(requests)?.into_iter().map(answer).collect())
}

/// Sends any request with routes that only read.
#[tool(effect = read, routes = ["GET /", "GET /{path+}", "HEAD /{path+}", "POST /search" => read])]
pub fn fetch_read(input: Described) -> Result<Answer, Failure> {
    send(input)
}

/// Declares that it reads, and sends a POST.
#[tool(effect = read, routes = ["GET /items/{id}"])]
pub fn fetch_read_only() -> Result<Answer, Failure> {
    Ok(answer(Ok(Request::post("/items/7").json(&"written").send()?)))
}

/// Reads what an authorization has to allow.
#[tool(effect = read, routes = ["GET /{path+}"], scopes = ["read", "write", "admin"])]
pub fn fetch_guarded(input: Target) -> Result<Answer, Failure> {
    Ok(answer(Ok(Request::get(Path::encoded(input.target)).send()?)))
}

/// Reads, then writes what it read.
#[tool(effect = write, routes = ["GET /{path+}", "POST /{path+}"])]
pub fn read_then_write(input: Target) -> Result<Answer, Failure> {
    let read = Request::get(Path::encoded(input.target.clone())).send()?.error_for_status()?;
    Ok(answer(Request::post(Path::encoded(input.target)).bytes(read.into_bytes()).try_send()?))
}

/// Answers how long a response was.
#[tool(effect = read, routes = ["GET /{path+}"])]
pub fn sized_response(input: Target) -> Result<Sized, Failure> {
    let response = Request::get(Path::encoded(input.target)).send()?;
    Ok(Sized { bytes: response.bytes().len(), truncated: response.truncated })
}

/// Sends ten thousand requests one after the other, until the host has enough.
#[tool(effect = read, routes = ["GET /{path+}"])]
pub fn send_ten_thousand(input: Target) -> Result<Sent, Failure> {
    for answered in 0..MANY {
        if let Err(error) = Request::get(Path::encoded(input.target.clone())).try_send()? {
            return Ok(Sent { answered, error: Some(refusal(error)) });
        }
    }
    Ok(Sent { answered: MANY, error: None })
}

/// Sends ten thousand requests at once, and tells the first error.
#[tool(effect = read, routes = ["GET /{path+}"])]
pub fn send_all_ten_thousand(input: Target) -> Result<Sent, Failure> {
    let requests = (0..MANY).map(|_| Request::get(Path::encoded(input.target.clone()))).collect();
    let (mut answered, mut error) = (0, None);
    for reply in send_all(requests)? {
        match reply {
            Ok(_) => answered += 1,
            Err(first) => {
                error.get_or_insert_with(|| refusal(first));
            }
        }
    }
    Ok(Sent { answered, error })
}

/// Sends one and tells what came of it.
pub(crate) fn send(input: Described) -> Result<Answer, Failure> {
    Ok(answer(build(input).try_send()?))
}

fn build(input: Described) -> Request {
    let mut request = Request::new(input.method.unwrap_or_else(|| "GET".into()), Path::encoded(input.target));
    for (name, value) in input.query {
        request = request.query(name, value);
    }
    for (name, value) in input.headers {
        request = request.header(name, value);
    }
    let Some(body) = input.body else { return request };
    match body.kind {
        Kind::Bytes => request.bytes(body.text),
        Kind::Json => request.json_text(body.text),
        Kind::Form => request.form(body.fields),
        Kind::Multipart => request.multipart(body.fields.into_iter().map(part).collect()),
    }
}

fn part((name, content): (String, String)) -> Part {
    let file_name = Some(format!("{name}.txt"));
    Part { name, file_name, content_type: Some("text/plain".into()), content: content.into_bytes() }
}

fn answer(reply: Result<Response, Error>) -> Answer {
    match reply {
        Ok(response) => Answer {
            status: Some(response.status),
            headers: response.headers().to_vec(),
            body: response.text(),
            truncated: response.truncated,
            error: None,
        },
        Err(error) => Answer { error: Some(refusal(error)), ..Answer::default() },
    }
}

fn refusal(error: Error) -> Refusal {
    let (kind, message) = match error {
        Error::Invalid(message) => ("invalid", message),
        Error::Refused(message) => ("refused", message),
        Error::Timeout(message) => ("timeout", message),
        Error::Unreachable(message) => ("unreachable", message),
        Error::Limit(message) => ("limit", message),
    };
    Refusal { kind, message }
}
