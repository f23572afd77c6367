//! Whose endpoint a request came to: by the token in its URL, or by a key and what its URL asks for.

use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use tracing::Instrument;

use super::answer::{Refusal, lacks_scope, refusal, unauthenticated};
use super::opener::Opener;
use crate::call::Host;
use crate::identity::{self, IdentityError};
use crate::issuer;
use crate::model::{BoundProfile, Caller, CallerScope, ProfileId, Shows};

/// What a key's URL may ask for: less than the key may do.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Narrowed {
    profile: Option<String>,
    identifier: Option<String>,
}

/// Who asks, and what is shown to them.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) caller: Caller,
    pub(super) shows: Shows,
    /// Only accounts of it are used, where whoever said who the user is named one.
    pub(super) organization: Option<String>,
    /// What they came with.
    pub(super) opener: Opener,
}

/// By the token of an instance. One that was removed or rotated is as if it had never been.
pub(super) async fn by_token(host: &Host, token: &str) -> Result<Visitor, Refusal> {
    let span = tracing::debug_span!("identity");
    let caller =
        identity::by_instance_token(&host.store, token).instrument(span).await.map_err(|error| match error {
            IdentityError::Store(error) => unavailable(&error),
            _ => refusal(StatusCode::NOT_FOUND, "there is no such MCP instance, or it was given another URL"),
        })?;
    let hash = identity::hash_instance_token(token).unwrap_or_default();
    visitor(host, caller, Opener::Hash(hash)).await
}

/// By a token that a user let a client have, at the URL of the config that it is for.
pub(super) async fn by_grant(host: &Host, config: &str, headers: &HeaderMap) -> Result<Visitor, Refusal> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let span = tracing::debug_span!("identity");
    let opened = match ProfileId::parse(config).filter(|id| id.as_str() == config) {
        Some(id) => issuer::open(host, &id, header).instrument(span).await,
        None => Err(IdentityError::Unknown),
    };
    let (caller, grant) = opened.map_err(|error| match error {
        IdentityError::Store(error) => unavailable(&error),
        IdentityError::Missing | IdentityError::Malformed => {
            unauthenticated("ask the user: the header `WWW-Authenticate` names the description of this endpoint")
        }
        error => unauthenticated(error.to_string()),
    })?;
    let organization = caller.organization.clone();
    Ok(Visitor { organization, ..visitor(host, caller, Opener::Grant(grant)).await? })
}

/// By a key, which may be told to do less: as one user, with one profile.
pub(super) async fn by_key(host: &Host, headers: &HeaderMap, narrowed: Narrowed) -> Result<Visitor, Refusal> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let span = tracing::debug_span!("identity");
    let caller = host.identity.authenticate_for_mcp(header).instrument(span).await.map_err(|error| match error {
        IdentityError::Store(error) => unavailable(&error),
        error if error.is_unavailable() => refusal(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        error => unauthenticated(error.to_string()),
    })?;
    for scope in [CallerScope::ToolsRead, CallerScope::ToolsExecute] {
        identity::require(&caller, scope).map_err(|error| lacks_scope(error.to_string()))?;
    }
    let opener = Opener::of_header(headers, &caller);
    let caller = narrow(host, caller, narrowed).await?;
    visitor(host, caller, opener).await
}

async fn narrow(host: &Host, caller: Caller, narrowed: Narrowed) -> Result<Caller, Refusal> {
    let Narrowed { profile, identifier } = narrowed;
    let forbidden = |what: &str| Err(refusal(StatusCode::FORBIDDEN, format!("this key is bound to another {what}")));
    let identifier = match (&caller.identifier, identifier) {
        (Some(own), Some(asked)) if *own != asked => return forbidden("user"),
        (own, asked) => asked.or_else(|| own.clone()),
    };
    let profile = match (&caller.profile, profile) {
        (Some(own), Some(asked)) if own.name != asked => return forbidden("profile"),
        (Some(own), _) => Some(own.clone()),
        (None, None) => None,
        (None, Some(asked)) => {
            let found = host.store.find_profile(&caller.project, &asked).await.map_err(|error| unavailable(&error))?;
            let found = found.ok_or_else(|| refusal(StatusCode::NOT_FOUND, "there is no such profile"))?;
            Some(BoundProfile { id: found.id, name: found.name })
        }
    };
    // A token that came here goes no further (MCP: no token passthrough), whatever a connection would do with it.
    Ok(Caller { identifier, profile, token: None, ..caller })
}

async fn visitor(host: &Host, caller: Caller, opener: Opener) -> Result<Visitor, Refusal> {
    let mut shows = Shows::TOOLS;
    if let Some(profile) = &caller.profile {
        let found = host.store.config_shows(&caller.project, &profile.id).await.map_err(|error| unavailable(&error))?;
        shows = found.unwrap_or(shows);
    }
    Ok(Visitor { caller, shows, organization: None, opener })
}

fn unavailable(error: &crate::store::StoreError) -> Refusal {
    tracing::error!(%error, "the database failed");
    refusal(StatusCode::SERVICE_UNAVAILABLE, "the host cannot reach its database: try again")
}
