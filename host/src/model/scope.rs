//! What callers may do: one scope for each kind of thing, and sets of them.

use super::Role;
use super::words::words;

words! {
    /// The right to do one kind of thing. A new one is one line here, and its routes in `api/scopes.rs`.
    CallerScope {
        /// Lists the tools that it may call.
        ToolsRead = "tools:read",
        /// Calls tools, and answers, continues and cancels its own calls.
        ToolsExecute = "tools:execute",
        /// Reads the records of its own calls.
        ExecutionsOwn = "executions:own",
        /// Reads the records of all calls.
        ExecutionsRead = "executions:read",
        /// Continues and cancels the calls of others.
        ExecutionsManage = "executions:manage",
        /// Sees what waits for a person.
        ApprovalsRead = "approvals:read",
        /// Approves and rejects what others asked for.
        ApprovalsDecide = "approvals:decide",
        /// Sees installed connectors.
        ConnectorsRead = "connectors:read",
        /// Installs and removes connectors.
        ConnectorsWrite = "connectors:write",
        /// Sees connections.
        ConnectionsRead = "connections:read",
        /// Makes, changes, tries and removes connections.
        ConnectionsWrite = "connections:write",
        /// Sees accounts, without their credentials.
        AccountsRead = "accounts:read",
        /// Connects, changes and removes accounts.
        AccountsWrite = "accounts:write",
        /// Reads tokens of accounts in clear, where their connection lets it. No role has it: a key is made for it.
        AccountsTokens = "accounts:tokens",
        /// Sees named secrets, without their values.
        SecretsRead = "secrets:read",
        /// Stores and removes named secrets.
        SecretsWrite = "secrets:write",
        /// Sees policies, and asks what they would decide.
        PoliciesRead = "policies:read",
        /// Makes, changes and removes policies.
        PoliciesWrite = "policies:write",
        /// Sees profiles.
        ProfilesRead = "profiles:read",
        /// Makes, changes and removes profiles.
        ProfilesWrite = "profiles:write",
        /// Sees MCP configs and instances, without their URLs.
        McpRead = "mcp:read",
        /// Makes, changes and removes MCP configs, and gives users their URLs.
        McpWrite = "mcp:write",
        /// Sees modifiers.
        ModifiersRead = "modifiers:read",
        /// Makes, changes and removes modifiers.
        ModifiersWrite = "modifiers:write",
        /// Sees webhooks and their deliveries.
        WebhooksRead = "webhooks:read",
        /// Makes, changes, tries and removes webhooks.
        WebhooksWrite = "webhooks:write",
        /// Sees who may call: keys, clients, issuers.
        CallersRead = "callers:read",
        /// Lets others call, with no more than it may do itself, and no longer.
        CallersWrite = "callers:write",
        /// Reads the audit chain.
        AuditRead = "audit:read",
    }
}

impl CallerScope {
    /// A scope that has this one within it.
    fn within(self) -> Option<Self> {
        match self {
            Self::ExecutionsOwn => Some(Self::ExecutionsRead),
            _ => None,
        }
    }

    /// Whether no role has it: it is given to single keys.
    pub fn is_extra(self) -> bool {
        matches!(self, Self::AccountsTokens)
    }

    fn bit(self) -> u64 {
        1 << (self as u32)
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scopes(u64);

impl Scopes {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// What keys of a role may do unless they were made for less or more.
    pub fn of_role(role: Role) -> Self {
        match role {
            Role::Admin => CallerScope::ALL.iter().copied().filter(|scope| !scope.is_extra()).collect(),
            Role::Agent => {
                [CallerScope::ToolsRead, CallerScope::ToolsExecute, CallerScope::ExecutionsOwn].into_iter().collect()
            }
        }
    }

    /// Reads names; the first that is none, otherwise.
    ///
    /// # Errors
    ///
    /// The text that is no scope.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        names.into_iter().map(|name| CallerScope::parse(name).ok_or(name)).collect()
    }

    /// Whether this may be done, by itself or as part of another scope.
    pub fn allow(self, scope: CallerScope) -> bool {
        self.0 & scope.bit() != 0 || scope.within().is_some_and(|wider| self.allow(wider))
    }

    /// Whether all of `others` may be done.
    pub fn cover(self, others: Self) -> bool {
        others.iter().all(|scope| self.allow(scope))
    }

    /// What both may do.
    #[must_use]
    pub fn both(self, other: Self) -> Self {
        CallerScope::ALL.iter().copied().filter(|scope| self.allow(*scope) && other.allow(*scope)).collect()
    }

    /// Its scopes, in the order in which they are declared.
    pub fn iter(self) -> impl Iterator<Item = CallerScope> {
        CallerScope::ALL.iter().copied().filter(move |scope| self.0 & scope.bit() != 0)
    }

    /// Their names.
    pub fn names(self) -> Vec<String> {
        self.iter().map(|scope| scope.as_str().to_owned()).collect()
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<CallerScope> for Scopes {
    fn from_iter<T: IntoIterator<Item = CallerScope>>(scopes: T) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_others_do_not() {
        assert!(CallerScope::ALL.len() <= 64);
        for scope in CallerScope::ALL {
            assert_eq!(CallerScope::parse(scope.as_str()), Some(*scope));
        }
        for text in ["", "*", "admin", "tools", "tools:", "Tools:read", "tools:read ", "tools:read tools:execute"] {
            assert_eq!(CallerScope::parse(text), None, "{text:?}");
        }
        assert_eq!(Scopes::parse(["tools:read", "all"]), Err("all"));
        let admin = Scopes::of_role(Role::Admin);
        assert_eq!(Scopes::parse(admin.names().iter().map(String::as_str)), Ok(admin));
        assert!(!admin.allow(CallerScope::AccountsTokens), "X6: an administrator does not read tokens by itself");
        assert_eq!(Scopes::parse([]), Ok(Scopes::NONE));
    }

    /// KO-05: an agent's key administers nothing.
    #[test]
    fn an_agent_calls_and_reads_its_own_and_nothing_else() {
        let (agent, admin) = (Scopes::of_role(Role::Agent), Scopes::of_role(Role::Admin));
        assert_eq!(agent.names(), ["tools:read", "tools:execute", "executions:own"]);
        assert!(admin.cover(agent) && !agent.cover(admin));
        assert_eq!(agent.both(admin), agent);
        assert!(agent.cover(Scopes::NONE) && !Scopes::NONE.cover(agent));
    }

    #[test]
    fn the_wider_scope_has_the_narrower_and_not_the_other_way_round() {
        let (wide, own) =
            ([CallerScope::ExecutionsRead].into_iter().collect(), [CallerScope::ExecutionsOwn].into_iter().collect());
        let (wide, own): (Scopes, Scopes) = (wide, own);
        assert!(wide.allow(CallerScope::ExecutionsOwn) && wide.cover(own));
        assert!(!own.allow(CallerScope::ExecutionsRead) && !own.cover(wide));
        assert_eq!((wide.both(own), own.both(wide)), (own, own));
    }
}
