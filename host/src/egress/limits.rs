//! Every limit of the way out, with the reason for its number.

use std::time::Duration;

/// Bytes of a URL, query included. Servers in use accept 8 to 16 KiB; more is a body in the wrong place.
pub(super) const URL_BYTES: usize = 16 * 1024;

/// Headers of a request that a guest may set. SDKs of providers send about ten.
pub(super) const REQUEST_HEADERS: usize = 64;

/// Bytes of the names and values of a guest's headers. Common servers refuse more than 8 to 16 KiB themselves.
pub(super) const REQUEST_HEADER_BYTES: usize = 16 * 1024;

/// Bytes of an encoded request body: attachments of mail and issue providers end at 10 MB, with room for the encoding.
pub(super) const REQUEST_BODY_BYTES: usize = 10 * 1024 * 1024;

/// Parts of a multipart body. Nobody uploads more files in one request.
pub(super) const REQUEST_PARTS: usize = 64;

/// Headers of a response: hyper's own default for HTTP/1.1, and three times what chatty providers send.
pub(super) const RESPONSE_HEADERS: usize = 100;

/// Bytes of a response's header names and values: twice the largest that browsers' servers are configured for.
pub(super) const RESPONSE_HEADER_BYTES: usize = 64 * 1024;

/// Bytes of a decoded response body; the rest is cut. It is read by a model in the end, and a guest holds it and its
/// parsed form in its own small memory.
pub(super) const RESPONSE_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of a document that the host itself fetches: the longest API description known has 13 MB, and nobody reads it but
/// the sandbox that is made for such.
pub(super) const DOCUMENT_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of a response body on the wire. Compression that does not compress stays below twice the decoded size; an
/// endless stream that decodes to nothing does not.
pub(super) const RESPONSE_WIRE_BYTES: u64 = 8 * 1024 * 1024;

/// How many times larger than on the wire a decoded body may be. JSON lists reach 20 to 50, bombs 1,000 and more.
pub(super) const DECODE_RATIO: u64 = 100;

/// Decoded bytes that are free of [`DECODE_RATIO`]: small bodies of repeated text compress better and harm nobody.
pub(super) const DECODE_RATIO_FREE: u64 = 1024 * 1024;

/// Redirects of one request. Providers use one or two; five is what the fetch libraries of old allowed.
pub(super) const REDIRECTS: u32 = 5;

/// Time for a TCP connection and its TLS handshake: five round trips on a bad mobile link, and far below the time for
/// a whole call, so that "unreachable" can be told from "slow".
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Idle connections kept for each scheme, host and port: the requests of one busy connector at the same time.
pub(super) const IDLE_PER_HOST: usize = 32;

/// Time until an idle connection is closed. Below the 60 seconds after which common servers and balancers close it
/// themselves, so that requests seldom meet a connection that is closing.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(55);

/// Time between TCP keep-alive probes: NAT gateways of the clouds forget a flow after 350 seconds, some after 60.
pub(super) const TCP_KEEPALIVE: Duration = Duration::from_secs(45);

/// Addresses of a name that are looked at. Providers answer with at most a dozen; more than this is not an answer.
pub(super) const ADDRESSES: usize = 64;

/// Bytes of a credential that is looked for in responses by itself. Anything shorter turns up by chance: at six bytes
/// a chance match in a full body of random base64 is one in a million, at four it is one in four.
pub(super) const SCRUB_MIN_BYTES: usize = 6;

/// Times that a request is sent in all, if the provider says that it should come later: the third answer is the guest's.
pub(super) const ATTEMPTS: u32 = 3;

/// First wait before a request is sent again, where the provider does not say how long: what SDKs of providers take.
pub(super) const BACKOFF: Duration = Duration::from_secs(1);

/// Longest wait that a provider may ask for. A caller waits for this call: whoever has to come back in more than half a
/// minute is told so, and can do something else meanwhile.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(30);

/// Attempts of one call that its record tells of: more than a person reads, and few enough for a row.
pub(super) const TRACED: usize = 60;

/// Layers of escaping that scrubbing looks below: a URL within JSON, JSON within JSON.
pub(super) const SCRUB_DEPTH: u32 = 2;
