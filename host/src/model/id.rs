//! Identifiers: a prefix that says of what, and a ULID that sorts by time.

use std::fmt;

use sha2::{Digest as _, Sha256};
use ulid::Ulid;

use super::{Clock, Random, Timestamp};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// What every one of these starts with.
            pub const PREFIX: &'static str = $prefix;

            /// A new one, unlike any other.
            pub fn new(clock: &Clock, random: &Random) -> Self {
                Self(new_text($prefix, clock, random))
            }

            /// The least of those that are made at this time: all that sort before it were made earlier.
            pub fn first_of(at: Timestamp) -> Self {
                Self(text_of($prefix, at, 0))
            }

            /// Reads one back; `None` if it is not of this kind.
            pub fn parse(text: &str) -> Option<Self> {
                parse_text($prefix, text).map(Self)
            }

            /// As it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// Of a project, the tenant.
    ProjectId = "proj_";
    /// Of a connection.
    ConnectionId = "conn_";
    /// Of an account.
    AccountId = "acc_";
    /// Of an attempt to authorize an account.
    AuthRequestId = "req_";
    /// Of an execution.
    ExecutionId = "exec_";
    /// Of an API key.
    KeyId = "key_";
    /// Of a client that fetches short-lived tokens.
    ClientId = "client_";
    /// Of a rule of the policy.
    PolicyId = "pol_";
    /// Of a profile.
    ProfileId = "prof_";
    /// Of an MCP instance.
    McpInstanceId = "mcp_";
    /// Of an MCP client that registered by itself.
    McpClientId = "mcp_client_";
    /// Of a request of an MCP client for a grant.
    McpRequestId = "mcp_req_";
    /// Of what a user lets an MCP client do.
    McpGrantId = "mcp_grant_";
    /// Of a modifier.
    ModifierId = "mod_";
    /// Of an approval.
    ApprovalId = "appr_";
    /// Of a webhook.
    WebhookId = "hook_";
    /// Of a notice on its way to a webhook.
    MessageId = "msg_";
    /// Of a named secret.
    SecretId = "sec_";
    /// Of an OAuth client of a connection.
    OAuthClientId = "oauth_client_";
    /// Of tokens that are to be revoked at their provider.
    RevocationId = "rev_";
    /// Of one HTTP request to this host.
    RequestId = "req_";
}

impl MessageId {
    /// The one of what happened at this time to these: whoever tells of it twice tells it under the same identifier.
    pub fn of(at: Timestamp, parts: &[&str]) -> Self {
        let ulid = Ulid::from_parts(u64::try_from(at.0).unwrap_or_default(), digest(parts));
        Self(format!("{}{ulid}", Self::PREFIX))
    }
}

impl KeyId {
    /// The one of a caller that comes with tokens instead of a key, and is told by these: the same each time, on each host.
    pub fn of(parts: &[&str]) -> Self {
        Self(format!("{}{}", Self::PREFIX, Ulid(digest(parts))))
    }
}

/// Half of a SHA-256 over texts, each after its length, so that no two lists give the same.
fn digest(parts: &[&str]) -> u128 {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    let digest: [u8; 32] = digest.finalize().into();
    u128::from_le_bytes(digest.first_chunk().copied().unwrap_or_default())
}

fn new_text(prefix: &str, clock: &Clock, random: &Random) -> String {
    text_of(prefix, clock.now(), u128::from_le_bytes(random.bytes()))
}

fn text_of(prefix: &str, at: Timestamp, rest: u128) -> String {
    let millis = u64::try_from(at.0).unwrap_or_default();
    format!("{prefix}{}", Ulid::from_parts(millis, rest))
}

fn parse_text(prefix: &str, text: &str) -> Option<String> {
    let ulid = Ulid::from_string(text.strip_prefix(prefix)?).ok()?;
    Some(format!("{prefix}{ulid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_time_is_before_all_of_it() {
        let clock = Clock::manual(Timestamp(1_760_000_000_000));
        let before = ExecutionId::new(&clock, &Random::system());
        clock.advance(std::time::Duration::from_millis(1));
        let first = ExecutionId::first_of(clock.now());
        assert!(before < first && first <= ExecutionId::new(&clock, &Random::system()));
        assert_eq!(ExecutionId::parse(first.as_str()), Some(first));
        assert_eq!(ExecutionId::first_of(Timestamp(-1)), ExecutionId::first_of(Timestamp(0)));
    }

    #[test]
    fn an_id_reads_back_and_others_do_not() {
        let id = ConnectionId::new(&Clock::system(), &Random::system());
        assert_eq!(ConnectionId::parse(id.as_str()), Some(id.clone()));
        assert_eq!(AccountId::parse(id.as_str()), None);
        let of = |parts: &[&str]| MessageId::of(Timestamp(7), parts);
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        assert_eq!(MessageId::parse(of(&["a"]).as_str()), Some(of(&["a"])));
        for other in [&["ab"][..], &["a"], &["a", "b", ""], &["b", "a"]] {
            assert_ne!(of(other), of(&["a", "b"]), "{other:?}");
        }
        let caller = KeyId::of(&["issuer", "ada"]);
        assert_eq!((KeyId::parse(caller.as_str()), KeyId::of(&["issuera", "da"]) == caller), (Some(caller), false));
        for text in ["", "conn_", "conn_1", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "conn_' OR 1=1 --"] {
            assert_eq!(ConnectionId::parse(text), None, "{text}");
        }
    }
}
