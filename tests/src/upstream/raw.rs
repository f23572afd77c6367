//! An upstream below HTTP: it reads a request's head and writes whatever bytes the test wants.

use std::net::SocketAddr;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Longest head that is waited for.
const MAX_HEAD: usize = 1024 * 1024;

/// A running server. It ends when this is dropped.
pub struct RawUpstream {
    address: SocketAddr,
    heads: watch::Sender<Vec<String>>,
    server: JoinHandle<()>,
}

impl RawUpstream {
    /// Answers each connection's first request with `answer`, and closes it for writing.
    pub async fn start(answer: impl Into<Bytes>) -> Self {
        let answer = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback has free ports");
        let address = listener.local_addr().expect("a bound listener has an address");
        let heads = watch::Sender::new(Vec::new());
        let seen = heads.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, answer.clone(), seen.clone()));
            }
        });
        Self { address, heads, server }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, followed by `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The heads of the requests so far, as they came over the wire.
    pub fn heads(&self) -> Vec<String> {
        self.heads.borrow().clone()
    }
}

impl Drop for RawUpstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A client that goes away in the middle is one of the cases that tests make: its errors are not ours.
async fn converse(mut stream: TcpStream, answer: Bytes, seen: watch::Sender<Vec<String>>) {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < MAX_HEAD {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(n) => head.extend_from_slice(&buffer[..n]),
        }
    }
    seen.send_modify(|heads| heads.push(String::from_utf8_lossy(&head).into_owned()));
    let written = stream.write_all(&answer).await.is_ok() && stream.shutdown().await.is_ok();
    // Read on until the client has had enough: closing with unread input would reset what was just written.
    while written && stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
}
