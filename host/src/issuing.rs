//! Short-lived tokens for clients of this host: given for a secret, signed with a key that is sealed, checked by whoever
//! reads the published keys.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use url::Url;
use zeroize::Zeroizing;

use crate::identity::{self, Issued, LEEWAY, NewSigningKey, TOKEN_LIFE, TokenFault};
use crate::model::{By, ClientId, Clock, ProjectId, Random, RequestId, Scopes, SecretOwner, part};
use crate::store::{ClientRow, SigningKeyRow, Store, StoreError};
use crate::vault::{Body, Vault, VaultError};

/// Age at which a key is replaced by itself: what a thief of an old backup and its master key could sign with ends some
/// time, and nobody has to think of it.
pub const KEY_AGE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Keys that are published: projects have one each, and a second one for a quarter of an hour.
const MAX_PUBLISHED: u32 = 1_000;

/// Gives tokens, and keeps the keys that sign them.
#[derive(Clone, Debug)]
pub struct Issuing {
    store: Store,
    vault: Arc<Vault>,
    clock: Clock,
    random: Random,
    /// What tokens name as their issuer and their audience.
    issuer: String,
}

/// What a client asks for.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Who it says that it is.
    pub client_id: &'a str,
    /// What proves it.
    pub client_secret: &'a str,
    /// Names of scopes with spaces between, if it wants no more than these.
    pub scope: Option<&'a str>,
    /// The only user that the token is to be for, if it is to be for one.
    pub identifier: Option<&'a str>,
    /// Where the token is to be good (RFC 8707): everywhere at this host, or at its MCP endpoint alone.
    pub resource: Option<&'a str>,
}

/// A token for a client.
#[derive(Debug)]
pub struct Given {
    /// The token.
    pub token: String,
    /// What it may do.
    pub scopes: Scopes,
}

