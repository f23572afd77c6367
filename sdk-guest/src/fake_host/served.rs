//! The imports, served by the fake host of this thread.

use std::cell::RefCell;
use std::rc::Rc;

use super::{State, wanted};
use crate::Failure;
use crate::bindings::gloveport::connector::http::{Error, Request, Response};
use crate::bindings::gloveport::connector::tools::Invocation;
use crate::log::Level;

/// As much as the host gives a call.
const RANDOM_LIMIT: u32 = 1024;

thread_local! {
    static CURRENT: RefCell<Option<Rc<RefCell<State>>>> = const { RefCell::new(None) };
}

/// Puts the host of before back, also when the test panics.
struct Before(Option<Rc<RefCell<State>>>);

impl Drop for Before {
    fn drop(&mut self) {
        let before = self.0.take();
        CURRENT.with(|current| *current.borrow_mut() = before);
    }
}

/// Runs `function` with `state` as this thread's host.
pub(super) fn enter<T>(state: &Rc<RefCell<State>>, function: impl FnOnce() -> T) -> T {
    let _before = Before(CURRENT.with(|current| current.borrow_mut().replace(Rc::clone(state))));
    function()
}

pub(crate) fn send(request: &Request) -> Result<Response, Error> {
    let answer = with(|state| {
        state.requests.push(request.clone());
        match state.routes {
            Some(routes) if !wanted::is_within(routes, request) => {
                let (method, target, routes) = (&request.method, &request.target, wanted::describe(routes));
                Ok(Err(Error::Refused(format!("{method} {target} is not a route of this tool: {routes}"))))
            }
            _ => wanted::reply(&mut state.wanted, request),
        }
    });
    // Outside of the borrow, so that the test can still read what was recorded.
    answer.unwrap_or_else(|unexpected| panic!("{unexpected}"))
}

pub(crate) fn send_all(requests: &[Request]) -> Vec<Result<Response, Error>> {
    requests.iter().map(send).collect()
}

pub(crate) fn field(name: &str) -> Option<String> {
    with(|state| state.fields.get(name).cloned())
}

pub(crate) fn setting(name: &str) -> Option<String> {
    with(|state| state.settings.get(name).cloned())
}

pub(crate) fn write(level: Level, message: &str) {
    let level = match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    with(|state| state.lines.push(format!("{level}: {message}")));
}

pub(crate) fn now() -> u64 {
    with(|state| state.now_ms)
}

pub(crate) fn bytes(count: u32) -> Vec<u8> {
    with(|state| (0..count.min(RANDOM_LIMIT)).map(|_| state.random.pop_front().unwrap_or(0)).collect())
}

pub(crate) fn report(done: u64, total: u64, message: &str) {
    with(|state| state.progress.push((done, total, message.into())));
}

pub(crate) fn call(invocation: &Invocation) -> Result<String, Failure> {
    let (tool, input) = (&invocation.tool, &invocation.input);
    let read = serde_json::from_str(input).unwrap_or_else(|error| panic!("input of `{tool}`: {error}: {input}"));
    let result = with(|state| {
        state.calls.push((tool.clone(), read));
        let results = state.tools.get_mut(tool)?;
        if results.len() > 1 { results.pop_front() } else { results.front().cloned() }
    });
    result.unwrap_or_else(|| panic!("`{tool}` was called, and the test lists no such tool"))
}

pub(crate) fn call_all(invocations: &[Invocation]) -> Vec<Result<String, Failure>> {
    invocations.iter().map(call).collect()
}

pub(crate) fn request(question: &str, schema: &str) -> String {
    let answer = with(|state| {
        state.questions.push(question.into());
        state.answers.pop_front()
    });
    answer.unwrap_or_else(|| panic!("the user was asked `{question}` ({schema}), and the test lists no answer"))
}

fn with<T>(use_it: impl FnOnce(&mut State) -> T) -> T {
    let current = CURRENT.with(|current| current.borrow().clone());
    match current {
        Some(state) => use_it(&mut state.borrow_mut()),
        None => panic!("an import was called outside of a host: run the function in `FakeHost::run`"),
    }
}
