//! A host for unit tests: serves the imports of the connector natively, from replies that the test lists.
//!
//! ```
//! use gloveport_sdk::fake_host::{FakeHost, Reply};
//! use gloveport_sdk::http::Request;
//! use serde_json::json;
//!
//! let host = FakeHost::new().on("GET", "/user", Reply::json(200, json!({ "login": "octocat" })));
//! let status = host.run(|| Request::get("/user").send().map(|response| response.status));
//! assert_eq!(status, Ok(200));
//! assert_eq!(host.requests()[0].target, "/user");
//! ```

pub(crate) mod served;
mod wanted;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use serde::Serialize;
use serde_json::Value;

pub use crate::bindings::gloveport::connector::http::{Body, Request as Recorded};

use crate::bindings::gloveport::connector::http as wire;
use crate::{Connector, Failure, glue, http};
use wanted::Wanted;

/// What the test answers to a request.
#[derive(Clone, Debug)]
pub struct Reply(Result<wire::Response, http::Error>);

impl Reply {
    /// A JSON body.
    ///
    /// # Panics
    ///
    /// When `body` has no JSON: the test is wrong.
    pub fn json(status: u16, body: impl Serialize) -> Self {
        let text = serde_json::to_string(&body).unwrap_or_else(|error| panic!("the reply has no JSON: {error}"));
        Self::bytes(status, text).header("content-type", "application/json")
    }

    /// A body of text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::bytes(status, body.into()).header("content-type", "text/plain; charset=utf-8")
    }

    /// A body of bytes without a content type.
    pub fn bytes(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self(Ok(wire::Response { status, headers: vec![], body: body.into(), truncated: false }))
    }

    /// No response at all.
    pub fn error(error: http::Error) -> Self {
        Self(Err(error))
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Ok(response) = &mut self.0 {
            response.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        self
    }

    /// Marks the body as cut by the host's limit.
    pub fn truncated(mut self) -> Self {
        if let Ok(response) = &mut self.0 {
            response.truncated = true;
        }
        self
    }
}

/// A host whose replies, fields and time a test lists.
#[derive(Clone, Default)]
pub struct FakeHost(Rc<RefCell<State>>);

/// All that a fake host serves and has seen.
#[derive(Default)]
pub(crate) struct State {
    wanted: Vec<Wanted>,
    fields: BTreeMap<String, String>,
    settings: BTreeMap<String, String>,
    now_ms: u64,
    random: VecDeque<u8>,
    /// Routes of the tool that runs, if it was called by name.
    routes: Option<&'static [glue::RouteSpec]>,
    requests: Vec<Recorded>,
    lines: Vec<String>,
    progress: Vec<(u64, u64, String)>,
    tools: BTreeMap<String, VecDeque<Result<String, Failure>>>,
    calls: Vec<(String, Value)>,
    answers: VecDeque<String>,
    questions: Vec<String>,
}

impl FakeHost {
    /// A host that expects no request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers a request. `target` is the encoded path, with `?query` if the query matters. Several replies to one
    /// target are given one after the other, and the last one for good.
    pub fn on(self, method: &str, target: &str, reply: Reply) -> Self {
        self.change(|state| wanted::add(&mut state.wanted, method, target, reply.0))
    }

    /// A public field of the account.
    pub fn field(self, name: &str, value: &str) -> Self {
        self.change(|state| state.fields.insert(name.into(), value.into()))
    }

    /// A setting of the connection.
    ///
    /// # Panics
    ///
    /// When `value` has no JSON: the test is wrong.
    pub fn setting(self, name: &str, value: impl Serialize) -> Self {
        let text = serde_json::to_string(&value).unwrap_or_else(|error| panic!("setting `{name}`: {error}"));
        self.change(|state| state.settings.insert(name.into(), text))
    }

    /// What another tool answers. Several results of one tool are given one after the other, and the last one for good.
    pub fn tool(self, name: &str, result: Result<Value, Failure>) -> Self {
        let result = result.map(|output| output.to_string());
        self.change(|state| state.tools.entry(name.into()).or_default().push_back(result))
    }

    /// The user's next answer.
    pub fn answer(self, answer: Value) -> Self {
        self.change(|state| state.answers.push_back(answer.to_string()))
    }

    /// The time, in milliseconds since 1970.
    pub fn clock(self, now_ms: u64) -> Self {
        self.change(|state| state.now_ms = now_ms)
    }

    /// The next random bytes; after them come zeros.
    pub fn random(self, bytes: &[u8]) -> Self {
        self.change(|state| state.random.extend(bytes))
    }

    /// Runs `function` with this host's imports.
    pub fn run<T>(&self, function: impl FnOnce() -> T) -> T {
        served::enter(&self.0, function)
    }

    /// Calls a tool as the host does: by its full name, with JSON, and with nothing but its routes open.
    ///
    /// # Errors
    ///
    /// What the tool answers.
    ///
    /// # Panics
    ///
    /// When `C` has no such tool, when a request is not expected, or when the output is not JSON.
    pub fn call<C: Connector>(&self, tool: &str, input: Value) -> Result<Value, Failure> {
        let found = glue::find::<C>(tool).unwrap_or_else(|| panic!("{} has no tool `{tool}`", C::NAME));
        self.0.borrow_mut().routes = Some(found.spec.routes);
        let result = self.run(|| glue::call::<C>(tool, &input.to_string()));
        self.0.borrow_mut().routes = None;
        let read = |text: String| serde_json::from_str(&text).unwrap_or_else(|error| panic!("output: {error}: {text}"));
        result.map(read)
    }

    /// The requests that were sent, in order.
    pub fn requests(&self) -> Vec<Recorded> {
        self.0.borrow().requests.clone()
    }

    /// The lines that were logged, as `info: message`.
    pub fn lines(&self) -> Vec<String> {
        self.0.borrow().lines.clone()
    }

    /// What was reported: done, total, message.
    pub fn progress(&self) -> Vec<(u64, u64, String)> {
        self.0.borrow().progress.clone()
    }

    /// The tools that were called, each with its input.
    pub fn calls(&self) -> Vec<(String, Value)> {
        self.0.borrow().calls.clone()
    }

    /// What the user was asked.
    pub fn questions(&self) -> Vec<String> {
        self.0.borrow().questions.clone()
    }

    fn change<T>(self, change: impl FnOnce(&mut State) -> T) -> Self {
        change(&mut self.0.borrow_mut());
        self
    }
}
