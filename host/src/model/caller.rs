//! Who asks.

use std::fmt;
use std::sync::Arc;

use super::{CallerScope, KeyId, ProfileId, ProjectId, Scopes, Secret};

/// What kind of caller it is, and what it may do unless it was made for less or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything within its project.
    Admin,
    /// Lists and executes tools, and reads its own executions. Never approves, installs or sees credentials, unless its
    /// scopes say so.
    Agent,
}

impl Role {
    /// As it is written in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Agent => "agent",
        }
    }

    /// Reads [`Role::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Admin, Self::Agent].into_iter().find(|role| role.as_str() == text)
    }
}

/// The profile that a key is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundProfile {
    /// Its identifier.
    pub id: ProfileId,
    /// Its name, which never changes.
    pub name: String,
}

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant that every row it touches belongs to.
    pub project: ProjectId,
    /// The key it came with; of one that came with a token, what stands for its issuer and subject.
    pub key: KeyId,
    /// What people call the key; may be empty.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The only user it may act for; any user of the project if `None`.
    pub identifier: Option<String>,
    /// All that it may use; everything of the project if `None`.
    pub profile: Option<BoundProfile>,
    /// What it may do: those of its role, or those that it was made for.
    pub scopes: Scopes,
    /// The organization that its token says it belongs to.
    pub organization: Option<String>,
    /// The token of another issuer that it came with: held for connections that send it on, never written down.
    pub token: Option<CallerToken>,
}

/// A caller's own token, in clear, shared by what goes on for the caller.
#[derive(Clone)]
pub struct CallerToken(Arc<Secret>);

impl CallerToken {
    /// Takes it over.
    pub fn new(token: Secret) -> Self {
        Self(Arc::new(token))
    }

    /// The token.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

impl fmt::Debug for CallerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl PartialEq for CallerToken {
    /// Whether it came with the same request: what is in it is nobody's to compare.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for CallerToken {}

impl Caller {
    /// Whether it may do this.
    pub fn may(&self, scope: CallerScope) -> bool {
        self.scopes.allow(scope)
    }
}
