//! What MCP clients are told of where tokens come from.

use serde::Deserialize;
use url::Url;

use super::ConfigError;

/// Servers that are named at most: clients try one after the other.
const MAX_SERVERS: usize = 8;

/// As written under `[mcp]`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct WrittenMcp {
    /// Issuers whose tokens projects of this host trust: `https://login.example.com`. This host itself if none is named.
    pub authorization_servers: Option<Vec<String>>,
    /// Whether clients may register by themselves (RFC 7591), as those do that have no document of their own. `false` if
    /// absent.
    pub client_registration: Option<bool>,
}

/// As used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mcp {
    /// Issuers, letter by letter as they name themselves; none stands for this host.
    pub authorization_servers: Vec<String>,
    /// Whether clients may register by themselves.
    pub client_registration: bool,
}

impl Mcp {
    /// What is used, from what was written.
    pub fn resolve(written: WrittenMcp) -> Result<Self, ConfigError> {
        let authorization_servers = written.authorization_servers.unwrap_or_default();
        let named = |value: String, reason: &str| ConfigError::Value {
            name: "mcp.authorization_servers",
            value,
            reason: format!("expected {reason}"),
        };
        if authorization_servers.len() > MAX_SERVERS {
            return Err(named(authorization_servers.len().to_string(), &format!("at most {MAX_SERVERS}")));
        }
        for text in &authorization_servers {
            // Issuers are compared as texts, so what is written is kept as it is.
            let sound = Url::parse(text).is_ok_and(|url| {
                let nobody = url.username().is_empty() && url.password().is_none();
                url.scheme() == "https" && nobody && url.query().is_none() && url.fragment().is_none()
            });
            if !sound {
                return Err(named(text.clone(), "an issuer, such as https://login.example.com"));
            }
        }
        let client_registration = written.client_registration.unwrap_or(false);
        Ok(Self { authorization_servers, client_registration })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(all: &[&str]) -> Result<Mcp, String> {
        let written = all.iter().map(|text| (*text).to_owned()).collect();
        Mcp::resolve(WrittenMcp { authorization_servers: Some(written), ..WrittenMcp::default() })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn issuers_are_kept_letter_by_letter() {
        let all = ["https://login.example.com", "https://login.example.com/", "https://Login.example.com/realms/a"];
        assert_eq!(with(&all).unwrap().authorization_servers, all);
        assert_eq!(Mcp::resolve(WrittenMcp::default()).unwrap(), Mcp::default());
    }

    #[test]
    fn what_is_no_issuer_is_named() {
        for text in
            ["", "login.example.com", "http://login.example.com", "https://a@b.example", "https://a?b", "https://a#b"]
        {
            assert!(with(&[text]).unwrap_err().contains("mcp.authorization_servers"), "{text}");
        }
        assert!(with(&["https://a.example"; MAX_SERVERS + 1]).is_err());
    }
}