/// Why there is no token.
#[derive(Debug, Error)]
pub enum IssuingError {
    /// No such client, or another secret.
    #[error("the client is not known, or its secret is another")]
    Client,
    /// A scope that is none, or not the client's.
    #[error("the client does not have a scope that it asks for")]
    Scope,
    /// Another user than the one that the client is bound to, or a text that is no user.
    #[error("the client cannot act for this user")]
    Identifier,
    /// What was given is no key to sign with.
    #[error("{0}")]
    Given(String),
    /// Something that is not of this host.
    #[error("tokens of this host are for itself, or for its MCP endpoint")]
    Resource,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key cannot be sealed or opened.
    #[error("the signing key cannot be used: {0}")]
    Vault(#[from] VaultError),
    /// The key cannot be made, or does not sign.
    #[error("the signing key cannot be used")]
    Key(#[from] TokenFault),
}

impl Issuing {
    /// Tokens will name `issuer` as their issuer and their audience.
    pub fn new(store: Store, vault: Arc<Vault>, clock: Clock, random: Random, issuer: &str) -> Self {
        Self { store, vault, clock, random, issuer: issuer.to_owned() }
    }

    /// A token for a client that proves itself.
    ///
    /// # Errors
    ///
    /// Any [`IssuingError`]. Which of identifier and secret is wrong is not told.
    pub async fn give(&self, asked: &Asked<'_>) -> Result<Given, IssuingError> {
        let id = ClientId::parse(asked.client_id).ok_or(IssuingError::Client)?;
        let hash = identity::hash_client_secret(asked.client_secret).ok_or(IssuingError::Client)?;
        let client = self.store.client_with_secret(&id, &hash).await?.ok_or(IssuingError::Client)?;
        let scopes = narrowed(&client, asked.scope)?;
        let identifier = bound(&client, asked.identifier)?;
        let audience = self.audience(asked.resource)?;
        let key = self.current(&client.project).await?;
        let private = Zeroizing::new(self.vault.open_body(&body_of(&key.project, &key.id), &key.sealed)?);
        let id = RequestId::new(&self.clock, &self.random);
        let issued = Issued {
            issuer: &self.issuer,
            audience: &audience,
            client: &client.id,
            scopes,
            identifier: identifier.as_deref(),
            id: id.as_str(),
            at: self.clock.now(),
        };
        Ok(Given { token: identity::sign(&key, &private, &issued)?, scopes })
    }

    /// What a token is for.
    fn audience(&self, resource: Option<&str>) -> Result<String, IssuingError> {
        let mcp = identity::mcp_resource(&self.issuer);
        match resource {
            None => Ok(self.issuer.clone()),
            // The root of a URL has two spellings.
            Some(asked) if asked.strip_suffix('/').unwrap_or(asked) == self.issuer => Ok(self.issuer.clone()),
            Some(asked) if asked == mcp => Ok(mcp),
            Some(_) => Err(IssuingError::Resource),
        }
    }

    /// The keys that tokens may be signed with which have not run out; no private part is in them.
    pub async fn published(&self) -> Result<Vec<serde_json::Value>, StoreError> {
        let since = self.clock.now().minus(TOKEN_LIFE + LEEWAY);
        let keys = self.store.published_signing_keys(since, MAX_PUBLISHED).await?;
        Ok(keys.iter().filter_map(identity::public_jwk).collect())
    }

    /// Signs with another key from now on; gives its name. The one before it stays published until its last token has run
    /// out. `secret` names a secret of the project that is an RSA key in PEM, stored for this host itself; without it a key is
    /// made.
    ///
    /// # Errors
    ///
    /// A conflict if somebody else does the same at the same time; [`IssuingError::Given`].
    pub async fn rotate(&self, by: &By, project: &ProjectId, secret: Option<&str>) -> Result<String, IssuingError> {
        let before = self.store.current_signing_key(project).await?;
        let key = match secret {
            Some(name) => self.given(project, name).await?,
            None => identity::new_signing_key()?,
        };
        self.replace(by, project, before.as_ref(), key).await
    }

    /// A key that an operator made. It has to be one that was stored for this host: no key for something else signs tokens
    /// because somebody names it.
    async fn given(&self, project: &ProjectId, name: &str) -> Result<NewSigningKey, IssuingError> {
        let refuse = IssuingError::Given;
        let row = self.store.secret_for(project, name, &SecretOwner::default()).await?;
        let row = row.ok_or_else(|| refuse(format!("the project has no secret `{name}`")))?;
        let own = Url::parse(&self.issuer).ok().and_then(|url| {
            let host = url.host_str()?.to_owned();
            Some(url.port().map_or(host.clone(), |port| format!("{host}:{port}")))
        });
        let own = own.ok_or_else(|| refuse("the public URL has no host".into()))?;
        let value = self.vault.open_named(&row, &[own]).map_err(|error| refuse(error.to_string()))?;
        let pem = Zeroizing::new(value.into_public());
        let no_key = || refuse(format!("the secret `{name}` is no RSA key of 2,048 to 4,096 bits in PEM"));
        identity::given_signing_key(pem.as_bytes()).ok_or_else(no_key)
    }

    /// Puts a new key in place of the one that was seen.
    async fn replace(
        &self,
        by: &By,
        project: &ProjectId,
        before: Option<&SigningKeyRow>,
        made: NewSigningKey,
    ) -> Result<String, IssuingError> {
        let sealed = self.vault.seal_body(&body_of(project, &made.id), &made.private)?;
        let key = SigningKeyRow {
            id: made.id,
            project: project.clone(),
            public: made.public,
            sealed,
            created_at: by.at,
            retired_at: None,
        };
        let before = before.map(|key| key.id.as_str());
        self.store.rotate_signing_key(by, (before, &key), by.at.minus(TOKEN_LIFE + LEEWAY)).await?;
        Ok(key.id)
    }

    /// The key that signs; a first one, or the next one, if it is time. Who gave a key replaces it.
    async fn current(&self, project: &ProjectId) -> Result<SigningKeyRow, IssuingError> {
        let now = self.clock.now();
        let found = self.store.current_signing_key(project).await?;
        if let Some(key) = found.as_ref().filter(|key| identity::is_given(key) || now < key.created_at.plus(KEY_AGE)) {
            return Ok(key.clone());
        }
        let made = identity::new_signing_key()?;
        match self.replace(&By::host(now), project, found.as_ref(), made).await {
            // Another request, or another host, was faster: its key is as good.
            Ok(_) | Err(IssuingError::Store(StoreError::Conflict(_))) => {}
            Err(error) => return Err(error),
        }
        let made = self.store.current_signing_key(project).await?;
        Ok(made.ok_or_else(|| StoreError::Corrupt("a signing key that was just made is gone".into()))?)
    }
}

/// What a sealed signing key belongs to.
fn body_of<'a>(project: &'a ProjectId, id: &'a str) -> Body<'a> {
    Body { project, record: id, part: part::SIGNING_KEY }
}

/// All that the client may do, or what it asks for of it. What it may not do is an error, and not left out: it would find
/// out later, with a token in its hand that should have worked.
fn narrowed(client: &ClientRow, asked: Option<&str>) -> Result<Scopes, IssuingError> {
    let Some(asked) = asked else { return Ok(client.scopes) };
    let scopes = Scopes::parse(asked.split(' ').filter(|name| !name.is_empty())).map_err(|_| IssuingError::Scope)?;
    if scopes.is_empty() || !client.scopes.cover(scopes) { Err(IssuingError::Scope) } else { Ok(scopes) }
}

fn bound(client: &ClientRow, asked: Option<&str>) -> Result<Option<String>, IssuingError> {
    match (&client.identifier, asked) {
        (own, None) => Ok(own.clone()),
        (Some(own), Some(asked)) if own != asked => Err(IssuingError::Identifier),
        (_, Some(asked)) if asked.is_empty() || asked.chars().count() > 256 || asked.chars().any(char::is_control) => {
            Err(IssuingError::Identifier)
        }
        (_, Some(asked)) => Ok(Some(asked.to_owned())),
    }
}
