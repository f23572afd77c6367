//! What leaves for a token endpoint: the only file here that sees secrets in clear.

use std::collections::BTreeMap;

use url::{Url, form_urlencoded};

use super::OAuthError;
use super::limits::TIMEOUT;
use crate::egress::{Body, Egress, Grant, Injection, Request, Response, Secrets, Text};
use crate::model::{ClientAuth, Effect, Escaping, HostPattern, Secret, SessionRequest, TextTemplate, TokenBody};

/// A parameter's value.
#[derive(Debug)]
pub(super) enum Value {
    /// Anybody may see it.
    Public(String),
    /// Nobody may.
    Secret(Secret),
}

/// Who asks.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: Option<Secret>,
    pub(super) auth: ClientAuth,
}

/// A request to a token or revocation endpoint.
#[derive(Debug)]
pub(super) struct TokenRequest {
    pub(super) url: Url,
    /// The only hosts that its secrets may be sent to, as they are sealed with them.
    pub(super) hosts: Vec<HostPattern>,
    pub(super) client: Option<Client>,
    pub(super) body: TokenBody,
    /// Of two with the same name the last one counts.
    pub(super) parameters: Vec<(String, Value)>,
}

/// Sends it, and reads the answer.
///
/// # Errors
/// Those of egress and of `read`. No text holds a secret that was sent.
pub(super) async fn ask<T>(
    egress: &Egress,
    request: TokenRequest,
    read: impl FnOnce(&Response) -> Result<T, OAuthError>,
) -> Result<T, OAuthError> {
    let TokenRequest { url, hosts, client, body, parameters } = request;
    let mut known = Vec::new();
    let mut written: BTreeMap<String, String> = BTreeMap::new();
    let mut injection = Injection::None;
    for (name, value) in parameters {
        let text = match value {
            Value::Public(text) => text,
            Value::Secret(secret) => {
                let text = secret.expose().to_owned();
                known.push(secret);
                text
            }
        };
        written.insert(name, text);
    }
    if let Some(Client { id, secret, auth }) = client {
        match (auth, secret) {
            (ClientAuth::Basic, Some(secret)) => {
                let password = Secret::new(encoded(secret.expose()));
                injection = Injection::Basic { username: Text::Public(encoded(&id)), password };
                known.push(secret);
            }
            (ClientAuth::Post, Some(secret)) => {
                written.insert("client_id".into(), id);
                written.insert("client_secret".into(), secret.expose().to_owned());
                known.push(secret);
            }
            (_, None) | (ClientAuth::None, Some(_)) => {
                written.insert("client_id".into(), id);
            }
        }
    }
    let body = match body {
        TokenBody::Form => Body::Form(written.into_iter().collect()),
        TokenBody::Json => Body::Json(serde_json::Value::from_iter(written).to_string()),
    };
    // Its own hosts in place of the URL's: nothing leaves for one that the secrets were not sealed for.
    let grant = Grant { hosts, injection, ..Grant::to(url.as_str(), "POST", Effect::Write, TIMEOUT)? };
    let headers = vec![("accept".to_owned(), "application/json".to_owned())];
    let request = Request { method: "POST".into(), target: url.into(), headers, body, ..Request::default() };
    send(egress, &grant, request, read).await.map_err(|error| clean(error, &known))
}

