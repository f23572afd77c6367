//! The environment variables that the host reads, all of them secrets: everything else has an option.

use crate::model::Secret;

/// What was found in the environment.
#[derive(Debug, Default)]
pub struct Environment {
    /// `GLOVEPORT_ADMIN_KEY`: the first admin key.
    pub admin_key: Option<Secret>,
    /// `GLOVEPORT_MASTER_KEY`: base64 of 32 bytes; the key that seals all secrets.
    pub master_key: Option<Secret>,
}

impl Environment {
    /// Reads the process's environment. Empty values count as absent.
    pub fn read() -> Self {
        Self { admin_key: secret("GLOVEPORT_ADMIN_KEY"), master_key: secret("GLOVEPORT_MASTER_KEY") }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(super) fn secret(name: &str) -> Option<Secret> {
    std::env::var(name).ok().filter(|value| !value.is_empty()).map(Secret::new)
}
