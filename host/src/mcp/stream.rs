//! Answers that come bit by bit: server-sent events.

use std::convert::Infallible;
use std::pin::Pin;

use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde_json::Value;
use tokio::sync::mpsc;

use super::limits::KEEP_ALIVE;
use super::listen;
use super::message::notification;
use crate::call::Progress;

/// What tells proxies not to hold back what is to be read at once.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// Sends what a listening client is to hear.
pub(super) fn listening(stream: listen::Stream) -> Response {
    sent(unfold(stream, async |mut stream| Some((event(&stream.next().await?), stream))))
}

/// Sends how far a call has come, and what comes of it. What is dropped with the stream is what `work` holds.
pub(super) fn with_progress(
    token: Value,
    progress: mpsc::Receiver<Progress>,
    work: impl Future<Output = Value> + Send + 'static,
) -> Response {
    let state = Some(Underway { work: Box::pin(work), progress, last: None });
    sent(unfold((state, None), move |(underway, mut done)| {
        let token = token.clone();
        async move {
            let mut underway: Underway<_> = underway?;
            loop {
                // What was reported in the call's last moments comes before what came of it.
                let reported = match &done {
                    Some(_) => underway.progress.try_recv().ok(),
                    None => tokio::select! {
                        biased;
                        Some(now) = underway.progress.recv() => Some(now),
                        came = &mut underway.work => {
                            done = Some(came);
                            continue;
                        }
                    },
                };
                match (reported, done) {
                    (Some(now), done) if underway.is_news(&now) => {
                        let told = event(&notification("notifications/progress", written(&token, &now)));
                        return Some((told, (Some(underway), done)));
                    }
                    (None, Some(done)) => return Some((event(&done), (None, None))),
                    (_, left) => done = left,
                }
            }
        }
    }))
}

/// A call whose client hears how far it has come.
struct Underway<Work> {
    work: Pin<Box<Work>>,
    progress: mpsc::Receiver<Progress>,
    /// What its client was told last.
    last: Option<u64>,
}

impl<Work> Underway<Work> {
    /// Progress has to grow; whoever reports the same again says nothing new.
    fn is_news(&mut self, now: &Progress) -> bool {
        let grows = self.last.is_none_or(|last| now.done > last);
        if grows {
            self.last = Some(now.done);
        }
        grows
    }
}

fn written(token: &Value, progress: &Progress) -> Value {
    let mut params = serde_json::json!({ "progressToken": token, "progress": progress.done });
    if progress.total > 0 {
        params["total"] = progress.total.into();
    }
    if !progress.message.is_empty() {
        params["message"] = progress.message.as_str().into();
    }
    params
}

fn event(message: &Value) -> Event {
    Event::default().event("message").data(message.to_string())
}

fn sent(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    use futures_util::StreamExt as _;
    let events = events.map(Ok::<_, Infallible>);
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    response.headers_mut().insert(UNBUFFERED.0, UNBUFFERED.1);
    response
}
