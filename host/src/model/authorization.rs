//! Authorizing an account: one attempt, from a link to its end, and what is told of it.

use super::words::words;
use super::{AccountId, AuthRequestId, ConnectionId, KeyId, ProjectId, Timestamp};

/// One attempt to authorize an account. The secrets of it are not here: the link's token and `state` are kept as hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthRequest {
    /// Its identifier.
    pub id: AuthRequestId,
    /// The tenant.
    pub project: ProjectId,
    /// Through what.
    pub connection: ConnectionId,
    /// Which account becomes active.
    pub account: AccountId,
    /// Who made the link.
    pub key: KeyId,
    /// How far it is.
    pub step: AuthStep,
    /// SHA-256 of the cookie of the browser that went on from the link.
    pub browser: Option<String>,
    /// Who has to say that it is the right person, before the account becomes active.
    pub verify: Option<Verify>,
    /// Scopes asked for besides those of the connection.
    pub scopes: Vec<String>,
    /// How often credentials were filled in that did not work.
    pub attempts: u32,
    /// Why it failed.
    pub failure: Option<AuthFailure>,
    /// What the provider said when it failed.
    pub said: Option<String>,
    /// When the link was made.
    pub created_at: Timestamp,
    /// From when on it is too late for the step that comes next.
    pub expires_at: Timestamp,
}

/// Where the user is sent to have their identity confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verify {
    /// A URL of the application.
    pub url: String,
    /// Handed back to the application as it is.
    pub state: Option<String>,
}

words! {
    /// How far an attempt is.
    AuthStep {
        /// The link was made, and not used.
        Linked = "linked",
        /// What was filled in is tried at the provider, or a code exchanged.
        Trying = "trying",
        /// The browser is at the provider.
        Consent = "consent",
        /// The user has to choose.
        Choosing = "choosing",
        /// The application has to say who it was.
        Verifying = "verifying",
        /// The account is active.
        Done = "done",
        /// It ended without.
        Failed = "failed",
    }
}

impl AuthStep {
    /// Whether nothing comes after it.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

words! {
    /// Why an attempt ended without an active account.
    AuthFailure {
        /// The user said no, or the provider on their behalf.
        AccessDenied = "access_denied",
        /// The provider refuses how this host asks: client, redirect URI or parameters.
        Misconfigured = "misconfigured",
        /// The provider does not give these scopes.
        InvalidScope = "invalid_scope",
        /// The provider failed, or could not be reached.
        ProviderFailed = "provider_failed",
        /// The provider said another reason.
        ProviderRefused = "provider_refused",
        /// The answer came from another provider than the one that was asked.
        WrongIssuer = "wrong_issuer",
        /// The answer came to another address than the one that was given to the provider.
        WrongCallback = "wrong_callback",
        /// The answer came by another browser than the one that asked.
        OtherBrowser = "other_browser",
        /// The answer has no code.
        NoCode = "no_code",
        /// The code was not taken for tokens.
        ExchangeRefused = "exchange_refused",
        /// What was to be looked up at the provider could not be.
        LookupFailed = "lookup_failed",
        /// The application says that it was somebody else.
        OtherPerson = "other_person",
        /// Credentials were filled in that did not work, too often.
        TooManyAttempts = "too_many_attempts",
        /// Connection, connector or account are not what they were.
        Changed = "changed",
        /// This host failed.
        HostFailed = "host_failed",
    }
}

words! {
    /// What happened to an account.
    AccountEventKind {
        /// It was made.
        Created = "created",
        /// A link was made for its user.
        LinkMade = "link_made",
        /// Its user used the link.
        LinkUsed = "link_used",
        /// It got a credential that works.
        Connected = "connected",
        /// A part of it changed: a field, a secret, its settings.
        Changed = "changed",
        /// Its token was told in clear.
        TokenRead = "token_read",
        /// The application has to say who authorized it.
        VerificationAwaited = "verification_awaited",
        /// It could not be authorized.
        AuthorizationFailed = "authorization_failed",
        /// It went from one state to another.
        StateChanged = "state_changed",
        /// It was switched off.
        Disabled = "disabled",
        /// It was switched on.
        Enabled = "enabled",
    }
}

/// Something that happened to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEvent {
    /// Counts the events of the account.
    pub seq: i64,
    /// To which account.
    pub account: AccountId,
    /// What.
    pub kind: AccountEventKind,
    /// More about it, for people; what a provider said is in its words.
    pub detail: Option<String>,
    /// When.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_and_others_do_not() {
        for step in AuthStep::ALL {
            assert_eq!(AuthStep::parse(step.as_str()), Some(*step));
        }
        for failure in AuthFailure::ALL {
            assert_eq!(AuthFailure::parse(failure.as_str()), Some(*failure));
        }
        for kind in AccountEventKind::ALL {
            assert_eq!(AccountEventKind::parse(kind.as_str()), Some(*kind));
        }
        for text in ["", "Linked", "done "] {
            assert_eq!((AuthStep::parse(text), AuthFailure::parse(text)), (None, None));
            assert_eq!(AccountEventKind::parse(text), None);
        }
    }
}
