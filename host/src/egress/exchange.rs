//! One request and its answer, hop by hop: check, inject, send, follow, receive.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, StatusCode};
use tracing::Instrument;
use url::{Host, Url};

use super::client::{Clients, meaning};
use super::decode::{ACCEPTED, Decoder, Progress};
use super::inject::{inject, injected_parameter};
use super::limits::{REDIRECTS, RESPONSE_BODY_BYTES};
use super::redirect::next_hop;
use super::resolve::{Refused, Transport, check};
use super::scrub::Scrubber;
use super::target::{check_host, check_route, resolve};
use super::{EgressError, Grant, Request, Response, body, header};
use crate::config::PrivateNetworks;
use crate::model::{Effect, Route};

/// What the host calls itself where the guest does not say otherwise.
const AGENT: &str = concat!("gloveport/", env!("CARGO_PKG_VERSION"));

/// One request on the wire, without the credential.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    /// Where it goes.
    pub(super) url: Url,
    /// How.
    pub(super) method: Method,
    /// The guest's headers and those of the body.
    pub(super) headers: HeaderMap,
    /// The body.
    pub(super) body: Option<Bytes>,
    /// Header and value that make a write happen once.
    pub(super) idempotency: Option<(HeaderName, HeaderValue)>,
    /// Whether this is the origin that the guest asked for, and no hop has left it: then the credential goes along.
    pub(super) trusted: bool,
}

/// Sends a request and follows its redirects.
pub(super) async fn exchange(
    clients: &Clients,
    allowed: &PrivateNetworks,
    grant: &Grant,
    scrubber: &Scrubber,
    request: Request,
) -> Result<Response, EgressError> {
    let mut hop = first_hop(grant, request)?;
    for _ in 0..=REDIRECTS {
        // Scrubbed within the macro, and so only where somebody reads the span.
        let host = hop.url.host_str().unwrap_or_default();
        let span = tracing::debug_span!("egress", host = scrubber.text(host), method = %hop.method);
        let answer = send_hop(clients, allowed, grant, &hop).instrument(span).await?;
        match next_hop(grant, scrubber, &hop, answer.status(), answer.headers())? {
            Some(next) => hop = next,
            None => return receive(scrubber, &hop, answer).await,
        }
    }
    Err(EgressError::Limit(format!("a request follows at most {REDIRECTS} redirects")))
}

/// Everything that can be refused before a byte leaves, in the order in which a guest's author would want to know.
fn first_hop(grant: &Grant, request: Request) -> Result<Hop, EgressError> {
    let method = read_method(&request.method)?;
    let url = resolve(grant, &request.target, &request.query)?;
    if let Some(name) = injected_parameter(&grant.injection)
        && url.query_pairs().any(|(found, _)| found == name)
    {
        return Err(EgressError::Invalid(format!("the query parameter `{name}` is set by the host only")));
    }
    check_host(grant, &url)?;
    check_route(grant, &method, &url)?;
    let mut headers = header::guest_headers(grant, &request.headers)?;
    let body = body::encode(request.body)?.map(|encoded| {
        if encoded.fixed || !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, encoded.content_type);
        }
        encoded.bytes
    });
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
    let idempotency = idempotency(grant, &method)?;
    Ok(Hop { url, method, headers, body, idempotency, trusted: true })
}

/// Methods are case-sensitive. CONNECT would make a tunnel, and TRACE would answer with the request, credential and all.
fn read_method(text: &str) -> Result<Method, EgressError> {
    let known = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    if !known || matches!(text, "CONNECT" | "TRACE") {
        return Err(EgressError::Invalid("the method is not one in capitals, or one that is never sent".into()));
    }
    Method::from_bytes(text.as_bytes()).map_err(|_| EgressError::Invalid("the method is not one".into()))
}

fn idempotency(grant: &Grant, method: &Method) -> Result<Option<(HeaderName, HeaderValue)>, EgressError> {
    let Some(key) = &grant.idempotency else { return Ok(None) };
    if Route::effect_of_method(method.as_str()) == Effect::Read {
        return Ok(None);
    }
    let ordinal = grant.state.writes.fetch_add(1, Ordering::Relaxed) + 1;
    let wrong = || EgressError::Invalid("the connector's idempotency header is not a header".into());
    let name = HeaderName::from_bytes(key.header.as_bytes()).map_err(|_| wrong())?;
    let value = HeaderValue::from_str(&format!("{}-{ordinal}", key.prefix)).map_err(|_| wrong())?;
    Ok(Some((name, value)))
}

