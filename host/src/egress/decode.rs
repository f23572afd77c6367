//! Content codings undone as the bytes arrive, under a limit and a ratio.

use std::io::{self, Write};

use brotli::DecompressorWriter;
use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};

use super::EgressError;
use super::limits::{DECODE_RATIO, DECODE_RATIO_FREE, RESPONSE_WIRE_BYTES};

/// What the host says that it can undo.
pub(super) const ACCEPTED: &str = "gzip, br, deflate";

/// Bytes that brotli hands over at a time: its own default.
const BROTLI_BUFFER: usize = 4 * 1024;

/// Bytes that inflating hands over at a time: small enough for the stack.
const INFLATE_BUFFER: usize = 8 * 1024;

/// Bytes of compressed data that are decoded before the ratio is looked at again: what they can become at most, at
/// brotli's best, stays within what the sink takes anyway.
const STEP: usize = 16 * 1024;

/// A body as it arrives.
pub(super) struct Decoder {
    coding: Coding,
    received: u64,
}

/// What to do after some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Bring more.
    More,
    /// There is enough: the rest is cut.
    Full,
}

enum Coding {
    Identity(Sink),
    Gzip(Box<MultiGzDecoder<Sink>>),
    Brotli(Box<DecompressorWriter<Sink>>),
    Deflate(Deflate),
}

/// `deflate` is meant to have zlib's header (RFC 1950), and some servers send it without (RFC 1951).
struct Deflate {
    /// Unknown until the first two bytes tell.
    state: Option<Decompress>,
    start: Vec<u8>,
    ended: bool,
    sink: Sink,
}

/// Collects what was decoded, up to its limit.
#[derive(Debug)]
struct Sink {
    bytes: Vec<u8>,
    limit: usize,
    full: bool,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.limit - self.bytes.len();
        if room == 0 && !bytes.is_empty() {
            self.full = true;
            return Err(io::Error::other("the sink is full"));
        }
        let taken = bytes.len().min(room);
        self.bytes.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Decoder {
    /// For the value of a `content-encoding` header, if there is one. Keeps `limit` bytes.
    ///
    /// # Errors
    /// [`EgressError::Broken`] for a coding that the host did not offer, or several: what cannot be decoded cannot be
    /// scrubbed.
    pub(super) fn new(encoding: Option<&[u8]>, limit: usize) -> Result<Self, EgressError> {
        let sink = Sink { bytes: Vec::new(), limit, full: false };
        let name = String::from_utf8_lossy(encoding.unwrap_or_default()).trim().to_ascii_lowercase();
        let coding = match name.as_str() {
            "" | "identity" => Coding::Identity(sink),
            "gzip" | "x-gzip" => Coding::Gzip(Box::new(MultiGzDecoder::new(sink))),
            "br" => Coding::Brotli(Box::new(DecompressorWriter::new(sink, BROTLI_BUFFER))),
            "deflate" => Coding::Deflate(Deflate { state: None, start: Vec::new(), ended: false, sink }),
            _ => return Err(broken("the response has a content coding that was not asked for")),
        };
        Ok(Self { coding, received: 0 })
    }

    /// Whether the body's length differs from what came over the wire.
    pub(super) fn decodes(&self) -> bool {
        !matches!(self.coding, Coding::Identity(_))
    }

    /// Bytes that came over the wire.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`EgressError::Limit`] if they decode to far more than they are, [`EgressError::Broken`] if they do not decode.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Progress, EgressError> {
        for step in bytes.chunks(STEP) {
            self.received += step.len() as u64;
            if self.received > RESPONSE_WIRE_BYTES && self.decodes() {
                return Err(EgressError::Limit(format!(
                    "a compressed response has at most {RESPONSE_WIRE_BYTES} bytes"
                )));
            }
            let written = self.coding.write(step);
            let sink = self.coding.sink();
            let decoded = sink.bytes.len() as u64;
            if self.decodes() && decoded > DECODE_RATIO_FREE && decoded > self.received.saturating_mul(DECODE_RATIO) {
                return Err(EgressError::Limit(format!(
                    "a response body grows at most {DECODE_RATIO} times by decoding"
                )));
            }
            if self.coding.sink().full {
                return Ok(Progress::Full);
            }
            written.map_err(|_| broken("the response body does not decode"))?;
        }
        Ok(Progress::More)
    }

