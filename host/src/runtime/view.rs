//! Every answer that the host gives to a guest: the one seam at which calls can be recorded and replayed.

mod asks;

use std::time::Instant;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use sha2::{Digest as _, Sha256};
use wasmtime::component::HasData;

use super::bindings::gloveport::connector as wit;
use super::error::bounded;
use super::recorder::{Line, Recorder, Step};
use super::state::{LogLevel, Outside, Progress, State, Tally};
use super::{hint, limits};
use crate::config::FaultPoint;
use crate::egress::{Body, EgressError, Part, Request, Response};

/// What the imports of one call may touch: not the limits, not the store.
pub(super) struct View<'a> {
    outside: Option<&'a Outside>,
    tally: &'a mut Tally,
    recorder: &'a mut Recorder,
}

/// Tells the linker how a view is borrowed from the store's data.
pub(super) struct Imports;

impl HasData for Imports {
    type Data<'a> = View<'a>;
}

/// Borrows the view.
pub(super) fn view(state: &mut State) -> View<'_> {
    View { outside: state.outside.as_ref(), tally: &mut state.tally, recorder: &mut state.recorder }
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
        if self.tally.sends >= limits::SENDS {
            return Err(EgressError::Limit(format!("{} requests in one call", limits::SENDS)));
        }
        self.tally.sends += 1;
        Ok(())
    }

    /// Puts several answers into the journal, in the order of their requests.
    fn recorded(
        &mut self,
        lines: Vec<Option<Line>>,
        results: Vec<Result<Response, EgressError>>,
    ) -> wasmtime::Result<Vec<Result<wit::http::Response, wit::http::Error>>> {
        for (line, result) in lines.into_iter().zip(&results) {
            self.recorder.note(line, result)?;
        }
        Ok(results.into_iter().map(answer).collect())
    }

    /// Notes what came back, for the report.
    fn note(&mut self, result: &Result<Response, EgressError>) {
        match result {
            Ok(response) => {
                self.tally.sent_bytes += response.sent_bytes;
                self.tally.received_bytes += response.received_bytes;
                self.tally.scrubbed = self.tally.scrubbed.saturating_add(response.scrubbed);
                self.tally.tools_changed |= hint::tools_changed(response);
            }
            Err(error) if is_refusal(error) => {
                self.tally.refusal.get_or_insert_with(|| error.clone());
            }
            Err(error) => self.tally.unanswered = Some(error.clone()),
        }
    }
}

impl View<'_> {
    /// One request: answered again, refused, sent, or the end of this run.
    async fn exchange(
        &mut self,
        outside: &Outside,
        request: Request,
    ) -> wasmtime::Result<Result<Response, EgressError>> {
        if let Err(error) = self.count_request() {
            let result = Err(error);
            self.note(&result);
            return Ok(result);
        }
        let (egress, grant) = (&outside.egress, &*outside.grant);
        let planned = match self.recorder.next(egress, grant, egress.plan(grant, request))? {
            Step::Again(result) => return Ok(result),
            Step::Send(planned) => *planned,
        };
        let line = self.recorder.line(egress, grant, &planned);
        let result = match planned {
            Ok(planned) => {
                FaultPoint::Leaving.pass();
                let since = self.begin_wait();
                let result = egress.send_planned(grant, planned).await;
                self.end_wait(since);
                result
            }
            Err(error) => Err(error),
        };
        FaultPoint::Answered.pass();
        self.note(&result);
        self.recorder.note(line, &result)?;
        Ok(result)
    }
}

