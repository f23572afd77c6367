//! What a stream was opened with: it lasts no longer than a request with the same would be let in.

use std::collections::HashSet;

use axum::http::{HeaderMap, header};

use crate::call::Host;
use crate::identity;
use crate::model::{Caller, KeyId, McpGrantId, ProjectId, Timestamp};
use crate::store::StoreError;

/// A credential, as far as it takes to tell whether it still is one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Opener {
    /// An API key, or the URL of an instance: the hash by which it is found.
    Hash(String),
    /// A token, until its time is over, its client is removed or its issuer is no longer trusted.
    Token(ProjectId, KeyId, Option<Timestamp>),
    /// What a user let a client do.
    Grant(McpGrantId),
}

impl Opener {
    /// The grant, if it is one.
    pub(super) fn grant(&self) -> Option<&McpGrantId> {
        match self {
            Self::Grant(grant) => Some(grant),
            Self::Hash(_) | Self::Token(..) => None,
        }
    }

    /// The key or the token of this header, which is this caller's.
    pub(super) fn of_header(headers: &HeaderMap, caller: &Caller) -> Self {
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let sent = header.and_then(|header| identity::bearer(header).ok()).unwrap_or_default();
        match identity::hash_key(sent) {
            Some(hash) => Self::Hash(hash),
            None => Self::Token(caller.project.clone(), caller.key.clone(), identity::end_of(sent)),
        }
    }
}

/// Those of these that open nothing any more.
///
/// # Errors
///
/// Those of the database: then nobody knows, and streams stay.
pub(super) async fn gone(host: &Host, openers: Vec<Opener>) -> Result<Vec<Opener>, StoreError> {
    let (mut hashes, mut grants, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for opener in &openers {
        match opener {
            Opener::Hash(hash) => hashes.push(hash.clone()),
            Opener::Grant(grant) => grants.push(grant.clone()),
            Opener::Token(project, key, until) => {
                let over = until.is_some_and(|until| until <= host.clock.now());
                if over || !identity::stands(&host.store, project, key).await? {
                    gone.push(opener.clone());
                }
            }
        }
    }
    let (hashes, grants): (HashSet<String>, HashSet<String>) =
        (host.store.standing_keys(&hashes).await?, host.store.standing_grants(&grants).await?);
    gone.extend(openers.into_iter().filter(|opener| match opener {
        Opener::Hash(hash) => !hashes.contains(hash),
        Opener::Grant(grant) => !grants.contains(grant.as_str()),
        Opener::Token(..) => false,
    }));
    Ok(gone)
}
