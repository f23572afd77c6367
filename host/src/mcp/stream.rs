//! Answers that come bit by bit: server-sent events.

use std::convert::Infallible;

use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde_json::Value;
use tokio::sync::watch;

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
    progress: watch::Receiver<Option<Progress>>,
    work: impl Future<Output = Value> + Send + 'static,
) -> Response {
    let state = Some((Box::pin(work), progress, 0_u64));
    sent(unfold(state, move |state| {
        let token = token.clone();
        async move {
            let (mut work, mut progress, mut last) = state?;
            loop {
                tokio::select! {
                    biased;
                    Ok(()) = progress.changed() => {
                        let Some(now) = progress.borrow_and_update().clone() else { continue };
                        // Progress has to grow; whoever reports the same again says nothing new.
                        if now.done <= last && last != 0 {
                            continue;
                        }
                        last = now.done;
                        let told = event(&notification("notifications/progress", written(&token, &now)));
                        return Some((told, Some((work, progress, last))));
                    }
                    done = &mut work => return Some((event(&done), None)),
                }
            }
        }
    }))
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
