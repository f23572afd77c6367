//! Every answer that the host gives to a guest: the one seam at which calls can be recorded and replayed.

use std::time::Instant;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use wasmtime::component::HasData;

use super::bindings::gloveport::connector as wit;
use super::error::bounded;
use super::limits;
use super::state::{LogLevel, LogLine, Outside, Progress, State, Tally};
use crate::egress::{Body, EgressError, Part, Request, Response};

/// What the imports of one call may touch: not the limits, not the store.
pub(super) struct View<'a> {
    outside: Option<&'a Outside>,
    tally: &'a mut Tally,
}

/// Tells the linker how a view is borrowed from the store's data.
pub(super) struct Imports;

impl HasData for Imports {
    type Data<'a> = View<'a>;
}

/// Borrows the view.
pub(super) fn view(state: &mut State) -> View<'_> {
    View { outside: state.outside.as_ref(), tally: &mut state.tally }
}

impl<'a> View<'a> {
    /// What lies outside, or a trap while there is nothing outside.
    fn outside(&self, function: &str) -> wasmtime::Result<&'a Outside> {
        self.outside.ok_or_else(|| wasmtime::Error::msg(format!("describe may not call {function}")))
    }

    fn begin_wait(&mut self) -> Instant {
        let since = Instant::now();
        self.tally.waiting_since = Some(since);
        self.tally.waits += 1;
        since
    }

    fn end_wait(&mut self, since: Instant) {
        self.tally.upstream += since.elapsed();
        self.tally.waiting_since = None;
    }

    /// Counts a request, unless there have been too many.
    fn count_request(&mut self) -> Result<(), EgressError> {
        if self.tally.requests >= limits::SENDS {
            return Err(EgressError::Limit(format!("{} requests in one call", limits::SENDS)));
        }
        self.tally.requests += 1;
        Ok(())
    }

    /// Notes what came back and puts it into the contract's words.
    fn answer(&mut self, result: Result<Response, EgressError>) -> Result<wit::http::Response, wit::http::Error> {
        match result {
            Ok(response) => {
                self.tally.sent_bytes += response.sent_bytes;
                self.tally.received_bytes += response.received_bytes;
                self.tally.scrubbed = self.tally.scrubbed.saturating_add(response.scrubbed);
                Ok(wit::http::Response {
                    status: response.status,
                    headers: response.headers,
                    body: response.body.into(),
                    truncated: response.truncated,
                })
            }
            Err(error) => {
                let answer = error_to_guest(&error);
                if self.tally.refusal.is_none() && is_refusal(&error) {
                    self.tally.refusal = Some(error);
                }
                Err(answer)
            }
        }
    }
}

impl wit::http::Host for View<'_> {
    async fn send(
        &mut self,
        request: wit::http::Request,
    ) -> wasmtime::Result<Result<wit::http::Response, wit::http::Error>> {
        let outside = self.outside("http.send")?;
        if let Err(error) = self.count_request() {
            return Ok(self.answer(Err(error)));
        }
        let since = self.begin_wait();
        let result = outside.egress.send(&outside.grant, request_from_guest(request)).await;
        self.end_wait(since);
        Ok(self.answer(result))
    }

    async fn send_all(
        &mut self,
        requests: Vec<wit::http::Request>,
    ) -> wasmtime::Result<Vec<Result<wit::http::Response, wit::http::Error>>> {
        let outside = self.outside("http.send-all")?;
        let counted: Vec<_> =
            requests.into_iter().map(|request| self.count_request().map(|()| request_from_guest(request))).collect();
        let since = self.begin_wait();
        // `buffered` keeps the order of the requests and starts the next as soon as one of the first is done.
        let mut sending = stream::iter(counted)
            .map(|request| async move { outside.egress.send(&outside.grant, request?).await })
            .buffered(limits::SEND_ALL_CONCURRENCY);
        let mut answers = Vec::new();
        let mut collected = 0;
        while let Some(mut result) = sending.next().await {
            collected += result.as_ref().map_or(0, |response| response.body.len() as u64);
            if collected > limits::SEND_ALL_BYTES {
                let limit = format!("{} bytes of bodies in one send-all", limits::SEND_ALL_BYTES);
                result = result.and(Err(EgressError::Limit(limit)));
            }
            answers.push(self.answer(result));
        }
        self.end_wait(since);
        Ok(answers)
    }
}

