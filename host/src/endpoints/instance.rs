//! The URL of a user: made once, shown again to whoever may make it, replaced where it got into wrong hands.

use thiserror::Error;

use crate::call::Host;
use crate::identity::new_instance_token;
use crate::model::{BoundProfile, Caller, KeyId, McpInstance, McpInstanceId, part};
use crate::store::{McpConfigRow, StoreError};
use crate::vault::{Body, VaultError};

/// Why a URL cannot be given.
#[derive(Debug, Error)]
pub enum EndpointError {
    /// Its config or the instance itself was removed meanwhile.
    #[error("the config or the instance was removed at the same time")]
    Gone,
    /// What is stored cannot be opened: the master key that sealed it is not there.
    #[error("the URL cannot be opened: rotate the instance")]
    Sealed(#[from] VaultError),
    /// The database failed.
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
}

/// An instance with its URL, which is a credential.
pub struct Opened {
    /// The instance.
    pub instance: McpInstance,
    /// What opens it.
    pub url: String,
    /// Whether it is new.
    pub created: bool,
}

/// The user's instance of a config: the one that there is, or a new one.
///
/// # Errors
///
/// [`EndpointError::Gone`] if the config is.
pub async fn ensure(
    host: &Host,
    caller: &Caller,
    config: &McpConfigRow,
    identifier: &str,
    name: Option<&str>,
) -> Result<Opened, EndpointError> {
    if let Some(found) = existing(host, config, identifier).await? {
        return Ok(found);
    }
    let by = caller.by(host.clock.now());
    let instance = McpInstance {
        id: McpInstanceId::new(&host.clock, &host.random),
        project: config.profile.project.clone(),
        profile: BoundProfile { id: config.profile.id.clone(), name: config.profile.name.clone() },
        identifier: identifier.to_owned(),
        name: name.unwrap_or_default().to_owned(),
        key: KeyId::new(&host.clock, &host.random),
        created_at: by.at,
        updated_at: by.at,
    };
    let (token, hash) = new_instance_token(&host.random);
    let sealed = host.vault.seal_body(&whose(&instance), token.as_bytes())?;
    match host.store.insert_mcp_instance(&by, &instance, &hash, &sealed).await {
        Ok(()) => Ok(Opened { url: url(host, &token), instance, created: true }),
        // Two asked at the same time, and the other one was first.
        Err(StoreError::Conflict(_)) => existing(host, config, identifier).await?.ok_or(EndpointError::Gone),
        Err(error) => Err(error.into()),
    }
}

/// Gives an instance another URL.
///
/// # Errors
///
/// [`EndpointError::Gone`] if it is.
pub async fn rotate(host: &Host, caller: &Caller, instance: McpInstance) -> Result<Opened, EndpointError> {
    let by = caller.by(host.clock.now());
    let (token, hash) = new_instance_token(&host.random);
    let sealed = host.vault.seal_body(&whose(&instance), token.as_bytes())?;
    if !host.store.rotate_mcp_instance(&by, &instance, &hash, &sealed).await? {
        return Err(EndpointError::Gone);
    }
    let instance = McpInstance { updated_at: by.at, ..instance };
    Ok(Opened { url: url(host, &token), instance, created: false })
}

async fn existing(host: &Host, config: &McpConfigRow, identifier: &str) -> Result<Option<Opened>, EndpointError> {
    let profile = &config.profile;
    let found = host.store.mcp_instance_of(&profile.project, &profile.id, identifier).await?;
    let Some((instance, sealed)) = found else { return Ok(None) };
    let token = host.vault.open_body(&whose(&instance), &sealed)?;
    Ok(Some(Opened { url: url(host, &String::from_utf8_lossy(&token)), instance, created: false }))
}

fn whose(instance: &McpInstance) -> Body<'_> {
    Body { project: &instance.project, record: instance.id.as_str(), part: part::INSTANCE_TOKEN }
}

fn url(host: &Host, token: &str) -> String {
    format!("{}/mcp/{token}", host.public_url.as_str().trim_end_matches('/'))
}
