//! The legs of OAuth 1.0a that the host walks (RFC 5849 section 2): temporary credentials before a browser leaves, and the
//! account's own once it has come back.

use std::collections::BTreeMap;

use super::answer::{self, Leg};
use super::endpoints;
use super::exchange;
use super::tokens::{CONSUMER, TOKEN_PAIR, Tokens};
use super::{OAuth, OAuthError};
use crate::egress::{Injection, OAuth1aKeys, Text};
use crate::model::{AuthKind, HostPattern, OAuth1a, Secret, TextTemplate};
use crate::store::OAuthClient;

/// Who asks, and where.
#[derive(Debug)]
pub struct Consumer {
    /// The connection's client; `None` where the user filled in one of their own.
    pub client: Option<OAuthClient>,
    /// Public fields of the account: URLs may have them.
    pub fields: BTreeMap<String, String>,
    /// What the user filled in and nobody may see.
    pub secrets: BTreeMap<String, Secret>,
}

/// Credentials that hold until the user has answered.
#[derive(Debug)]
pub struct Temporary {
    /// Goes along with the browser.
    pub token: String,
    /// Stays here.
    pub secret: Secret,
}

/// What signs a request besides the consumer.
struct Signer {
    token: Secret,
    token_secret: Secret,
    parameters: Vec<(String, String)>,
}

impl OAuth {
    /// Temporary credentials for one browser (section 2.1). `callback` is where it is to be sent back to.
    ///
    /// # Errors
    /// Any [`OAuthError`].
    pub async fn temporary(
        &self,
        kind: &AuthKind,
        consumer: Consumer,
        callback: &str,
    ) -> Result<Temporary, OAuthError> {
        let pattern = legs_of(kind)?;
        let nothing = || Secret::new(String::new());
        let parameters = vec![("oauth_callback".to_owned(), callback.to_owned())];
        let signer = Signer { token: nothing(), token_secret: nothing(), parameters };
        let mut pairs = self.walked(kind, pattern.request_url.as_deref(), consumer, signer, Leg::Temporary).await?;
        // Without it the provider would take an answer that somebody else got for this one's (section 2.1).
        if pairs.remove("oauth_callback_confirmed").map(Secret::into_public).as_deref() != Some("true") {
            return Err(OAuthError::configuration("the provider does not confirm where browsers are sent back to"));
        }
        let [token, secret] = pair(&mut pairs)?;
        Ok(Temporary { token: token.into_public(), secret })
    }

    /// An account's credentials for what a browser brought back (section 2.3).
    ///
    /// # Errors
    /// Any [`OAuthError`].
    pub async fn token_credentials(
        &self,
        kind: &AuthKind,
        consumer: Consumer,
        (temporary, verifier): (Temporary, Secret),
    ) -> Result<Tokens, OAuthError> {
        let pattern = legs_of(kind)?;
        let client = consumer.client.clone();
        let parameters = vec![("oauth_verifier".to_owned(), verifier.into_public())];
        let signer = Signer { token: Secret::new(temporary.token), token_secret: temporary.secret, parameters };
        let mut pairs = self.walked(kind, pattern.access_url.as_deref(), consumer, signer, Leg::Access).await?;
        let mut secrets = BTreeMap::from_iter(TOKEN_PAIR.into_iter().zip(pair(&mut pairs)?));
        let fields = named(pairs, &pattern.response_fields);
        let client_id = client.as_ref().map(|client| client.id.clone());
        if let Some(client) = &client {
            secrets.extend(self.consumer(client)?);
        }
        Ok(Tokens { secrets, expires_at: None, scopes: None, fields, client: client_id })
    }

    /// What signs requests for an account that is not stored yet. `tokens` are those that came for it.
    ///
    /// # Errors
    /// [`OAuthError::Configuration`] where something is missing.
    pub fn signs(
        &self,
        pattern: &OAuth1a,
        consumer: Consumer,
        mut tokens: BTreeMap<String, Secret>,
    ) -> Result<Injection, OAuthError> {
        let mut take =
            |name: &str| tokens.remove(name).ok_or_else(|| OAuthError::configuration(format!("there is no `{name}`")));
        let [token, token_secret] = TOKEN_PAIR;
        let signer = Signer { token: take(token)?, token_secret: take(token_secret)?, parameters: Vec::new() };
        self.signed_by(pattern, consumer, signer)
    }