impl wit::account::Host for View<'_> {
    fn field(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        let outside = self.outside("account.field")?;
        Ok(outside.account.fields.get(&name).cloned())
    }

    fn setting(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        let outside = self.outside("account.setting")?;
        Ok(outside.account.setting(&name))
    }
}

impl wit::log::Host for View<'_> {
    fn write(&mut self, level: wit::log::Level, message: String) -> wasmtime::Result<()> {
        self.outside("log.write")?;
        if self.tally.logs.len() >= limits::LOG_LINES {
            self.tally.dropped_logs = self.tally.dropped_logs.saturating_add(1);
            return Ok(());
        }
        let level = match level {
            wit::log::Level::Debug => LogLevel::Debug,
            wit::log::Level::Info => LogLevel::Info,
            wit::log::Level::Warn => LogLevel::Warn,
            wit::log::Level::Error => LogLevel::Error,
        };
        self.tally.logs.push(LogLine { level, message: bounded(&message, limits::LOG_LINE_BYTES) });
        Ok(())
    }
}

impl wit::clock::Host for View<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        let outside = self.outside("clock.now")?;
        Ok(u64::try_from(outside.now.0).unwrap_or_default())
    }
}

impl wit::random::Host for View<'_> {
    fn bytes(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        let outside = self.outside("random.bytes")?;
        let mut bytes = outside.random.bytes::<{ limits::RANDOM_BYTES }>().to_vec();
        bytes.truncate(count as usize);
        Ok(bytes)
    }
}

impl wit::progress::Host for View<'_> {
    fn report(&mut self, done: u64, total: u64, message: String) -> wasmtime::Result<()> {
        self.outside("progress.report")?;
        self.tally.progress = Some(Progress { done, total, message: bounded(&message, limits::PROGRESS_BYTES) });
        Ok(())
    }
}

impl wit::types::Host for View<'_> {}

fn request_from_guest(request: wit::http::Request) -> Request {
    let body = match request.body {
        wit::http::Body::None => Body::None,
        wit::http::Body::Bytes(bytes) => Body::Bytes(Bytes::from(bytes)),
        wit::http::Body::Json(text) => Body::Json(text),
        wit::http::Body::Form(pairs) => Body::Form(pairs),
        wit::http::Body::Multipart(parts) => Body::Multipart(parts.into_iter().map(part_from_guest).collect()),
    };
    Request { method: request.method, target: request.target, query: request.query, headers: request.headers, body }
}

fn part_from_guest(part: wit::http::Part) -> Part {
    Part {
        name: part.name,
        file_name: part.file_name,
        content_type: part.content_type,
        content: Bytes::from(part.content),
    }
}

fn error_to_guest(error: &EgressError) -> wit::http::Error {
    let text = error.to_string();
    match error {
        EgressError::Invalid(_) => wit::http::Error::Invalid(text),
        EgressError::HostNotAllowed(_) | EgressError::AddressNotAllowed(_) | EgressError::RouteNotAllowed(_) => {
            wit::http::Error::Refused(text)
        }
        EgressError::Timeout(_) => wit::http::Error::Timeout(text),
        EgressError::Unreachable(_) => wit::http::Error::Unreachable(text),
        EgressError::Limit(_) => wit::http::Error::Limit(text),
    }
}

/// Whether the host said no, as opposed to the network or the provider.
fn is_refusal(error: &EgressError) -> bool {
    !matches!(error, EgressError::Timeout(_) | EgressError::Unreachable(_))
}