async fn send_hop(
    clients: &Clients,
    allowed: &PrivateNetworks,
    grant: &Grant,
    hop: &Hop,
) -> Result<reqwest::Response, EgressError> {
    let transport = if hop.url.scheme() == "https" { Transport::Tls } else { Transport::Plain };
    check_literal(&hop.url, transport, allowed)?;
    let (mut url, mut headers) = (hop.url.clone(), hop.headers.clone());
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
    if let Some((name, value)) = &hop.idempotency {
        headers.insert(name.clone(), value.clone());
    }
    // Last, so that nothing comes after the credential that could look at it or replace it.
    if hop.trusted {
        inject(&grant.injection, &mut url, &mut headers)?;
    }
    let mut request = reqwest::Request::new(hop.method.clone(), url);
    *request.headers_mut() = headers;
    *request.body_mut() = hop.body.clone().map(reqwest::Body::from);
    let started = Instant::now();
    // Counted before: one whose answer never comes has left as well.
    grant.state.sent.fetch_add(1, Ordering::Relaxed);
    let answer = clients.of(transport).execute(request).await.map_err(meaning);
    let micros = started.elapsed().as_micros();
    match &answer {
        Ok(answer) => tracing::debug!(status = answer.status().as_u16(), micros, "answered"),
        Err(error) => {
            if matches!(error, EgressError::AddressNotAllowed(_) | EgressError::Unreachable(_)) {
                grant.state.sent.fetch_sub(1, Ordering::Relaxed);
            }
            tracing::debug!(micros, "failed");
        }
    }
    answer
}

/// The client asks its resolver for names only: an address in the URL is checked here.
fn check_literal(url: &Url, transport: Transport, allowed: &PrivateNetworks) -> Result<(), EgressError> {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        _ => return Ok(()),
    };
    check(&address.to_string(), &[address], transport, allowed)
        .map_err(|Refused(reason)| EgressError::AddressNotAllowed(reason))
}

async fn receive(scrubber: &Scrubber, hop: &Hop, mut answer: reqwest::Response) -> Result<Response, EgressError> {
    let status = answer.status();
    let bodiless = hop.method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let mut codings = answer.headers().get_all(CONTENT_ENCODING).iter();
    let coding = codings.next().filter(|_| !bodiless);
    if coding.is_some() && codings.next().is_some() {
        return Err(EgressError::Broken("the response has several content codings".into()));
    }
    let mut decoder = Decoder::new(coding.map(HeaderValue::as_bytes), RESPONSE_BODY_BYTES + scrubber.overlap().max(1))?;
    let decoded = decoder.decodes();
    let (headers, in_headers) = scrubbed_headers(scrubber, answer.headers(), decoded)?;
    let mut full = false;
    while !full && let Some(chunk) = answer.chunk().await.map_err(meaning)? {
        full = decoder.push(&chunk)? == Progress::Full;
    }
    let received_bytes = decoder.received();
    let raw = if full { decoder.cut() } else { decoder.finish()? };
    let truncated = raw.len() > RESPONSE_BODY_BYTES;
    let (clean, in_body) = scrubber.bytes(raw, RESPONSE_BODY_BYTES);
    Ok(Response {
        status: status.as_u16(),
        headers,
        body: clean.into(),
        truncated,
        scrubbed: in_headers + in_body,
        sent_bytes: hop.body.as_ref().map_or(0, |body| body.len() as u64),
        received_bytes,
    })
}

fn scrubbed_headers(
    scrubber: &Scrubber,
    headers: &HeaderMap,
    decoded: bool,
) -> Result<(Vec<(String, String)>, u32), EgressError> {
    let mut clean = Vec::with_capacity(headers.len());
    let mut count = 0;
    for (name, value) in header::for_guest(headers, decoded)? {
        if scrubber.in_name(name) {
            // A name with a mark in it is no name: the whole header goes.
            count += 1;
            continue;
        }
        let (value, found) = scrubber.bytes(value.to_vec(), usize::MAX);
        count += found;
        clean.push((name.to_owned(), String::from_utf8_lossy(&value).into_owned()));
    }
    Ok((clean, count))
}
