//! A named secret: a value that connections refer to, owned by a user, an organization or the project.

use super::{HostPattern, ProjectId, SecretId, Timestamp};

/// A named secret, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSecret {
    /// Its identifier; the same whatever its value.
    pub id: SecretId,
    /// The tenant.
    pub project: ProjectId,
    /// What connections call it by.
    pub name: String,
    /// Whose it is.
    pub owner: SecretOwner,
    /// Where its value is.
    pub source: SecretSource,
    /// The only hosts that it may be sent to, as patterns: authenticated with the value.
    pub hosts: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its value, its source or its hosts last changed.
    pub updated_at: Timestamp,
}

impl NamedSecret {
    /// Whether it may be sent to all hosts of a pattern.
    pub fn covers(&self, host: &str) -> bool {
        let Ok(host) = HostPattern::parse(host) else { return false };
        self.hosts.iter().filter_map(|own| HostPattern::parse(own).ok()).any(|own| own.covers(&host))
    }
}

/// Whose a secret is: with both texts empty the project's.
///
/// Of several secrets of one name the one that says most of who calls is used: a user's before an organization's, that
/// before the project's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretOwner {
    /// The user; empty for all users.
    pub identifier: String,
    /// The organization; empty for all.
    pub organization: String,
}

impl SecretOwner {
    /// As it is written in the API.
    pub fn kind(&self) -> &'static str {
        match (self.identifier.is_empty(), self.organization.is_empty()) {
            (false, _) => "user",
            (true, false) => "organization",
            (true, true) => "project",
        }
    }
}

/// Where the value of a named secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// Sealed in the database.
    Sealed,
    /// In this variable of the host's environment.
    Environment(String),
    /// In this file, by an absolute path.
    File(String),
}

impl SecretSource {
    /// As it is written in the API and the database; empty for a sealed one.
    pub fn text(&self) -> String {
        match self {
            Self::Sealed => String::new(),
            Self::Environment(name) => format!("env:{name}"),
            Self::File(path) => format!("file:{path}"),
        }
    }

    /// Reads [`SecretSource::text`] back. A name of a variable is letters, digits and `_`; a path is absolute and has no
    /// `..` in it.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::Sealed);
        }
        if let Some(name) = text.strip_prefix("env:") {
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            return (plain && !name.is_empty()).then(|| Self::Environment(name.into()));
        }
        let path = text.strip_prefix("file:")?;
        let sound = path.starts_with('/') && !path.contains('\0') && path.split('/').all(|part| part != "..");
        sound.then(|| Self::File(path.into()))
    }
}

/// Where an OAuth client's secret is, where connections share one (HC-06): always a secret of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientSecretFrom {
    /// The secret of this name is the client's.
    Secret(String),
    /// The secret of this name is a JSON object with `client_id` and `client_secret`.
    Credential(String),
}

impl ClientSecretFrom {
    /// The name of the secret.
    pub fn name(&self) -> &str {
        match self {
            Self::Secret(name) | Self::Credential(name) => name,
        }
    }

    /// As it is written in the database.
    pub fn text(&self) -> String {
        match self {
            Self::Secret(name) => format!("secret:{name}"),
            Self::Credential(name) => format!("credential:{name}"),
        }
    }

    /// Reads [`ClientSecretFrom::text`] back.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            (_, "") => None,
            ("secret", name) => Some(Self::Secret(name.to_owned())),
            ("credential", name) => Some(Self::Credential(name.to_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_read_back_and_others_do_not() {
        for text in ["", "env:STRIPE_KEY", "env:a1", "file:/run/secrets/stripe", "file:/a b/c"] {
            assert_eq!(SecretSource::parse(text).map(|source| source.text()).as_deref(), Some(text));
        }
        for text in [
            "env:",
            "env:A B",
            "env:A=B",
            "env:Ä",
            "file:",
            "file:run/secrets",
            "file:/run/../etc/shadow",
            "file:/a\0b",
            "vault:x",
            "STRIPE_KEY",
            " env:A",
        ] {
            assert_eq!(SecretSource::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn places_of_client_secrets_read_back_and_others_do_not() {
        for text in ["secret:google", "credential:google", "secret:a:b"] {
            assert_eq!(ClientSecretFrom::parse(text).map(|from| from.text()).as_deref(), Some(text));
        }
        for text in ["", "secret", "secret:", "credential:", "env:A", "google"] {
            assert_eq!(ClientSecretFrom::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_owner_is_a_user_an_organization_or_the_project() {
        let kind = |identifier: &str, organization: &str| {
            SecretOwner { identifier: identifier.into(), organization: organization.into() }.kind()
        };
        assert_eq!(
            (kind("", ""), kind("", "acme"), kind("ada", ""), kind("ada", "acme")),
            ("project", "organization", "user", "user")
        );
    }
}
