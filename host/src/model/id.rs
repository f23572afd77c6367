//! Identifiers: a prefix that says of what, and a ULID that sorts by time.

use std::fmt;

use ulid::Ulid;

use super::{Clock, Random};

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
    /// Of an execution.
    ExecutionId = "exec_";
    /// Of an API key.
    KeyId = "key_";
    /// Of a rule of the policy.
    PolicyId = "pol_";
    /// Of a profile.
    ProfileId = "prof_";
    /// Of a modifier.
    ModifierId = "mod_";
    /// Of an approval.
    ApprovalId = "appr_";
    /// Of one HTTP request to this host.
    RequestId = "req_";
}

fn new_text(prefix: &str, clock: &Clock, random: &Random) -> String {
    let millis = u64::try_from(clock.now().0).unwrap_or_default();
    let ulid = Ulid::from_parts(millis, u128::from_le_bytes(random.bytes()));
    format!("{prefix}{ulid}")
}

fn parse_text(prefix: &str, text: &str) -> Option<String> {
    let ulid = Ulid::from_string(text.strip_prefix(prefix)?).ok()?;
    Some(format!("{prefix}{ulid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_others_do_not() {
        let id = ConnectionId::new(&Clock::system(), &Random::system());
        assert_eq!(ConnectionId::parse(id.as_str()), Some(id.clone()));
        assert_eq!(AccountId::parse(id.as_str()), None);
        for text in ["", "conn_", "conn_1", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "conn_' OR 1=1 --"] {
            assert_eq!(ConnectionId::parse(text), None, "{text}");
        }
    }
}
