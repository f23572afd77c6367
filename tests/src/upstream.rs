//! A recording HTTP server on the loopback: the provider at the other end of a tool call.

mod raw;
mod reply;
mod tls;

pub use gloveport::demo::recorded::Recorded;
pub use raw::RawUpstream;
pub use reply::{Encoding, Gate, Reply};

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::response::Response;
use axum::serve::Listener;
use axum::{Router, body};
use tempfile::NamedTempFile;
use tls::Tls;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The largest request that is recorded: above every limit of the host, so that the host's limit is what is tested.
const MAX_REQUEST: usize = 64 * 1024 * 1024;

/// A running server. It ends when this is dropped.
pub struct Upstream {
    address: SocketAddr,
    seen: Arc<Seen>,
    server: JoinHandle<()>,
}

/// What came in so far. The watched number is that of the requests.
struct Seen {
    requests: Mutex<Vec<Recorded>>,
    arrived: watch::Sender<usize>,
    connections: watch::Sender<usize>,
}

type Answer = dyn Fn(&Recorded) -> Reply + Send + Sync;

#[derive(Clone)]
struct Shared {
    seen: Arc<Seen>,
    answer: Arc<Answer>,
}

impl Upstream {
    /// A server that answers each request with what `answer` makes of it.
    pub async fn start(answer: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback has free ports");
        Self::serve(listener, Arc::new(answer), |counting| counting)
    }

    /// The same by TLS, under every name that it is asked for; and the file of the authority that says so.
    pub async fn under_every_name(
        answer: impl Fn(&Recorded) -> Reply + Send + Sync + 'static,
    ) -> (Self, NamedTempFile) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback has free ports");
        let (acceptor, authority) = tls::acceptor();
        (Self::serve(listener, Arc::new(answer), |plain| Tls { plain, acceptor }), authority)
    }

    /// A server that gives each reply once, in order, and then 500 with a body that says so.
    pub async fn scripted(replies: impl IntoIterator<Item = Reply>) -> Self {
        let script: Mutex<VecDeque<Reply>> = Mutex::new(replies.into_iter().collect());
        Self::start(move |_| {
            let next = script.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            next.unwrap_or_else(|| Reply::text(500, "the script of this upstream is at its end"))
        })
        .await
    }

    fn serve<L>(listener: TcpListener, answer: Arc<Answer>, wrap: impl FnOnce(Counting) -> L) -> Self
    where
        L: Listener<Addr = SocketAddr>,
    {
        let address = listener.local_addr().expect("a bound listener has an address");
        let seen = Arc::new(Seen {
            requests: Mutex::default(),
            arrived: watch::Sender::new(0),
            connections: watch::Sender::new(0),
        });
        let listener = wrap(Counting { listener, seen: Arc::clone(&seen) });
        let router = Router::new().fallback(handle).with_state(Shared { seen: Arc::clone(&seen), answer });
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serving the loopback does not fail");
        });
        Self { address, seen, server }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, followed by `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.seen.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The only request so far.
    ///
    /// # Panics
    ///
    /// When there is none, or more than one.
    pub fn only_request(&self) -> Recorded {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:#?}");
        requests.remove(0)
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> usize {
        *self.seen.connections.borrow()
    }

    /// Waits until `n` requests have arrived, and gives all that have.
    pub async fn wait_for(&self, n: usize) -> Vec<Recorded> {
        let mut arrived = self.seen.arrived.subscribe();
        arrived.wait_for(|count| *count >= n).await.expect("the sender lives as long as this");
        self.requests()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn handle(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    // A body that breaks off is recorded as empty: the request itself was made.
    let body = body::to_bytes(body, MAX_REQUEST).await.unwrap_or_default();
    let recorded = Recorded::new(&parts, body);
    let reply = (shared.answer)(&recorded);
    let arrived = {
        let mut requests = shared.seen.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push(recorded);
        requests.len()
    };
    // Two requests may get here in either order; the number must not go back.
    shared.seen.arrived.send_modify(|count| *count = arrived.max(*count));
    reply.into_response().await
}

/// A listener that counts.
struct Counting {
    listener: TcpListener,
    seen: Arc<Seen>,
}

impl Listener for Counting {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let accepted = Listener::accept(&mut self.listener).await;
        self.seen.connections.send_modify(|count| *count += 1);
        accepted
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Listener::local_addr(&self.listener)
    }
}
