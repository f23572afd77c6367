//! What an upstream answers: well-behaved, slow, broken, or far too much.

use std::convert::Infallible;
use std::io::{self, Write};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, future, stream};
use serde_json::Value;
use tokio::sync::watch;

/// One answer.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Content,
    gate: Option<Gate>,
    never: bool,
}

#[derive(Clone, Debug)]
enum Content {
    /// With its length in the header.
    Whole(Bytes),
    /// Chunked, one piece per chunk.
    Pieces(Vec<Bytes>, End),
    /// Chunked, the same piece again and again, so many times.
    Repeated(Bytes, u64),
}

/// How a body in pieces ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Properly,
    /// The connection is closed before the last chunk.
    Broken,
    /// Nothing more comes, and the connection stays open.
    Stalled,
}

/// A content encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `gzip`.
    Gzip,
    /// `deflate`, which is zlib's format.
    Deflate,
    /// `br`.
    Brotli,
}

/// Holds answers back until a test opens it: a call is then in flight for as long as the test likes.
#[derive(Clone, Debug)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// A closed gate. Clones are the same gate.
    pub fn closed() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Lets every answer pass, from now on.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    async fn passed(&self) {
        let mut open = self.0.subscribe();
        open.wait_for(|open| *open).await.expect("this holds the sender");
    }
}

impl Reply {
    /// Bytes of some type.
    pub fn bytes(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::of(status, Content::Whole(body.into())).header("content-type", content_type)
    }

    /// Bytes, with no header that says what they are.
    pub(crate) fn whole(status: u16, body: Bytes) -> Self {
        Self::of(status, Content::Whole(body))
    }

    /// No body.
    pub fn status(status: u16) -> Self {
        Self::whole(status, Bytes::new())
    }

    /// JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::bytes(status, "application/json; charset=utf-8", body.to_string())
    }

    /// Text.
    pub fn text(status: u16, body: &str) -> Self {
        Self::bytes(status, "text/plain; charset=utf-8", body.to_owned())
    }

    /// A redirect.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).header("location", location)
    }

    /// A compressed body, named so in its header.
    pub fn encoded(encoding: Encoding, content_type: &str, body: &[u8]) -> Self {
        let (name, bytes) = match encoding {
            Encoding::Gzip => ("gzip", gzip(body)),
            Encoding::Deflate => ("deflate", zlib(body)),
            Encoding::Brotli => ("br", brotli(body)),
        };
        Self::bytes(200, content_type, bytes).header("content-encoding", name)
    }

    /// A chunked body, cut at these offsets.
    pub fn split(content_type: &str, body: &[u8], offsets: &[usize]) -> Self {
        let ends = offsets.iter().copied().chain([body.len()]);
        let mut from = 0;
        let pieces = ends.map(|to| Bytes::copy_from_slice(&body[std::mem::replace(&mut from, to)..to]));
        Self::of(200, Content::Pieces(pieces.collect(), End::Properly)).header("content-type", content_type)
    }

    /// A chunked body of `times` pieces, made while it is sent: gigabytes cost nothing here.
    pub fn repeated(content_type: &str, piece: impl Into<Bytes>, times: u64) -> Self {
        Self::of(200, Content::Repeated(piece.into(), times)).header("content-type", content_type)
    }

    /// A body that ends in the middle, by the connection being closed.
    pub fn broken(content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::of(200, Content::Pieces(vec![body.into()], End::Broken)).header("content-type", content_type)
    }

    /// A body that stops in the middle, with the connection left open.
    pub fn stalled(content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::of(200, Content::Pieces(vec![body.into()], End::Stalled)).header("content-type", content_type)
    }

    /// No answer, ever.
    pub fn never() -> Self {
        Self { never: true, ..Self::status(200) }
    }

    /// The same answer with one more header. The value may be any bytes that HTTP allows.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The same answer, once the gate is open.
    #[must_use]
    pub fn after(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    fn of(status: u16, body: Content) -> Self {
        Self { status, headers: Vec::new(), body, gate: None, never: false }
    }

    pub(super) async fn into_response(self) -> Response {
        if self.never {
            return future::pending().await;
        }
        if let Some(gate) = &self.gate {
            gate.passed().await;
        }
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(name, value.as_slice());
        }
        response.body(self.body.into_body()).expect("tests reply with valid HTTP, or use RawUpstream")
    }
}

impl Content {
    fn into_body(self) -> Body {
        match self {
            Self::Whole(bytes) => Body::from(bytes),
            Self::Pieces(pieces, end) => Body::from_stream(pieced(pieces, end)),
            Self::Repeated(piece, times) => {
                let pieces = stream::unfold(0, move |sent| {
                    let piece = piece.clone();
                    future::ready((sent < times).then(|| (Ok::<_, Infallible>(piece), sent + 1)))
                });
                Body::from_stream(pieces)
            }
        }
    }
}

fn pieced(pieces: Vec<Bytes>, end: End) -> impl Stream<Item = io::Result<Bytes>> + Send {
    // Each piece in its own poll: together they could be written as one segment, and come in as one.
    let pieces = stream::iter(pieces).then(|piece| async {
        tokio::task::yield_now().await;
        Ok(piece)
    });
    let end = async move {
        match end {
            End::Properly => None,
            End::Broken => Some(Err(io::Error::other("broken off, as the test wants"))),
            End::Stalled => future::pending().await,
        }
    };
    pieces.chain(stream::once(end).filter_map(future::ready))
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).expect("a Vec takes all");
    encoder.finish().expect("a Vec takes all")
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).expect("a Vec takes all");
    encoder.finish().expect("a Vec takes all")
}

fn brotli(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Quality 9 and a window of 4 MiB: small enough for the tests' bombs, without brotli's slowest search.
    let mut encoder = brotli::CompressorWriter::new(&mut bytes, 4096, 9, 22);
    encoder.write_all(body).expect("a Vec takes all");
    drop(encoder);
    bytes
}
