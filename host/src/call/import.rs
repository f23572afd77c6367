//! Tokens that somebody else got for a user, as they come in `credentials` (AK-107): taken over, and kept alive from then on.

use std::collections::BTreeMap;

use super::{Host, faults, oauth_fault};
use crate::accounts::Prepared;
use crate::model::{AuthKind, AuthPattern, Code, Connection, Culprit, Fault, InputError, Secret, Timestamp};
use crate::oauth::{self, ACCESS_TOKEN, REFRESH_TOKEN, TOKEN_PAIR, Tokens};

/// Scopes that one account may be said to have: providers grant a few dozen.
const MAX_SCOPES: usize = 256;

/// Bytes of a token: signed ones with many claims have a few thousand.
const MAX_TOKEN: usize = 16 * 1024;

/// Names that a pattern has besides its declared fields: the tokens themselves.
fn token_names(kind: &AuthKind) -> &'static [&'static str] {
    match kind {
        AuthKind::OAuth2(_) => &[ACCESS_TOKEN, REFRESH_TOKEN],
        AuthKind::OAuth1a(_) => &TOKEN_PAIR,
        _ => &[],
    }
}

/// Takes tokens, and what is known of them, out of what was filled in; `None` if there are none in it.
///
/// # Errors
/// [`Code::InvalidInput`], naming what makes no sense.
pub(super) fn take(
    pattern: &AuthPattern,
    credentials: &mut BTreeMap<String, Secret>,
    now: Timestamp,
) -> Result<Option<Tokens>, Fault> {
    let names = token_names(&pattern.kind);
    let mut secrets = BTreeMap::new();
    for name in names.iter().filter(|name| pattern.field(name).is_none()) {
        let Some(secret) = credentials.remove(*name) else { continue };
        if secret.is_empty() || secret.len() > MAX_TOKEN {
            return Err(wrong(name, "a token is neither empty nor longer than 16 KiB"));
        }
        secrets.insert(*name, secret);
    }
    if secrets.is_empty() {
        return Ok(None);
    }
    let needed = if matches!(pattern.kind, AuthKind::OAuth1a(_)) { names } else { &names[..1] };
    if let Some(missing) = needed.iter().find(|name| !secrets.contains_key(*name)) {
        return Err(wrong(missing, "it is needed with the others"));
    }
    let mut public = |name: &str| credentials.remove(name).map(Secret::into_public);
    let expires_at = match public("expires_at") {
        Some(text) => {
            Some(Timestamp::parse_rfc3339(&text).ok_or_else(|| wrong("expires_at", "expected a time as in RFC 3339"))?)
        }
        None => None,
    };
    if expires_at.is_some_and(|at| at <= now) {
        return Err(wrong("expires_at", "the access token has ended: get another one with the refresh token first"));
    }
    let scopes: Vec<String> =
        public("scopes").unwrap_or_default().split_whitespace().take(MAX_SCOPES + 1).map(str::to_owned).collect();
    if scopes.len() > MAX_SCOPES {
        return Err(wrong("scopes", "more than 256 scopes"));
    }
    // Scopes that nobody told of are unknown, and nothing is known to be missing then.
    Ok(Some(Tokens { secrets, expires_at, scopes: Some(scopes), fields: BTreeMap::new(), client: None }))
}

/// The account with the tokens sealed into it. They count as given to the connection's newest client: only what they were
/// given to can renew them.
///
/// # Errors
/// Those of vault and database; [`Code::InvalidInput`] if a URL of the pattern takes a public field that is missing.
pub(super) async fn sealed(
    host: &Host,
    connection: &Connection,
    pattern: &AuthPattern,
    Prepared { mut account, mut sealed }: Prepared,
    mut tokens: Tokens,
) -> Result<Prepared, Fault> {
    let client = host.store.newest_oauth_client(&connection.project, &connection.id).await.map_err(faults::store)?;
    if matches!(pattern.kind, AuthKind::OAuth1a(_))
        && pattern.needs_client()
        && let Some(client) = &client
    {
        tokens.secrets.extend(host.oauth.consumer(client).map_err(oauth_fault)?);
    }
    tokens.client = client.map(|client| client.id);
    let misfit = |detail: String| Fault::new(Code::InvalidInput, Culprit::Caller, detail);
    let endpoint_hosts = oauth::endpoint_hosts(&pattern.kind, &account.fields).map_err(misfit)?;
    let hosts = account.hosts.clone();
    host.oauth.seal(&mut account, &mut sealed, tokens, (hosts, &endpoint_hosts)).map_err(oauth_fault)?;
    Ok(Prepared { account, sealed })
}

fn wrong(name: &str, message: &str) -> Fault {
    let errors = vec![InputError { path: format!("/credentials/{name}"), message: message.into() }];
    let detail = "the credentials do not fit the auth pattern";
    Fault { errors, ..Fault::new(Code::InvalidInput, Culprit::Caller, detail) }
}