impl wit::http::Host for View<'_> {
    async fn send(
        &mut self,
        request: wit::http::Request,
    ) -> wasmtime::Result<Result<wit::http::Response, wit::http::Error>> {
        let outside = self.outside("http.send")?;
        Ok(answer(self.exchange(outside, request_from_guest(request)).await?))
    }

    async fn send_all(
        &mut self,
        requests: Vec<wit::http::Request>,
    ) -> wasmtime::Result<Vec<Result<wit::http::Response, wit::http::Error>>> {
        let outside = self.outside("http.send-all")?;
        let requests = requests.into_iter().map(request_from_guest);
        if self.recorder.is_strict() {
            // One after the other: each of them may be the one that somebody has to look at.
            let (mut answers, mut collected) = (Vec::with_capacity(requests.len()), 0);
            for request in requests {
                let mut result = self.exchange(outside, request).await?;
                let bytes = result.as_ref().map_or(0, |response| response.body.len() as u64);
                if collected + bytes > limits::SEND_ALL_BYTES {
                    result = Err(too_much());
                    self.note(&result);
                } else {
                    collected += bytes;
                }
                answers.push(answer(result));
            }
            return Ok(answers);
        }
        let (egress, grant) = (&outside.egress, &*outside.grant);
        let counted = requests.map(|request| self.count_request().map(|()| egress.plan(grant, request)));
        let counted: Vec<_> = counted.collect();
        let lines: Vec<_> =
            counted.iter().map(|planned| self.recorder.line(egress, grant, planned.as_ref().ok()?)).collect();
        let planned: Vec<_> = counted.into_iter().map(|counted| counted.flatten()).collect();
        // Sending nothing is not waiting: whoever could wait for free would not be charged for its time.
        if planned.iter().all(Result::is_err) {
            let refused: Vec<_> = planned.into_iter().filter_map(Result::err).map(Err).collect();
            refused.iter().for_each(|result| self.note(result));
            return self.recorded(lines, refused);
        }
        let since = self.begin_wait();
        let results = gather(planned, |planned| egress.send_planned(grant, planned), |result| self.note(result)).await;
        self.end_wait(since);
        self.recorded(lines, results)
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
        let level = match level {
            wit::log::Level::Debug => LogLevel::Debug,
            wit::log::Level::Info => LogLevel::Info,
            wit::log::Level::Warn => LogLevel::Warn,
            wit::log::Level::Error => LogLevel::Error,
        };
        self.tally.log(level, &message);
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
        let count = (count as usize).min(limits::RANDOM_BYTES);
        let mut bytes = Vec::with_capacity(count.next_multiple_of(32));
        while bytes.len() < count {
            let block = Sha256::new().chain_update(b"random").chain_update(outside.seed);
            bytes.extend_from_slice(&block.chain_update(self.tally.random_blocks.to_le_bytes()).finalize());
            self.tally.random_blocks += 1;
        }
        bytes.truncate(count);
        Ok(bytes)
    }
}

