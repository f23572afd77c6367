//! Serves connections, none of which is kept for a client that does not say what it wants.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

/// How long the head of a request may take to arrive, and how long an idle connection is kept: a head fits into a packet
/// or two. Whoever sends a byte a minute would otherwise hold a connection for ever.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// Bytes by which the version of the protocol is told: those with which HTTP/2 begins.
const BEGINNING: usize = 24;

/// How often a silent client of HTTP/2 is asked whether it is there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(30);
const PING_PATIENCE: Duration = Duration::from_secs(20);

/// Requests of one connection at the same time: as many as browsers send, and far fewer than a stream may name.
const REQUESTS: u32 = 200;

/// How long nothing is accepted when the system has no more connections to give: some will have ended by then.
const NO_ROOM: Duration = Duration::from_secs(1);

/// Serves until it is told to stop; then lets each connection answer what it was asked.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> io::Result<()> {
    // Closed when each connection has dropped its end.
    let (open, mut ended) = mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, router.clone(), stop.clone(), open.clone()))),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted for now");
                tokio::time::sleep(NO_ROOM).await;
            }
        }
    }
    drop((listener, open));
    // Nothing is ever sent.
    let _ = ended.recv().await;
    Ok(())
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(stream: TcpStream, router: Router, stop: CancellationToken, open: mpsc::Sender<()>) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    let http2 = &mut builder.http2();
    http2.timer(TokioTimer::new()).keep_alive_interval(PING).keep_alive_timeout(PING_PATIENCE);
    http2.max_concurrent_streams(REQUESTS);
    let io = TokioIo::new(Prompt::new(stream));
    let mut serving = std::pin::pin!(builder.serve_connection(io, TowerToHyperService::new(router)));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended early");
    }
    drop(open);
}

/// A connection on which enough has to come to tell the version of the protocol, before the time is over.
struct Prompt {
    stream: TcpStream,
    read: usize,
    until: Pin<Box<Sleep>>,
}

impl Prompt {
    fn new(stream: TcpStream) -> Self {
        Self { stream, read: 0, until: Box::pin(tokio::time::sleep(HEAD_PATIENCE)) }
    }
}

impl AsyncRead for Prompt {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.read < BEGINNING {
            if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buffer) {
                self.read += buffer.filled().len() - before;
                return Poll::Ready(read);
            }
            ready!(self.until.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn started() -> (std::net::SocketAddr, CancellationToken, tokio::task::JoinHandle<io::Result<()>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let router = Router::new().route("/", axum::routing::get(async || "here"));
        (address, stop.clone(), tokio::spawn(serve(listener, router, stop)))
    }

    /// The clock goes on as soon as nothing else happens: a connection that is kept for ever is read for ever.
    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_who_says_nothing() {
        let (address, _stop, _serving) = started().await;
        for begun in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM", "GET", "GET / HTTP/1.1\r\nhost: a\r\nx-slow: a"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(begun.as_bytes()).await.unwrap();
            let mut said = Vec::new();
            // Some systems tell of an end with something unread in it as a reset.
            let _ = stream.read_to_end(&mut said).await;
            assert!(!String::from_utf8_lossy(&said).contains("here"), "{begun}");
        }
    }

    #[tokio::test]
    async fn a_request_is_answered_beside_those_who_say_nothing() {
        let (address, stop, serving) = started().await;
        let mut silent = Vec::new();
        for _ in 0..20 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut said = [0; 15];
        stream.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"HTTP/1.1 200 OK");
        // An end that waits for nobody who has asked nothing.
        stop.cancel();
        drop(stream);
        serving.await.unwrap().unwrap();
    }
}