    /// What was decoded, when everything has come.
    ///
    /// # Errors
    /// [`EgressError::Broken`] if a compressed body ends before its end.
    pub(super) fn finish(self) -> Result<Vec<u8>, EgressError> {
        if self.received == 0 {
            // A coded body of no bytes has no header that could end early: it is an empty body.
            return Ok(Vec::new());
        }
        let early = || broken("the response body ends early");
        let sink = match self.coding {
            Coding::Identity(sink) => sink,
            Coding::Gzip(mut decoder) => {
                decoder.try_finish().map_err(|_| early())?;
                take(decoder.get_mut())
            }
            Coding::Brotli(decoder) => decoder.into_inner().map_err(|_| early())?,
            Coding::Deflate(deflate) if deflate.ended => deflate.sink,
            Coding::Deflate(_) => return Err(early()),
        };
        Ok(sink.bytes)
    }

    /// What was decoded before the sink was full.
    pub(super) fn cut(mut self) -> Vec<u8> {
        std::mem::take(&mut self.coding.sink_mut().bytes)
    }
}

impl Coding {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Identity(sink) => sink.write_all(bytes),
            Self::Gzip(decoder) => decoder.write_all(bytes),
            Self::Brotli(decoder) => decoder.write_all(bytes),
            Self::Deflate(deflate) => deflate.write(bytes),
        }
    }

    fn sink(&self) -> &Sink {
        match self {
            Self::Identity(sink) => sink,
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Brotli(decoder) => decoder.get_ref(),
            Self::Deflate(deflate) => &deflate.sink,
        }
    }

    fn sink_mut(&mut self) -> &mut Sink {
        match self {
            Self::Identity(sink) => sink,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Brotli(decoder) => decoder.get_mut(),
            Self::Deflate(deflate) => &mut deflate.sink,
        }
    }
}

impl Deflate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(state) = &mut self.state {
            return inflate(state, bytes, &mut self.sink, &mut self.ended);
        }
        self.start.extend_from_slice(bytes);
        let [first, second, ..] = self.start[..] else { return Ok(()) };
        // RFC 1950 section 2.2: method 8, and both bytes a multiple of 31.
        let zlib = first & 0x0f == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31);
        let state = self.state.insert(Decompress::new(zlib));
        inflate(state, &std::mem::take(&mut self.start), &mut self.sink, &mut self.ended)
    }
}

fn inflate(state: &mut Decompress, mut input: &[u8], sink: &mut Sink, ended: &mut bool) -> io::Result<()> {
    let mut buffer = [0; INFLATE_BUFFER];
    while !*ended {
        let (taken, made) = (state.total_in(), state.total_out());
        let status = state.decompress(input, &mut buffer, FlushDecompress::None)?;
        let taken = usize::try_from(state.total_in() - taken).map_err(io::Error::other)?;
        let made = usize::try_from(state.total_out() - made).map_err(io::Error::other)?;
        sink.write_all(&buffer[..made])?;
        input = &input[taken..];
        *ended = status == Status::StreamEnd;
        if taken == 0 && made == 0 {
            return Ok(());
        }
    }
    if input.is_empty() { Ok(()) } else { Err(io::Error::other("something follows the end")) }
}

fn take(sink: &mut Sink) -> Sink {
    std::mem::replace(sink, Sink { bytes: Vec::new(), limit: 0, full: false })
}