    async fn walked(
        &self,
        kind: &AuthKind,
        url: Option<&str>,
        consumer: Consumer,
        signer: Signer,
        leg: Leg,
    ) -> Result<BTreeMap<String, Secret>, OAuthError> {
        let (pattern, url) = (legs_of(kind)?, url.unwrap_or_default());
        let url = endpoints::url(url, &consumer.fields).map_err(OAuthError::configuration)?;
        let hosts = hosts(kind, &consumer)?;
        let injection = self.signed_by(pattern, consumer, signer)?;
        exchange::signed(&self.0.egress, (url, hosts), injection, |answer| answer::credentials(answer, leg)).await
    }

    fn signed_by(&self, pattern: &OAuth1a, consumer: Consumer, signer: Signer) -> Result<Injection, OAuthError> {
        let Consumer { client, fields, mut secrets } = consumer;
        let realm = pattern.realm.as_deref().map(|realm| rendered(realm, &fields)).transpose()?;
        let (consumer_key, consumer_secret) = match (&pattern.consumer_key, client) {
            (None, Some(client)) => {
                let [_, (_, secret)] = self.consumer(&client)?;
                (Text::Public(client.client_id), secret)
            }
            (Some(key), _) => {
                let secret = pattern.consumer_secret.as_deref().and_then(|name| secrets.remove(name));
                let key = match secrets.remove(key) {
                    Some(key) => Text::Secret(key),
                    None => Text::Public(fields.get(key).cloned().unwrap_or_default()),
                };
                (key, secret.unwrap_or_else(|| Secret::new(String::new())))
            }
            (None, None) => return Err(OAuthError::configuration("there is no client to sign with")),
        };
        let Signer { token, token_secret, parameters } = signer;
        let signature = pattern.signature;
        let keys = OAuth1aKeys { signature, consumer_key, consumer_secret, token, token_secret, realm, parameters };
        Ok(Injection::OAuth1a(Box::new(keys)))
    }
}

/// The fields of an account that hold a consumer of its own, where the connection's client is none.
pub fn own_consumer(kind: &AuthKind) -> Vec<&str> {
    let AuthKind::OAuth1a(pattern) = kind else { return Vec::new() };
    [&pattern.consumer_key, &pattern.consumer_secret].into_iter().flatten().map(String::as_str).collect()
}

/// The names under which a client is kept with an account.
pub fn is_consumer(name: &str) -> Option<&'static str> {
    CONSUMER.into_iter().find(|known| *known == name)
}

fn legs_of(kind: &AuthKind) -> Result<&OAuth1a, OAuthError> {
    match kind {
        AuthKind::OAuth1a(pattern) if pattern.request_url.is_some() => Ok(pattern),
        kind => Err(OAuthError::configuration(format!("no user consents to `{}`", kind.as_str()))),
    }
}

/// The only hosts that the consumer's secret may be sent to: as they are sealed with a connection's client.
fn hosts(kind: &AuthKind, consumer: &Consumer) -> Result<Vec<HostPattern>, OAuthError> {
    let hosts = match &consumer.client {
        Some(client) => endpoints::hosts(&client.hosts, &consumer.fields),
        None => endpoints::endpoint_hosts(kind, &consumer.fields),
    };
    hosts.and_then(|hosts| endpoints::patterns(&hosts)).map_err(OAuthError::configuration)
}

fn pair(pairs: &mut BTreeMap<String, Secret>) -> Result<[Secret; 2], OAuthError> {
    let mut take = |name: &str| {
        let found = pairs.remove(name).filter(|secret| !secret.is_empty());
        found.ok_or_else(|| OAuthError::transient(format!("its answer has no `{name}`")))
    };
    Ok([take(TOKEN_PAIR[0])?, take(TOKEN_PAIR[1])?])
}

/// What a pattern makes public fields of; nothing else of an answer is shown to anybody.
fn named(mut pairs: BTreeMap<String, Secret>, wanted: &[(String, String)]) -> BTreeMap<String, String> {
    let found = wanted.iter().filter_map(|(name, field)| Some((field.clone(), pairs.remove(name)?.into_public())));
    found.collect()
}

fn rendered(text: &str, fields: &BTreeMap<String, String>) -> Result<String, OAuthError> {
    let template = TextTemplate::parse(text).map_err(|error| OAuthError::configuration(error.to_string()))?;
    Ok(template.with_fields(fields))
}