impl wit::progress::Host for View<'_> {
    fn report(&mut self, done: u64, total: u64, message: String) -> wasmtime::Result<()> {
        let listening = self.outside("progress.report")?.progress.clone();
        let progress = Progress { done, total, message: bounded(&message, limits::PROGRESS_BYTES) };
        if let Some(listening) = listening {
            // Full means that nobody reads so fast, closed that nobody reads.
            let _ = listening.try_send(progress.clone());
        }
        self.tally.progress = Some(progress);
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

/// Sends some at a time and gives the results in the order of the requests. `note` sees each result as it came; what
/// is too much for the guest in sum is replaced by an error.
async fn gather<T, F>(
    requests: Vec<Result<T, EgressError>>,
    send: impl Fn(T) -> F,
    mut note: impl FnMut(&Result<Response, EgressError>),
) -> Vec<Result<Response, EgressError>>
where
    F: Future<Output = Result<Response, EgressError>>,
{
    let send = &send;
    let mut results = Vec::with_capacity(requests.len());
    // `buffered` keeps the order, and starts the next as soon as there is room.
    let mut sending = stream::iter(requests)
        .map(|request| async move { send(request?).await })
        .buffered(limits::SEND_ALL_CONCURRENCY);
    let mut collected = 0;
    while let Some(mut result) = sending.next().await {
        note(&result);
        let bytes = result.as_ref().map_or(0, |response| response.body.len() as u64);
        if collected + bytes > limits::SEND_ALL_BYTES {
            result = Err(too_much());
            note(&result);
        } else {
            collected += bytes;
        }
        results.push(result);
    }
    results
}

fn too_much() -> EgressError {
    EgressError::Limit(format!("{} bytes of bodies in one send-all", limits::SEND_ALL_BYTES))
}

fn answer(result: Result<Response, EgressError>) -> Result<wit::http::Response, wit::http::Error> {
    result.map_err(|error| error_to_guest(&error)).map(|response| wit::http::Response {
        status: response.status,
        headers: response.headers,
        body: response.body.into(),
        truncated: response.truncated,
    })
}

fn error_to_guest(error: &EgressError) -> wit::http::Error {
    let text = error.to_string();
    match error {
        EgressError::Invalid(_) => wit::http::Error::Invalid(text),
        EgressError::HostNotAllowed(_)
        | EgressError::AddressNotAllowed(_)
        | EgressError::RouteNotAllowed(_)
        | EgressError::Credential(_) => wit::http::Error::Refused(text),
        EgressError::Timeout(_) => wit::http::Error::Timeout(text),
        EgressError::Unreachable(_) | EgressError::Broken(_) | EgressError::Setup(_) => {
            wit::http::Error::Unreachable(text)
        }
        EgressError::Limit(_) => wit::http::Error::Limit(text),
    }
}

/// Whether the host said no, as opposed to the network or the provider.
fn is_refusal(error: &EgressError) -> bool {
    matches!(
        error,
        EgressError::Invalid(_)
            | EgressError::HostNotAllowed(_)
            | EgressError::AddressNotAllowed(_)
            | EgressError::RouteNotAllowed(_)
            | EgressError::Credential(_)
            | EgressError::Limit(_)
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn request(target: usize) -> Result<Request, EgressError> {
        Ok(Request { target: target.to_string(), ..Request::default() })
    }

    fn response(body: Vec<u8>) -> Response {
        Response {
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            truncated: false,
            scrubbed: 1,
            sent_bytes: 2,
            received_bytes: 3,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn send_all_keeps_the_order_and_bounds_what_is_under_way() {
        let (now, most) = (Cell::new(0), Cell::new(0));
        let send = |request: Request| {
            let (now, most) = (&now, &most);
            async move {
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                // The later ones come back first.
                let position: u64 = request.target.parse().expect("a number");
                for _ in position..100 {
                    tokio::task::yield_now().await;
                }
                now.set(now.get() - 1);
                Ok(response(request.target.into_bytes()))
            }
        };
        let results = gather((0..50).map(request).collect(), send, |_| ()).await;
        let bodies: Vec<_> = results.into_iter().map(|result| result.expect("sent").body).collect();
        let expected: Vec<_> = (0..50).map(|position| Bytes::from(position.to_string())).collect();
        assert_eq!(bodies, expected);
        assert_eq!(most.get(), limits::SEND_ALL_CONCURRENCY);
    }

    #[tokio::test]
    async fn send_all_does_not_collect_more_than_a_guest_can_hold() {
        let send =
            |request: Request| async move { Ok(response(vec![0; if request.target == "9" { 1 } else { 10 << 20 }])) };
        let mut noted = 0;
        let results = gather((0..10).map(request).collect(), send, |_| noted += 1).await;
        let kept: Vec<_> = results.iter().map(Result::is_ok).collect();
        assert_eq!(kept, [true, true, true, true, false, false, false, false, false, true]);
        assert!(matches!(results[4], Err(EgressError::Limit(_))), "{:?}", results[4]);
        assert_eq!(noted, 15);
    }

    #[tokio::test]
    async fn send_all_answers_a_refused_request_in_its_place() {
        let requests = vec![request(0), Err(EgressError::Limit("256".into())), request(2)];
        let results = gather(requests, |_| async { Ok(response(Vec::new())) }, |_| ()).await;
        let sent: Vec<_> = results.iter().map(Result::is_ok).collect();
        assert_eq!(sent, [true, false, true]);
    }

    #[test]
    fn every_egress_error_has_a_word_in_the_contract() {
        let text = || "x".to_string();
        for (error, word, refusal) in [
            (EgressError::Invalid(text()), "Invalid", true),
            (EgressError::HostNotAllowed(text()), "Refused", true),
            (EgressError::AddressNotAllowed(text()), "Refused", true),
            (EgressError::RouteNotAllowed(text()), "Refused", true),
            (EgressError::Credential(text()), "Refused", true),
            (EgressError::Timeout(1), "Timeout", false),
            (EgressError::Unreachable(text()), "Unreachable", false),
            (EgressError::Broken(text()), "Unreachable", false),
            (EgressError::Limit(text()), "Limit", true),
        ] {
            let answer = format!("{:?}", error_to_guest(&error));
            assert!(answer.contains(word), "{error:?}: {answer}");
            assert_eq!(is_refusal(&error), refusal, "{error:?}");
        }
    }
}
