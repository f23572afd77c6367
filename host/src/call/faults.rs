//! Faults that several steps of a call can have.

use crate::catalog::CatalogError;
use crate::model::{Code, Culprit, Fault, InputError};
use crate::store::StoreError;
use crate::vault::VaultError;

/// What a caller wrote is quoted in a message up to here.
const MAX_QUOTE: usize = 100;

/// What a caller wrote, short enough for a message.
pub(super) fn quoted(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_QUOTE).collect()
}

/// The input does not satisfy the tool's schema.
pub(super) fn invalid_input(errors: Vec<InputError>) -> Fault {
    Fault { errors, ..Fault::new(Code::InvalidInput, Culprit::Caller, "the input does not satisfy the tool's schema") }
}

/// The output does not satisfy what the tool promises. The call has run, so its caller is told what that means.
pub(super) fn invalid_output(errors: Vec<InputError>) -> Fault {
    let detail = "the connector's output does not satisfy the tool's output schema: its author has to mend it. The call \
                  has run; do not repeat a write before you have looked at the provider";
    Fault { errors, ..Fault::new(Code::GuestError, Culprit::Guest, detail) }
}

/// The database failed. Its message is for the log: it may name tables, and nobody outside can act on it.
pub(super) fn store(error: StoreError) -> Fault {
    if error == StoreError::BadCursor {
        let detail = "`cursor` is not one that this list gave out";
        return Fault::new(Code::InvalidRequest, Culprit::Caller, detail);
    }
    tracing::error!(%error, "the database failed");
    Fault::new(Code::Unavailable, Culprit::Host, "the host cannot reach its database: try again")
}

/// A secret could not be sealed or opened.
pub(super) fn vault(error: &VaultError) -> Fault {
    tracing::error!(%error, "the vault failed");
    if matches!(error, VaultError::UnknownKey { .. }) {
        let detail = "this host does not have the key that the credential is sealed with: try again, or elsewhere";
        return Fault::new(Code::Unavailable, Culprit::Host, detail);
    }
    let detail = "the stored credential cannot be opened on this host: connect the account again, or ask the operator \
                  to look at the log";
    Fault::new(Code::Internal, Culprit::Host, detail)
}

/// The connector's code could not be loaded.
pub(super) fn catalog(error: CatalogError) -> Fault {
    match error {
        CatalogError::Store(error) => store(error),
        error => {
            tracing::error!(%error, "a connector cannot be loaded");
            let (code, culprit) =
                if error.is_hosts_own() { (Code::Internal, Culprit::Host) } else { (Code::GuestError, Culprit::Guest) };
            Fault::new(code, culprit, error.to_string())
        }
    }
}
