//! Serves an app on a listener until it is told to stop, and lets running calls end.

use std::future::Future;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::{api, mcp, pages};

mod connections;

/// Why a server ended other than by being told to.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The listener failed.
    #[error("the listener failed: {0}")]
    Listener(#[from] std::io::Error),
    /// Calls were still running when the grace was over; their outcome will read `unknown_outcome`.
    #[error("calls were still running when the time to stop was over")]
    Unfinished,
}

/// Serves until `shutdown` resolves; then refuses new calls, and waits for the running ones.
pub async fn run(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServerError> {
    let host = app.state.host.clone();
    let warm = host.clone();
    let following = tokio::spawn(async move {
        warm.catalog.warm_up(&warm.runtime, &warm.store).await;
        warm.catalog.follow(&warm.runtime, &warm.store).await;
    });
    let swept = host.clone();
    let sweeping = tokio::spawn(async move { swept.sweep().await });
    let asking = host.clone();
    let asking = tokio::spawn(async move { asking.keep_lists_fresh().await });
    let (notices, quiet) = (app.state.notices.clone(), CancellationToken::new());
    let told = quiet.clone();
    let noticing = tokio::spawn(async move { notices.run(told).await });
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let pages = pages::router(app.state.host.clone());
    let router = api::router(app.state, pages).merge(mcp::router(host.clone()));
    let mut serving = tokio::spawn(connections::serve(listener, router, stopping));
    tokio::select! {
        ended = &mut serving => return ended.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(Into::into),
        () = shutdown => {}
    }
    tracing::info!("stopping: new calls are refused");
    let all_ended = host.drain(app.stop_grace).await;
    stop.cancel();
    // Answers of ended calls are on their way; idle keep-alive connections need not be waited for.
    let closed = tokio::time::timeout(CLOSE, &mut serving).await.is_ok();
    if !closed {
        serving.abort();
    }
    // After the calls, so that what these told is on its way; what is not sent now is sent after the next start.
    quiet.cancel();
    if noticing.await.is_err() {
        tracing::error!("the task that sends notices ended abnormally");
    }
    following.abort();
    sweeping.abort();
    asking.abort();
    host.write_used().await;
    host.store.close().await;
    if all_ended { Ok(()) } else { Err(ServerError::Unfinished) }
}

/// How long answers may take to reach their callers once all calls have ended: a slow reader must not hold up a stop.
const CLOSE: std::time::Duration = std::time::Duration::from_secs(5);
