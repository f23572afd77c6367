//! The browser comes to this command, which has an administrator's key, and so says who it was that authorized.

use std::future::IntoFuture as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::super::CliError;
use super::super::client::Client;
use super::super::table::str_at;
use crate::connect::LINK_LIFETIME;
use crate::model::Random;

/// Where a browser of this machine is sent to.
pub(super) struct Here {
    listener: TcpListener,
    /// What goes to the host as `user_verify_url`.
    pub(super) url: String,
    /// What comes back with the browser: no page that somebody opens in it can know it.
    pub(super) state: String,
}

/// What a browser brings.
#[derive(Deserialize)]
struct Brought {
    auth_request_id: String,
    state: String,
}

#[derive(Serialize)]
struct Confirmation<'a> {
    auth_request_id: &'a str,
    identifier: &'a str,
}

struct Waiting {
    client: Client,
    identifier: String,
    request: String,
    state: String,
    done: mpsc::Sender<Result<(), CliError>>,
}

impl Here {
    /// An address of this machine, and of nobody else.
    pub(super) async fn open() -> Result<Self, CliError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}/confirm", listener.local_addr()?);
        let state = URL_SAFE_NO_PAD.encode(Random::system().bytes::<32>());
        Ok(Self { listener, url, state })
    }

    /// Waits for the browser of the attempt `request`, and confirms that it was this user.
    ///
    /// # Errors
    ///
    /// What the host says to that.
    pub(super) async fn confirm(self, client: Client, identifier: &str, request: &str) -> Result<(), CliError> {
        let (done, mut came) = mpsc::channel(1);
        let (identifier, request) = (identifier.to_owned(), request.to_owned());
        let waiting = Waiting { client, identifier, request, state: self.state, done };
        let router = Router::new().route("/confirm", get(brought)).with_state(Arc::new(waiting));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = axum::serve(self.listener, router).with_graceful_shutdown(async move {
            // Whoever holds the other end has heard what came of it.
            let _ = stopped.await;
        });
        let serving = tokio::spawn(serving.into_future());
        let outcome = tokio::time::timeout(LINK_LIFETIME, came.recv()).await;
        // The browser gets its answer before this ends.
        drop(stop);
        let _ = serving.await;
        let late = || CliError::Failed("nobody came back in time: the link is over, make another one".into());
        outcome.ok().flatten().unwrap_or_else(|| Err(late()))
    }
}

async fn brought(State(waiting): State<Arc<Waiting>>, Query(brought): Query<Brought>) -> Response {
    let close = [(header::CONNECTION, "close")];
    if brought.state != waiting.state || brought.auth_request_id != waiting.request {
        return (StatusCode::NOT_FOUND, close, "Nothing waits for this here.\n").into_response();
    }
    let body = Confirmation { auth_request_id: &waiting.request, identifier: &waiting.identifier };
    let (outcome, response) = match waiting.client.send(Method::POST, &["v1", "accounts", "verify"], &[], &body).await {
        Ok(answer) => (Ok(()), (close, Redirect::to(str_at(&answer.value, "/redirect_url"))).into_response()),
        Err(error) => {
            let text = format!("Nothing was connected: {error}\n");
            (Err(error), (StatusCode::CONFLICT, close, text).into_response())
        }
    };
    // A browser that comes twice finds nobody who still listens.
    let _ = waiting.done.try_send(outcome);
    response
}
