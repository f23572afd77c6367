//! What MCP clients are told of where tokens come from.

use serde::Deserialize;
use url::Url;

use super::ConfigError;
use crate::model::is_redirect_uri;

/// Servers that are named at most: clients try one after the other.
const MAX_SERVERS: usize = 8;

/// Clients that an operator registers: programs of which one organization knows more bring documents.
const MAX_CLIENTS: usize = 256;

/// Bytes of the name that a client has in requests.
const MAX_ID: usize = 255;

/// As written under `[mcp]`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct WrittenMcp {
    /// Issuers whose tokens projects of this host trust: `https://login.example.com`. This host itself if none is named.
    pub authorization_servers: Option<Vec<String>>,
    /// Whether clients may register by themselves (RFC 7591), as those do that have no document of their own. `false` if
    /// absent.
    pub client_registration: Option<bool>,
    /// Clients that need not register, as they are known to this host's operator.
    pub clients: Option<Vec<McpClient>>,
}

/// A client of this host's authorization server that its operator registered. It is public: it has no secret.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct McpClient {
    /// What it calls itself in requests, as `client_id`.
    pub id: String,
    /// For the users who are asked.
    pub name: String,
    /// Where its answers may go.
    pub redirect_uris: Vec<String>,
}

/// As used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mcp {
    /// Issuers, letter by letter as they name themselves; none stands for this host.
    pub authorization_servers: Vec<String>,
    /// Whether clients may register by themselves.
    pub client_registration: bool,
    /// Clients that the operator registered.
    pub clients: Vec<McpClient>,
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
        let clients = written.clients.unwrap_or_default();
        check_clients(&clients)?;
        Ok(Self { authorization_servers, client_registration, clients })
    }
}

fn check_clients(clients: &[McpClient]) -> Result<(), ConfigError> {
    let wrong = |id: &str, reason: &str| {
        Err(ConfigError::Value { name: "mcp.clients", value: id.to_owned(), reason: format!("expected {reason}") })
    };
    if clients.len() > MAX_CLIENTS {
        return wrong(&clients.len().to_string(), &format!("at most {MAX_CLIENTS}"));
    }
    for (at, McpClient { id, name, redirect_uris }) in clients.iter().enumerate() {
        let visible = id.len() <= MAX_ID && id.bytes().all(|byte| byte.is_ascii_graphic());
        // Those stand for a document, and for what registered by itself.
        if id.is_empty() || !visible || id.starts_with("https://") || id.starts_with("mcp_client_") {
            return wrong(id, "an `id` of visible ASCII that is no URL and does not begin with mcp_client_");
        }
        if clients[..at].iter().any(|other| other.id == *id) {
            return wrong(id, "each `id` once");
        }
        if name.trim().is_empty() {
            return wrong(id, "a `name` that users know it by");
        }
        if redirect_uris.is_empty() || !redirect_uris.iter().all(|uri| is_redirect_uri(uri)) {
            let those = "`redirect_uris` of https, of http on a loopback address, or of a scheme of the program's own";
            return wrong(id, those);
        }
    }
    Ok(())
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
    fn clients_are_known_by_names_of_their_own() {
        let client = |id: &str, name: &str, uri: &str| McpClient {
            id: id.into(),
            name: name.into(),
            redirect_uris: vec![uri.into()],
        };
        let with = |clients: Vec<McpClient>| {
            Mcp::resolve(WrittenMcp { clients: Some(clients), ..WrittenMcp::default() }).map(|mcp| mcp.clients.len())
        };
        let good = || client("acme-desktop", "Acme", "http://127.0.0.1/cb");
        assert_eq!(with(vec![good(), client("b", "B", "com.acme.app:/cb")]).unwrap(), 2);
        for bad in [
            vec![good(), good()],
            vec![client("", "A", "https://a.example/cb")],
            vec![client("a b", "A", "https://a.example/cb")],
            vec![client("https://a.example/c", "A", "https://a.example/cb")],
            vec![client("mcp_client_1", "A", "https://a.example/cb")],
            vec![client("a", " ", "https://a.example/cb")],
            vec![client("a", "A", "/cb")],
            vec![client("a", "A", "https://a.example/cb#x")],
            vec![client("a", "A", "http://a.example/cb")],
            vec![client("a", "A", "javascript:alert(1)")],
            vec![McpClient { redirect_uris: Vec::new(), ..good() }],
        ] {
            assert!(with(bad.clone()).unwrap_err().to_string().contains("mcp.clients"), "{bad:?}");
        }
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
