//! Where a redirect leads, and what goes along.

use http::{HeaderMap, Method, StatusCode, header};
use url::Url;

use super::header::keep_harmless;
use super::inject::{is_injected_parameter, remove_parameters};
use super::plan::Hop;
use super::scrub::Scrubber;
use super::target::{check_host, check_route, redirected, same_origin};
use super::{EgressError, Grant};
use crate::model::{Effect, Route};

/// The next hop, if the response asks for one that may be followed; `None` makes it the answer.
///
/// Each hop is checked as if the guest had asked for it: host, address, scheme. A hop that writes (307 and 308 keep
/// method and body) must fit a route of the tool as well. A hop that reads need not: providers send readers to paths
/// that no template foresees (renamed repositories, storage with signed URLs), and reading where the provider itself
/// points, within the granted hosts, adds nothing to what the tool may do.
///
/// The credential goes only to the origin (scheme, host, port) that the guest's own request went to. Once a hop has left
/// it, it is gone for the rest of the chain, also when a later hop comes back: what a foreign origin points to is the
/// foreign origin's request. The guest's headers go along to another origin only if they are harmless.
///
/// # Errors
/// Those of the checks; [`EgressError::Invalid`] also for a redirect from https to http.
pub(super) fn next_hop(
    grant: &Grant,
    scrubber: &Scrubber,
    hop: &Hop,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<Hop>, EgressError> {
    let Some(location) = headers.get(header::LOCATION).filter(|_| is_redirect(status)) else { return Ok(None) };
    if grant.state.follows_no_redirects() {
        return Ok(None);
    }
    let location = location.to_str().map_err(|_| EgressError::Invalid("a redirect's location is not ASCII".into()))?;
    let mut url = redirected(&hop.url, location)?;
    if hop.url.scheme() == "https" && url.scheme() == "http" {
        return Err(EgressError::Invalid("a redirect leads from https to http".into()));
    }
    // Within the origin it is injected anew; elsewhere it must not be at all.
    remove_parameters(&mut url, |name| is_injected_parameter(&grant.injection, name));
    let trusted = hop.trusted && same_origin(&hop.url, &url);
    if !trusted && scrubber.finds(url.as_str().as_bytes()) {
        return Err(EgressError::Invalid("a redirect would carry the credential to another origin".into()));
    }
    check_host(grant, &url)?;
    let method = method_after(status, &hop.method);
    let writes = Route::effect_of_method(method.as_str()) != Effect::Read;
    if grant.state.shows_all_writes()
        && (writes || check_route(grant, &method, &url).is_ok_and(|effect| effect != Effect::Read))
    {
        return Ok(None);
    }
    if writes {
        check_route(grant, &method, &url)?;
    }
    Ok(Some(follow(hop, url, method, trusted, writes)))
}

fn follow(hop: &Hop, url: Url, method: Method, trusted: bool, writes: bool) -> Hop {
    let keeps_body = method == hop.method;
    let mut headers = hop.headers.clone();
    if !same_origin(&hop.url, &url) {
        keep_harmless(&mut headers);
    }
    if !keeps_body {
        headers.remove(header::CONTENT_TYPE);
    }
    Hop {
        url,
        method,
        headers,
        body: hop.body.clone().filter(|_| keeps_body),
        idempotency: hop.idempotency.clone().filter(|_| writes),
        trusted,
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// 303 asks for a GET, 301 and 302 turn a POST into one as all clients do (RFC 9110 section 15.4), 307 and 308 keep it.
fn method_after(status: StatusCode, method: &Method) -> Method {
    match status.as_u16() {
        303 if *method != Method::HEAD => Method::GET,
        301 | 302 if *method == Method::POST => Method::GET,
        _ => method.clone(),
    }
}
