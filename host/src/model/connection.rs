//! A connection: a named configuration of a connector, made once and used by many accounts.

use std::collections::BTreeMap;

use super::{ConnectionId, ProjectId, Timestamp};

/// A named configuration of a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its identifier.
    pub id: ConnectionId,
    /// The tenant.
    pub project: ProjectId,
    /// Unique in the project.
    pub name: String,
    /// Name of the connector.
    pub connector: String,
    /// Name of one of the connector's auth patterns.
    pub auth_pattern: String,
    /// Secret fields of the auth pattern that accounts need not fill in: field to the name of the secret that does.
    pub credentials: BTreeMap<String, String>,
    /// Stands in for the connector's own base URL. The operator's choice, so its host is granted.
    pub base_url: Option<String>,
    /// A JSON object as text, readable by the connector.
    pub settings: String,
    /// Preset parameters of tools: a JSON object as text, from the tool's name to an object of its parameters.
    pub presets: String,
    /// Scopes that its accounts are asked for, besides those that its auth pattern requires.
    pub scopes: Vec<String>,
    /// Calls are refused while set.
    pub disabled: bool,
    /// Nothing leaves for calls while set: each is answered with what could have been the answer.
    pub demo: bool,
    /// Whether callers may send requests of their own through it, with the account's credential.
    pub proxy_enabled: bool,
    /// Whether keys that were made for it may read the tokens of its accounts in clear (X6).
    pub reveals_tokens: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}
