//! What files can hold, in the order in which it is applied: each kind only names kinds before it.

use crate::model::CallerScope::{self, *};

/// A kind of thing that files can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::api) enum Kind {
    Secret,
    Connector,
    Connection,
    Profile,
    Policy,
    PolicyDefaults,
    Modifier,
    McpConfig,
    Webhook,
}

impl Kind {
    /// All of them, in their order.
    pub(in crate::api) const ALL: [Self; 9] = [
        Self::Secret,
        Self::Connector,
        Self::Connection,
        Self::Profile,
        Self::Policy,
        Self::PolicyDefaults,
        Self::Modifier,
        Self::McpConfig,
        Self::Webhook,
    ];

    /// As answers and the database name it.
    pub(in crate::api) fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Connector => "connector",
            Self::Connection => "connection",
            Self::Profile => "profile",
            Self::Policy => "policy",
            Self::PolicyDefaults => "policy_defaults",
            Self::Modifier => "modifier",
            Self::McpConfig => "mcp_config",
            Self::Webhook => "webhook",
        }
    }

    /// Reads [`Kind::as_str`] back.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The member of files that has these.
    pub(in crate::api) fn member(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::Connector => "connectors",
            Self::Connection => "connections",
            Self::Profile => "profiles",
            Self::Policy => "policies",
            Self::PolicyDefaults => "policy_defaults",
            Self::Modifier => "modifiers",
            Self::McpConfig => "mcp_configs",
            Self::Webhook => "webhooks",
        }
    }

    /// What whoever is told of these must be allowed to do.
    pub(in crate::api) fn read(self) -> CallerScope {
        match self {
            Self::Secret => SecretsRead,
            Self::Connector => ConnectorsRead,
            Self::Connection => ConnectionsRead,
            Self::Profile => ProfilesRead,
            Self::Policy | Self::PolicyDefaults => PoliciesRead,
            Self::Modifier => ModifiersRead,
            Self::McpConfig => McpRead,
            Self::Webhook => WebhooksRead,
        }
    }

    /// What whoever changes these must be allowed to do.
    pub(super) fn write(self) -> CallerScope {
        match self {
            Self::Secret => SecretsWrite,
            Self::Connector => ConnectorsWrite,
            Self::Connection => ConnectionsWrite,
            Self::Profile => ProfilesWrite,
            Self::Policy | Self::PolicyDefaults => PoliciesWrite,
            Self::Modifier => ModifiersWrite,
            Self::McpConfig => McpWrite,
            Self::Webhook => WebhooksWrite,
        }
    }

    /// Members that details of refusals begin with.
    pub(super) fn told_members(self) -> &'static [&'static str] {
        match self {
            Self::Connection => {
                &["name", "connector", "auth_pattern", "base_url", "settings", "presets", "credentials", "oauth"]
            }
            Self::Connector => &["name", "document", "url", "mcp", "component", "digest", "imports", "options"],
            Self::Secret => &["name", "source", "hosts", "identifier", "organization"],
            Self::Webhook => &["url", "events"],
            _ => &["name", "description", "connections", "tools", "position", "when", "steps", "component"],
        }
    }
}
