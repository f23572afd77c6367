//! One request and its answer, hop by hop: check, inject, send, follow, receive.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use tracing::Instrument;
use url::{Host, Url};

use super::client::meaning;
use super::decode::{ACCEPTED, Decoder, Progress};
use super::inject::{Moment, Outgoing, inject};
use super::limits::REDIRECTS;
use super::plan::Hop;
use super::redirect::next_hop;
use super::resolve::{Refused, Transport, check};
use super::scrub::Scrubber;
use super::{Egress, EgressError, Grant, Response, header};
use crate::config::PrivateNetworks;

/// Sends a planned request and follows its redirects.
pub(super) async fn exchange(
    egress: &Egress,
    grant: &Grant,
    scrubber: &Scrubber,
    mut hop: Hop,
) -> Result<Response, EgressError> {
    for _ in 0..=REDIRECTS {
        // Scrubbed within the macro, and so only where somebody reads the span.
        let host = hop.url.host_str().unwrap_or_default();
        let span = tracing::debug_span!("egress", host = scrubber.text(host), method = %hop.method);
        let answer = send_hop(egress, grant, &hop).instrument(span).await?;
        match next_hop(grant, scrubber, &hop, answer.status(), answer.headers())? {
            Some(next) => hop = next,
            None => return receive(grant, scrubber, &hop, answer).await,
        }
    }
    Err(EgressError::Limit(format!("a request follows at most {REDIRECTS} redirects")))
}

async fn send_hop(egress: &Egress, grant: &Grant, hop: &Hop) -> Result<reqwest::Response, EgressError> {
    let transport = Transport::of(&hop.url);
    check_literal(&hop.url, transport, &egress.private_networks)?;
    let Hop { method, url, headers, body, idempotency, trusted } = hop.clone();
    let mut outgoing = Outgoing { method, url, headers, body };
    outgoing.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
    if let Some((name, value)) = idempotency {
        outgoing.headers.insert(name, value);
    }
    // Last, so that nothing comes after the credential that could look at it or replace it.
    if trusted {
        let now = Moment { at: egress.clock.now(), random: egress.random };
        inject(grant.current(), &mut outgoing, &now)?;
    }
    let Outgoing { method, url, headers, body } = outgoing;
    let mut request = reqwest::Request::new(method, url);
    *request.headers_mut() = headers;
    *request.body_mut() = body.map(reqwest::Body::from);
    let started = Instant::now();
    // Counted before: one whose answer never comes has left as well.
    grant.state.sent.fetch_add(1, Ordering::Relaxed);
    let answer = egress.clients.of(transport).execute(request).await.map_err(meaning);
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
pub(super) fn check_literal(url: &Url, transport: Transport, allowed: &PrivateNetworks) -> Result<(), EgressError> {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        _ => return Ok(()),
    };
    check(&address.to_string(), [address], transport, allowed)
        .map_err(|Refused(reason)| EgressError::AddressNotAllowed(reason))
}

async fn receive(
    grant: &Grant,
    scrubber: &Scrubber,
    hop: &Hop,
    mut answer: reqwest::Response,
) -> Result<Response, EgressError> {
    let limit = grant.state.response_bytes();
    let status = answer.status();
    let bodiless = hop.method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let mut codings = answer.headers().get_all(CONTENT_ENCODING).iter();
    let coding = codings.next().filter(|_| !bodiless);
    if coding.is_some() && codings.next().is_some() {
        return Err(EgressError::Broken("the response has several content codings".into()));
    }
    let mut decoder = Decoder::new(coding.map(HeaderValue::as_bytes), limit + scrubber.overlap().max(1))?;
    let decoded = decoder.decodes();
    let (headers, in_headers) = scrubbed_headers(scrubber, answer.headers(), decoded)?;
    let mut full = false;
    while !full && let Some(chunk) = answer.chunk().await.map_err(meaning)? {
        full = decoder.push(&chunk)? == Progress::Full;
    }
    let received_bytes = decoder.received();
    let raw = if full { decoder.cut() } else { decoder.finish()? };
    let truncated = raw.len() > limit;
    let (clean, in_body) = scrubber.bytes(raw, limit);
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
