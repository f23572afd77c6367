//! Who may come in at all: pages of other sites may not, by whatever name they reach this host.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;
use url::Url;

use super::Endpoint;
use super::answer::refusal;
use crate::model::RequestId;

/// Name of the header that carries the request's id back.
const REQUEST_ID: &str = "x-request-id";

/// Runs a request in a span of its own, if it may come in. The log has the route, not the path, which holds a credential.
pub(super) async fn guard(State(endpoint): State<Endpoint>, request: Request, next: Next) -> Response {
    let host = &endpoint.host;
    let id = RequestId::new(&host.clock, &host.random);
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let headers = request.headers();
    let trace = headers.get("traceparent").and_then(|value| value.to_str().ok()).filter(|text| is_trace(text));
    let span = tracing::info_span!("request", %id, method = %request.method(), route, traceparent = trace);
    let may = may_enter(&host.public_url, headers, request.uri().host());
    let started = Instant::now();
    let work = async move {
        let mut response = match may {
            Ok(()) => next.run(request).await,
            Err(reason) => refusal(StatusCode::FORBIDDEN, reason).into_response(),
        };
        let status = response.status().as_u16();
        tracing::debug!(status, micros = started.elapsed().as_micros(), "answered");
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        // An answer may hold what is the user's alone.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    };
    work.instrument(span).await
}

/// A browser says where a page comes from, and which name it looked up. A page of another site says another origin; one
/// that lets its own name point here (DNS rebinding) says that name.
fn may_enter(public_url: &Url, headers: &HeaderMap, authority: Option<&str>) -> Result<(), &'static str> {
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        if origin != public_url.origin().ascii_serialization() {
            return Err("pages of other sites cannot use this host");
        }
    }
    let named = headers.get(header::HOST).map(|value| value.to_str().unwrap_or_default());
    let named = named.or(authority).map(name_of).unwrap_or_default();
    let own = public_url.host_str().unwrap_or_default();
    let is_address = match named.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|text| text.parse::<Ipv6Addr>().is_ok()),
        None => named.parse::<Ipv4Addr>().is_ok(),
    };
    if is_address || named.eq_ignore_ascii_case("localhost") || named.eq_ignore_ascii_case(own) {
        return Ok(());
    }
    Err("this host is not known by this name: its operator sets `public_url`")
}

/// The host of `host:port`.
fn name_of(authority: &str) -> &str {
    let end = if authority.starts_with('[') { authority.find(']').map(|at| at + 1) } else { authority.rfind(':') };
    &authority[..end.unwrap_or(authority.len())]
}

/// W3C trace context, version 00.
fn is_trace(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths = parts.iter().map(|part| part.len());
    lengths.eq([2, 32, 16, 2]) && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enters(public_url: &str, host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        may_enter(&Url::parse(public_url).unwrap(), &headers, None).is_ok()
    }

    #[test]
    fn other_names_and_other_sites_stay_outside() {
        let own = "https://gp.example:8443/base";
        for host in ["gp.example", "GP.example:8443", "gp.example:1", "127.0.0.1:7070", "[::1]:7070", "localhost:9"] {
            assert!(enters(own, host, None) && enters(own, host, Some("https://gp.example:8443")), "{host}");
        }
        for host in [
            "evil.example",
            "gp.example.evil.example",
            "127.0.0.1.evil.example",
            "",
            "xgp.example",
            "localhost.evil:1",
            "[::1",
        ] {
            assert!(!enters(own, host, None), "{host}");
        }
        for origin in
            ["https://gp.example", "http://gp.example:8443", "https://evil.example", "null", "", "http://localhost"]
        {
            assert!(!enters(own, "gp.example", Some(origin)), "{origin}");
        }
    }

    #[test]
    fn only_a_trace_is_logged() {
        assert!(is_trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        for text in ["", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g", "a b-c-d-e", "----"] {
            assert!(!is_trace(text), "{text}");
        }
    }
}
