//! Who did what: the words of the audit chain.

use std::borrow::Cow;
use std::fmt;

use super::{Caller, ExecutionStatus, KeyId, Timestamp};

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Whoever came with this API key, or with a token that this stands for.
    Key(KeyId),
    /// The host by itself, for example when it finds what a crash left.
    Host,
    /// An operator at the command line, who worked on the database itself.
    Cli,
}

impl Actor {
    /// As it is written in the API and the database.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Key(key) => key.as_str(),
            Self::Host => "host",
            Self::Cli => "cli",
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who changes something, and when: every change of the store asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
}

impl By {
    /// The host by itself.
    pub fn host(at: Timestamp) -> Self {
        Self { actor: Actor::Host, at }
    }

    /// An operator at the command line.
    pub fn cli(at: Timestamp) -> Self {
        Self { actor: Actor::Cli, at }
    }
}

impl Caller {
    /// This caller, who changes something now.
    pub fn by(&self, now: Timestamp) -> By {
        By { actor: Actor::Key(self.key.clone()), at: now }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What was done. A new kind is one line here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Action {
            $($(#[$doc])* $name,)*
            /// An execution reached this status.
            Execution(ExecutionStatus),
        }

        impl Action {
            /// All but those of executions.
            pub const CHANGES: &'static [Self] = &[$(Self::$name,)*];

            /// As it is written in the API and the database: what, a dot, and what became of it.
            pub fn name(self) -> Cow<'static, str> {
                match self {
                    $(Self::$name => $text.into(),)*
                    Self::Execution(status) => format!("{EXECUTION}{}", status.as_str()).into(),
                }
            }
        }
    };
}

const EXECUTION: &str = "execution.";

actions! {
    /// A project was made.
    ProjectCreated = "project.created";
    /// The database was restored from a backup; what came after the backup is not in it.
    DatabaseRestored = "database.restored";
    /// An API key was made.
    KeyCreated = "key.created";
    /// An API key was removed.
    KeyDeleted = "key.deleted";
    /// A client was made.
    ClientCreated = "client.created";
    /// A client's name or scopes were changed.
    ClientChanged = "client.changed";
    /// A client got another secret.
    ClientRotated = "client.rotated";
    /// A client was removed.
    ClientDeleted = "client.deleted";
    /// Tokens are signed with a new key.
    SigningKeyRotated = "signing_key.rotated";
    /// An issuer's tokens are taken, or otherwise than before.
    IssuerChanged = "issuer.changed";
    /// An issuer's tokens are taken no more.
    IssuerDeleted = "issuer.deleted";
    /// Somebody came with a token for the first time, or for another user than before.
    CallerSeen = "caller.seen";
    /// A version of a connector was installed, or its grant was changed.
    ConnectorInstalled = "connector.installed";
    /// A connector was removed with all its versions.
    ConnectorDeleted = "connector.deleted";
    /// A connection was made.
    ConnectionCreated = "connection.created";
    /// A connection was changed.
    ConnectionChanged = "connection.changed";
    /// A connection was removed.
    ConnectionDeleted = "connection.deleted";
    /// A connection got another OAuth client.
    OAuthClientCreated = "oauth_client.created";
    /// An OAuth client's secret was sealed with another master key.
    OAuthClientResealed = "oauth_client.resealed";
    /// An account was made, with or without a credential.
    AccountCreated = "account.created";
    /// An account got another credential.
    AccountChanged = "account.changed";
    /// An account went from one state to another.
    AccountState = "account.state";
    /// An account got another token.
    AccountRefreshed = "account.refreshed";
    /// An account was switched off.
    AccountDisabled = "account.disabled";
    /// An account was switched on.
    AccountEnabled = "account.enabled";
    /// An account's credential was sealed with another master key.
    AccountResealed = "account.resealed";
    /// An account's access token was told in clear.
    AccountTokenRead = "account.token_read";
    /// An account was removed with its credential.
    AccountDeleted = "account.deleted";
    /// The provider was told to end the tokens of an account that was removed, or will not be told any more.
    TokensRevoked = "account.tokens_revoked";
    /// A link to authorize an account was made.
    AuthorizationCreated = "authorization.created";
    /// An attempt to authorize an account went from one step to another.
    AuthorizationMoved = "authorization.moved";
    /// A policy was made or changed.
    PolicyChanged = "policy.changed";
    /// A policy was removed.
    PolicyDeleted = "policy.deleted";
    /// What holds where no policy does was changed.
    PolicyDefaults = "policy.defaults";
    /// A profile was made.
    ProfileCreated = "profile.created";
    /// A profile was changed.
    ProfileChanged = "profile.changed";
    /// A profile was removed.
    ProfileDeleted = "profile.deleted";
    /// An MCP config was made or changed.
    McpConfigChanged = "mcp_config.changed";
    /// An MCP config was removed with its instances.
    McpConfigDeleted = "mcp_config.deleted";
    /// A user got an MCP instance.
    McpInstanceCreated = "mcp_instance.created";
    /// An MCP instance got another URL.
    McpInstanceRotated = "mcp_instance.rotated";
    /// An MCP instance was removed.
    McpInstanceDeleted = "mcp_instance.deleted";
    /// A request of an MCP client for a grant went from one step to another.
    McpRequestMoved = "mcp_request.moved";
    /// A user let an MCP client call in their name.
    McpGrantCreated = "mcp_grant.created";
    /// A code or a refresh token of an MCP client came a second time.
    McpGrantReused = "mcp_grant.reused";
    /// An MCP client may not call for a user any more.
    McpGrantEnded = "mcp_grant.ended";
    /// A webhook was made.
    WebhookCreated = "webhook.created";
    /// A webhook was changed, switched off or switched on.
    WebhookChanged = "webhook.changed";
    /// A webhook got another secret.
    WebhookRotated = "webhook.rotated";
    /// A webhook's secrets were sealed with another master key.
    WebhookResealed = "webhook.resealed";
    /// A webhook was removed, and what waited for it.
    WebhookDeleted = "webhook.deleted";
    /// Texts of a kind, none of them credentials, were sealed with another master key.
    BodiesResealed = "bodies.resealed";
    /// A named secret was made.
    SecretCreated = "secret.created";
    /// A named secret got another value, another source or other hosts.
    SecretChanged = "secret.changed";
    /// A named secret was sealed with another master key.
    SecretResealed = "secret.resealed";
    /// A named secret was removed.
    SecretDeleted = "secret.deleted";
    /// A modifier was made.
    ModifierCreated = "modifier.created";
    /// A modifier was changed.
    ModifierChanged = "modifier.changed";
    /// A modifier was removed.
    ModifierDeleted = "modifier.deleted";
}

impl Action {
    /// Reads [`Action::name`] back.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix(EXECUTION) {
            Some(status) => ExecutionStatus::parse(status).map(Self::Execution),
            None => Self::CHANGES.iter().copied().find(|action| action.name() == text),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn actions_read_back_and_others_do_not() {
        let mut names = BTreeSet::new();
        for action in Action::CHANGES.iter().copied().chain([Action::Execution(ExecutionStatus::UnknownOutcome)]) {
            assert_eq!(Action::parse(&action.name()), Some(action));
            assert!(names.insert(action.name()), "{action:?} has the name of another");
        }
        for text in ["", "execution.", "execution.done", "execution.key.created", "Key.created", "key.created "] {
            assert_eq!(Action::parse(text), None, "{text}");
        }
    }
}