fn broken(reason: &str) -> EgressError {
    EgressError::Broken(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::Compression;
    use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    const CODINGS: [&str; 5] = ["gzip", "x-gzip", "br", "deflate", "raw"];

    fn encode(coding: &str, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match coding {
            "gzip" | "x-gzip" => GzEncoder::new(bytes, Compression::best()).read_to_end(&mut out).unwrap(),
            "br" => brotli::CompressorReader::new(bytes, 4096, 5, 20).read_to_end(&mut out).unwrap(),
            "deflate" => ZlibEncoder::new(bytes, Compression::best()).read_to_end(&mut out).unwrap(),
            _ => DeflateEncoder::new(bytes, Compression::best()).read_to_end(&mut out).unwrap(),
        };
        out
    }

    fn decode(coding: &str, wire: &[u8], chunk: usize, limit: usize) -> Result<(Vec<u8>, bool), EgressError> {
        let name = if coding == "raw" { "deflate" } else { coding };
        let mut decoder = Decoder::new(Some(name.as_bytes()), limit)?;
        for piece in wire.chunks(chunk) {
            if decoder.push(piece)? == Progress::Full {
                return Ok((decoder.cut(), true));
            }
        }
        decoder.finish().map(|bytes| (bytes, false))
    }

    #[test]
    fn every_coding_is_undone_at_every_split() {
        let text = br#"{"id":9223372036854775807,"text":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#;
        for coding in CODINGS {
            let wire = encode(coding, text);
            for chunk in [1, 2, 3, 7, wire.len()] {
                assert_eq!(decode(coding, &wire, chunk, 1000), Ok((text.to_vec(), false)), "{coding} by {chunk}");
            }
            assert_eq!(decode(coding, &wire, 7, 10), Ok((text[..10].to_vec(), true)), "{coding}");
            assert_eq!(decode(coding, b"", 1, 10), Ok((Vec::new(), false)), "{coding}");
        }
        let twice = [encode("gzip", b"one"), encode("gzip", b"two")].concat();
        assert_eq!(decode("gzip", &twice, 5, 100), Ok((b"onetwo".to_vec(), false)));
    }

    #[test]
    fn what_does_not_decode_is_an_error() {
        let text = vec![b'x'; 1000];
        for coding in CODINGS {
            let wire = encode(coding, &text);
            let cut = decode(coding, &wire[..wire.len() - 1], 8, 10_000);
            assert!(matches!(cut, Err(EgressError::Broken(_))), "{coding} {cut:?}");
            let more = decode(coding, &[&wire[..], b"tail-that-is-no-member"].concat(), 8, 10_000);
            assert!(matches!(more, Err(EgressError::Broken(_))), "{coding} {more:?}");
            let junk = decode(coding, &[0xff; 64], 8, 10_000);
            assert!(matches!(junk, Err(EgressError::Broken(_))), "{coding} {junk:?}");
        }
        for name in ["zstd", "compress", "gzip, gzip", "gzip,br", "aes128gcm", "*", "\u{e9}"] {
            assert!(matches!(Decoder::new(Some(name.as_bytes()), 10), Err(EgressError::Broken(_))), "{name}");
        }
    }

    #[test]
    fn bombs_are_refused_before_they_go_off() {
        let zeros = vec![0; 64 * 1024 * 1024];
        for coding in CODINGS {
            let wire = encode(coding, &zeros);
            let refused = decode(coding, &wire, 8 * 1024, usize::MAX >> 1);
            assert!(matches!(refused, Err(EgressError::Limit(_))), "{coding}");
            let full = decode(coding, &wire, 8 * 1024, 4096).map(|(bytes, full)| (bytes.len(), full));
            assert_eq!(full, Ok((4096, true)), "{coding}");
        }
        // Members that decode to nothing, for ever.
        let empty = encode("gzip", b"");
        let endless = empty.repeat(RESPONSE_WIRE_BYTES as usize / empty.len() + 1);
        assert!(matches!(decode("gzip", &endless, 64 * 1024, 100), Err(EgressError::Limit(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_survive_any_coding_and_split(bytes: Vec<u8>, chunk in 1..40_usize, coding in 0..CODINGS.len()) {
            let wire = encode(CODINGS[coding], &bytes);
            prop_assert_eq!(decode(CODINGS[coding], &wire, chunk, 10_000), Ok((bytes, false)));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, chunk in 1..40_usize, coding in 0..CODINGS.len()) {
            let _ = decode(CODINGS[coding], &bytes, chunk, 100);
        }
    }
}