/// Sends a declared request of signing in or out, and reads the answer. `value` gives each of the pattern's fields;
/// `injection` holds the token that is to end.
///
/// # Errors
/// Those of egress, of `value` and of `read`. No text holds a secret that was sent.
pub(super) async fn session<T>(
    egress: &Egress,
    (url, hosts): (Url, Vec<HostPattern>),
    (declared, injection): (&SessionRequest, Injection),
    value: impl Fn(&str) -> Result<Secret, OAuthError>,
    read: impl FnOnce(&Response) -> Result<T, OAuthError>,
) -> Result<T, OAuthError> {
    let mut known = Vec::new();
    let mut filled = |text: &str, escaping: Escaping| {
        let template = TextTemplate::parse(text).map_err(|error| OAuthError::configuration(error.to_string()))?;
        template.render(|name, into| {
            let secret = value(name)?;
            into.push_str(&escaping.escape(secret.expose()));
            known.push(secret);
            Ok::<(), OAuthError>(())
        })
    };
    let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
    for (name, text) in &declared.headers {
        headers.push((name.clone(), filled(text, Escaping::Plain)?.to_string()));
    }
    let escaping = Escaping::of(&declared.content_type).unwrap_or(Escaping::Plain);
    let body = match filled(&declared.body, escaping)? {
        body if body.is_empty() => Body::None,
        body => {
            headers.push(("content-type".into(), declared.content_type.clone()));
            Body::Bytes(body.as_bytes().to_vec().into())
        }
    };
    let grant = Grant { hosts, injection, ..Grant::to(url.as_str(), &declared.method, Effect::Write, TIMEOUT)? };
    let request = Request { method: declared.method.clone(), target: url.into(), headers, body, ..Request::default() };
    send(egress, &grant, request, read).await.map_err(|error| clean(error, &known))
}

/// Sends a request that has nothing but a signature (RFC 5849 section 2), and reads the answer.
///
/// # Errors
/// Those of egress and of `read`. No text holds a secret that it was signed with.
pub(super) async fn signed<T>(
    egress: &Egress,
    (url, hosts): (Url, Vec<HostPattern>),
    injection: Injection,
    read: impl FnOnce(&Response) -> Result<T, OAuthError>,
) -> Result<T, OAuthError> {
    let grant = Grant { hosts, injection, ..Grant::to(url.as_str(), "POST", Effect::Write, TIMEOUT)? };
    let headers = vec![("accept".to_owned(), "*/*".to_owned())];
    let request = Request { method: "POST".into(), target: url.into(), headers, ..Request::default() };
    let secrets = Secrets::of(&grant.injection);
    let outcome = send(egress, &grant, request, read).await;
    outcome.map_err(|error| said(error, |text| secrets.without(text).unwrap_or_else(|| text.to_owned())))
}

/// A member of a secret that is a JSON object.
pub(super) fn member(secret: &Secret, name: &str) -> Option<Secret> {
    let value: serde_json::Value = serde_json::from_str(secret.expose()).ok()?;
    let text = value.get(name)?.as_str().filter(|text| !text.is_empty())?;
    Some(Secret::new(text.to_owned()))
}

async fn send<T>(
    egress: &Egress,
    grant: &Grant,
    request: Request,
    read: impl FnOnce(&Response) -> Result<T, OAuthError>,
) -> Result<T, OAuthError> {
    read(&egress.send(grant, request).await?)
}

/// The error, whose reason may be in the provider's words, without anything that was sent.
fn clean(error: OAuthError, known: &[Secret]) -> OAuthError {
    said(error, |text| without(text, known))
}

/// The error with what is left of its reason.
fn said(error: OAuthError, left: impl Fn(&str) -> String) -> OAuthError {
    match error {
        OAuthError::Transient { reason, retry_after } => OAuthError::Transient { reason: left(&reason), retry_after },
        OAuthError::Expired { reason } => OAuthError::Expired { reason: left(&reason) },
        OAuthError::Revoked { reason } => OAuthError::Revoked { reason: left(&reason) },
        OAuthError::Configuration { reason } => OAuthError::Configuration { reason: left(&reason) },
        error => error,
    }
}

fn without(text: &str, known: &[Secret]) -> String {
    known.iter().fold(text.to_owned(), |text, secret| {
        let copy = Injection::Bearer(Secret::new(secret.expose().to_owned()));
        Secrets::of(&copy).without(&text).unwrap_or(text)
    })
}

/// As RFC 6749 section 2.3.1 wants both parts of `Basic`.
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
