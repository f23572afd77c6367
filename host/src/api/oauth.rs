//! The OAuth side of connections: their clients and scopes. Secrets go in and never come out.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::connections::{FromSecret, check_name};
use super::{ApiState, Problem};
use crate::call::Host;
use crate::catalog::Installed;
use crate::connect;
use crate::model::{AuthKind, AuthPattern, ClientSecretFrom, Connection, Secret};
use crate::oauth::{self, ClientChange, OAuthError};
use crate::store::OAuthClient;

/// Characters of a client's identifier or secret: vendors' are URLs and signed tokens at most.
const MAX_TEXT: usize = 4_096;

/// Scopes of a connection, and characters of each: the vendors with the most have a few hundred, some as URLs.
const MAX_SCOPES: usize = 512;
const MAX_SCOPE: usize = 256;

const SHAPE: &str = "`oauth` takes `client_id` and `client_secret` (texts, or for the second `{\"secret\": NAME}`) or `credential` (the name \
     of a secret), and `scopes` (a list of texts without spaces)";

/// What a connection is known as at the authorization server.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OAuthBody {
    /// Of the client that new authorizations use.
    client_id: Option<String>,
    /// Name of the secret that is the client's, where it is a named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<FromSecret>,
    /// Name of the secret that holds the client, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
    /// What accounts are asked for, besides what the connector requires.
    scopes: Vec<String>,
}

impl OAuthBody {
    pub(super) fn of(connection: &Connection, client: Option<&OAuthClient>) -> Self {
        let (mut client_secret, mut credential) = (None, None);
        match client.and_then(|client| client.secret_from.clone()) {
            Some(ClientSecretFrom::Secret(secret)) => client_secret = Some(FromSecret { secret }),
            Some(ClientSecretFrom::Credential(name)) => credential = Some(name),
            None => {}
        }
        let client_id = client.map(|client| client.client_id.clone());
        Self { client_id, client_secret, credential, scopes: connection.scopes.clone() }
    }
}

/// An OAuth client and scopes, as they are written.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is read by hand, so that no mistake in it is answered with a secret")]
pub(super) struct OAuthChange {
    /// As the provider gave it.
    client_id: Option<String>,
    /// Sealed, and never shown again; or `{"secret": NAME}`, a secret of the project that is read for each request. None for
    /// public clients.
    client_secret: Option<String>,
    /// In place of both: name of a secret of the project that is a JSON object with `client_id` and `client_secret`. Several
    /// connections may name one, and have its new value from then on when it is stored anew.
    credential: Option<String>,
    /// What accounts are asked for, besides what the connector requires.
    scopes: Option<Vec<String>>,
}

/// The same, read.
#[derive(Debug)]
pub(super) struct OAuthText {
    client: Option<ClientChange>,
    pub(super) scopes: Option<Vec<String>>,
}

impl<'de> Deserialize<'de> for OAuthText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(Value::deserialize(deserializer)?).ok_or_else(|| D::Error::custom(SHAPE))
    }
}

fn read(value: Value) -> Option<OAuthText> {
    let Value::Object(members) = value else { return None };
    let (mut client_id, mut secret, mut named, mut credential, mut scopes) = (None, None, None, None, None);
    for (name, value) in members {
        match (name.as_str(), value) {
            ("client_id", Value::String(text)) => client_id = Some(text),
            ("client_secret", Value::String(text)) => secret = Some(Secret::new(text)),
            ("client_secret", value @ Value::Object(_)) => named = Some(secret_name(value)?),
            ("credential", Value::String(name)) if check_name(&name).is_ok() => credential = Some(name),
            ("scopes", Value::Array(items)) => scopes = Some(items.into_iter().map(scope).collect::<Option<Vec<_>>>()?),
            _ => return None,
        }
    }
    let fits = |length: usize| (1..=MAX_TEXT).contains(&length);
    if secret.as_ref().is_some_and(|secret| !fits(secret.len())) || scopes.iter().flatten().count() > MAX_SCOPES {
        return None;
    }
    if client_id.as_ref().is_some_and(|id| !fits(id.len()) || id.chars().any(char::is_control)) {
        return None;
    }
    let client = match (client_id, secret, named, credential) {
        (Some(client_id), secret, None, None) => Some(ClientChange::Given { client_id, secret }),
        (Some(client_id), None, Some(secret), None) => Some(ClientChange::Named { client_id, secret }),
        (None, None, None, Some(name)) => Some(ClientChange::Credential(name)),
        (None, None, None, None) => None,
        _ => return None,
    };
    Some(OAuthText { client, scopes })
}

/// `{"secret": NAME}`.
fn secret_name(value: Value) -> Option<String> {
    let FromSecret { secret } = serde_json::from_value(value).ok()?;
    check_name(&secret).is_ok().then_some(secret)
}

/// RFC 6749 section 3.3: no spaces, quotes or backslashes.
fn scope(value: Value) -> Option<String> {
    let Value::String(text) = value else { return None };
    let fits = (1..=MAX_SCOPE).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    fits.then_some(text)
}

/// The client that was given, if the connection's auth pattern has one.
pub(super) async fn checked<'a>(
    host: &Host,
    installed: &'a Installed,
    connection: &Connection,
    given: Option<OAuthText>,
) -> Result<Option<(&'a AuthPattern, ClientChange)>, Problem> {
    let Some(given) = given else { return Ok(None) };
    let pattern = installed.connector.auth_pattern(&connection.auth_pattern);
    let asks = pattern.filter(|pattern| oauth::asks_for_scopes(&pattern.kind) || pattern.needs_client());
    let Some(pattern) = asks else {
        return Err(Problem::bad_request(format!("auth pattern `{}` takes no `oauth`", connection.auth_pattern)));
    };
    match given.client {
        Some(_) if !pattern.needs_client() => {
            let detail = format!("with auth pattern `{}` the client is the account's own", connection.auth_pattern);
            Err(Problem::bad_request(detail))
        }
        // Its secret signs each call and is kept with each account: none is looked up for that.
        Some(ClientChange::Named { .. } | ClientChange::Credential(_))
            if matches!(pattern.kind, AuthKind::OAuth1a(_)) =>
        {
            let detail = format!("auth pattern `{}` takes a client as it is, and no name of one", pattern.name);
            Err(Problem::bad_request(detail))
        }
        Some(client) => {
            host.oauth.check_client(&connection.project, &client).await.map_err(problem)?;
            Ok(Some((pattern, client)))
        }
        None => Ok(None),
    }
}

/// Where providers send people back to.
pub(super) fn redirect_uri(state: &ApiState, connector: &str) -> String {
    connect::redirect_uri(&state.host, connector)
}

/// A client could not be stored.
pub(super) fn problem(error: OAuthError) -> Problem {
    match error {
        OAuthError::Configuration { reason } => Problem::conflict(&reason),
        error => crate::call::oauth_fault(error).into(),
    }
}
