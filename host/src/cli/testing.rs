//! A fake of the API on loopback, and commands run against it in this process.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::header;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Session, start};

/// What a command did.
pub(super) struct Ran {
    pub code: u8,
    pub out: String,
    pub err: String,
}

/// A request that the fake took.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub method: String,
    pub target: String,
    pub authorization: String,
    pub content_type: String,
    pub idempotency_key: String,
    pub content_length: String,
    pub body: Vec<u8>,
}

/// Answers requests in the order of a script, the last answer for ever, and keeps them.
pub(super) struct Fake {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    script: Mutex<VecDeque<(u16, String)>>,
    taken: Mutex<Vec<Taken>>,
}

impl Fake {
    pub(super) async fn answering(status: u16, body: &str) -> Self {
        Self::with([(status, body.to_owned())]).await
    }

    pub(super) async fn with(script: impl IntoIterator<Item = (u16, String)>) -> Self {
        let script = Mutex::new(script.into_iter().collect());
        let shared = Arc::new(Shared { script, taken: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(take).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    pub(super) fn requests(&self) -> Vec<Taken> {
        self.shared.taken.lock().expect("not poisoned").clone()
    }

    /// The only request so far.
    pub(super) fn request(&self) -> Taken {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests[0].clone()
    }
}

impl Taken {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

async fn take(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let text =
        |name: &str| parts.headers.get(name).map_or_else(String::new, |value| value.to_str().expect("text").to_owned());
    let taken = Taken {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        authorization: text("authorization"),
        content_type: text("content-type"),
        idempotency_key: text("idempotency-key"),
        content_length: text("content-length"),
        body: to_bytes(body, usize::MAX).await.expect("a body").into(),
    };
    shared.taken.lock().expect("not poisoned").push(taken);
    let mut script = shared.script.lock().expect("not poisoned");
    let (status, body) =
        if script.len() > 1 { script.pop_front() } else { script.front().cloned() }.expect("an answer");
    let kind = if status < 400 { "application/json" } else { "application/problem+json" };
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, kind);
    response.header(header::LOCATION, "/elsewhere").body(Body::from(body)).expect("a response")
}

/// Runs a command whose arguments are separated by spaces, without a host and without a key.
pub(super) async fn run_offline(args: &str, input: &str) -> Ran {
    run(args.split_whitespace().map(OsString::from).collect(), input, None).await
}

/// Runs a command whose arguments are separated by spaces against `fake`, with a key.
pub(super) async fn run_at(fake: &Fake, args: &str, input: &str) -> Ran {
    run_args_at(fake, &args.split_whitespace().collect::<Vec<_>>(), input).await
}

/// Runs a command against `fake`, with a key.
pub(super) async fn run_args_at(fake: &Fake, args: &[&str], input: &str) -> Ran {
    let args = args.iter().copied().chain(["--server", &fake.url]).map(OsString::from).collect();
    run(args, input, Some("gp_test")).await
}

async fn run(args: Vec<OsString>, input: &str, key: Option<&str>) -> Ran {
    let (mut out, mut err, mut input) = (Vec::new(), Vec::new(), input.as_bytes());
    let key = key.map(|key| Zeroizing::new(key.to_owned()));
    let mut session = Session { out: &mut out, err: &mut err, input: &mut input, interactive: false, key };
    let code = start([OsString::from("gloveport")].into_iter().chain(args), &mut session).await;
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ran { code, out: text(out), err: text(err) }
}
