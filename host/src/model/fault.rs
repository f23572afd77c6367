//! Why a call gave no result: a code that an agent can act on, and who has to act.

use super::PolicyId;

/// A failed call. The API turns it into a problem document (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happened, for machines.
    pub code: Code,
    /// Who has to act.
    pub culprit: Culprit,
    /// What happened and what to do next, for people. Never a secret, never a body.
    pub detail: String,
    /// Each thing wrong with the input, or with the output.
    pub errors: Vec<InputError>,
    /// How long to wait before trying again.
    pub retry_after_ms: Option<u64>,
    /// Scopes that the account lacks.
    pub missing_scopes: Vec<String>,
    /// The rule that said no.
    pub rule: Option<PolicyId>,
}

impl Fault {
    /// A fault with nothing but its sentence.
    pub fn new(code: Code, culprit: Culprit, detail: impl Into<String>) -> Self {
        Self {
            code,
            culprit,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_ms: None,
            missing_scopes: Vec::new(),
            rule: None,
        }
    }
}

/// One thing wrong with an input or an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// A JSON Pointer (RFC 6901); empty for the whole.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

/// Who has to act on a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Culprit {
    /// Whoever called.
    Caller,
    /// The connector's author.
    Guest,
    /// The provider.
    Upstream,
    /// The operator's rules.
    Policy,
    /// A limit of this host.
    Limit,
    /// This host.
    Host,
}

impl Culprit {
    const ALL: [Self; 6] = [Self::Caller, Self::Guest, Self::Upstream, Self::Policy, Self::Limit, Self::Host];

    /// As it is written in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Guest => "guest",
            Self::Upstream => "upstream",
            Self::Policy => "policy",
            Self::Limit => "limit",
            Self::Host => "host",
        }
    }

    /// Reads [`Culprit::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|culprit| culprit.as_str() == text)
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal;)*) => {
        /// What happened, for machines. The list is closed and part of the HTTP contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As it is written in the API and the database.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The HTTP status it is answered with.
            pub fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)*
                }
            }
        }
    };
}

codes! {
    /// The request itself is malformed.
    InvalidRequest = "invalid_request", 400;
    /// The tool's input does not satisfy its schema.
    InvalidInput = "invalid_input", 422;
    /// No valid key.
    Unauthenticated = "unauthenticated", 401;
    /// The caller, or the account at the provider, may not do this.
    Forbidden = "forbidden", 403;
    /// It does not exist, or not for this caller.
    NotFound = "not_found", 404;
    /// It exists already, or is in use.
    Conflict = "conflict", 409;
    /// More than one account fits.
    AmbiguousAccount = "ambiguous_account", 409;
    /// The user has no account on this connection.
    AccountNotConnected = "account_not_connected", 409;
    /// The account needs to be connected again.
    AccountNotActive = "account_not_active", 409;
    /// The account or its connection is switched off.
    AccountDisabled = "account_disabled", 409;
    /// The account lacks scopes that the tool needs.
    MissingScopes = "missing_scopes", 403;
    /// The connection does not take requests that callers write themselves.
    ProxyDisabled = "proxy_disabled", 403;
    /// A request to a host outside of the grant.
    HostNotAllowed = "host_not_allowed", 403;
    /// A request to an address that is not public.
    AddressNotAllowed = "address_not_allowed", 403;
    /// A request that the tool did not declare.
    RouteNotAllowed = "route_not_allowed", 403;
    /// A policy says no.
    DeniedByPolicy = "denied_by_policy", 403;
    /// A person would have to approve the call, and this way of calling cannot wait for one.
    ApprovalRequired = "approval_required", 403;
    /// A person said no, or nobody said yes in time.
    ApprovalRejected = "approval_rejected", 403;
    /// A call that went on did not do what it did before it was stopped. Nothing was sent.
    Diverged = "diverged", 409;
    /// Somebody cancelled the call.
    Cancelled = "cancelled", 409;
    /// The action was allowed and recorded, and no tool carries it out. Nothing was sent.
    NotDispatched = "not_dispatched", 409;
    /// Too many requests; see `retry_after_ms`.
    RateLimited = "rate_limited", 429;
    /// The user has to answer a question of the tool's.
    InputRequired = "input_required", 403;
    /// The provider answered with an error, or not at all.
    UpstreamError = "upstream_error", 502;
    /// No answer in time.
    UpstreamTimeout = "upstream_timeout", 504;
    /// The connector failed.
    GuestError = "guest_error", 502;
    /// The connector was stopped at a limit.
    GuestLimit = "guest_limit", 502;
    /// A modifier, which the operator put before or after the tool, failed.
    ModifierFailed = "modifier_failed", 502;
    /// The body is too large.
    PayloadTooLarge = "payload_too_large", 413;
    /// This host failed.
    Internal = "internal", 500;
    /// This host is stopping, or cannot reach its database: try again, or elsewhere.
    Unavailable = "unavailable", 503;
}

impl Code {
    /// Reads [`Code::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_culprits_read_back() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
        }
        for culprit in Culprit::ALL {
            assert_eq!(Culprit::parse(culprit.as_str()), Some(culprit));
        }
        assert_eq!(Code::parse("teapot"), None);
    }
}
