//! What is kept and opened for OAuth 1.0a, whose answers carry a token in place of `state`.

use std::collections::BTreeMap;

use super::ConnectError;
use super::browser::hash;
use super::kept::{self, Kept, KeptTokens};
use super::visit::Visit;
use crate::call::Host;
use crate::egress::Injection;
use crate::model::{AuthFailure, OAuth1a, OAuthClientId, Secret};
use crate::oauth::{self, Consumer};

/// Bytes of a temporary token: vendors' have some dozens.
const MAX_TOKEN: usize = 1_024;

/// What an attempt is found by when its browser comes back: nobody but the provider makes the token, so it counts for this
/// connector only. That somebody else might know it is what the browser's cookie is for.
pub(super) fn found_by(connector: &str, token: &str) -> Option<String> {
    (1..=MAX_TOKEN).contains(&token.len()).then(|| hash("temporary", &format!("{connector} {token}")))
}

/// Who signs for an attempt, out of what is kept of it.
pub(super) async fn consumer(host: &Host, visit: &Visit, kept: &Kept) -> Result<Consumer, ConnectError> {
    let changed = || ConnectError::Ended(AuthFailure::Changed, None);
    let client = match kept.client.as_str() {
        "" => None,
        id => {
            let id = OAuthClientId::parse(id).ok_or_else(changed)?;
            Some(host.store.oauth_client(&visit.request.project, &id).await?.ok_or_else(changed)?)
        }
    };
    let mut secrets = BTreeMap::new();
    for name in oauth::own_consumer(&visit.pattern.kind) {
        if let Some(sealed) = kept.secrets.get(name) {
            secrets.insert(name.to_owned(), kept::open(host, &visit.request, name, sealed)?);
        }
    }
    Ok(Consumer { client, fields: kept.fields.clone(), secrets })
}

/// What lookups are signed with.
pub(super) async fn signs(
    host: &Host,
    visit: &Visit,
    (pattern, kept, tokens): (&OAuth1a, &Kept, &KeptTokens),
) -> Result<Injection, ConnectError> {
    let consumer = consumer(host, visit, kept).await?;
    let open =
        |(field, sealed): (&String, &String)| Ok((field.clone(), kept::open(host, &visit.request, field, sealed)?));
    let opened: BTreeMap<String, Secret> = tokens.secrets.iter().map(open).collect::<Result<_, ConnectError>>()?;
    Ok(host.oauth.signs(pattern, consumer, opened)?)
}
