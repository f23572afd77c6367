//! An imitated provider at the other end of a tool call: a server on the loopback that records what arrives.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{self, Body};
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::imitation::Reply;
use super::recorded::Recorded;

/// The largest request that is recorded: what the demo sends has a few hundred bytes.
const MAX_REQUEST: usize = 1024 * 1024;

/// A running server. It ends when this is dropped.
pub(super) struct Provider {
    /// For people, for example `GitHub`.
    pub(super) name: &'static str,
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Recorded>>>,
    server: JoinHandle<()>,
}

type Answer = dyn FnMut(&Recorded) -> Reply + Send;

#[derive(Clone)]
struct Shared {
    requests: Arc<Mutex<Vec<Recorded>>>,
    answer: Arc<Mutex<Answer>>,
}

impl Provider {
    /// A server that answers each request with what `answer` makes of it.
    pub(super) async fn start(
        name: &'static str,
        answer: impl FnMut(&Recorded) -> Reply + Send + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let requests = Arc::default();
        let shared = Shared { requests: Arc::clone(&requests), answer: Arc::new(Mutex::new(answer)) };
        let router = Router::new().fallback(handle).with_state(shared);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "an imitated provider ended");
            }
        });
        Ok(Self { name, address, requests, server })
    }

    /// Its URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far, in the order of arrival.
    pub(super) fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn handle(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    // A body that breaks off is recorded as empty: the request itself was made.
    let body = body::to_bytes(body, MAX_REQUEST).await.unwrap_or_default();
    let recorded = Recorded::new(&parts, body);
    let reply = {
        let mut answer = shared.answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer(&recorded)
    };
    shared.requests.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    response.body(Body::from(reply.body)).unwrap_or_else(|error| {
        tracing::error!(%error, "an imitated provider made no valid answer");
        Response::new(Body::empty())
    })
}
