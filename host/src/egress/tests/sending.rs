//! Requests over loopback: limits, codings, pools, TLS, and resolvers that lie.

mod redirects;

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::*;
use super::{bearer, grant};
use crate::model::{Placement, Secret, TextTemplate};

const TOKEN: &str = "canary-token-4711";

/// An upstream that answers with the bytes it is told, and keeps what it got.
#[derive(Clone)]
struct Upstream {
    port: u16,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    async fn start(answer: impl Fn(&str) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream =
            Self { port: listener.local_addr().unwrap().port(), connections: Arc::default(), requests: Arc::default() };
        let (own, answer) = (upstream.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                own.connections.fetch_add(1, Ordering::SeqCst);
                let (own, answer) = (own.clone(), Arc::clone(&answer));
                tokio::spawn(async move { own.serve(stream, &*answer).await });
            }
        });
        upstream
    }

    /// One that answers `200` with these headers and this body.
    async fn saying(headers: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self::start(move |_| vec![ok(headers, &body)]).await
    }

    async fn serve(&self, mut stream: TcpStream, answer: &(impl Fn(&str) -> Vec<Vec<u8>> + ?Sized)) {
        let mut buffer = Vec::new();
        while let Some(request) = read_request(&mut stream, &mut buffer).await {
            self.requests.lock().unwrap().push(request.clone());
            for piece in answer(&request) {
                if piece == b"CLOSE" {
                    return;
                }
                if stream.write_all(&piece).await.is_err() {
                    return;
                }
                // Each piece is its own read on the other side, as far as the kernel lets it.
                let _ = stream.flush().await;
                tokio::task::yield_now().await;
            }
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn seen(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        let text = String::from_utf8_lossy(buffer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                let end = head.len() + 4 + length;
                buffer.drain(..end);
                return Some(text[..end].to_owned());
            }
        }
        let mut chunk = [0; 8192];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => buffer.extend_from_slice(&chunk[..count]),
        }
    }
}

fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn redirect(status: u16, location: &str) -> Vec<Vec<u8>> {
    vec![format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n").into_bytes()]
}

fn loopback() -> PrivateNetworks {
    PrivateNetworks(vec!["127.0.0.0/8".parse().unwrap()])
}

fn egress() -> Egress {
    Egress::new(EgressConfig::new(loopback())).unwrap()
}

fn get(target: &str) -> Request {
    Request { method: "GET".into(), target: target.into(), ..Request::default() }
}

fn post(target: &str, body: &str) -> Request {
    Request { method: "POST".into(), target: target.into(), body: Body::Json(body.into()), ..Request::default() }
}

fn with_token(mut grant: Grant) -> Grant {
    grant.injection = bearer(TOKEN);
    grant
}

fn granting(upstreams: &[&Upstream], routes: &[&str]) -> Grant {
    let hosts: Vec<String> = upstreams.iter().map(|upstream| upstream.host()).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    with_token(grant(&upstreams[0].url(), &hosts, routes))
}

#[tokio::test]
async fn the_credential_reaches_the_upstream_and_nobody_else() {
    let echo = Upstream::start(|request| {
        vec![ok(&format!("x-echo: {TOKEN}\r\nset-cookie: a=b\r\nx-{TOKEN}: 1\r\n"), request.as_bytes())]
    })
    .await;
    let grant = granting(&[&echo], &["GET /me"]);
    let response = egress().send(&grant, get("/me")).await.unwrap();
    assert!(echo.seen()[0].contains(&format!("authorization: Bearer {TOKEN}\r\n")), "{:?}", echo.seen());
    assert!(echo.seen()[0].contains("accept-encoding: gzip, br, deflate\r\n"));
    assert!(echo.seen()[0].contains(concat!("user-agent: gloveport/", env!("CARGO_PKG_VERSION"), "\r\n")));
    let all = format!("{response:?} {}", String::from_utf8_lossy(&response.body));
    assert!(!all.contains(TOKEN) && !all.contains("set-cookie"), "{all}");
    assert_eq!(response.scrubbed, 3);
}

#[tokio::test]
async fn a_query_key_is_not_seen_in_errors_or_doubled() {
    let upstream = Upstream::start(|request| {
        if request.contains(" /a?") { redirect(302, &format!("/b?key={TOKEN}&p=2")) } else { vec![b"CLOSE".to_vec()] }
    })
    .await;
    let mut grant = granting(&[&upstream], &["GET /a"]);
    let key = Secret::new(TOKEN.into());
    grant.injection = Injection::ApiKey { placement: Placement::Query, name: "key".into(), prefix: String::new(), key };
    let error = egress().send(&grant, get("/a")).await.unwrap_err();
    assert!(matches!(error, EgressError::Broken(_)), "{error}");
    assert!(!format!("{error} {error:?}").contains(TOKEN), "{error}");
    assert!(upstream.seen()[1].starts_with(&format!("GET /b?p=2&key={TOKEN} ")), "{:?}", upstream.seen());
    let mine = Request { query: vec![("key".into(), "x".into())], ..get("/a") };
    assert!(matches!(egress().send(&grant, mine).await, Err(EgressError::Invalid(_))));
}

#[tokio::test]
async fn compressed_and_chunked_bodies_are_scrubbed() {
    let text = format!("before {TOKEN} after");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
    let zipped = Upstream::saying("content-encoding: gzip\r\n", gzip.finish().unwrap()).await;
    let chunked = Upstream::start(move |_| {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        let pieces = text
            .as_bytes()
            .chunks(3)
            .map(|piece| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
        std::iter::once(head).chain(pieces).chain([b"0\r\n\r\n".to_vec()]).collect()
    })
    .await;
    for upstream in [zipped, chunked] {
        let response = egress().send(&granting(&[&upstream], &["GET /a"]), get("/a")).await.unwrap();
        assert_eq!((&response.body[..], response.scrubbed), (&b"before [redacted] after"[..], 1));
        assert!(!response.headers.iter().any(|(name, _)| name == "content-encoding" || name == "transfer-encoding"));
    }
}

#[tokio::test]
async fn long_bodies_are_cut_and_bombs_refused() {
    let limit = limits::RESPONSE_BODY_BYTES;
    let long = Upstream::saying("", vec![b'x'; limit + 1]).await;
    let response = egress().send(&granting(&[&long], &["GET /a"]), get("/a")).await.unwrap();
    assert_eq!((response.body.len(), response.truncated), (limit, true));
    let full = Upstream::saying("", vec![b'x'; limit]).await;
    let mut open = granting(&[&full], &["GET /a"]);
    open.injection = Injection::None;
    let response = egress().send(&open, get("/a")).await.unwrap();
    assert_eq!((response.body.len(), response.truncated), (limit, false));
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    std::io::Write::write_all(&mut bomb, &vec![0; 3 * 1024 * 1024]).unwrap();
    let bomb = Upstream::saying("content-encoding: gzip\r\n", bomb.finish().unwrap()).await;
    let error = egress().send(&granting(&[&bomb], &["GET /a"]), get("/a")).await.unwrap_err();
    assert!(matches!(error, EgressError::Limit(_)), "{error}");
}

#[tokio::test]
async fn broken_answers_are_told_apart() {
    let big = format!("x-big: {}\r\n", "v".repeat(limits::RESPONSE_HEADER_BYTES)).leak();
    let many = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect::<String>().leak();
    let large = Upstream::saying(big, "").await;
    let crowded = Upstream::saying(many, "").await;
    let zstd = Upstream::saying("content-encoding: zstd\r\n", "x").await;
    let short =
        Upstream::start(|_| vec![b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec(), b"CLOSE".to_vec()]).await;
    let junk = Upstream::start(|_| vec![b"SSH-2.0-x\r\n".to_vec(), b"CLOSE".to_vec()]).await;
    for (upstream, limit) in [(large, true), (crowded, false), (zstd, false), (short, false), (junk, false)] {
        let error = egress().send(&granting(&[&upstream], &["GET /a"]), get("/a")).await.unwrap_err();
        let expected =
            if limit { matches!(error, EgressError::Limit(_)) } else { matches!(error, EgressError::Broken(_)) };
        assert!(expected, "{error:?}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gone = with_token(grant(&format!("http://{closed}"), &[&closed.to_string()], &["GET /a"]));
    assert!(matches!(egress().send(&gone, get("/a")).await, Err(EgressError::Unreachable(_))));
}

/// AK-507.
#[tokio::test]
async fn an_upstream_that_never_answers_times_out() {
    let silent = Upstream::start(|_| Vec::new()).await;
    let mut grant = granting(&[&silent], &["GET /a"]);
    grant.timeout = std::time::Duration::from_millis(50);
    assert_eq!(egress().send(&grant, get("/a")).await.unwrap_err(), EgressError::Timeout(50));
}

#[tokio::test]
async fn connections_are_reused_between_calls() {
    let upstream = Upstream::saying("", "x").await;
    let egress = egress();
    for _ in 0..10 {
        egress.send(&granting(&[&upstream], &["GET /a"]), get("/a")).await.unwrap();
    }
    assert_eq!((upstream.seen().len(), upstream.connections.load(Ordering::SeqCst)), (10, 1));
}

#[tokio::test]
async fn head_and_no_content_have_no_body() {
    let upstream = Upstream::start(|request| {
        let head = if request.starts_with("HEAD") { "200 OK\r\ncontent-length: 9" } else { "204 No Content" };
        vec![format!("HTTP/1.1 {head}\r\ncontent-encoding: gzip\r\n\r\n").into_bytes()]
    })
    .await;
    for method in ["HEAD", "GET"] {
        let request = Request { method: method.into(), ..get("/a") };
        let response = egress().send(&granting(&[&upstream], &["GET /a", "HEAD /a"]), request).await.unwrap();
        assert!(response.body.is_empty() && !response.truncated);
    }
}

/// A resolver with its own answers; the last one of a name stays.
#[derive(Debug)]
struct Answers(Mutex<HashMap<&'static str, VecDeque<Vec<IpAddr>>>>);

impl Answers {
    fn new(rows: &[(&'static str, &[&str])]) -> Arc<Self> {
        let parse = |text: &&str| text.split(',').filter(|ip| !ip.is_empty()).map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new(
            rows.iter().map(|(name, answers)| (*name, answers.iter().map(parse).collect())).collect(),
        )))
    }
}

impl Resolver for Answers {
    fn resolve(&self, host: &str) -> Resolving {
        let mut rows = self.0.lock().unwrap();
        let answers = rows.get_mut(host).unwrap();
        let answer = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
        Box::pin(async move { Ok(answer.into_iter().map(|address| SocketAddr::new(address, 0)).collect()) })
    }
}

#[tokio::test]
async fn one_wrong_address_refuses_a_host() {
    let upstream = Upstream::saying("connection: close\r\n", "x").await;
    let resolver = Answers::new(&[
        ("good.test", &["127.0.0.1"]),
        ("mixed.test", &["127.0.0.1,10.0.0.1"]),
        ("mixed6.test", &["127.0.0.1,::1"]),
        ("public.test", &["8.8.8.8"]),
        ("metadata.test", &["169.254.169.254"]),
        ("mapped.test", &["::ffff:169.254.169.254"]),
        ("none.test", &[""]),
        ("rebinding.test", &["127.0.0.1", "10.0.0.1"]),
    ]);
    let config = EgressConfig { resolver, ..EgressConfig::new(loopback()) };
    let egress = Egress::new(config).unwrap();
    let send = async |host: &str, scheme: &str| {
        let authority = format!("{host}:{}", upstream.port);
        let grant = with_token(grant(&format!("{scheme}://{authority}"), &[&authority], &["GET /a"]));
        egress.send(&grant, get("/a")).await
    };
    assert_eq!(send("good.test", "http").await.unwrap().body, "x");
    // In plain text only to private networks, encrypted to public ones too, but never to these.
    for (host, scheme) in [
        ("mixed.test", "http"),
        ("mixed6.test", "http"),
        ("public.test", "http"),
        ("metadata.test", "http"),
        ("mapped.test", "http"),
        ("mixed.test", "https"),
        ("mixed6.test", "https"),
        ("metadata.test", "https"),
        ("mapped.test", "https"),
    ] {
        let error = send(host, scheme).await.unwrap_err();
        assert!(matches!(error, EgressError::AddressNotAllowed(_)), "{scheme}://{host}: {error:?}");
    }
    assert!(matches!(send("none.test", "http").await, Err(EgressError::Unreachable(_))));
    assert!(send("rebinding.test", "http").await.is_ok());
    let error = send("rebinding.test", "http").await.unwrap_err();
    assert!(matches!(error, EgressError::AddressNotAllowed(_)), "{error:?}");
}

#[tokio::test]
async fn literal_addresses_are_checked_too() {
    let upstream = Upstream::saying("", "never").await;
    let strict = Egress::new(EgressConfig::new(PrivateNetworks::default())).unwrap();
    for base in [
        upstream.url(),
        "http://169.254.169.254".into(),
        "https://10.0.0.1".into(),
        "https://[::1]".into(),
        "http://8.8.8.8".into(),
    ] {
        let host = base.split_once("://").unwrap().1.to_owned();
        let error = strict.send(&with_token(grant(&base, &[&host], &["GET /a"])), get("/a")).await.unwrap_err();
        assert!(matches!(error, EgressError::AddressNotAllowed(_)), "{base}: {error:?}");
    }
    assert_eq!(upstream.connections.load(Ordering::SeqCst), 0);
}
