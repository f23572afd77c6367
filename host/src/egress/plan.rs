//! A request that may leave: everything that can be refused has been, and it can be shown before it is sent.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use sha2::{Digest, Sha256};
use url::Url;

use super::inject::is_injected_parameter;
use super::scrub::Scrubber;
use super::target::{check_host, check_route, resolve};
use super::{EgressError, Grant, Request, body, header};
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

/// A request that may leave, without the credential.
#[derive(Clone, Debug)]
pub struct Planned {
    pub(super) hop: Hop,
    effect: Effect,
}

/// A request as people see it: exactly what would leave, but for what the host adds of the credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// HTTP method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Headers in the order of their names, without those that the host injects.
    pub headers: Vec<(String, String)>,
    /// The body, if there is one.
    pub body: Option<Bytes>,
}

impl Planned {
    /// Checks a guest's request against the grant.
    ///
    /// # Errors
    /// What [`super::Egress::plan`] says.
    pub(super) fn new(grant: &Grant, request: Request) -> Result<Self, EgressError> {
        let (hop, route) = first_hop(grant, request)?;
        let effect = route.max(Route::effect_of_method(hop.method.as_str()));
        Ok(Self { hop, effect })
    }

    /// Its HTTP method.
    pub fn method(&self) -> &str {
        self.hop.method.as_str()
    }

    /// Whether sending it twice does no more than sending it once: it only reads, or the provider knows it again by its
    /// idempotency header.
    pub(super) fn is_repeatable(&self) -> bool {
        !self.writes() || self.hop.idempotency.is_some()
    }

    /// Whether it is there to change something: by the route that it fits, or by its method whatever the route says.
    pub fn writes(&self) -> bool {
        self.effect != Effect::Read
    }

    /// SHA-256 of all that would leave but the credential. Two requests with the same digest are the same request.
    pub fn digest(&self) -> [u8; 32] {
        let Hop { url, method, headers, body, idempotency, .. } = &self.hop;
        let mut digest = Sha256::new();
        let mut part = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        };
        part(method.as_str().as_bytes());
        part(url.as_str().as_bytes());
        for (name, value) in sorted(headers, idempotency.as_ref()) {
            part(name.as_bytes());
            part(value);
        }
        // No header has an empty name: what follows cannot be taken for one.
        part(b"");
        if let Some(body) = body {
            part(body);
        }
        digest.finalize().into()
    }

    /// Method and URL, scrubbed as below.
    pub(super) fn line(&self, scrubber: &Scrubber) -> (String, String) {
        (self.hop.method.to_string(), scrubber.text(self.hop.url.as_str()))
    }

    /// For people to look at. A credential that the guest got from its input and put into the request is not in it.
    pub(super) fn shown(&self, scrubber: &Scrubber) -> Shown {
        let Hop { headers, body, idempotency, .. } = &self.hop;
        let (method, url) = self.line(scrubber);
        Shown {
            method,
            url,
            headers: sorted(headers, idempotency.as_ref())
                .into_iter()
                .map(|(name, value)| (name.to_owned(), scrubber.text(&String::from_utf8_lossy(value))))
                .collect(),
            body: body.as_ref().map(|body| scrubber.bytes(body.to_vec(), usize::MAX).0.into()),
        }
    }
}

fn sorted<'a>(headers: &'a HeaderMap, idempotency: Option<&'a (HeaderName, HeaderValue)>) -> Vec<(&'a str, &'a [u8])> {
    let own = headers.iter().chain(idempotency.map(|(name, value)| (name, value)));
    let mut all: Vec<_> = own.map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    // Stable: values of one name keep their order.
    all.sort_by_key(|(name, _)| *name);
    all
}

/// Everything that can be refused before a byte leaves, in the order in which a guest's author would want to know.
fn first_hop(grant: &Grant, request: Request) -> Result<(Hop, Effect), EgressError> {
    let method = read_method(&request.method)?;
    let url = resolve(grant, &request.target, &request.query)?;
    if let Some((name, _)) = url.query_pairs().find(|(found, _)| is_injected_parameter(&grant.injection, found)) {
        return Err(EgressError::Invalid(format!("the query parameter `{name}` is set by the host only")));
    }
    check_host(grant, &url)?;
    let effect = check_route(grant, &method, &url)?;
    let mut headers = header::guest_headers(grant, &request.headers)?;
    let body = body::encode(request.body)?.map(|encoded| {
        if encoded.fixed || !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, encoded.content_type);
        }
        encoded.bytes
    });
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
    let idempotency = idempotency(grant, &method)?;
    Ok((Hop { url, method, headers, body, idempotency, trusted: true }, effect))
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
